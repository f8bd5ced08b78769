// Depthwise convolution of float32 and int8 for any instruction set: see kernels/int8_epilogue.h for V. Filters of
// floats read what lies inside the image; those of int8 read zero points where there is none. Sums of int8 are made of
// floats, where all of them are whole and exact.
#pragma once

#include "kernels/int8_epilogue.h"

namespace hybrid_tf {
namespace {

// The taps of a depthwise filter at one output pixel that lie inside the image.
struct DepthwiseTaps {
  TapRange rows, columns;
  const float* first;  // the input of the first of them, channel 0
  ptrdiff_t down, right;
  int32_t tap_columns;

  DepthwiseTaps(const DepthwiseWindow& w, const float* input, const Pixel& pixel) : tap_columns(w.filter_width) {
    const int32_t top = pixel.y * w.stride_height - w.pad_top, left = pixel.x * w.stride_width - w.pad_left;
    rows = inside(top, w.dilation_height, w.filter_height, w.in_height);
    columns = inside(left, w.dilation_width, w.filter_width, w.in_width);
    right = static_cast<ptrdiff_t>(w.dilation_width) * w.channels;
    const ptrdiff_t row = static_cast<ptrdiff_t>(w.in_width) * w.channels;
    down = w.dilation_height * row;
    first = input + (static_cast<ptrdiff_t>(pixel.image) * w.in_height + top) * row +
            static_cast<ptrdiff_t>(left) * w.channels + rows.first * down + columns.first * right;
  }
  static TapRange inside(int32_t start, int32_t dilation, int32_t taps, int32_t size) {
    const int32_t first = start < 0 ? (-start + dilation - 1) / dilation : 0;
    const int32_t left = size - start;  // at least 1
    return {first, smaller(taps, (left + dilation - 1) / dilation)};
  }
};

// Adds to C vectors of sums.
template <class V, int C>
inline void add_taps(const DepthwiseTaps& taps, const float* weights, ptrdiff_t channels, int32_t channel,
                     int32_t lanes, typename V::Float (&sums)[C]) {
  const float* row = taps.first + channel;
  for (int32_t y = taps.rows.first; y < taps.rows.end; ++y, row += taps.down) {
    const float* from = row;
    const float* weight = weights + (y * taps.tap_columns + taps.columns.first) * channels + channel;
    for (int32_t x = taps.columns.first; x < taps.columns.end; ++x, from += taps.right, weight += channels) {
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) {
        const int32_t left = C > 1 ? V::kLanes : lanes;
        sums[c] =
            V::fma(load_lanes<V>(from + c * V::kLanes, left), load_lanes<V>(weight + c * V::kLanes, left), sums[c]);
      }
    }
  }
}

template <class V>
void depthwise(const Depthwise& op, int32_t pixel_begin, int32_t pixel_end) {
  constexpr int kVectors = 2;
  const Clamp<V> activation(op.activation_min, op.activation_max);
  const Finish<V> finish(op.epilogue);
  const Map<uint32_t> signs = op.epilogue.signs;
  const int32_t channels = op.window.channels;
  for (Pixel pixel(pixel_begin, op.window.out_height, op.window.out_width); pixel.number < pixel_end; pixel.next()) {
    const DepthwiseTaps taps(op.window, op.input, pixel);
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * channels;
    uint32_t* words = signs.data ? pixel.of(signs) : nullptr;
    for (int32_t first = 0; first < channels; first += 32) {
      const int32_t end = smaller(channels, first + 32);
      uint32_t bits = 0;
      int32_t c = first;
      for (; c + kVectors * V::kLanes <= end; c += kVectors * V::kLanes) {
        typename V::Float sums[kVectors];
        for (int i = 0; i < kVectors; ++i) sums[i] = V::load(op.biases + c + i * V::kLanes);
        add_taps<V, kVectors>(taps, op.weights, channels, c, 0, sums);
        for (int i = 0; i < kVectors; ++i) {
          const int32_t lane = c + i * V::kLanes;
          bits |= finish(activation(sums[i]), at + lane, lane, V::kLanes) << (lane - first);
        }
      }
      for (; c < end; c += V::kLanes) {
        const int32_t lanes = end - c;
        typename V::Float sums[1] = {load_lanes<V>(op.biases + c, lanes)};
        add_taps<V, 1>(taps, op.weights, channels, c, lanes, sums);
        bits |= finish(activation(sums[0]), at + c, c, lanes) << (c - first);
      }
      if (words) words[first / 32] = bits;
    }
  }
}

// Where the taps of one output pixel are.
struct Int8DepthwiseTaps {
  const int8_t* taps[kMostInt8DepthwiseTaps];
  bool inside = false;  // all of them lie in the image

  // Pixels in order; most taps are one step to the right of those of the last pixel.
  void find(const Int8Depthwise& op, const Pixel& pixel) {
    const DepthwiseWindow& w = op.window;
    const int32_t top = pixel.y * w.stride_height - w.pad_top, left = pixel.x * w.stride_width - w.pad_left;
    const int32_t bottom = top + (w.filter_height - 1) * w.dilation_height;
    const int32_t right = left + (w.filter_width - 1) * w.dilation_width;
    const bool follows = inside && pixel.x > 0;
    inside = top >= 0 && left >= 0 && bottom < w.in_height && right < w.in_width;
    if (follows && inside) {
      const ptrdiff_t step = static_cast<ptrdiff_t>(w.stride_width) * w.channels;
      for (int32_t tap = 0; tap < w.filter_height * w.filter_width; ++tap) taps[tap] += step;
      return;
    }
    const ptrdiff_t row = static_cast<ptrdiff_t>(w.in_width) * w.channels;
    const int8_t* image = op.input + pixel.image * w.in_height * row;
    const int8_t** tap = taps;
    for (int32_t ky = 0, y = top; ky < w.filter_height; ++ky, y += w.dilation_height) {
      const int8_t* from = y >= 0 && y < w.in_height ? image + y * row : nullptr;
      for (int32_t kx = 0, x = left; kx < w.filter_width; ++kx, x += w.dilation_width) {
        *tap++ = from && x >= 0 && x < w.in_width ? from + static_cast<ptrdiff_t>(x) * w.channels : op.outside;
      }
    }
  }
};

// The sums of C vectors of channels, of the first n channels if there is one; every second tap in other registers, as
// each has to wait for the one before.
template <class V, int C>
inline void add_int8_taps(const Int8Depthwise& op, const Int8DepthwiseTaps& taps, int32_t channel, int32_t n,
                          typename V::Float (&sums)[C]) {
  const int32_t count = op.window.filter_height * op.window.filter_width;
  const int8_t* weights = op.weights + channel;
  typename V::Float others[C];
  const auto add = [&](const int8_t* from, typename V::Float(&to)[C]) {
#pragma GCC unroll 4
    for (int i = 0; i < C; ++i) {
      const typename V::Float input = V::to_float(V::load_int8(from + channel + i * V::kLanes, n));
      to[i] = V::fma(input, V::to_float(V::load_int8(weights + i * V::kLanes, V::kLanes)), to[i]);
    }
    weights += op.lanes;
  };
#pragma GCC unroll 4
  for (int i = 0; i < C; ++i) sums[i] = others[i] = V::set(0);
  int32_t tap = 0;
  for (; tap + 2 <= count; tap += 2) add(taps.taps[tap], sums), add(taps.taps[tap + 1], others);
  if (tap < count) add(taps.taps[tap], sums);
#pragma GCC unroll 4
  for (int i = 0; i < C; ++i) sums[i] = V::add(sums[i], others[i]);
}

// The results of vector c.
template <class V>
inline typename V::Int int8_depthwise_result(const Int8Depthwise& op, typename V::Int products, int32_t c) {
  using Int = typename V::Int;
  const Int sum = V::add_int(products, V::load_int(op.biases + c));
  const typename V::Float near =
      V::fma(V::to_float(sum), V::load(op.near_scales + c), V::set(static_cast<float>(op.zero_point)));
  return nearest_or<V>(near, V::set(static_cast<float>(op.min)), V::set(static_cast<float>(op.max)),
                       V::set(op.near_limit), [&] {
                         const Int value = V::shift_left(sum, V::load_int(op.scale_lefts + c));
                         const Int high = V::multiply_high(value, V::load_int(op.scale_bits + c));
                         const Int right = V::load_int(op.scale_rights + c);
                         // What is rounded away from zero is at most one less.
                         int32_t least[V::kLanes];
                         for (int i = 0; i < V::kLanes; ++i) least[i] = c + i < op.up ? 0 : -1;
                         const Int up = V::shift_right_up(high, right), away = V::shift_right_away(high, right);
                         const Int scaled = V::add_int(up, V::max_int(V::load_int(least), V::subtract_int(away, up)));
                         const Int moved = V::add_int(scaled, V::set_int(op.zero_point));
                         return V::min_int(V::set_int(op.max), V::max_int(V::set_int(op.min), moved));
                       });
}

// The channels of a pixel from `first` on, a multiple of 8.
template <class V>
inline void int8_depthwise_channels(const Int8Depthwise& op, const Int8Finish<V>& finish, const Int8DepthwiseTaps& taps,
                                    int32_t first, ptrdiff_t at, uint32_t* words) {
  using Float = typename V::Float;
  constexpr int kVectors = 32 / V::kLanes < 4 ? 32 / V::kLanes : 4;
  const int32_t channels = op.window.channels;
  for (; first < channels; first += 32) {
    const int32_t end = smaller(channels, first + 32);
    uint32_t bits = 0;
    int32_t c = first;
    for (; c + kVectors * V::kLanes <= end; c += kVectors * V::kLanes) {
      Float sums[kVectors];
      add_int8_taps<V, kVectors>(op, taps, c, V::kLanes, sums);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) {
        const int32_t lane = c + i * V::kLanes;
        const typename V::Int result = int8_depthwise_result<V>(op, V::nearest(sums[i]), lane);
        bits |= finish(result, at + lane, lane, V::kLanes) << (lane - first);
      }
    }
    for (; c < end; c += V::kLanes) {
      const int32_t n = smaller(end - c, V::kLanes);
      Float sums[1];
      if (n == V::kLanes) {
        add_int8_taps<V, 1>(op, taps, c, V::kLanes, sums);
      } else {
        add_int8_taps<V, 1>(op, taps, c, n, sums);
      }
      bits |= finish(int8_depthwise_result<V>(op, V::nearest(sums[0]), c), at + c, c, n) << (c - first);
    }
    if (words) store_signs(words, first, end - first, bits, channels);
  }
}

template <class V>
void int8_depthwise(const Int8Depthwise& op, int32_t pixel_begin, int32_t pixel_end) {
  const Int8Finish<V> finish(op.epilogue);
  Int8DepthwiseTaps taps;
  for (Pixel pixel(pixel_begin, op.window.out_height, op.window.out_width); pixel.number < pixel_end; pixel.next()) {
    taps.find(op, pixel);
    uint32_t* words = op.epilogue.signs.data ? pixel.of(op.epilogue.signs) : nullptr;
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * op.window.channels;
    int8_depthwise_channels<V>(op, finish, taps, 0, at, words);
  }
}

}  // namespace
}  // namespace hybrid_tf
