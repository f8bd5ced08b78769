// Depthwise convolution of int8 for NEON: 16 channels at a time, products of bytes as shorts, two of which are added
// where they fit. What is left of the channels is done by kernels/depthwise.h.
#pragma once

#include "kernels/arm/neon.h"
#include "kernels/depthwise.h"

namespace hybrid_tf {
namespace {

// The sums of 16 channels over all taps, without biases.
template <bool kNarrow>
inline void neon_depthwise_sums(const Int8Depthwise& op, const Int8DepthwiseTaps& taps, int32_t channel,
                                int32x4_t (&sums)[4]) {
  const int32_t count = op.window.filter_height * op.window.filter_width;
  const int8_t* weights = op.weights + channel;
  const auto add = [&](int16x8_t low, int16x8_t high) {
    sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
    sums[1] = vaddw_high_s16(sums[1], low);
    sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
    sums[3] = vaddw_high_s16(sums[3], high);
  };
  int32_t tap = 0;
  for (; kNarrow && tap + 2 <= count; tap += 2, weights += 2 * op.lanes) {
    const int8x16_t a = vld1q_s8(taps.taps[tap] + channel), b = vld1q_s8(taps.taps[tap + 1] + channel);
    const int8x16_t one = vld1q_s8(weights), two = vld1q_s8(weights + op.lanes);
    const int16x8_t low = vmlal_s8(vmull_s8(vget_low_s8(a), vget_low_s8(one)), vget_low_s8(b), vget_low_s8(two));
    add(low, vmlal_high_s8(vmull_high_s8(a, one), b, two));
  }
  for (; tap < count; ++tap, weights += op.lanes) {
    const int8x16_t a = vld1q_s8(taps.taps[tap] + channel), one = vld1q_s8(weights);
    add(vmull_s8(vget_low_s8(a), vget_low_s8(one)), vmull_high_s8(a, one));
  }
}

// What these sums become. Whole blocks of 16 channels are all rounded up.
inline int16x4_t neon_depthwise_scaled(const Int8Depthwise& op, int32x4_t sum, int32_t channel) {
  const int32x4_t by = vnegq_s32(vld1q_s32(op.scale_rights + channel));
  sum = vshlq_s32(sum, vld1q_s32(op.scale_lefts + channel));
  const int32x4_t high = vqrdmulhq_s32(sum, vld1q_s32(op.scale_bits + channel));
  return vqmovn_s32(vrshlq_s32(high, by));
}

template <class V>
void neon_int8_depthwise(const Int8Depthwise& op, int32_t pixel_begin, int32_t pixel_end) {
  const Int8Finish<V> finish(op.epilogue);
  const int32_t channels = op.window.channels, whole = op.epilogue.changes_values() ? 0 : op.up / 16 * 16;
  const int16x8_t zero_point = vdupq_n_s16(static_cast<int16_t>(op.zero_point));
  const int8x16_t min = vdupq_n_s8(static_cast<int8_t>(op.min)), max = vdupq_n_s8(static_cast<int8_t>(op.max));
  const int8x16_t limit = vdupq_n_s8(static_cast<int8_t>(op.epilogue.sign_limit));
  const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  int8_t* const int8s = op.epilogue.int8s;
  Int8DepthwiseTaps taps;
  for (Pixel pixel(pixel_begin, op.window.out_height, op.window.out_width); pixel.number < pixel_end; pixel.next()) {
    taps.find(op, pixel);
    uint32_t* words = op.epilogue.signs.data ? pixel.of(op.epilogue.signs) : nullptr;
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * channels;
    for (int32_t c = 0; c < whole; c += 16) {
      int32x4_t sums[4];
      for (int i = 0; i < 4; ++i) sums[i] = vld1q_s32(op.biases + c + 4 * i);
      op.narrow ? neon_depthwise_sums<true>(op, taps, c, sums) : neon_depthwise_sums<false>(op, taps, c, sums);
      int16x4_t shorts[4];
      for (int i = 0; i < 4; ++i) shorts[i] = neon_depthwise_scaled(op, sums[i], c + 4 * i);
      const int16x8_t low = vqaddq_s16(vcombine_s16(shorts[0], shorts[1]), zero_point);
      const int16x8_t high = vqaddq_s16(vcombine_s16(shorts[2], shorts[3]), zero_point);
      const int8x16_t result = vminq_s8(max, vmaxq_s8(min, vcombine_s8(vqmovn_s16(low), vqmovn_s16(high))));
      if (int8s) vst1q_s8(int8s + at + c, result);
      if (!words) continue;
      uint8x16_t sum = vandq_u8(vcltq_s8(result, limit), bit);
      for (int i = 0; i < 3; ++i) sum = vpaddq_u8(sum, sum);
      store_signs(words, c, 16, vgetq_lane_u16(vreinterpretq_u16_u8(sum), 0), channels);
    }
    if (whole < channels) int8_depthwise_channels<V>(op, finish, taps, whole, at, words);
  }
}

}  // namespace
}  // namespace hybrid_tf
