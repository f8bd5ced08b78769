// The vector operations of the int8 kernels for NEON.
#pragma once

#include <arm_neon.h>

#include "kernels/arm/int8_sums.h"
#include "kernels/int8_conv.h"

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

  static constexpr bool kSharedInt8Conv = false;
  static constexpr int kInt8Block = 16;
  static constexpr int kInputOffset = 0;
};

// What both kinds of products do: tile<P, C, kNarrow, kExact>(...) is the sums of P pixels and C vectors of channels,
// from the biases on, of windows that start at `starts`, with a block's weights [segments][ceil(length /
// kInt8Group)][16] [kInt8Group], none of which is -128 if kNarrow. With kExact nothing after a run is read; else up to
// 3 bytes are. All of it is inlined, so that sums stay in registers.
#define HYBRID_TF_INLINE __attribute__((always_inline)) inline

// With dot products: of four inputs.
struct NeonDotProducts {
  static constexpr int kInt8Group = 4;
  static constexpr bool kWide = true;  // any weights are as good as narrow ones

  template <int P, int C, bool kNarrow, bool kExact>
  static HYBRID_TF_INLINE void tile(const Window& window, const int8_t* const* starts, const int8_t* weights,
                                    const int32_t* biases, int32x4_t (&sums)[P][C]) {
    if constexpr (kExact) {
      int8_short_runs<kInt8Group>(window, starts[0], weights, biases, sums);
    } else {
      int8_dot_tile<P, C>(window, starts, weights, biases, sums);
    }
  }
};

// Without: of two inputs.
struct NeonProducts {
  static constexpr int kInt8Group = 2;
  static constexpr bool kWide = false;

  template <int P, int C, bool kNarrow, bool kExact>
  static HYBRID_TF_INLINE void tile(const Window& window, const int8_t* const* starts, const int8_t* weights,
                                    const int32_t* biases, int32x4_t (&sums)[P][C]) {
    if constexpr (kExact) {
      int8_short_runs<kInt8Group>(window, starts[0], weights, biases, sums);
    } else {
      int8_sum_tile<P, C, kNarrow>(window, starts, weights, biases, sums);
    }
  }
};

}  // namespace
}  // namespace hybrid_tf
