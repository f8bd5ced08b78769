// Full-precision convolution for NEON, as fconv_impl.h does it: a sum starts from the bias and follows the window.
// Four inputs of a pixel are loaded at once and multiplied by their lanes.
#pragma once

#include "neon_finish_impl.h"

namespace hybrid_tf {
namespace {

template <int P>
inline void multiply_add(float32x4_t (&sums)[P][kVectors], const float32x4_t (&inputs)[P], int lane,
                         const float*& weights) {
  const float32x4x4_t w = vld1q_f32_x4(weights);
  weights += kBlock;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < kVectors; ++c) {
      switch (lane) {  // a constant, once this is inlined
        case 0: sums[p][c] = vfmaq_laneq_f32(sums[p][c], w.val[c], inputs[p], 0); break;
        case 1: sums[p][c] = vfmaq_laneq_f32(sums[p][c], w.val[c], inputs[p], 1); break;
        case 2: sums[p][c] = vfmaq_laneq_f32(sums[p][c], w.val[c], inputs[p], 2); break;
        default: sums[p][c] = vfmaq_laneq_f32(sums[p][c], w.val[c], inputs[p], 3);
      }
    }
  }
}

template <int P>
inline void fconv_window(const Window& window, const float* const* starts, const float* weights,
                         float32x4_t (&sums)[P][kVectors]) {
  for (int32_t s = 0; s < window.segments; ++s) {
    const float* from[P];
    for (int p = 0; p < P; ++p) from[p] = starts[p] + window.segment_offsets[s];
    ptrdiff_t k = 0;
    for (; k + 4 <= window.segment_length; k += 4) {
      float32x4_t inputs[P];
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) inputs[p] = vld1q_f32(from[p] + k);
#pragma GCC unroll 4
      for (int lane = 0; lane < 4; ++lane) multiply_add(sums, inputs, lane, weights);
    }
    for (; k < window.segment_length; ++k) {
      float32x4_t inputs[P];
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) inputs[p] = vld1q_dup_f32(from[p] + k);
      multiply_add(sums, inputs, 0, weights);
    }
  }
}

// What one call computes at once: pixels, for which all blocks then run.
struct FconvPixels {
  int32_t first, count;
  int32_t numbers[kPixelsAtOnce];
  const float* starts[kPixelsAtOnce];  // of their windows
  uint32_t* signs[kPixelsAtOnce];      // their words, if any are written
};

inline void start_pixels(const Fconv& conv, FconvPixels* pixels) {
  const Window window = conv.window;
  const Map<uint32_t> signs = conv.epilogue.signs;
  const float* input = conv.input;
  Pixel pixel(pixels->first, window.out_height, window.out_width);
  for (int32_t i = 0; i < pixels->count; ++i, pixel.next()) {
    pixels->numbers[i] = pixel.number;
    pixels->starts[i] = pixel.of(window, input);
    pixels->signs[i] = signs.data ? pixel.of(signs) : nullptr;
  }
}

// Tiles of P pixels from number `i` of `pixels` on, of a whole block. Returns the number after them.
template <int P>
inline int32_t fconv_tiles(const Fconv& conv, int32_t block, const FconvPixels& pixels, int32_t i) {
  const Window window = conv.window;
  const float* biases = conv.biases + block * kBlock;
  const float* weights =
      conv.weights + static_cast<ptrdiff_t>(block) * kBlock * window.segments * window.segment_length;
  const NeonEnd end(conv.epilogue, block * kBlock, conv.channels);
  for (; i + P <= pixels.count; i += P) {
    const float32x4x4_t bias = vld1q_f32_x4(biases);
    float32x4_t sums[P][kVectors];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int c = 0; c < kVectors; ++c) sums[p][c] = bias.val[c];
    }
    fconv_window(window, pixels.starts + i, weights, sums);
    end.finish(pixels.numbers + i, sums, pixels.signs + i);
  }
  return i;
}

// Partial blocks and activations are left to fconv_impl.h.
template <class V>
void neon_fconv(const Fconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  const bool plain =
      is_unlimited(conv.activation_min, conv.activation_max) && is_unlimited(conv.epilogue.min, conv.epilogue.max);
  const int32_t whole = plain ? smaller(block_end, larger(block_begin, conv.channels / kBlock)) : block_begin;
  FconvPixels pixels;
  for (pixels.first = pixel_begin; whole > block_begin && pixels.first < pixel_end; pixels.first += kPixelsAtOnce) {
    pixels.count = smaller(kPixelsAtOnce, pixel_end - pixels.first);
    start_pixels(conv, &pixels);
    for (int32_t b = block_begin; b < whole; ++b) {
      const int32_t done = fconv_tiles<4>(conv, b, pixels, 0);
      fconv_tiles<1>(conv, b, pixels, done);
    }
  }
  if (whole < block_end) fconv<V>(conv, pixel_begin, pixel_end, whole, block_end);
}

}  // namespace
}  // namespace hybrid_tf
