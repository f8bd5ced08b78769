// Binary convolution for NEON: counts two words in five instructions, not six.
//
// Take one bit of the differences of a window, u_k = input_k XOR weight_k, and the parities p_k = u_1 ^ ... ^ u_k.
// A set u_k is a change in the sequence p_0 = 0, p_1, p_2, ... Of its changes, as many are falls (from 1 to 0) as
// rises, or one fewer, if the sequence ends with 1. So the sum of all u_k is 2 * falls + p_n. And two steps p, p', p''
// hold at most one fall: there is one if (p' ? ~p'' : p). That is one instruction (BSL), and one CNT for two words.
//
// Parities cost no more than differences: p_k = X_k ^ W_k, where X_k and W_k are the parities of the first k words of
// the input and of the weights. W_k is made once (prepare_weights), X_k once for all output channels of a pixel.
//
// Nothing is inverted either. Words are taken by four, and the parities of every second of four weights are stored
// inverted. Then (p' ? ~p'' : p) is at hand for the first two words, and its inverse for the other two.
#pragma once

#include "neon_finish_impl.h"
#include "neon_sums_impl.h"
#include "packing.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kLongestWindow = 2000;       // words: 16-bit sums hold no more. bconv_impl.h takes longer ones.
constexpr int32_t kParitiesAtOnce = 2 * 2048;  // words: half of a small first cache

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

// What one call computes at once: pixels, for which all blocks of a group then run.
struct NeonPixels {
  int32_t first, count;
  uint32_t parities[kParitiesAtOnce];  // [count][words]
  uint32_t* signs[kPixelsAtOnce];      // the words of each pixel, if any are written
};

// Four words at a time: compilers do not see that storing parities changes nothing else.
inline uint32_t store_parities(const uint32_t* from, int32_t words, uint32_t parity, uint32_t* to) {
  for (; words >= 4; words -= 4, from += 4, to += 4) {
    const uint32_t a = parity ^ from[0], b = a ^ from[1], c = b ^ from[2];
    parity = c ^ from[3];
    to[0] = a, to[1] = b, to[2] = c, to[3] = parity;
  }
  for (; words > 0; --words) *to++ = parity ^= *from++;
  return parity;
}

inline void start_pixels(const Bconv& conv, const uint32_t* input, NeonPixels* pixels) {
  const Window window = conv.window;
  const Map<uint32_t> signs = conv.epilogue.signs;
  Pixel pixel(pixels->first, window.out_height, window.out_width);
  uint32_t* to = pixels->parities;
  for (int32_t i = 0; i < pixels->count; ++i, pixel.next()) {
    pixels->signs[i] = signs.data ? pixel.of(signs) : nullptr;
    const uint32_t* start = pixel.of(window, input);
    uint32_t parity = 0;
    for (int32_t s = 0; s < window.segments; ++s, to += window.segment_length) {
      parity = store_parities(start + window.segment_offsets[s], window.segment_length, parity, to);
    }
  }
}

template <int P>
inline void finish_plain(const NeonEnd& end, const float* multipliers, const float* biases, int32_t pixel,
                         const int32x4_t (&sums)[P][kVectors], uint32_t* const* signs) {
  const float32x4x4_t multiplier = vld1q_f32_x4(multipliers), bias = vld1q_f32_x4(biases);
  float32x4_t values[P][kVectors];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < kVectors; ++c) {
      values[p][c] = vaddq_f32(vmulq_f32(vcvtq_f32_s32(sums[p][c]), multiplier.val[c]), bias.val[c]);
    }
  }
  end.finish(pixel, values, signs);
}

template <class V, int P>
inline void finish_any(const Bconv& conv, const BconvBlock& block, int32_t pixel,
                       const int32x4_t (&sums)[P][kVectors]) {
  const int32_t vectors = ceil_div(block.channels, 4);
  int32x4_t counts[P * kVectors];
  for (int p = 0; p < P; ++p) {
    for (int c = 0; c < vectors; ++c) {
      counts[p * vectors + c] = vshrq_n_s32(vsubq_s32(vdupq_n_s32(conv.depth), sums[p][c]), 1);
    }
  }
  finish_bconv<V>(conv, block, Pixel(pixel, conv.window.out_height, conv.window.out_width), P, vectors, counts);
}

// Tiles of P pixels from number `i` of `pixels` on. Returns the number after them.
template <class V, int P, bool kPlain>
inline int32_t neon_tiles(const Bconv& conv, const BconvBlock& block, const NeonPixels& pixels, int32_t i) {
  const int32_t words = conv.window.segments * conv.window.segment_length;
  const int32_t start = conv.depth - 128 * (words / 4 + words % 2) - 64;
  const float* multipliers = kPlain ? conv.multipliers + block.packed : nullptr;
  const float* biases = kPlain ? conv.biases + block.packed : nullptr;
  const NeonEnd end(conv.epilogue, block.first, conv.groups * conv.group_channels);
  const uint32_t* parities = pixels.parities + i * words;
  for (; i + P <= pixels.count; i += P, parities += P * words) {
    int32x4_t sums[P][kVectors];
    sum_tile<V::kDot>(parities, words, block.weights, start, sums);
    if (kPlain) {
      finish_plain(end, multipliers, biases, pixels.first + i, sums, pixels.signs + i);
    } else {
      finish_any<V>(conv, block, pixels.first + i, sums);
    }
  }
  return i;
}

template <class V, bool kPlain>
inline void neon_block(const Bconv& conv, const BconvBlock& block, const NeonPixels& pixels) {
  const int32_t done = neon_tiles<V, 2, kPlain>(conv, block, pixels, 0);
  if (done < pixels.count) neon_tiles<V, 1, kPlain>(conv, block, pixels, done);
}

// Pixels outside, as many as there is room for; then blocks, whose weights stay in the first cache; then tiles.
template <class V>
void neon_bconv(const Bconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  const int32_t words = conv.window.segments * conv.window.segment_length;
  if (words > kLongestWindow) return bconv<V>(conv, pixel_begin, pixel_end, block_begin, block_end);
  const bool plain = conv.output == BconvOutput::kFloat && !conv.corrections &&
                     is_unlimited(conv.activation_min, conv.activation_max) &&
                     is_unlimited(conv.epilogue.min, conv.epilogue.max);
  NeonPixels pixels;
  const int32_t most = smaller(kPixelsAtOnce, kParitiesAtOnce / words);
  while (block_begin < block_end) {
    const int32_t group_end = (block_begin / conv.group_blocks + 1) * conv.group_blocks;
    const int32_t end = smaller(block_end, group_end);
    for (pixels.first = pixel_begin; pixels.first < pixel_end; pixels.first += most) {
      pixels.count = smaller(most, pixel_end - pixels.first);
      start_pixels(conv, bconv_block<V>(conv, block_begin).input, &pixels);
      for (int32_t b = block_begin; b < end; ++b) {
        const BconvBlock block = bconv_block<V>(conv, b);
        if (plain && block.channels == kBlock && block.first % kBlock == 0) {
          neon_block<V, true>(conv, block, pixels);
        } else {
          neon_block<V, false>(conv, block, pixels);
        }
      }
    }
    block_begin = end;
  }
}

}  // namespace
}  // namespace hybrid_tf
