// Binary convolution for any instruction set: see kernels/epilogue.h for V. For counting, V also has
//   kBconvBlock    output channels in a block, a multiple of kLanes
//   kBconvPixels   output pixels that are computed together, with a whole block, in registers
//   Words          a vector of weights: load_words(const uint32_t*)
//   Input          a word of the input, in every lane: load_input(const uint32_t*)
//   Counts         sums of set bits: no_counts(), count(Counts, Input, Words) adds popcount(input ^ words)
//   kCountsLimit   words that Counts can take before they must be added to an Int, total(Int, Counts); INT32_MAX: any
#pragma once

#include "kernels/quick_bconv.h"

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
  int32_t first, channels;  // channels of the output
  ptrdiff_t packed;         // index of its first lane in multipliers, biases, thresholds and corrections
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

// What the counts of a tile, [pixels][vectors], mean.
template <class V>
struct BconvValues {
  const Bconv& conv;
  int32_t vectors;
  const typename V::Int* counts;  // of the next pixel
  const typename V::Int* row;     // of this one
  const int32_t* correction;
  ptrdiff_t packed;
  const float* multipliers;
  const float* biases;
  typename V::Float depth;
  Clamp<V> activation;

  BconvValues(const Bconv& conv, const BconvBlock& block, int32_t vectors, const typename V::Int* counts)
      : conv(conv),
        vectors(vectors),
        counts(counts),
        row(nullptr),
        correction(nullptr),
        packed(block.packed),
        multipliers(conv.multipliers + block.packed),
        biases(conv.biases + block.packed),
        depth(V::set(static_cast<float>(conv.depth))),
        activation(conv.activation_min, conv.activation_max) {}

  void move(const Pixel& pixel) {
    row = counts;
    counts += vectors;
    if (!conv.corrections) return;
    const ptrdiff_t lanes = static_cast<ptrdiff_t>(conv.groups) * conv.group_blocks * V::kBconvBlock;
    const ptrdiff_t position = conv.row_class[pixel.y] * conv.column_classes + conv.column_class[pixel.x];
    correction = conv.corrections + position * lanes + packed;
  }

  // All but the last two numbers are whole, and small enough for floats to hold them exactly.
  typename V::Float operator()(int32_t c) const {
    const int32_t lane = c * V::kLanes;
    typename V::Float value = V::fma(V::to_float(row[c]), V::set(-2.0f), depth);
    if (correction) value = V::fma(V::to_float(V::load_int(correction + lane)), V::set(-1.0f), value);
    return V::add(V::multiply(activation(value), V::load(multipliers + lane)), V::load(biases + lane));
  }
};

template <class V>
inline void finish_bits(const Bconv& conv, const Tile& tile, const int32_t* thresholds, int32_t vectors,
                        const typename V::Int* counts) {
  Pixel pixel(tile.pixel, tile.height, tile.width);
  for (int32_t p = 0; p < tile.pixels; ++p, pixel.next(), counts += vectors) {
    uint64_t bits = 0;
    for (int32_t c = 0; c < vectors; ++c) {
      const uint64_t signs = V::greater(counts[c], V::load_int(thresholds + c * V::kLanes));
      bits |= signs << (c * V::kLanes);
    }
    store_signs(pixel.of(conv.epilogue.signs), tile.first, tile.count, bits, tile.channels);
  }
}

template <class V>
struct Int8BconvValues {
  BconvValues<V> values;

  void move(const Pixel& pixel) { values.move(pixel); }
  typename V::Int operator()(int32_t c) const {
    return V::rounded(V::min(V::set(127.0f), V::max(V::set(-128.0f), values(c))));
  }
};

// What becomes of the counts of `pixels` pixels from number `pixel` on x `vectors` vectors. Not inlined, as it is long
// and serves all sizes of tile.
template <class V>
__attribute__((noinline)) void finish_bconv(const Bconv& conv, const BconvBlock& block, int32_t pixel, int32_t pixels,
                                            int32_t vectors, const typename V::Int* counts) {
  const Tile tile{pixel,
                  pixels,
                  block.first,
                  block.channels,
                  conv.groups * conv.group_channels,
                  conv.window.out_height,
                  conv.window.out_width};
  if (conv.output == BconvOutput::kBits) {
    return finish_bits<V>(conv, tile, conv.thresholds + block.packed, vectors, counts);
  }
  if constexpr (V::kQuick) {
    if (conv.output == BconvOutput::kInt8 && all_is_quick(conv) &&
        finish_quick_tile<V, V::kBconvBlock / V::kLanes>(conv, tile, block.packed, counts)) {
      return;
    }
  }
  const BconvValues<V> values(conv, block, vectors, counts);
  if (conv.output == BconvOutput::kInt8) {
    return finish_int8_tile<V, V::kBconvBlock / V::kLanes>(conv.int8_epilogue, tile, Int8BconvValues<V>{values});
  }
  finish_tile<V, V::kBconvBlock / V::kLanes>(conv.epilogue, tile, values);
}

template <class V>
inline void finish_bconv(const Bconv& conv, const BconvBlock& block, const Pixel& pixel, int32_t pixels,
                         int32_t vectors, const typename V::Int* counts) {
  finish_bconv<V>(conv, block, pixel.number, pixels, vectors, counts);
}

template <class V, int P, int C>
inline void bconv_tile(const Bconv& conv, const BconvBlock& block, Pixel& pixel) {
  const int32_t first = pixel.number;
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

template <class V>
BconvBlocking bconv_blocking(const BconvTaps&, int32_t) {
  return {V::kBconvPixels, V::kBconvBlock, 1};
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
