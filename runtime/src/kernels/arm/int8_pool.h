// Pools of int8 for NEON: 16 channels of a pixel at a time, or 8. What else there is, is left to kernels/int8_pool.h.
#pragma once

#include "kernels/arm/int8_finish.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kMostSummed = 255;  // pixels whose sum 16 bits hold

template <bool kAll>
inline int8x16_t largest(const Int8PoolRows& rows, int32_t channel, int32_t channels) {
  int8x16_t most = vdupq_n_s8(-128);
  for (int32_t y = 0; y < rows.height; ++y) {
    const int8_t* from = rows.first + y * rows.row_stride + channel;
    for (int32_t x = 0; x < rows.width; ++x, from += channels) most = vmaxq_s8(most, load_bytes<kAll>(from));
  }
  return most;
}

// Halves away from zero, as kernels/int8_pool.h rounds them.
inline int16x8_t divided(int16x8_t sums, int32_t count) {
  if (count == 4) return vrshrq_n_s16(vaddq_s16(sums, vshrq_n_s16(sums, 15)), 2);
  const float inverse = (1.0f + 0x1p-18f) / static_cast<float>(count);
  const float32x4_t low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(sums))), high = vcvtq_f32_s32(vmovl_high_s16(sums));
  return vcombine_s16(vmovn_s32(vcvtaq_s32_f32(vmulq_n_f32(low, inverse))),
                      vmovn_s32(vcvtaq_s32_f32(vmulq_n_f32(high, inverse))));
}

template <bool kAll>
inline int8x16_t average(const Int8PoolRows& rows, int32_t channel, int32_t channels) {
  int16x8_t low = vdupq_n_s16(0), high = low;
  for (int32_t y = 0; y < rows.height; ++y) {
    const int8_t* from = rows.first + y * rows.row_stride + channel;
    for (int32_t x = 0; x < rows.width; ++x, from += channels) {
      const int8x16_t values = load_bytes<kAll>(from);
      low = vaddw_s8(low, vget_low_s8(values));
      high = vaddw_high_s8(high, values);
    }
  }
  const int32_t count = rows.height * rows.width;
  return vcombine_s8(vmovn_s16(divided(low, count)), vmovn_s16(divided(high, count)));
}

// Whether all windows are whole squares of 2x2 pixels.
inline bool is_two_by_two_int8(const Pool& pool) {
  return pool.filter_height == 2 && pool.filter_width == 2 && pool.pad_top == 0 && pool.pad_left == 0 &&
         (pool.out_height - 1) * pool.stride_height + 2 <= pool.in_height &&
         (pool.out_width - 1) * pool.stride_width + 2 <= pool.in_width;
}

// Of a square whose first pixel is at `from`.
template <bool kAll, bool kAverage>
inline int8x16_t pooled_square(const int8_t* from, ptrdiff_t right, ptrdiff_t down) {
  const int8x16_t a = load_bytes<kAll>(from), b = load_bytes<kAll>(from + right);
  const int8x16_t c = load_bytes<kAll>(from + down), d = load_bytes<kAll>(from + down + right);
  if (!kAverage) return vmaxq_s8(vmaxq_s8(a, b), vmaxq_s8(c, d));
  const int16x8_t low = vaddq_s16(vaddl_s8(vget_low_s8(a), vget_low_s8(b)), vaddl_s8(vget_low_s8(c), vget_low_s8(d)));
  const int16x8_t high = vaddq_s16(vaddl_high_s8(a, b), vaddl_high_s8(c, d));
  return vcombine_s8(vmovn_s16(divided(low, 4)), vmovn_s16(divided(high, 4)));
}

// Channels from `first` on. kTwo: of is_two_by_two_int8().
template <bool kAll, bool kAverage, bool kTwo>
inline void pool_int8s(const Int8Pool& pool, int32_t first, int32_t pixel_begin, int32_t pixel_end) {
  const Pool window = pool.window;
  const int32_t channels = window.channels;
  const ptrdiff_t down = static_cast<ptrdiff_t>(window.in_width) * channels;
  const Map<uint32_t> signs = pool.epilogue.signs;
  const int8x16_t min = vdupq_n_s8(static_cast<int8_t>(pool.min)), max = vdupq_n_s8(static_cast<int8_t>(pool.max));
  const NeonInt8End<kAll> end(pool.epilogue, first, channels);
  for (Pixel pixel(pixel_begin, window.out_height, window.out_width); pixel.number < pixel_end; pixel.next()) {
    int8x16_t values[1];
    if (kTwo) {
      const ptrdiff_t row = static_cast<ptrdiff_t>(pixel.image) * window.in_height + pixel.y * window.stride_height;
      const ptrdiff_t column = static_cast<ptrdiff_t>(pixel.x) * window.stride_width;
      values[0] = pooled_square<kAll, kAverage>(pool.input + row * down + column * channels + first, channels, down);
    } else {
      const Int8PoolRows rows(pool, pixel);
      values[0] = kAverage ? average<kAll>(rows, first, channels) : largest<kAll>(rows, first, channels);
    }
    values[0] = vminq_s8(max, vmaxq_s8(min, values[0]));
    const ptrdiff_t at[1] = {static_cast<ptrdiff_t>(pixel.number) * channels};
    uint32_t* const words[1] = {signs.data ? pixel.of(signs) : nullptr};
    end.finish(at, values, words);
  }
}

template <bool kAll>
inline void pool_int8s(const Int8Pool& pool, int32_t first, int32_t pixel_begin, int32_t pixel_end) {
  const bool two = is_two_by_two_int8(pool.window);
  if (pool.window.kind == PoolKind::kAverage) {
    (two ? pool_int8s<kAll, true, true> : pool_int8s<kAll, true, false>)(pool, first, pixel_begin, pixel_end);
  } else {
    (two ? pool_int8s<kAll, false, true> : pool_int8s<kAll, false, false>)(pool, first, pixel_begin, pixel_end);
  }
}

template <class V>
void neon_int8_pool(const Int8Pool& pool, int32_t pixel_begin, int32_t pixel_end) {
  const Pool& window = pool.window;
  if (!pool.epilogue.quick || window.channels % 8 || window.filter_height * window.filter_width > kMostSummed) {
    return int8_pool<V>(pool, pixel_begin, pixel_end);
  }
  int32_t first = 0;
  for (; first + kBlock <= window.channels; first += kBlock) pool_int8s<true>(pool, first, pixel_begin, pixel_end);
  if (first < window.channels) pool_int8s<false>(pool, first, pixel_begin, pixel_end);
}

}  // namespace
}  // namespace hybrid_tf
