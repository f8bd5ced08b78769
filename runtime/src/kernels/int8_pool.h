// Pooling of int8 for any instruction set: see kernels/int8_epilogue.h for V.
#pragma once

#include "kernels/int8_epilogue.h"

namespace hybrid_tf {
namespace {

// The pixels of a filter that are in bounds, as rows of `width` pixels.
struct Int8PoolRows {
  const int8_t* first;  // of channel 0
  int32_t height, width;
  ptrdiff_t row_stride;

  Int8PoolRows(const Int8Pool& pool, const Pixel& pixel) {
    const Pool& w = pool.window;
    const int32_t top = pixel.y * w.stride_height - w.pad_top, left = pixel.x * w.stride_width - w.pad_left;
    const int32_t y = larger(top, 0), x = larger(left, 0);
    height = smaller(top + w.filter_height, w.in_height) - y;
    width = smaller(left + w.filter_width, w.in_width) - x;
    row_stride = static_cast<ptrdiff_t>(w.in_width) * w.channels;
    first = pool.input + (static_cast<ptrdiff_t>(pixel.image) * w.in_height + y) * row_stride +
            static_cast<ptrdiff_t>(x) * w.channels;
  }
};

template <class V, bool kAverage>
inline void int8_pool_pixels(const Int8Pool& pool, int32_t pixel_begin, int32_t pixel_end) {
  using Int = typename V::Int;
  const Int8Finish<V> finish(pool.epilogue);
  const Map<uint32_t> signs = pool.epilogue.signs;
  const int32_t channels = pool.window.channels;
  const Int min = V::set_int(pool.min), max = V::set_int(pool.max);
  for (Pixel pixel(pixel_begin, pool.window.out_height, pool.window.out_width); pixel.number < pixel_end;
       pixel.next()) {
    const Int8PoolRows rows(pool, pixel);
    // A little more than the inverse: halves stay halves, or become more, and nothing else comes as far.
    const typename V::Float inverse = V::set((1.0f + 0x1p-18f) / static_cast<float>(rows.height * rows.width));
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * channels;
    uint32_t* words = signs.data ? pixel.of(signs) : nullptr;
    for (int32_t first = 0; first < channels; first += 32) {
      const int32_t end = smaller(channels, first + 32);
      uint32_t bits = 0;
      for (int32_t c = first; c < end; c += V::kLanes) {
        const int32_t n = smaller(end - c, V::kLanes);
        Int value = V::set_int(kAverage ? 0 : -128);
        for (int32_t y = 0; y < rows.height; ++y) {
          const int8_t* from = rows.first + y * rows.row_stride + c;
          for (int32_t x = 0; x < rows.width; ++x, from += channels) {
            const Int one = n == V::kLanes ? V::load_int8(from, V::kLanes) : V::load_int8(from, n);
            value = kAverage ? V::add_int(value, one) : V::max_int(value, one);
          }
        }
        if (kAverage) value = V::rounded(V::multiply(V::to_float(value), inverse));
        bits |= finish(V::min_int(max, V::max_int(min, value)), at + c, c, n) << (c - first);
      }
      if (words) words[first / 32] = bits;
    }
  }
}

template <class V>
void int8_pool(const Int8Pool& pool, int32_t pixel_begin, int32_t pixel_end) {
  if (pool.window.kind == PoolKind::kAverage) {
    int8_pool_pixels<V, true>(pool, pixel_begin, pixel_end);
  } else {
    int8_pool_pixels<V, false>(pool, pixel_begin, pixel_end);
  }
}

}  // namespace
}  // namespace hybrid_tf
