// Convolution of int8 for NEON. A tile is 4 or 8 pixels with up to 16 channels, whose sums stay in registers from the
// biases to the results; V multiplies a run of inputs (see kernels/arm/int8.h).
//
// Scales are those of TensorFlow Lite to the bit, without another way for what is near a half: vqrdmulh is the high
// half of its product, and vrshl its shift.
#pragma once

#include "kernels/arm/int8_finish.h"
#include "kernels/int8_conv.h"

namespace hybrid_tf {
namespace {

// The pixels of an output in order, with their windows and words.
struct NeonInt8Walk {
  Pixel pixel;
  const Window& window;
  const int8_t* const input;
  const Map<uint32_t> signs;
  const ptrdiff_t step;  // of words
  const int8_t* start;
  uint32_t* words;

  NeonInt8Walk(const Int8Conv& conv, int32_t number)
      : pixel(number, conv.window.out_height, conv.window.out_width),
        window(conv.window),
        input(conv.input),
        signs(conv.epilogue.signs),
        step(signs.data ? signs.pixel_stride : 0) {
    jump();
  }
  void jump() {
    start = pixel.of(window, input);
    words = signs.data ? pixel.of(signs) : nullptr;
  }
  __attribute__((noinline)) void next() {
    start += window.pixel_step;
    words += step;
    pixel.next();
    if (pixel.x == 0) jump();
  }
  // The next P pixels: most of them lie in one row.
  template <int P>
  HYBRID_TF_INLINE void take(const int8_t* (&starts)[P], uint32_t* (&words_of)[P]) {
    if (pixel.x + P < pixel.width) {
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) starts[p] = start + p * window.pixel_step, words_of[p] = words + p * step;
      start += P * window.pixel_step;
      words += P * step;
      pixel.number += P;
      pixel.x += P;
    } else {
      for (int p = 0; p < P; ++p, next()) starts[p] = start, words_of[p] = words;
    }
  }
};

// From sums to int8s and signs, for a block of C vectors of channels, 2 or 4.
template <class V, int C>
struct NeonInt8ConvEnd {
  const Int8Conv& conv;
  const int32_t first, channels, count;  // of the block
  int32x4_t bits[C], shifts[C];
  const bool has_lefts, whole;
  const int16x8_t zero_point;
  const int8x16_t min, max, sign_limit;
  int8_t* const int8s;

  NeonInt8ConvEnd(const Int8Conv& conv, int32_t first)
      : conv(conv),
        first(first),
        channels(conv.channels),
        count(smaller(C * 4, conv.channels - first)),
        has_lefts(any_left(conv.scale_lefts + first)),
        whole(count == C * 4),
        zero_point(vdupq_n_s16(static_cast<int16_t>(conv.zero_point))),
        min(vdupq_n_s8(static_cast<int8_t>(conv.min))),
        max(vdupq_n_s8(static_cast<int8_t>(conv.max))),
        sign_limit(vdupq_n_s8(static_cast<int8_t>(conv.epilogue.sign_limit))),
        int8s(conv.epilogue.int8s) {
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) {
      bits[c] = vld1q_s32(conv.scale_bits + first + 4 * c);
      shifts[c] = vnegq_s32(vld1q_s32(conv.scale_rights + first + 4 * c));
    }
  }
  static bool any_left(const int32_t* lefts) {
    int32_t any = 0;
    for (int i = 0; i < 4 * C; ++i) any |= lefts[i];
    return any;
  }

  template <bool kLefts>
  HYBRID_TF_INLINE int8x16_t scaled(const int32x4_t (&sums)[C]) const {
    int16x4_t shorts[4];
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      if (c >= C) {
        shorts[c] = vdup_n_s16(0);
        continue;
      }
      int32x4_t sum = sums[c < C ? c : 0];
      if (kLefts) sum = vshlq_s32(sum, vld1q_s32(conv.scale_lefts + first + 4 * c));
      shorts[c] = vqmovn_s32(vrshlq_s32(vqrdmulhq_s32(sum, bits[c < C ? c : 0]), shifts[c < C ? c : 0]));
    }
    const int8x8_t low = vqmovn_s16(vqaddq_s16(vcombine_s16(shorts[0], shorts[1]), zero_point));
    if (C <= 2) return vminq_s8(max, vmaxq_s8(min, vcombine_s8(low, low)));
    const int8x8_t high = vqmovn_s16(vqaddq_s16(vcombine_s16(shorts[2], shorts[3]), zero_point));
    return vminq_s8(max, vmaxq_s8(min, vcombine_s8(low, high)));
  }

  // Writes P pixels from number `pixel` on.
  template <int P>
  HYBRID_TF_INLINE void finish(int32_t pixel, const int32x4_t (&sums)[P][C], uint32_t* const* words) const {
    if (__builtin_expect(conv.epilogue.changes_values() || has_lefts, 0)) {
      int32x4_t copy[P][C];  // sums that a function is given the address of would not stay in registers
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
        for (int c = 0; c < C; ++c) copy[p][c] = sums[p][c];
      }
      return has_lefts ? finish_sum<P, true>(pixel, copy, words) : finish_sum<P, false>(pixel, copy, words);
    }
    int8x16_t results[P];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) results[p] = scaled<false>(sums[p]);
    if (int8s) {
      int8_t* to = int8s + static_cast<ptrdiff_t>(pixel) * channels + first;
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p, to += channels) {
        if (!whole) {
          store_some(to, results[p]);
        } else if (C == 4) {
          vst1q_s8(to, results[p]);
        } else {
          vst1_s8(to, vget_low_s8(results[p]));
        }
      }
    }
    if (!words[0]) return;
    const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      uint8x16_t sum = vandq_u8(vcltq_s8(results[p], sign_limit), bit);
      sum = vpaddq_u8(sum, sum);
      sum = vpaddq_u8(sum, sum);
      sum = vpaddq_u8(sum, sum);
      const uint32_t used = vgetq_lane_u16(vreinterpretq_u16_u8(sum), 0) & ((1u << count) - 1);
      store_signs(words[p], first, count, used, channels);
    }
  }

  void store_some(int8_t* to, int8x16_t result) const {
    int8_t values[16];
    vst1q_s8(values, result);
    for (int32_t i = 0; i < count; ++i) to[i] = values[i];
  }

  // The results of a tile as the shared epilogue takes them.
  struct Values {
    const int32x4_t* results;
    const int32x4_t* row;
    void move(const Pixel&) {
      row = results;
      results += C;
    }
    int32x4_t operator()(int32_t c) const { return row[c]; }
  };

  template <int P, bool kLefts>
  __attribute__((noinline)) void finish_sum(int32_t pixel, const int32x4_t (&sums)[P][C],
                                            uint32_t* const* words) const {
    int8x16_t values[P];
    for (int p = 0; p < P; ++p) values[p] = scaled<kLefts>(sums[p]);
    if (whole && conv.epilogue.quick) {
      ptrdiff_t at[P];
      for (int p = 0; p < P; ++p) at[p] = static_cast<ptrdiff_t>(pixel + p) * channels;
      return NeonInt8End<C == 4>(conv.epilogue, first, channels).finish(at, values, words);
    }
    int32x4_t packed[P][C];
    for (int p = 0; p < P; ++p) {
      const int32x4x4_t wide = widened(values[p]);
      for (int c = 0; c < C; ++c) packed[p][c] = wide.val[c];
    }
    const Tile tile{pixel, P, first, count, channels, conv.window.out_height, conv.window.out_width};
    finish_int8_tile<V, C>(conv.epilogue, tile, Values{packed[0], nullptr});
  }
};

template <class V, bool kNarrow, bool kExact, int P, int C>
inline void neon_int8_tile(const Int8Conv& conv, const NeonInt8ConvEnd<V, C>& end, NeonInt8Walk& walk) {
  const Window& window = conv.window;
  const int32_t length = window.segment_length, number = walk.pixel.number;
  const int32_t groups = (length + V::kInt8Group - 1) / V::kInt8Group;
  const int8_t* starts[P];
  uint32_t* words[P];
  walk.template take<P>(starts, words);
  int32x4_t sums[P][C];
  const ptrdiff_t size = ptrdiff_t{groups} * V::kInt8Group * kBlock;  // of the weights of a run
  const int8_t* weights = conv.weights + end.first / kBlock * (size * window.segments);
  V::template tile<P, C, kNarrow, kExact>(window, starts, weights, conv.biases + end.first, sums);
  end.template finish<P>(number, sums, words);
}

template <class V, bool kNarrow, int C>
inline void neon_int8_pixels(const Int8Conv& conv, int32_t block, int32_t pixel_begin, int32_t pixel_end) {
  if constexpr (C > 2) {
    if (conv.channels - block * kBlock <= 8)
      return neon_int8_pixels<V, kNarrow, 2>(conv, block, pixel_begin, pixel_end);
  }
  constexpr int kPixels = C > 2 ? 4 : 8;
  const NeonInt8ConvEnd<V, C> end(conv, block * kBlock);
  NeonInt8Walk walk(conv, pixel_begin);
  // What follows the last pixels may not be ours to read.
  const int32_t inner_end = conv.window.segment_length < V::kInt8Group ? pixel_end - 3 : pixel_end;
  while (walk.pixel.number + kPixels <= inner_end) neon_int8_tile<V, kNarrow, false, kPixels>(conv, end, walk);
  while (walk.pixel.number < inner_end) neon_int8_tile<V, kNarrow, false, 1>(conv, end, walk);
  while (walk.pixel.number < pixel_end) neon_int8_tile<V, kNarrow, true, 1>(conv, end, walk);
}

template <class V>
void neon_int8_conv(const Int8Conv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin,
                    int32_t block_end) {
  for (int32_t b = block_begin; b < block_end; ++b) {
    if (conv.narrow || V::kWide) {
      neon_int8_pixels<V, true, 4>(conv, b, pixel_begin, pixel_end);
    } else {
      neon_int8_pixels<V, false, 4>(conv, b, pixel_begin, pixel_end);
    }
  }
}

}  // namespace
}  // namespace hybrid_tf
