// Binary convolution for NEON: counts two words in four instructions, not six.
//
// Take two words x, x' of the input, w, w' of the weights, and count(b) = the set bits of b. Then
//
//   count(x ^ w) + count(x' ^ w') = 2 * count(z) + count(x ^ x') - count(w ^ w')     with
//   z = (x' ^ w) ? ~(x ^ x') : (w ^ w')
//
// as the 16 cases of four bits show. (It is Winograd's way to halve the products of a sum of products.) The last two
// terms are known before: one for each pixel, one for each output channel. And z takes an XOR and a BSL.
//
// Nothing is inverted either: ~z = (x' ^ w) ? x ^ x' : ~(w ^ w'). So a pair of words is kept as x' and x ^ x', and as w
// and ~(w ^ w'), and adds to -2 * (the bits that differ), which is what a sum of products needs,
//
//   4 * count(~z) - 128 - 2 * count(x ^ x') + 2 * count(w ^ w')
//
// Taps outside the image read zeros. They are not computed, where they are whole fours of words: a pair adds
// 4 * count(~(w | w')) - 128 + 2 * count(w ^ w'), of which the first term is kept for each tap.
#pragma once

#include "common/ceil_div.h"
#include "kernels/arm/int8_finish.h"
#include "kernels/arm/pixels.h"
#include "kernels/arm/sums.h"

namespace hybrid_tf {
namespace {

// A block's weights are rows of kBlock numbers: one for each output channel. First what all sums start with; then, if
// there are such, what each tap outside the image adds; then the words, an even number. Four words lie as
// [vector][word][lane], the last two as [word][lane].
inline int32_t head_rows(int32_t taps, int32_t tap_words) { return 1 + (can_skip(taps, tap_words) ? taps : 0); }

int32_t neon_weight_rows(const BconvTaps& taps) {
  const int32_t words = shared_words(taps);
  if (words > kLongestWindow) return words;
  // They are not shared yet when they come.
  return larger(head_rows(taps.count, taps.words) + even(words), taps.count * taps.words);
}

// Makes pairs of `word_count` words, which follow `head`, in place.
inline void prepare_block(int32_t* head, bool skips, int32_t word_count, const BconvTaps& taps, uint32_t* words) {
  for (int32_t lane = 0; lane < kBlock; ++lane) {
    head[lane] = 0;
    for (int32_t tap = 0; tap < taps.count && skips; ++tap) head[(1 + tap) * kBlock + lane] = 0;
  }
  const int32_t count = even(word_count);
  for (int32_t w = 0; w < count; w += 4, words += 4 * kBlock) {
    uint32_t rows[4][kBlock];
    const int32_t here = smaller(count - w, 4);
    for (int32_t k = 0; k < here; k += 2) {
      for (int32_t lane = 0; lane < kBlock; ++lane) {
        const uint32_t first = words[k * kBlock + lane], second = words[(k + 1) * kBlock + lane];
        rows[k][lane] = first;
        rows[k + 1][lane] = ~(first ^ second);
        head[lane] += 2 * __builtin_popcount(first ^ second) - 128;
        if (skips) head[(1 + w / taps.words) * kBlock + lane] += 4 * __builtin_popcount(~(first | second));
      }
    }
    for (int32_t k = 0; k < here; ++k) {
      for (int32_t lane = 0; lane < kBlock; ++lane) {
        words[here == 4 ? (lane / 4 * 4 + k) * 4 + lane % 4 : k * kBlock + lane] = rows[k][lane];
      }
    }
  }
}

void neon_prepare_weights(uint32_t* weights, int32_t blocks, const BconvTaps& taps) {
  const int32_t words = shared_words(taps), file_words = taps.count * taps.words;
  const int32_t heads = head_rows(taps.count, taps.words), rows = neon_weight_rows(taps);
  if (words > kLongestWindow) return;
  for (int32_t b = blocks - 1; b >= 0; --b) {  // the last one first: there is room behind it
    uint32_t* packed = weights + static_cast<ptrdiff_t>(b) * file_words * kBlock;
    uint32_t* head = weights + static_cast<ptrdiff_t>(b) * rows * kBlock;
    order_words(packed, taps, kBlock);
    __builtin_memmove(head + heads * kBlock, packed, sizeof(uint32_t) * words * kBlock);
    if (words % 2) __builtin_memset(head + (heads + words) * kBlock, 0, sizeof(uint32_t) * kBlock);
    prepare_block(reinterpret_cast<int32_t*>(head), heads > 1, words, taps, head + heads * kBlock);
  }
}

// What is done to the sums of a block's pixels, by what becomes of them: each has finish(), which takes those of P
// pixels, whose numbers and words of signs these are.
//
// Most blocks of floats: whole, without limits.
struct NeonFloats {
  static constexpr bool kRaw = false;
  const float* multipliers;
  const float* biases;
  NeonEnd end;

  NeonFloats(const Bconv& conv, const BconvBlock& block)
      : multipliers(conv.multipliers + block.packed),
        biases(conv.biases + block.packed),
        end(conv.epilogue, block.first, conv.groups * conv.group_channels) {}

  template <int P>
  void finish(const int32x4_t (&sums)[P][kVectors], const int32_t* numbers, uint32_t* const* signs, const int32_t*,
              const int32_t*) const {
    const float32x4x4_t multiplier = vld1q_f32_x4(multipliers), bias = vld1q_f32_x4(biases);
    float32x4_t values[P][kVectors];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) {
        values[p][c] = vaddq_f32(vmulq_f32(vcvtq_f32_s32(sums[p][c]), multiplier.val[c]), bias.val[c]);
      }
    }
    end.finish(numbers, values, signs);
  }
};

// Most blocks of int8s. kDot: with dot products; without, the starts of the sums are multiplied apart.
template <bool kDot, bool kAll>
struct NeonQuick {
  static constexpr bool kRaw = !kDot;
  const int32_t *factors, *offsets;
  int16x8_t shift;
  ptrdiff_t channels;
  NeonInt8End<kAll> end;

  NeonQuick(const Bconv& conv, const BconvBlock& block)
      : factors(conv.quick_factors + block.packed),
        offsets(conv.quick_offsets + block.packed),
        shift(vdupq_n_s16(static_cast<int16_t>(-conv.quick_shift))),
        channels(conv.groups * conv.group_channels),
        end(conv.int8_epilogue, block.first, conv.groups * conv.group_channels) {}

  // Of kRaw: from what sums start with to what is added to their products.
  void move_start(int32x4x4_t* start) const {
    const int32x4x4_t factor = vld1q_s32_x4(factors), offset = vld1q_s32_x4(offsets);
#pragma GCC unroll 16
    for (int c = 0; c < kVectors; ++c) start->val[c] = vmlaq_s32(offset.val[c], start->val[c], factor.val[c]);
  }

  template <int P>
  void finish(const int32x4_t (&sums)[P][kVectors], const int32_t* numbers, uint32_t* const* signs,
              const int32_t* pixel_starts, const int32_t* start) const {
    const int32x4x4_t factor = vld1q_s32_x4(factors), offset = vld1q_s32_x4(kRaw ? start : offsets);
    int8x16_t values[P];
    ptrdiff_t at[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      at[p] = numbers[p] * channels;
      int32x4_t scaled[kVectors];
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) {
        if (kRaw) {
          const int32x4_t sum = vreinterpretq_s32_u32(vpaddlq_u16(vreinterpretq_u16_s32(sums[p][c])));
          const int32x4_t product = vmulq_s32(sum, vshlq_n_s32(factor.val[c], 2));
          scaled[c] = as_it_is(vmlaq_n_s32(product, factor.val[c], pixel_starts[p]));
        } else {
          scaled[c] = as_it_is(vmulq_s32(sums[p][c], factor.val[c]));
        }
      }
      const int16x8_t low = vaddhn_high_s32(vaddhn_s32(scaled[0], offset.val[0]), scaled[1], offset.val[1]);
      const int16x8_t high = vaddhn_high_s32(vaddhn_s32(scaled[2], offset.val[2]), scaled[3], offset.val[3]);
      values[p] = vqmovn_high_s16(vqmovn_s16(vrshlq_s16(low, shift)), vrshlq_s16(high, shift));
    }
    end.finish(at, values, signs);
  }
};

// Others of int8s.
template <bool kAll>
struct NeonInt8s {
  static constexpr bool kRaw = false;
  const float* multipliers;
  const float* biases;
  ptrdiff_t channels;
  NeonInt8End<kAll> end;

  NeonInt8s(const Bconv& conv, const BconvBlock& block)
      : multipliers(conv.multipliers + block.packed),
        biases(conv.biases + block.packed),
        channels(conv.groups * conv.group_channels),
        end(conv.int8_epilogue, block.first, conv.groups * conv.group_channels) {}

  template <int P>
  void finish(const int32x4_t (&sums)[P][kVectors], const int32_t* numbers, uint32_t* const* signs, const int32_t*,
              const int32_t*) const {
    const float32x4x4_t multiplier = vld1q_f32_x4(multipliers), bias = vld1q_f32_x4(biases);
    int8x16_t values[P];
    ptrdiff_t at[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      at[p] = numbers[p] * channels;
      int32x4_t whole[kVectors];
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) {
        whole[c] = vcvtaq_s32_f32(vaddq_f32(vmulq_f32(vcvtq_f32_s32(sums[p][c]), multiplier.val[c]), bias.val[c]));
      }
      // Two saturating narrowings clamp.
      const int16x8_t low = vqmovn_high_s32(vqmovn_s32(whole[0]), whole[1]);
      const int16x8_t high = vqmovn_high_s32(vqmovn_s32(whole[2]), whole[3]);
      values[p] = vqmovn_high_s16(vqmovn_s16(low), high);
    }
    end.finish(at, values, signs);
  }
};

inline int32x4_t set_bits(int32x4_t sum, int32_t depth) { return vshrq_n_s32(vsubq_s32(vdupq_n_s32(depth), sum), 1); }

// Whole blocks of bits.
struct NeonBits {
  static constexpr bool kRaw = false;
  int32_t depth;
  const int32_t* thresholds;
  NeonSigns end;

  NeonBits(const Bconv& conv, const BconvBlock& block)
      : depth(conv.depth),
        thresholds(conv.thresholds + block.packed),
        end(block.first, kBlock, conv.groups * conv.group_channels) {}

  template <int P>
  void finish(const int32x4_t (&sums)[P][kVectors], const int32_t*, uint32_t* const* signs, const int32_t*,
              const int32_t*) const {
    const int32x4x4_t threshold = vld1q_s32_x4(thresholds);
    uint8x16_t masks[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      uint32x4_t greater[kVectors];
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) greater[c] = vcgtq_s32(set_bits(sums[p][c], depth), threshold.val[c]);
      masks[p] = mask_bytes(greater);
    }
    end.store(masks, signs);
  }
};

// All others.
template <class V>
struct NeonOthers {
  static constexpr bool kRaw = false;
  const Bconv& conv;
  const BconvBlock block;

  NeonOthers(const Bconv& conv, const BconvBlock& block) : conv(conv), block(block) {}

  template <int P>
  void finish(const int32x4_t (&sums)[P][kVectors], const int32_t* numbers, uint32_t* const*, const int32_t*,
              const int32_t*) const {
    for (int p = 0; p < P; ++p) {
      int32x4_t counts[kVectors];
      for (int c = 0; c < kVectors; ++c) counts[c] = set_bits(sums[p][c], conv.depth);
      finish_bconv<V>(conv, block, numbers[p], 1, ceil_div(block.channels, V::kLanes), counts);
    }
  }
};

// Tiles of P pixels from number `i` on of those in `pixels`, up to number `end`. Returns the number after them. Not
// inlined: there is one for each end, which takes most registers.
template <class V, int P, class End>
__attribute__((noinline)) int32_t neon_tiles(const End& end, const NeonPixels& pixels, const NeonClass& shape,
                                             const int32_t* start, const uint32_t* weights, int32_t i, int32_t last) {
  const End own = end;
  const uint32_t* inputs = pixels.words + shape.first_word + (i - shape.first) * shape.words;
  for (; i + P <= last; i += P, inputs += P * shape.words) {
    int32x4_t sums[P][kVectors];
    sum_tile<V::kDot, P, End::kRaw>(inputs, shape.words, shape.runs, shape.run_count, weights, start, pixels.starts + i,
                                    sums);
    own.finish(sums, pixels.numbers + i, pixels.signs + i, pixels.starts + i, start);
  }
  return i;
}

// `rows` are the block's weights, the first `heads` of them numbers.
template <class V, class End>
inline void neon_block(const End& end, const NeonPixels& pixels, const uint32_t* rows, int32_t heads) {
  const auto* head = reinterpret_cast<const int32_t*>(rows);
  const uint32_t* weights = rows + heads * kBlock;
  for (int32_t c = 0; c < pixels.class_count; ++c) {
    const NeonClass& shape = pixels.classes[c];
    int32x4x4_t start = vld1q_s32_x4(head);
    for (int32_t i = 0; i < shape.outside_count; ++i) {
      const int32x4x4_t tap = vld1q_s32_x4(head + (1 + shape.outside[i]) * kBlock);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) start.val[v] = vaddq_s32(start.val[v], tap.val[v]);
    }
    if constexpr (End::kRaw) end.move_start(&start);
    int32_t starts[kBlock];
    vst1q_s32_x4(starts, start);
    const int32_t last = shape.first + shape.count;
    int32_t i = neon_tiles<V, 3>(end, pixels, shape, starts, weights, shape.first, last);
    i = neon_tiles<V, 2>(end, pixels, shape, starts, weights, i, last);
    neon_tiles<V, 1>(end, pixels, shape, starts, weights, i, last);
  }
}

template <class V, bool kAll>
inline void neon_int8_block(const Bconv& conv, const BconvBlock& block, const NeonPixels& pixels, const uint32_t* rows,
                            int32_t heads) {
  if (conv.quick_factors) {
    neon_block<V>(NeonQuick<V::kDot, kAll>(conv, block), pixels, rows, heads);
  } else {
    neon_block<V>(NeonInt8s<kAll>(conv, block), pixels, rows, heads);
  }
}

// `plain`: without limits and corrections.
template <class V>
inline void neon_block(const Bconv& conv, const BconvBlock& block, bool plain, const NeonPixels& pixels,
                       const uint32_t* rows, int32_t heads) {
  const bool whole = plain && block.channels == kBlock && block.first % kBlock == 0;
  if (whole && conv.output == BconvOutput::kFloat) {
    neon_block<V>(NeonFloats(conv, block), pixels, rows, heads);
  } else if (whole && conv.output == BconvOutput::kBits) {
    neon_block<V>(NeonBits(conv, block), pixels, rows, heads);
  } else if (plain && conv.output == BconvOutput::kInt8 && is_quick(conv.int8_epilogue, block.first, block.channels)) {
    if (block.channels == kBlock) {
      neon_int8_block<V, true>(conv, block, pixels, rows, heads);
    } else {
      neon_int8_block<V, false>(conv, block, pixels, rows, heads);
    }
  } else {
    neon_block<V>(NeonOthers<V>(conv, block), pixels, rows, heads);
  }
}

inline BconvBlocking neon_blocking(const BconvTaps& taps, int32_t) {
  return {shared_words(taps) > kLongestWindow ? 1 : 3, kBlock, taps_in_word(taps)};
}

// Pixels outside, as many as there is room for; then blocks, whose weights stay in the first cache; then tiles.
template <class V>
void neon_bconv(const Bconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  if (window_words(conv) > kLongestWindow) return bconv<V>(conv, pixel_begin, pixel_end, block_begin, block_end);
  const bool plain = !conv.corrections && is_unlimited(conv.activation_min, conv.activation_max) &&
                     (conv.output == BconvOutput::kInt8 || is_unlimited(conv.epilogue.min, conv.epilogue.max));
  const BconvTaps taps = taps_of(conv);
  const int32_t heads = head_rows(taps.count, taps.words);
  const ptrdiff_t block_weights = static_cast<ptrdiff_t>(neon_weight_rows(taps)) * kBlock;
  NeonPixels pixels;
  while (block_begin < block_end) {
    const int32_t group_end = (block_begin / conv.group_blocks + 1) * conv.group_blocks;
    const int32_t end = smaller(block_end, group_end);
    const uint32_t* input = bconv_block<V>(conv, block_begin).input;
    for (int32_t first = pixel_begin; first < pixel_end;) {
      first = pixels.fill(conv, input, first, pixel_end);
      for (int32_t b = block_begin; b < end; ++b) {
        neon_block<V>(conv, bconv_block<V>(conv, b), plain, pixels, conv.weights + b * block_weights, heads);
      }
    }
    block_begin = end;
  }
}

}  // namespace
}  // namespace hybrid_tf
