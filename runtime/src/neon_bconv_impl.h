// Binary convolution for NEON: counts two words in five instructions, not six.
//
// Take the differences of a window, u_k = input_k XOR weight_k, one bit of them, and the parities p_k = u_1 ^ ... ^ u_k.
// A set u_k is a change in the sequence p_0 = 0, p_1, p_2, ... Of its changes, as many are falls (from 1 to 0) as rises,
// or one fewer, if the sequence ends with 1. So the sum of all u_k is 2 * falls + p_n. And two steps p, p', p'' hold at
// most one fall: there is one if (p' ? ~p'' : p). That is one instruction (BSL), and one CNT for two words.
//
// Parities cost no more than differences: p_k = X_k ^ W_k, where X_k and W_k are the parities of the first k words of
// the input and of the weights. W_k is made once (prepare_weights), X_k once for all output channels of a pixel.
//
// Nothing is inverted either. Words are taken by four, and the parities of every second of four weights are stored
// inverted. Then (p' ? ~p'' : p) is at hand for the first two words, and its inverse for the other two.
#pragma once

#include "neon_impl.h"
#include "neon_quads_impl.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kBlock = NeonVectors::kBconvBlock;
constexpr int32_t kVectors = kBlock / NeonVectors::kLanes;
constexpr int32_t kTilePixels = 2;
constexpr int32_t kLongestWindow = 2000;      // words: 16-bit sums hold no more. bconv_impl.h takes longer ones.
constexpr int32_t kParitiesAtOnce = 2 * 2048;  // words of input parities: half of a small first cache

// Turns a block's weights into parities. Each four words become [vector][word][lane]; up to three that are left over
// stay [word][lane], and if these are two or three, the parity of the last one is inverted.
void prepare_weights(uint32_t* weights, int32_t blocks, int32_t words) {
  if (words > kLongestWindow) return;
  for (int32_t b = 0; b < blocks; ++b) {
    uint32_t parity[kBlock] = {};
    for (int32_t w = 0; w < words;) {
      uint32_t rows[4][kBlock];
      const int32_t count = smaller(words - w, 4);
      const int32_t inverted = count == 4 ? 1 : count > 1 ? count - 1 : count;
      for (int32_t k = 0; k < count; ++k) {
        for (int32_t lane = 0; lane < kBlock; ++lane) {
          parity[lane] ^= weights[k * kBlock + lane];
          rows[k][lane] = k == inverted ? ~parity[lane] : parity[lane];
        }
      }
      for (int32_t k = 0; k < count; ++k) {
        for (int32_t lane = 0; lane < kBlock; ++lane) {
          const int32_t to = count == 4 ? (lane / 4 * 4 + k) * 4 + lane % 4 : k * kBlock + lane;
          weights[to] = rows[k][lane];
        }
      }
      weights += count * kBlock;
      w += count;
    }
  }
}

// The parities of the words of one window. Returns the place after them.
inline uint32_t* store_parities(const Window& window, const uint32_t* input, uint32_t* to) {
  uint32_t parity = 0;
  for (int32_t s = 0; s < window.segments; ++s) {
    const uint32_t* from = input + window.segment_offsets[s];
    const uint32_t* end = from + window.segment_length;
    for (; end - from >= 2; from += 2, to += 2) {
      const uint32_t first = parity ^ from[0];
      parity = first ^ from[1];
      to[0] = first;
      to[1] = parity;
    }
    if (from < end) *to++ = parity ^= *from;
  }
  return to;
}

inline uint8x16_t differ(uint32x4_t a, uint32x4_t b) { return vreinterpretq_u8_u32(veorq_u32(a, b)); }
inline int8x16_t count(uint8x16_t bits) { return vreinterpretq_s8_u8(vcntq_u8(bits)); }

// depth - 2 * popcount(input ^ weights), of P pixels and a block of channels. `parities` are [P][words].
template <class V, int P>
inline void sum_tile(const uint32_t* parities, int32_t words, const uint32_t* weights, int32_t depth,
                     int32x4_t (&sums)[P][kVectors]) {
  const int32_t quads = words / 4;
  const uint32_t* from[P];
  typename V::Falls falls[P][kVectors];  // what there is of them, negative: see `start`
  uint8x16_t parity[P][kVectors];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) from[p] = parities + p * words;
  V::sum_quads(from, weights, quads, falls, parity);
  if (words & 1) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const uint32x4_t x = vld1q_dup_u32(from[p]++);
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) {
        const uint8x16_t p1 = differ(x, vld1q_u32(weights + 4 * c));
        falls[p][c] = V::add_counts(falls[p][c], count(vornq_u8(p1, parity[p][c])));
        parity[p][c] = p1;
      }
    }
    weights += kBlock;
  }
  if (words & 2) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const uint32x4x2_t x = vld2q_dup_u32(from[p]);
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) {
        const uint8x16_t p1 = differ(x.val[0], vld1q_u32(weights + 4 * c));
        const uint8x16_t not_p2 = differ(x.val[1], vld1q_u32(weights + kBlock + 4 * c));
        const uint8x16_t fall = vbslq_u8(p1, not_p2, parity[p][c]);
        falls[p][c] = V::add_counts(falls[p][c], vnegq_s8(count(fall)));
        parity[p][c] = not_p2;
      }
    }
  } else {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) parity[p][c] = vmvnq_u8(parity[p][c]);
    }
  }
  // A lane has 32 bits: where zeros were counted, ones are 32 less them.
  const int32_t start = depth - 4 * 32 * (quads + words % 2) - 2 * 32;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < kVectors; ++c) sums[p][c] = V::sum(start, falls[p][c], count(parity[p][c]));
  }
}

// What float results need when nothing is special: a whole block, no activation, no clamp, no corrections.
inline bool is_plain(const Bconv& conv, const BconvBlock& block) {
  const float infinity = __builtin_inff();
  return conv.output == BconvOutput::kFloat && !conv.corrections && block.channels == kBlock &&
         block.first % kBlock == 0 && conv.activation_min == -infinity && conv.activation_max == infinity &&
         conv.epilogue.min == -infinity && conv.epilogue.max == infinity;
}

// The signs of a pixel's block. The last word of a pixel is cleared where it has no channels.
inline void store_block_signs(const float32x4_t (&values)[kVectors], uint32_t* words, int32_t first, bool last) {
  const uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(vcltzq_f32(values[0])),
                                    vreinterpretq_u16_u32(vcltzq_f32(values[1])));
  const uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(vcltzq_f32(values[2])),
                                     vreinterpretq_u16_u32(vcltzq_f32(values[3])));
  const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t bits = vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)), bit);
  bits = vpaddq_u8(bits, bits);
  bits = vpaddq_u8(bits, bits);
  bits = vpaddq_u8(bits, bits);
  const uint16_t half = vgetq_lane_u16(vreinterpretq_u16_u8(bits), 0);
  words += first / 32;
  if (first % 32) {
    *words = (*words & 0xffffu) | static_cast<uint32_t>(half) << 16;
  } else if (last) {
    *words = half;
  } else {
    __builtin_memcpy(words, &half, sizeof(half));  // little-endian
  }
}

template <int P>
inline void finish_plain(const Bconv& conv, const BconvBlock& block, Pixel& pixel,
                         const int32x4_t (&sums)[P][kVectors]) {
  const int32_t channels = conv.groups * conv.group_channels;
  const float* multipliers = conv.multipliers + block.packed;
  const float* biases = conv.biases + block.packed;
  const Epilogue& epilogue = conv.epilogue;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p, pixel.next()) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * channels + block.first;
    float32x4_t values[kVectors];
#pragma GCC unroll 16
    for (int c = 0; c < kVectors; ++c) {
      const float32x4_t product = vmulq_f32(vcvtq_f32_s32(sums[p][c]), vld1q_f32(multipliers + 4 * c));
      values[c] = vaddq_f32(product, vld1q_f32(biases + 4 * c));
    }
    if (epilogue.residual) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) values[c] = vaddq_f32(values[c], vld1q_f32(epilogue.residual + at + 4 * c));
    }
    if (epilogue.floats) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) vst1q_f32(epilogue.floats + at + 4 * c, values[c]);
    }
    if (epilogue.signs.data) {
      store_block_signs(values, pixel.of(epilogue.signs), block.first, block.first + kBlock == channels);
    }
  }
}

template <class V, int P>
inline void neon_tile(const Bconv& conv, const BconvBlock& block, bool plain, Pixel& pixel, const uint32_t* parities) {
  int32x4_t sums[P][kVectors];
  sum_tile<V, P>(parities, conv.window.segments * conv.window.segment_length, block.weights, conv.depth, sums);
  if (plain) {
    finish_plain<P>(conv, block, pixel, sums);
  } else {
    const int32_t vectors = (block.channels + 3) / 4;
    int32x4_t counts[P * kVectors];
    for (int p = 0; p < P; ++p) {
      for (int c = 0; c < vectors; ++c) {
        counts[p * vectors + c] = vshrq_n_s32(vsubq_s32(vdupq_n_s32(conv.depth), sums[p][c]), 1);
      }
    }
    finish_bconv<V>(conv, block, pixel, P, vectors, counts);
    for (int p = 0; p < P; ++p) pixel.next();
  }
}

// Pixels outside, as many as the parities have room for; then blocks, whose weights stay in the first cache; then tiles.
template <class V>
void neon_bconv(const Bconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  const int32_t words = conv.window.segments * conv.window.segment_length;
  if (words > kLongestWindow) return bconv<V>(conv, pixel_begin, pixel_end, block_begin, block_end);
  uint32_t parities[kParitiesAtOnce];
  const int32_t pixels_at_once = kParitiesAtOnce / words;
  while (block_begin < block_end) {
    const int32_t group_end = (block_begin / conv.group_blocks + 1) * conv.group_blocks;
    const int32_t end = smaller(block_end, group_end);
    for (int32_t first = pixel_begin; first < pixel_end; first += pixels_at_once) {
      const int32_t pixels = smaller(pixels_at_once, pixel_end - first);
      const uint32_t* input = bconv_block<V>(conv, block_begin).input;
      Pixel pixel(first, conv.window.out_height, conv.window.out_width);
      uint32_t* to = parities;
      for (int32_t i = 0; i < pixels; ++i, pixel.next()) {
        to = store_parities(conv.window, pixel.of(conv.window, input), to);
      }
      for (int32_t b = block_begin; b < end; ++b) {
        const BconvBlock block = bconv_block<V>(conv, b);
        const bool plain = is_plain(conv, block);
        const uint32_t* from = parities;
        Pixel pixel(first, conv.window.out_height, conv.window.out_width);
        for (int32_t left = pixels; left > 0; left -= kTilePixels, from += kTilePixels * words) {
          if (left >= kTilePixels) {
            neon_tile<V, kTilePixels>(conv, block, plain, pixel, from);
          } else {
            neon_tile<V, 1>(conv, block, plain, pixel, from);
          }
        }
      }
    }
    block_begin = end;
  }
}

template <class V>
constexpr KernelSet make_neon_kernel_set(const char* name, const char* description, bool (*supported)()) {
  return {name,           description, supported, V::kBconvBlock,     V::kFconvBlock,
          &neon_bconv<V>, &fconv<V>,   &pool<V>,  &elementwise<V>, &prepare_weights};
}

}  // namespace
}  // namespace hybrid_tf
