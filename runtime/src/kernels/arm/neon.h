// The vector operations that both NEON kernel sets share: all but the counting of bits.
#pragma once

#include <arm_neon.h>

#include "kernels/arm/int8.h"
#include "kernels/kernel_set.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kPixelsAtOnce = 256;  // whose addresses are computed once for all blocks

struct NeonVectors : NeonInt8 {
  static constexpr bool kQuick = true;
  static constexpr int kLanes = 4;
  using Float = float32x4_t;
  using Int = int32x4_t;

  static Float load(const float* from) { return vld1q_f32(from); }
  static Float load_some(const float* from, int n) {
    Float a = vld1q_dup_f32(from);
    if (n > 1) a = vld1q_lane_f32(from + 1, a, 1);
    if (n > 2) a = vld1q_lane_f32(from + 2, a, 2);
    return a;
  }
  static void store(float* to, Float a) { vst1q_f32(to, a); }
  static void store_some(float* to, Float a, int n) {
    vst1q_lane_f32(to, a, 0);
    if (n > 1) vst1q_lane_f32(to + 1, a, 1);
    if (n > 2) vst1q_lane_f32(to + 2, a, 2);
  }
  static Float set(float value) { return vdupq_n_f32(value); }
  static Float add(Float a, Float b) { return vaddq_f32(a, b); }
  static Float multiply(Float a, Float b) { return vmulq_f32(a, b); }
  static Float fma(Float a, Float b, Float c) { return vfmaq_f32(c, a, b); }
  static Float max(Float a, Float b) { return vmaxq_f32(a, b); }
  static Float min(Float a, Float b) { return vminq_f32(a, b); }
  static uint32_t negative(Float a) { return bits(vcltzq_f32(a)); }

  static Int load_int(const int32_t* from) { return vld1q_s32(from); }
  static Int set_int(int32_t value) { return vdupq_n_s32(value); }
  static Int add_int(Int a, Int b) { return vaddq_s32(a, b); }
  static Int subtract_int(Int a, Int b) { return vsubq_s32(a, b); }
  static Float to_float(Int a) { return vcvtq_f32_s32(a); }
  static uint32_t greater(Int a, Int b) { return bits(vcgtq_s32(a, b)); }
  static Int rounded(Float a) { return vcvtaq_s32_f32(a); }  // half away from zero

  static constexpr int kBconvBlock = 16;
  static constexpr int kBconvPixels = 1;  // by kernels/bconv.h: only for very long windows
  static constexpr int kCountsLimit = INT32_MAX;
  using Words = uint32x4_t;
  using Input = uint32x4_t;
  using Counts = int32x4_t;
  static Words load_words(const uint32_t* from) { return vld1q_u32(from); }
  static Input load_input(const uint32_t* from) { return vld1q_dup_u32(from); }
  static Counts no_counts() { return vdupq_n_s32(0); }
  static Counts count(Counts counts, Input input, Words words) {
    const uint8x16_t bytes = vcntq_u8(vreinterpretq_u8_u32(veorq_u32(input, words)));
    return vpadalq_s16(counts, vreinterpretq_s16_u16(vpaddlq_u8(bytes)));
  }
  static Int total(Int sum, Counts counts) { return vaddq_s32(sum, counts); }

  static constexpr int kFconvBlock = 16;
  static constexpr int kFconvPixels = 4;

 private:
  static uint32_t bits(uint32x4_t mask) {
    const uint32x4_t weights = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(mask, weights));
  }
};

}  // namespace
}  // namespace hybrid_tf
