#include "kernels/bits.h"

#include "common/ceil_div.h"
#include "kernels/pixels.h"

namespace hybrid_tf {
namespace {

// Rows of values into words; `is_negative` tells the bit of a value.
template <typename T, typename Test>
void pack(const T* values, int32_t channels, int32_t out_height, int32_t out_width, const Map<uint32_t>& signs,
          int32_t pixel_begin, int32_t pixel_end, Test is_negative) {
  for (Pixel pixel(pixel_begin, out_height, out_width); pixel.number < pixel_end; pixel.next()) {
    const T* row = values + static_cast<ptrdiff_t>(pixel.number) * channels;
    uint32_t* words = pixel.of(signs);
    for (int32_t c = 0; c < channels; c += 32) {
      const int32_t count = smaller(32, channels - c);
      uint32_t word = 0;
      for (int32_t i = 0; i < count; ++i) word |= static_cast<uint32_t>(is_negative(row[c + i])) << i;
      *words++ = word;
    }
  }
}

template <typename T>
void unpack(const uint32_t* words, int32_t channels, T plus, T minus, T* values, int32_t pixel_begin,
            int32_t pixel_end) {
  const ptrdiff_t row_words = ceil_div(channels, 32);
  for (ptrdiff_t pixel = pixel_begin; pixel < pixel_end; ++pixel) {
    const uint32_t* row = words + pixel * row_words;
    T* to = values + pixel * channels;
    for (int32_t c = 0; c < channels; ++c) to[c] = row[c / 32] >> (c % 32) & 1 ? minus : plus;
  }
}

}  // namespace

void pack_float(const float* values, int32_t channels, int32_t out_height, int32_t out_width,
                const Map<uint32_t>& signs, int32_t pixel_begin, int32_t pixel_end) {
  pack(values, channels, out_height, out_width, signs, pixel_begin, pixel_end, [](float value) { return value < 0; });
}

void pack_int8(const int8_t* values, int32_t channels, int32_t zero_point, int32_t out_height, int32_t out_width,
               const Map<uint32_t>& signs, int32_t pixel_begin, int32_t pixel_end) {
  pack(values, channels, out_height, out_width, signs, pixel_begin, pixel_end,
       [zero_point](int8_t value) { return value < zero_point; });
}

void pack_bool(const uint8_t* values, int32_t channels, int32_t out_height, int32_t out_width,
               const Map<uint32_t>& signs, int32_t pixel_begin, int32_t pixel_end) {
  pack(values, channels, out_height, out_width, signs, pixel_begin, pixel_end,
       [](uint8_t value) { return value == 0; });
}

void unpack_float(const uint32_t* words, int32_t channels, float plus, float minus, float* values, int32_t pixel_begin,
                  int32_t pixel_end) {
  unpack(words, channels, plus, minus, values, pixel_begin, pixel_end);
}

void unpack_int8(const uint32_t* words, int32_t channels, int8_t plus, int8_t minus, int8_t* values,
                 int32_t pixel_begin, int32_t pixel_end) {
  unpack(words, channels, plus, minus, values, pixel_begin, pixel_end);
}

void unpack_bool(const uint32_t* words, int32_t channels, uint8_t* values, int32_t pixel_begin, int32_t pixel_end) {
  unpack<uint8_t>(words, channels, 1, 0, values, pixel_begin, pixel_end);
}

void bmaxpool(const BmaxPool& pool, int32_t pixel_begin, int32_t pixel_end) {
  for (Pixel pixel(pixel_begin, pool.out_height, pool.out_width); pixel.number < pixel_end; pixel.next()) {
    const int32_t top = pixel.y * pool.stride_height - pool.pad_top;
    const int32_t left = pixel.x * pool.stride_width - pool.pad_left;
    const int32_t bottom = smaller(top + pool.filter_height, pool.in_height);
    const int32_t right = smaller(left + pool.filter_width, pool.in_width);
    const uint32_t* image = pool.input.data + pixel.image * pool.input.batch_stride;
    uint32_t* output = pixel.of(pool.output);
    for (int32_t w = 0; w < pool.words; ++w) {
      uint32_t all = ~0u;
      for (int32_t y = larger(top, 0); y < bottom; ++y) {
        for (int32_t x = larger(left, 0); x < right; ++x) {
          all &= image[y * pool.input.row_stride + x * pool.input.pixel_stride + w];
        }
      }
      output[w] = all;
    }
  }
}

}  // namespace hybrid_tf
