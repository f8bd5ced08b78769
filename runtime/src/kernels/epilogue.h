// The end of every float kernel: residual, slopes and shifts, clamp, floats and signs, while the results are in
// registers.
//
// The templates are written for a struct V of vector operations, one for each instruction set:
//   kLanes               channels in a vector
//   Float, Int           vectors of kLanes floats, int32s
//   load, load_some      kLanes values; the first n of them (1 <= n < kLanes; the other lanes are any number)
//   store, store_some    the same; store_some writes only n
//   set, set_int         the same value in every lane
//   add, multiply        rounded apart; fma(a, b, c) = a * b + c, rounded once where the instruction set can
//   max(a, b), min(a, b) b where either is NaN
//   negative(a)          bit i set where lane i < 0
//   load_int, add_int, subtract_int, to_float (of Int), greater(Int a, Int b): bit i set where lane i of a > b
//   rounded(a)           an Int: floats within [-128, 127], rounded half away from zero
// and what kernels/bconv.h, kernels/int8_epilogue.h and kernels/int8_conv.h say.
#pragma once

#include "kernels/pixels.h"

namespace hybrid_tf {
namespace {

template <class V>
inline typename V::Float load_lanes(const float* from, int32_t lanes) {
  return lanes >= V::kLanes ? V::load(from) : V::load_some(from, lanes);
}

template <class V>
inline void store_lanes(float* to, typename V::Float values, int32_t lanes) {
  if (lanes >= V::kLanes) {
    V::store(to, values);
  } else {
    V::store_some(to, values, lanes);
  }
}

// An activation; most have no limits.
template <class V>
struct Clamp {
  typename V::Float least, most;
  bool limited;

  Clamp(float min, float max)
      : least(V::set(min)), most(V::set(max)), limited(min > -__builtin_inff() || max < __builtin_inff()) {}

  typename V::Float operator()(typename V::Float value) const {
    return limited ? V::min(most, V::max(least, value)) : value;
  }
};

// A PRELU: one of the two summands is 0.
template <class V>
inline typename V::Float sloped(typename V::Float value, typename V::Float slope) {
  const typename V::Float zero = V::set(0);
  return V::add(V::max(zero, value), V::multiply(V::min(zero, value), slope));
}

// The epilogue of vectors of channels. It copies what it needs of the call: a store of floats could change the
// original, for all that the compiler knows.
template <class V>
struct Finish {
  const float *residual, *slopes, *shifts;
  float* floats;
  Clamp<V> clamp;

  explicit Finish(const Epilogue& epilogue)
      : residual(epilogue.residual),
        slopes(epilogue.slopes),
        shifts(epilogue.shifts),
        floats(epilogue.floats),
        clamp(epilogue.min, epilogue.max) {}

  // The lanes are `lanes` channels of a pixel from `channel` on, which is element `at` of the dense maps. Returns their
  // signs.
  uint32_t operator()(typename V::Float value, ptrdiff_t at, int32_t channel, int32_t lanes) const {
    if (residual) value = V::add(value, load_lanes<V>(residual + at, lanes));
    if (slopes) value = sloped<V>(value, load_lanes<V>(slopes + channel, lanes));
    if (shifts) value = V::add(value, load_lanes<V>(shifts + channel, lanes));
    value = clamp(value);
    if (floats) store_lanes<V>(floats + at, value, lanes);
    const uint32_t bits = V::negative(value);
    return lanes >= V::kLanes ? bits : bits & ((1u << lanes) - 1);
  }
};

// The results of a tile: `pixels` from number `pixel` on, `count` of all `channels` from `first` on, of maps of this
// height and width.
struct Tile {
  int32_t pixel, pixels, first, count, channels, height, width;

  ptrdiff_t at() const { return static_cast<ptrdiff_t>(pixel) * channels + first; }
};

// The epilogue of a tile, whose `values` are moved from pixel to pixel, move(const Pixel&), and then give vector c,
// values(c).
template <class V, class Values>
inline void finish_part(const Epilogue& epilogue, const Tile& tile, Values values) {
  const Finish<V> finish(epilogue);
  const Map<uint32_t> signs = epilogue.signs;
  ptrdiff_t at = tile.at();
  Pixel pixel(tile.pixel, tile.height, tile.width);
  for (int32_t p = 0; p < tile.pixels; ++p, pixel.next(), at += tile.channels) {
    values.move(pixel);
    uint64_t bits = 0;
    for (int32_t c = 0, lane = 0; lane < tile.count; ++c, lane += V::kLanes) {
      const uint64_t vector_bits = finish(values(c), at + lane, tile.first + lane, tile.count - lane);
      bits |= vector_bits << lane;
    }
    if (signs.data) store_signs(pixel.of(signs), tile.first, tile.count, bits, tile.channels);
  }
}

// The same for tiles that are whole blocks of C vectors, and start at a whole byte of signs: almost all of them.
template <class V, int C, class Values>
inline void finish_block(const Epilogue& epilogue, const Tile& tile, Values values) {
  constexpr int32_t kBytes = C * V::kLanes / 8;
  const int32_t channels = tile.channels;
  const bool last = tile.first + tile.count == channels;
  const int32_t unused_bytes = last ? (-channels & 31) / 8 : 0;  // of the last word
  const Clamp<V> clamp(epilogue.min, epilogue.max);
  const float* residual = epilogue.residual ? epilogue.residual + tile.at() : nullptr;
  const float* slopes = epilogue.slopes ? epilogue.slopes + tile.first : nullptr;
  const float* shifts = epilogue.shifts ? epilogue.shifts + tile.first : nullptr;
  float* floats = epilogue.floats ? epilogue.floats + tile.at() : nullptr;
  const Map<uint32_t> signs = epilogue.signs;
  Pixel pixel(tile.pixel, tile.height, tile.width);
  for (int32_t p = 0; p < tile.pixels; ++p, pixel.next()) {
    values.move(pixel);
    typename V::Float results[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) results[c] = values(c);
    if (residual) {
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) results[c] = V::add(results[c], V::load(residual + c * V::kLanes));
      residual += channels;
    }
    if (slopes) {
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) results[c] = sloped<V>(results[c], V::load(slopes + c * V::kLanes));
    }
    if (shifts) {
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) results[c] = V::add(results[c], V::load(shifts + c * V::kLanes));
    }
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) results[c] = clamp(results[c]);
    if (floats) {
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) V::store(floats + c * V::kLanes, results[c]);
      floats += channels;
    }
    if (!signs.data) continue;
    uint64_t bits = 0;
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) bits |= static_cast<uint64_t>(V::negative(results[c])) << (c * V::kLanes);
    char* bytes = reinterpret_cast<char*>(pixel.of(signs)) + tile.first / 8;
    __builtin_memcpy(bytes, &bits, kBytes);  // little-endian
    for (int32_t byte = 0; byte < unused_bytes; ++byte) bytes[kBytes + byte] = 0;
  }
}

// The epilogue of a tile of blocks of at most C vectors.
template <class V, int C, class Values>
inline void finish_tile(const Epilogue& epilogue, const Tile& tile, const Values& values) {
  if constexpr (C * V::kLanes % 8 == 0) {
    if (tile.count == C * V::kLanes && tile.first % 8 == 0) return finish_block<V, C>(epilogue, tile, values);
  }
  if constexpr (C > 1) {
    finish_tile<V, C / 2>(epilogue, tile, values);
  } else {
    finish_part<V>(epilogue, tile, values);
  }
}

}  // namespace
}  // namespace hybrid_tf
