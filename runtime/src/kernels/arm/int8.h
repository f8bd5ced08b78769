// The vector operations of the int8 kernels for NEON.
#pragma once

#include <arm_neon.h>

namespace hybrid_tf {
namespace {

struct NeonInt8 {
  static int32x4_t nearest(float32x4_t a) { return vcvtnq_s32_f32(a); }
  static int32x4_t multiply_int(int32x4_t a, int32x4_t b) { return vmulq_s32(a, b); }
  template <int n>
  static int32x4_t shift_right(int32x4_t a) {
    return vshrq_n_s32(a, n);
  }
  static int32x4_t choose(int32x4_t a, int32x4_t b, int32x4_t c) { return vbslq_s32(vcltzq_s32(a), b, c); }
  static int32x4_t max_int(int32x4_t a, int32x4_t b) { return vmaxq_s32(a, b); }
  static int32x4_t min_int(int32x4_t a, int32x4_t b) { return vminq_s32(a, b); }
  static int32x4_t load_int8(const int8_t* from, int n) {
    int32_t four = 0;
    if (n == 4) {
      __builtin_memcpy(&four, from, 4);
    } else {
      for (int i = 0; i < n; ++i) four |= static_cast<uint8_t>(from[i]) << (8 * i);
    }
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)))));
  }
  static void store_int8(int8_t* to, int32x4_t a, int n) {
    const int16x4_t shorts = vmovn_s32(a);
    const int8x8_t bytes = vmovn_s16(vcombine_s16(shorts, shorts));
    if (n == 4) {
      const int32_t four = vget_lane_s32(vreinterpret_s32_s8(bytes), 0);
      __builtin_memcpy(to, &four, 4);
    } else {
      vst1_lane_s8(to, bytes, 0);
      if (n > 1) vst1_lane_s8(to + 1, bytes, 1);
      if (n > 2) vst1_lane_s8(to + 2, bytes, 2);
    }
  }
  static int32x4_t multiply_high(int32x4_t a, int32x4_t b) { return vqrdmulhq_s32(a, b); }
  static int32x4_t shift_left(int32x4_t a, int32x4_t n) { return vshlq_s32(a, n); }
  static int32x4_t shift_right_up(int32x4_t a, int32x4_t n) { return vrshlq_s32(a, vnegq_s32(n)); }
  // Rounds up after taking 1 from negative numbers, where there is something to round.
  static int32x4_t shift_right_away(int32x4_t a, int32x4_t n) {
    const int32x4_t by = vnegq_s32(n);
    return vrshlq_s32(vqaddq_s32(a, vshrq_n_s32(vandq_s32(a, by), 31)), by);
  }

  static constexpr int kInt8Block = 16;
  static constexpr int kInputOffset = 0;
};

// With dot products.
struct NeonDotProducts {
  static constexpr int kInt8Pixels = 4;
  using Sums = int32x4_t;
  using Inputs = int8x16_t;
  using Weights = int8x16_t;
  static Sums no_sums() { return vdupq_n_s32(0); }
  static int32x4_t total_sums(Sums sums) { return sums; }
  static Inputs inputs(int32_t four) { return vreinterpretq_s8_s32(vdupq_n_s32(four)); }
  static Weights load_weights(const int8_t* from) { return vld1q_s8(from); }
  // In assembly, since the intrinsic would need the whole file to be compiled for such processors.
  static Sums multiply_add(Sums sums, Inputs x, Weights w) {
    __asm__(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b" : "+w"(sums) : "w"(x), "w"(w));
    return sums;
  }
};

// Without: products of bytes are shorts, of which pairs are added. Each channel has two sums, of two inputs each.
struct NeonProducts {
  static constexpr int kInt8Pixels = 2;
  struct Sums {
    int32x4_t low, high;  // of channels 0 and 1, and 2 and 3
  };
  using Inputs = int8x16_t;
  using Weights = int8x16_t;
  static Sums no_sums() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
  static int32x4_t total_sums(Sums sums) { return vpaddq_s32(sums.low, sums.high); }
  static Inputs inputs(int32_t four) { return vreinterpretq_s8_s32(vdupq_n_s32(four)); }
  static Weights load_weights(const int8_t* from) { return vld1q_s8(from); }
  static Sums multiply_add(Sums sums, Inputs x, Weights w) {
    return {vpadalq_s16(sums.low, vmull_s8(vget_low_s8(x), vget_low_s8(w))),
            vpadalq_s16(sums.high, vmull_high_s8(x, w))};
  }
};

}  // namespace
}  // namespace hybrid_tf
