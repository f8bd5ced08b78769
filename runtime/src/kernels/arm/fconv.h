// Full-precision convolution for NEON, as kernels/fconv.h does it: a sum starts from the bias and follows the window.
#pragma once

#include "kernels/arm/finish.h"
#include "kernels/arm/fsums.h"

namespace hybrid_tf {
namespace {

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

// Tiles of P pixels from number `i` of `pixels` on. `plain`: whole blocks, no activation, slopes and shifts, for which
// there are no registers. Returns the number after them.
template <class V, int P>
inline int32_t fconv_tiles(const Fconv& conv, int32_t block, bool plain, const FconvPixels& pixels, int32_t i) {
  const Window window = conv.window;
  const int32_t first = block * kBlock;
  const float* biases = conv.biases + first;
  const float* weights = conv.weights + static_cast<ptrdiff_t>(first) * window.segments * window.segment_length;
  const NeonEnd end(conv.epilogue, first, conv.channels);
  for (; i + P <= pixels.count; i += P) {
    float32x4_t sums[P][kVectors];
    fsum_tile(window, pixels.starts + i, weights, biases, sums);
    if (plain) {
      end.template finish<P, false>(pixels.numbers + i, sums, pixels.signs + i);
    } else {
      finish_fconv<V>(conv, first, pixels.first + i, P, kVectors, sums[0]);
    }
  }
  return i;
}

template <class V>
void neon_fconv(const Fconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  const bool plain_pixels = is_unlimited(conv.activation_min, conv.activation_max) &&
                            is_unlimited(conv.epilogue.min, conv.epilogue.max) && !conv.epilogue.slopes &&
                            !conv.epilogue.shifts;
  FconvPixels pixels;
  for (pixels.first = pixel_begin; pixels.first < pixel_end; pixels.first += kPixelsAtOnce) {
    pixels.count = smaller(kPixelsAtOnce, pixel_end - pixels.first);
    start_pixels(conv, &pixels);
    for (int32_t b = block_begin; b < block_end; ++b) {
      const bool plain = plain_pixels && (b + 1) * kBlock <= conv.channels;
      const int32_t done = fconv_tiles<V, 4>(conv, b, plain, pixels, 0);
      fconv_tiles<V, 1>(conv, b, plain, pixels, done);
    }
  }
}

}  // namespace
}  // namespace hybrid_tf
