// The end of the float kernels for NEON: residual, slopes and shifts, floats and signs of whole blocks of 16 channels.
#pragma once

#include "kernels/arm/neon.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kBlock = 16;
constexpr int32_t kVectors = kBlock / NeonVectors::kLanes;

inline bool is_unlimited(float min, float max) { return min == -__builtin_inff() && max == __builtin_inff(); }

inline uint8x16_t mask_bytes(const uint32x4_t (&masks)[kVectors]) {
  const uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(masks[0]), vreinterpretq_u16_u32(masks[1]));
  const uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(masks[2]), vreinterpretq_u16_u32(masks[3]));
  return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
}

// Where the signs of 16 channels go, or of 8.
struct NeonSigns {
  ptrdiff_t byte;  // of the words of a pixel
  int32_t size;    // bytes that are written: with those behind the last channel

  // `first` is the first channel, a multiple of 16, `count` 16 or 8.
  NeonSigns(int32_t first, int32_t count, int32_t channels)
      : byte(first / 8), size(first + count == channels ? 4 - byte % 4 : count / 8) {}

  // Sets the bits of P pixels where the bytes of `masks` are all ones. Those behind the last channel are zeros.
  template <int P>
  void store(const uint8x16_t (&masks)[P], uint32_t* const* words) const {
    const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bits[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) bits[p] = vandq_u8(masks[p], bit);
#pragma GCC unroll 16
    for (int p = 0; p < P; p += 2) {
      const bool two = p + 1 < P;
      uint8x16_t sum = vpaddq_u8(bits[p], bits[two ? p + 1 : p]);
      sum = vpaddq_u8(sum, sum);
      const uint16x8_t halves = vreinterpretq_u16_u8(vpaddq_u8(sum, sum));
      store_bits(words[p], vgetq_lane_u16(halves, 0));
      if (two) store_bits(words[p + 1], vgetq_lane_u16(halves, 1));
    }
  }

 private:
  void store_bits(uint32_t* words, uint32_t bits) const {
    char* at = reinterpret_cast<char*>(words) + byte;  // little-endian
    if (size == 4) {
      __builtin_memcpy(at, &bits, 4);
    } else if (size == 2) {
      __builtin_memcpy(at, &bits, 2);
    } else {
      __builtin_memcpy(at, &bits, 1);
    }
  }
};

// Where the results of a block go. It copies what it needs: storing floats could change the original, for all that the
// compiler knows.
struct NeonEnd {
  const float* residual;  // of pixel 0, as `floats`; these four are null where there are none
  const float *slopes, *shifts;
  float* floats;
  ptrdiff_t channels;  // of all blocks
  bool has_signs;
  NeonSigns signs;

  // `first` is the block's first channel, a multiple of 16.
  NeonEnd(const Epilogue& epilogue, int32_t first, int32_t channels)
      : residual(epilogue.residual ? epilogue.residual + first : nullptr),
        slopes(epilogue.slopes ? epilogue.slopes + first : nullptr),
        shifts(epilogue.shifts ? epilogue.shifts + first : nullptr),
        floats(epilogue.floats ? epilogue.floats + first : nullptr),
        channels(channels),
        has_signs(epilogue.signs.data),
        signs(first, kBlock, channels) {}

  // Writes P pixels, whose numbers and words of signs these are. kByChannel: there may be slopes and shifts.
  template <int P, bool kByChannel = true>
  void finish(const int32_t* numbers, float32x4_t (&values)[P][kVectors], uint32_t* const* words) const {
    ptrdiff_t at[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) at[p] = numbers[p] * channels;
    if (residual) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const float32x4x4_t other = vld1q_f32_x4(residual + at[p]);
#pragma GCC unroll 16
        for (int c = 0; c < kVectors; ++c) values[p][c] = vaddq_f32(values[p][c], other.val[c]);
      }
    }
    if (kByChannel && slopes) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) {
        const float32x4_t slope = vld1q_f32(slopes + 4 * c);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) values[p][c] = sloped<NeonVectors>(values[p][c], slope);
      }
    }
    if (kByChannel && shifts) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) {
        const float32x4_t shift = vld1q_f32(shifts + 4 * c);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) values[p][c] = vaddq_f32(values[p][c], shift);
      }
    }
    if (floats) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const float32x4x4_t four = {{values[p][0], values[p][1], values[p][2], values[p][3]}};
        vst1q_f32_x4(floats + at[p], four);
      }
    }
    if (!has_signs) return;
    uint32x4_t masks[P][kVectors];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) masks[p][c] = vcltzq_f32(values[p][c]);
    }
    uint8x16_t bytes[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) bytes[p] = mask_bytes(masks[p]);
    signs.store(bytes, words);
  }
};

}  // namespace
}  // namespace hybrid_tf
