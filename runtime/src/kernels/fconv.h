// Full-precision convolution for any instruction set: see kernels/epilogue.h for V, which also has kFconvBlock and
// kFconvPixels. Every sum starts from the bias and follows the window, one fused step for each input channel.
#pragma once

#include "kernels/epilogue.h"

namespace hybrid_tf {
namespace {

// What the sums of a tile, [pixels][vectors], become before the epilogue.
template <class V>
struct FconvValues {
  Clamp<V> activation;
  int32_t vectors;
  const typename V::Float* sums;  // of the next pixel
  const typename V::Float* row;   // of this one

  void move(const Pixel&) {
    row = sums;
    sums += vectors;
  }
  typename V::Float operator()(int32_t c) const { return activation(row[c]); }
};

// Not inlined, as it is long and serves all sizes of tile.
template <class V>
__attribute__((noinline)) void finish_fconv(const Fconv& conv, int32_t first, int32_t pixel, int32_t pixels,
                                            int32_t vectors, const typename V::Float* sums) {
  const Tile tile{pixel,
                  pixels,
                  first,
                  smaller(V::kFconvBlock, conv.channels - first),
                  conv.channels,
                  conv.window.out_height,
                  conv.window.out_width};
  const FconvValues<V> values{{conv.activation_min, conv.activation_max}, vectors, sums, nullptr};
  finish_tile<V, V::kFconvBlock / V::kLanes>(conv.epilogue, tile, values);
}

template <class V, int P, int C>
inline void fconv_tile(const Fconv& conv, int32_t block, Pixel& pixel) {
  constexpr int32_t kAhead = 8 * V::kFconvBlock;  // what is prefetched: few pixels take weights faster than they come
  const Window& window = conv.window;
  const int32_t first_pixel = pixel.number;
  const int32_t first = block * V::kFconvBlock;
  const float* inputs[P];
  for (int p = 0; p < P; ++p, pixel.next()) inputs[p] = pixel.of(window, conv.input);

  typename V::Float sums[P][C];
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) {
    const typename V::Float bias = V::load(conv.biases + first + c * V::kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) sums[p][c] = bias;
  }
  const float* weights = conv.weights + static_cast<ptrdiff_t>(first) * window.segments * window.segment_length;
  for (int32_t s = 0; s < window.segments; ++s) {
    const float* from[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) from[p] = inputs[p] + window.segment_offsets[s];
    for (int32_t k = 0; k < window.segment_length; ++k, weights += V::kFconvBlock) {
      typename V::Float column[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        __builtin_prefetch(weights + kAhead + c * V::kLanes);
        column[c] = V::load(weights + c * V::kLanes);
      }
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const typename V::Float value = V::set(from[p][k]);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) sums[p][c] = V::fma(value, column[c], sums[p][c]);
      }
    }
  }
  finish_fconv<V>(conv, first, first_pixel, P, C, sums[0]);
}

// The last pixels, fewer than a tile.
template <class V, int P, int C>
inline void fconv_rest(const Fconv& conv, int32_t block, Pixel& pixel, int32_t count) {
  if constexpr (P > 0) {
    if (count == P) {
      fconv_tile<V, P, C>(conv, block, pixel);
    } else {
      fconv_rest<V, P - 1, C>(conv, block, pixel, count);
    }
  }
}

// A block with channels in C vectors.
template <class V, int C>
inline void fconv_pixels(const Fconv& conv, int32_t block, int32_t begin, int32_t end) {
  if constexpr (C > 1) {
    const int32_t channels = conv.channels - block * V::kFconvBlock;
    if (channels <= (C - 1) * V::kLanes) return fconv_pixels<V, C - 1>(conv, block, begin, end);
  }
  Pixel pixel(begin, conv.window.out_height, conv.window.out_width);
  while (end - pixel.number >= V::kFconvPixels) fconv_tile<V, V::kFconvPixels, C>(conv, block, pixel);
  fconv_rest<V, V::kFconvPixels - 1, C>(conv, block, pixel, end - pixel.number);
}

template <class V>
void fconv(const Fconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  for (int32_t b = block_begin; b < block_end; ++b) {
    fconv_pixels<V, V::kFconvBlock / V::kLanes>(conv, b, pixel_begin, pixel_end);
  }
}

}  // namespace
}  // namespace hybrid_tf
