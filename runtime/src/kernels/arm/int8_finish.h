// The end of the int8 kernels for NEON: 16 channels of a pixel, or 8, by products of 32 bits (see Int8Quick in
// kernels.h).
#pragma once

#include "kernels/arm/finish.h"

namespace hybrid_tf {
namespace {

// Compilers would add an offset to the first product and not while narrowing, which takes one instruction more.
inline int32x4_t as_it_is(int32x4_t value) {
  __asm__("" : "+w"(value));
  return value;
}

// Compilers would do several pixels at once, for which there are no registers.
inline void finish_first(int8x16_t& values) { __asm__ volatile("" : "+w"(values) : : "memory"); }

// Puts `other` where `mask` is not set. In assembly: compilers copy masks, for instructions that write over them.
inline void keep_where(uint32x4_t mask, int32x4_t other, int32x4_t* value) {
  __asm__("bif %0.16b, %1.16b, %2.16b" : "+w"(*value) : "w"(other), "w"(mask));
}

// Rounds 16 sums of a number and `offset`, with kQuickBits places, in two steps: the lowest 16 bits are dropped, which
// changes no rounding.
inline int8x16_t quick_int8s(const int32x4x4_t& values, const int32x4x4_t& offset) {
  const int16x4_t low = vaddhn_s32(values.val[0], offset.val[0]), high = vaddhn_s32(values.val[2], offset.val[2]);
  const int16x8_t first = vaddhn_high_s32(low, values.val[1], offset.val[1]);
  const int16x8_t second = vaddhn_high_s32(high, values.val[3], offset.val[3]);
  return vqrshrn_high_n_s16(vqrshrn_n_s16(first, kQuickBits - 16), second, kQuickBits - 16);
}

inline int32x4x4_t widened(int16x8_t first, int16x8_t second) {
  return {
      {vmovl_s16(vget_low_s16(first)), vmovl_high_s16(first), vmovl_s16(vget_low_s16(second)), vmovl_high_s16(second)}};
}

inline int32x4x4_t widened(int8x16_t values) { return widened(vmovl_s8(vget_low_s8(values)), vmovl_high_s8(values)); }

inline int32x4x4_t same_in_all(int32_t value) {
  const int32x4_t vector = vdupq_n_s32(value);
  return {{vector, vector, vector, vector}};
}

// 16 bytes, or 8 and zeros.
template <bool kAll>
inline int8x16_t load_bytes(const int8_t* from) {
  return kAll ? vld1q_s8(from) : vcombine_s8(vld1_s8(from), vdup_n_s8(0));
}

// Whether that many channels from `first` on are done so: the numbers of channels behind the last are there, too.
inline bool is_quick(const Int8Epilogue& epilogue, int32_t first, int32_t count) {
  return epilogue.quick && first % kBlock == 0 && (count == kBlock || count == kBlock / 2);
}

// Where the int8 results of 16 channels, or 8, go; what it needs of the epilogue, as of NeonEnd. kAll: of 16 channels.
template <bool kAll>
struct NeonInt8End {
  const int8_t* residual;
  int8_t* int8s;
  bool has_signs;
  int8x16_t sign_limit;
  Int8Quick quick;
  NeonSigns signs;

  // `first` is the first channel, a multiple of 16.
  NeonInt8End(const Int8Epilogue& epilogue, int32_t first, int32_t channels)
      : residual(epilogue.residual ? epilogue.residual + first : nullptr),
        int8s(epilogue.int8s ? epilogue.int8s + first : nullptr),
        has_signs(epilogue.signs.data),
        sign_limit(vdupq_n_s8(static_cast<int8_t>(epilogue.sign_limit))),
        quick(epilogue.quick ? *epilogue.quick : Int8Quick{}),
        signs(first, kAll ? 16 : 8, channels) {
    if (quick.has_slopes) quick.negative_factors += first, quick.negative_offsets += first;
    if (quick.has_shifts) quick.shift_offsets += first;
  }

  // Writes P pixels, which start at elements at[p] of the maps. Inlined: calls would take the registers.
  template <int P>
  __attribute__((always_inline)) inline void finish(const ptrdiff_t (&at)[P], int8x16_t (&values)[P],
                                                    uint32_t* const* words) const {
    // Pixel by pixel: the numbers of the channels do not stay in registers, but one instruction loads all of a kind.
    if (quick.has_sum && quick.has_slopes && quick.has_shifts) {  // a block of a residual network
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        values[p] = shifted(sloped_int8s(sum(values[p], at[p])));
        finish_first(values[p]);
      }
    } else {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        if (quick.has_sum) values[p] = sum(values[p], at[p]);
        if (quick.has_slopes) values[p] = sloped_int8s(values[p]);
        if (quick.has_shifts) values[p] = shifted(values[p]);
      }
    }
    if (int8s) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        if (kAll) {
          vst1q_s8(int8s + at[p], values[p]);
        } else {
          vst1_s8(int8s + at[p], vget_low_s8(values[p]));
        }
      }
    }
    if (!has_signs) return;
    const uint8x16_t lanes = vcombine_u8(vdup_n_u8(0xff), vdup_n_u8(kAll ? 0xff : 0));
    uint8x16_t masks[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) masks[p] = vandq_u8(vcltq_s8(values[p], sign_limit), lanes);
    signs.store(masks, words);
  }

 private:
  int8x16_t sum(int8x16_t values, ptrdiff_t at) const {
    int32x4x4_t own = widened(values);
    const int32x4x4_t other = widened(load_bytes<kAll>(residual + at));
#pragma GCC unroll 16
    for (int v = 0; v < 4; ++v) {
      own.val[v] = as_it_is(vmlaq_n_s32(vmulq_n_s32(own.val[v], quick.factor), other.val[v], quick.residual_factor));
    }
    return quick_int8s(own, same_in_all(quick.sum_offset));
  }

  int8x16_t sloped_int8s(int8x16_t values) const {
    const int8x8_t zero_point = vdup_n_s8(static_cast<int8_t>(quick.slope_zero_point));
    int32x4x4_t factors = vld1q_s32_x4(quick.negative_factors), offsets = vld1q_s32_x4(quick.negative_offsets);
    const int32x4_t positive = vdupq_n_s32(quick.positive_factor), offset = vdupq_n_s32(quick.slope_offset);
    int32x4x4_t wide = widened(vsubl_s8(vget_low_s8(values), zero_point), vsubl_s8(vget_high_s8(values), zero_point));
#pragma GCC unroll 16
    for (int v = 0; v < 4; ++v) {
      const uint32x4_t below = vcltzq_s32(wide.val[v]);
      keep_where(below, positive, &factors.val[v]);
      keep_where(below, offset, &offsets.val[v]);
      wide.val[v] = vmulq_s32(wide.val[v], factors.val[v]);
    }
    return quick_int8s(wide, offsets);
  }

  int8x16_t shifted(int8x16_t values) const {
    const int32x4x4_t offsets = vld1q_s32_x4(quick.shift_offsets);
    int32x4x4_t wide = widened(values);
#pragma GCC unroll 16
    for (int v = 0; v < 4; ++v) wide.val[v] = vmulq_n_s32(wide.val[v], quick.shift_factor);
    return quick_int8s(wide, offsets);
  }
};

}  // namespace
}  // namespace hybrid_tf
