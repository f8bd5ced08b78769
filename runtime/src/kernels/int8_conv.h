// Convolution of int8 for any instruction set but NEON (kernels/arm/int8_conv.h): see kernels/int8_epilogue.h for V.
// For its products, V also has
//   kSharedInt8Conv  whether it uses this
//   kInt8Block    output channels in a block, a multiple of kLanes
//   kInt8Pixels   output pixels that are computed together, with a whole block, in registers; kNarrowInt8Pixels: with
//                 kLanes channels
//   kInputOffset  what is added to every input
//   Sums          sums of products of kLanes channels: no_sums(), and total_sums(Sums), an Int
//   Inputs        four inputs, for all lanes: inputs(int32_t four), the first one lowest
//   Weights       those of four inputs and kLanes channels, [kLanes][4]: load_weights(const int8_t*)
//   multiply_add(Sums, Inputs, Weights)  exact but for wrapping at 32 bits
//   Scales        those of kLanes channels: Scales(bits, rights), and times(Int), which rounds as kernels.h says
//                 (x * bits + 2^30 + 2^(30 + right)) >> (31 + right) is both roundings at once, without the last
//                 summand where right is 0
#pragma once

#include "kernels/int8_pool.h"

namespace hybrid_tf {
namespace {

// The int8 results of a tile, [pixels][vectors], whose first channel is `first`.
template <class V>
struct Int8ConvValues {
  using Int = typename V::Int;
  using Float = typename V::Float;
  const Int8Conv& conv;
  const int32_t* biases;
  const float* near_scales;
  Float zero_point, min, max, limit;
  int32_t first, vectors;
  const Int* sums;  // of the next pixel
  const Int* row;   // of this one

  Int8ConvValues(const Int8Conv& conv, int32_t first, int32_t vectors, const Int* sums)
      : conv(conv),
        biases(conv.biases + first),
        near_scales(conv.near_scales + first),
        zero_point(V::set(static_cast<float>(conv.zero_point))),
        min(V::set(static_cast<float>(conv.min))),
        max(V::set(static_cast<float>(conv.max))),
        limit(V::set(conv.near_limit)),
        first(first),
        vectors(vectors),
        sums(sums),
        row(nullptr) {}

  void move(const Pixel&) {
    row = sums;
    sums += vectors;
  }
  Int operator()(int32_t c) const {
    const Int sum = V::add_int(row[c], V::load_int(biases + c * V::kLanes));
    const Float near = V::fma(V::to_float(sum), V::load(near_scales + c * V::kLanes), zero_point);
    return nearest_or<V>(near, min, max, limit, [&] { return exact(sum, first + c * V::kLanes); });
  }
  __attribute__((noinline)) Int exact(Int sum, int32_t lane) const {
    const Int value = V::shift_left(sum, V::load_int(conv.scale_lefts + lane));
    const Int high = V::multiply_high(value, V::load_int(conv.scale_bits + lane));
    const Int scaled = V::shift_right_up(high, V::load_int(conv.scale_rights + lane));
    const Int moved = V::add_int(scaled, V::set_int(conv.zero_point));
    return V::min_int(V::set_int(conv.max), V::max_int(V::set_int(conv.min), moved));
  }
};

// Not inlined, as it is long and serves all sizes of tile.
template <class V>
__attribute__((noinline)) void finish_int8_conv(const Int8Conv& conv, int32_t first, int32_t pixel, int32_t pixels,
                                                int32_t vectors, const typename V::Int* sums) {
  const Tile tile{pixel,
                  pixels,
                  first,
                  smaller(V::kInt8Block, conv.channels - first),
                  conv.channels,
                  conv.window.out_height,
                  conv.window.out_width};
  finish_int8_tile<V, V::kInt8Block / V::kLanes>(conv.epilogue, tile, Int8ConvValues<V>(conv, first, vectors, sums));
}

// What most tiles need: no sum with a residual, no shift to the left. It stays in registers.
template <class V, int P, int C>
inline void finish_int8_directly(const Int8Conv& conv, const typename V::Scales (&scales)[C], int32_t first,
                                 Pixel pixel, const typename V::Int (&sums)[P][C]) {
  using Int = typename V::Int;
  const Int zero_point = V::set_int(conv.zero_point), min = V::set_int(conv.min), max = V::set_int(conv.max);
  const Int sign_limit = V::set_int(conv.epilogue.sign_limit);
  const Map<uint32_t> signs = conv.epilogue.signs;
  const int32_t channels = conv.channels, last = smaller(C * V::kLanes, channels - first) - (C - 1) * V::kLanes;
  const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * channels + first;
  int8_t* to = conv.epilogue.int8s ? conv.epilogue.int8s + at : nullptr;
  Int biases[C];
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) biases[c] = V::load_int(conv.biases + first + c * V::kLanes);
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    uint64_t bits = 0;
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      const Int scaled = V::add_int(scales[c].times(V::add_int(sums[p][c], biases[c])), zero_point);
      const Int value = V::min_int(max, V::max_int(min, scaled));
      const int32_t n = c + 1 < C ? V::kLanes : last;
      if (to)
        n == V::kLanes ? V::store_int8(to + c * V::kLanes, value, V::kLanes)
                       : V::store_int8(to + c * V::kLanes, value, n);
      if (signs.data) {
        const uint64_t vector_bits = V::greater(sign_limit, value) & ((2u << (n - 1)) - 1);
        bits |= vector_bits << (c * V::kLanes);
      }
    }
    if (to) to += channels;
    if (!signs.data) continue;
    store_signs(pixel.of(signs), first, (C - 1) * V::kLanes + last, bits, channels);
    pixel.next();
  }
}

// `load(p)`: the four inputs of pixel p. They are loaded one by one, as vectors of copies come straight from memory.
template <class V, int P, int C, class Load>
inline void int8_multiply_add(typename V::Sums (&sums)[P][C], const int8_t* weights, const Load& load) {
  typename V::Weights columns[C];
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) columns[c] = V::load_weights(weights + c * 4 * V::kLanes);
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    const typename V::Inputs four = V::inputs(load(p));
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) sums[p][c] = V::multiply_add(sums[p][c], four, columns[c]);
  }
}

inline int32_t load_four(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return four;
}

// The last four inputs of a run; of one that is shorter, these and what follows, or if `exact` zeros. `from`: where
// whole fours end.
inline int32_t load_last(const int8_t* from, int32_t rest, int32_t length, bool exact) {
  if (length > 4) return load_four(from + rest - 4);
  if (!exact) return load_four(from);
  int32_t four = 0;
  for (int32_t i = 0; i < rest; ++i) four |= static_cast<uint8_t>(from[i]) << (8 * i);
  return four;
}

// `scales`: those of the block, or null where its results need more than them. What follows the last runs before pixel
// `end` may not be ours to read.
template <class V, int P, int C>
inline void int8_conv_tile(const Int8Conv& conv, int32_t block, const typename V::Scales (*scales)[C], Pixel& pixel,
                           int32_t end) {
  constexpr int32_t kStep = 4 * V::kInt8Block;
  const Window& window = conv.window;
  const Pixel first_pixel = pixel;
  const int8_t* starts[P];
  for (int p = 0; p < P; ++p, pixel.next()) starts[p] = pixel.of(window, conv.input);
  const bool exact = pixel.number > end - 3;

  typename V::Sums sums[P][C];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) sums[p][c] = V::no_sums();
  }
  const int32_t rest = window.segment_length % 4;
  const ptrdiff_t steps = static_cast<ptrdiff_t>(window.segments) * (window.segment_length / 4 + (rest > 0));
  const int8_t* weights = conv.weights + block * steps * kStep;
  for (int32_t s = 0; s < window.segments; ++s) {
    const int8_t* from[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) from[p] = starts[p] + window.segment_offsets[s];
    ptrdiff_t at = 0;
    for (; at + 4 <= window.segment_length; at += 4, weights += kStep) {
      int8_multiply_add<V, P, C>(sums, weights, [&](int p) { return load_four(from[p] + at); });
    }
    if (rest) {
      const auto last = [&](int p) { return load_last(from[p] + at, rest, window.segment_length, exact); };
      int8_multiply_add<V, P, C>(sums, weights, last);
      weights += kStep;
    }
  }
  typename V::Int totals[P][C];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) totals[p][c] = V::total_sums(sums[p][c]);
  }
  if (scales) return finish_int8_directly<V, P, C>(conv, *scales, block * V::kInt8Block, first_pixel, totals);
  typename V::Int copy[P][C];  // what a function is given the address of does not stay in registers
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) copy[p][c] = totals[p][c];
  }
  finish_int8_conv<V>(conv, block * V::kInt8Block, first_pixel.number, P, C, copy[0]);
}

// The last pixels, fewer than a tile.
template <class V, int P, int C>
inline void int8_conv_rest(const Int8Conv& conv, int32_t block, const typename V::Scales (*scales)[C], Pixel& pixel,
                           int32_t end) {
  if constexpr (P > 0) {
    if (end - pixel.number == P) {
      int8_conv_tile<V, P, C>(conv, block, scales, pixel, end);
    } else {
      int8_conv_rest<V, P - 1, C>(conv, block, scales, pixel, end);
    }
  }
}

// A block with channels in C vectors.
template <class V, int C>
inline void int8_conv_pixels(const Int8Conv& conv, int32_t block, int32_t begin, int32_t end) {
  if constexpr (C > 1) {
    const int32_t channels = conv.channels - block * V::kInt8Block;
    if (channels <= (C - 1) * V::kLanes) return int8_conv_pixels<V, C - 1>(conv, block, begin, end);
  }
  constexpr int kPixels = C == 1 ? V::kNarrowInt8Pixels : V::kInt8Pixels;
  const int32_t first = block * V::kInt8Block;
  constexpr int32_t kWorthwhile = 4;  // pixels: for fewer, scales take too long to make
  bool direct = !conv.epilogue.changes_values() && end - begin >= kWorthwhile;
  for (int32_t lane = 0; lane < C * V::kLanes; ++lane) direct &= conv.scale_lefts[first + lane] == 0;
  typename V::Scales block_scales[C];
  for (int c = 0; c < C && direct; ++c) {
    const int32_t lane = first + c * V::kLanes;
    block_scales[c] = typename V::Scales(conv.scale_bits + lane, conv.scale_rights + lane);
  }
  const auto* scales = direct ? &block_scales : nullptr;
  Pixel pixel(begin, conv.window.out_height, conv.window.out_width);
  while (end - pixel.number >= kPixels) int8_conv_tile<V, kPixels, C>(conv, block, scales, pixel, end);
  int8_conv_rest<V, kPixels - 1, C>(conv, block, scales, pixel, end);
}

template <class V>
void int8_conv(const Int8Conv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  for (int32_t b = block_begin; b < block_end; ++b) {
    int8_conv_pixels<V, V::kInt8Block / V::kLanes>(conv, b, pixel_begin, pixel_end);
  }
}

template <class V>
constexpr Int8Kernels make_int8_kernels() {
  Int8Kernels kernels{};
  kernels.quick = V::kQuick;
  kernels.block = V::kInt8Block;
  kernels.input_offset = V::kInputOffset;
  if constexpr (V::kSharedInt8Conv) {
    kernels.group = 4;
    kernels.conv = &int8_conv<V>;
  }
  kernels.elementwise = &int8_elementwise<V>;
  kernels.pool = &int8_pool<V>;
  return kernels;
}

}  // namespace
}  // namespace hybrid_tf
