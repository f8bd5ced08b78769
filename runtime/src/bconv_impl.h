// Binary convolution for any instruction set: see epilogue_impl.h for V. For counting, V also has
//   kBconvBlock    output channels in a block, a multiple of kLanes
//   kBconvPixels   output pixels that are computed together, with a whole block, in registers
//   Words          a vector of weights: load_words(const uint32_t*)
//   Input          a word of the input, in every lane: load_input(const uint32_t*)
//   Counts         sums of set bits: no_counts(), count(Counts, Input, Words) adds popcount(input ^ words)
//   kCountsLimit   words that Counts can take before they must be added to an Int, total(Int, Counts); INT32_MAX: any
#pragma once

#include "epilogue_impl.h"

namespace hybrid_tf {
namespace {

// popcount(input ^ weights) of P pixels x C vectors of channels over a window.
template <class V, int P, int C>
inline void count_window(const Window& window, const uint32_t* const* inputs, const uint32_t* weights,
                         typename V::Int (&totals)[P][C]) {
  typename V::Counts counts[P][C];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      totals[p][c] = V::set_int(0);
      counts[p][c] = V::no_counts();
    }
  }
  int32_t room = V::kCountsLimit;
  for (int32_t s = 0; s < window.segments; ++s) {
    const uint32_t* from[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) from[p] = inputs[p] + window.segment_offsets[s];
    for (int32_t done = 0; done < window.segment_length;) {
      const int32_t end = done + smaller(window.segment_length - done, room);
      room -= end - done;
      for (; done < end; ++done, weights += V::kBconvBlock) {
        typename V::Words words[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) words[c] = V::load_words(weights + c * V::kLanes);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) {
          const typename V::Input input = V::load_input(from[p] + done);
#pragma GCC unroll 16
          for (int c = 0; c < C; ++c) counts[p][c] = V::count(counts[p][c], input, words[c]);
        }
      }
      if (V::kCountsLimit == INT32_MAX || room > 0) continue;
      room = V::kCountsLimit;
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          totals[p][c] = V::total(totals[p][c], counts[p][c]);
          counts[p][c] = V::no_counts();
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) totals[p][c] = V::total(totals[p][c], counts[p][c]);
  }
}

// What a block of output channels is: its numbers are the same for every pixel.
struct BconvBlock {
  int32_t first, channels;       // channels of the output
  ptrdiff_t packed;              // index of its first lane in multipliers, biases, thresholds and corrections
  const uint32_t* input;
  const uint32_t* weights;
};

template <class V>
inline BconvBlock bconv_block(const Bconv& conv, int32_t number) {
  const int32_t group = number / conv.group_blocks;
  const int32_t in_group = number % conv.group_blocks * V::kBconvBlock;
  const ptrdiff_t packed = static_cast<ptrdiff_t>(number) * V::kBconvBlock;
  BconvBlock block;
  block.first = group * conv.group_channels + in_group;
  block.channels = smaller(V::kBconvBlock, conv.group_channels - in_group);
  block.packed = packed;
  block.input = conv.input + static_cast<ptrdiff_t>(group) * conv.group_words;
  block.weights = conv.weights + packed * conv.window.segments * conv.window.segment_length;
  return block;
}

// What becomes of the counts of `pixels` pixels x `vectors` vectors. One function for all sizes of tile, as it is long.
template <class V>
__attribute__((noinline)) void finish_bconv(const Bconv& conv, const BconvBlock& block, Pixel pixel, int32_t pixels,
                                            int32_t vectors, const typename V::Int* counts) {
  const int32_t channels = conv.groups * conv.group_channels;
  for (; pixels > 0; --pixels, pixel.next(), counts += vectors) {
    uint64_t bits = 0;
    if (conv.output == BconvOutput::kBits) {
      const int32_t* thresholds = conv.thresholds + block.packed;
      for (int32_t c = 0; c < vectors; ++c) {
        const uint64_t signs = V::greater(counts[c], V::load_int(thresholds + c * V::kLanes));
        bits |= signs << (c * V::kLanes);
      }
      store_signs(pixel.of(conv.epilogue.signs), block.first, block.channels, bits, channels);
      continue;
    }
    const int32_t* correction = nullptr;
    if (conv.corrections) {
      const ptrdiff_t row = conv.row_class[pixel.y] * conv.column_classes + conv.column_class[pixel.x];
      correction = conv.corrections + row * conv.groups * conv.group_blocks * V::kBconvBlock + block.packed;
    }
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * channels + block.first;
    for (int32_t c = 0; c < vectors; ++c) {
      const int32_t lane = c * V::kLanes;
      const int32_t lanes = block.channels - lane;
      typename V::Int sum = V::subtract_int(V::set_int(conv.depth), V::add_int(counts[c], counts[c]));
      if (correction) sum = V::subtract_int(sum, V::load_int(correction + lane));
      typename V::Float value = V::to_float(sum);
      value = V::min(V::set(conv.activation_max), V::max(V::set(conv.activation_min), value));
      value = V::add(V::multiply(value, V::load(conv.multipliers + block.packed + lane)),
                     V::load(conv.biases + block.packed + lane));
      if (conv.output == BconvOutput::kInt8) {
        value = V::min(V::set(127.0f), V::max(V::set(-128.0f), value));
        V::store_int8(conv.int8s + at + lane, value, smaller(lanes, V::kLanes));
      } else {
        const uint64_t signs = finish<V>(conv.epilogue, value, at + lane, lanes);
        bits |= signs << lane;
      }
    }
    if (conv.output == BconvOutput::kFloat && conv.epilogue.signs.data) {
      store_signs(pixel.of(conv.epilogue.signs), block.first, block.channels, bits, channels);
    }
  }
}

template <class V, int P, int C>
inline void bconv_tile(const Bconv& conv, const BconvBlock& block, Pixel& pixel) {
  const Pixel first = pixel;
  const uint32_t* inputs[P];
  for (int p = 0; p < P; ++p, pixel.next()) inputs[p] = pixel.of(conv.window, block.input);
  typename V::Int counts[P][C];
  count_window<V, P, C>(conv.window, inputs, block.weights, counts);
  finish_bconv<V>(conv, block, first, P, C, counts[0]);
}

// The last pixels, fewer than a tile.
template <class V, int P, int C>
inline void bconv_rest(const Bconv& conv, const BconvBlock& block, Pixel& pixel, int32_t count) {
  if constexpr (P > 0) {
    if (count == P) {
      bconv_tile<V, P, C>(conv, block, pixel);
    } else {
      bconv_rest<V, P - 1, C>(conv, block, pixel, count);
    }
  }
}

// A block with channels in C vectors.
template <class V, int C>
inline void bconv_pixels(const Bconv& conv, const BconvBlock& block, int32_t begin, int32_t end) {
  if constexpr (C > 1) {
    if (block.channels <= (C - 1) * V::kLanes) return bconv_pixels<V, C - 1>(conv, block, begin, end);
  }
  Pixel pixel(begin, conv.window.out_height, conv.window.out_width);
  while (end - pixel.number >= V::kBconvPixels) bconv_tile<V, V::kBconvPixels, C>(conv, block, pixel);
  bconv_rest<V, V::kBconvPixels - 1, C>(conv, block, pixel, end - pixel.number);
}

// Blocks outside, pixels inside: the weights of a block stay in the first cache.
template <class V>
void bconv(const Bconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  for (int32_t b = block_begin; b < block_end; ++b) {
    bconv_pixels<V, V::kBconvBlock / V::kLanes>(conv, bconv_block<V>(conv, b), pixel_begin, pixel_end);
  }
}

}  // namespace
}  // namespace hybrid_tf
