// The end of every int8 kernel: residual, table, int8s and signs, while the results are in registers.
//
// What V needs besides what kernels/epilogue.h says; n is from 1 to kLanes:
//   kQuick                                      whether Int8Epilogue::quick is read
//   multiply_int(Int, Int), shift_right<n>(Int)  of 32 bits; where kQuick: and choose(Int a, Int b, Int c), b where a
//   is
//                                               negative, else c
//   min_int, max_int
//   nearest(Float)                              an Int
//   load_int8(from, n), store_int8(to, Int, n)  of an Int's n first lanes; what is stored is within [-128, 127]
//   multiply_high(Int a, Int b)                 (a * b + 2^30) >> 31, of 64 bits
//   shift_left(Int a, Int n)                    by 0 to 30, each lane by its own; wraps
//   shift_right_up, shift_right_away(Int a, Int n)  by 0 to 31: a / 2^n, halves rounded up, or away from zero
#pragma once

#include "kernels/epilogue.h"

namespace hybrid_tf {
namespace {

// Whole numbers between `least` and `most`: those nearest to `near` where the squares of what is rounded off are at
// most `limit`, else exact(), which makes them another way.
template <class V, class Exact>
inline typename V::Int nearest_or(typename V::Float near, typename V::Float least, typename V::Float most,
                                  typename V::Float limit, const Exact& exact) {
  near = V::min(most, V::max(least, near));
  const typename V::Int whole = V::nearest(near);
  const typename V::Float rest = V::fma(V::to_float(whole), V::set(-1.0f), near);
  if (__builtin_expect(V::negative(V::fma(V::multiply(rest, rest), V::set(-1.0f), limit)), 0)) return exact();
  return whole;
}

template <class V>
struct VectorFixedPoint {
  typename V::Int bits, left, right;

  explicit VectorFixedPoint(const FixedPoint& by)
      : bits(V::set_int(by.bits)), left(V::set_int(by.left)), right(V::set_int(by.right)) {}

  typename V::Int times(typename V::Int value) const {
    return V::shift_right_away(V::multiply_high(V::shift_left(value, left), bits), right);
  }
};

// The epilogue of vectors of channels. It copies what it needs of the call: a store of bytes could change the original,
// for all that the compiler knows.
template <class V>
struct Int8Finish {
  using Int = typename V::Int;
  const int8_t *residual, *table;
  int8_t* int8s;
  Int zero_point, residual_zero_point, sum_zero_point, sum_min, sum_max, sign_limit;
  VectorFixedPoint<V> scale, residual_scale, sum_scale;
  const Int8Quick* quick;

  typename V::Float near_scale, near_residual_scale, near_offset, near_min, near_max, near_limit;

  explicit Int8Finish(const Int8Epilogue& epilogue)
      : residual(epilogue.residual),
        table(epilogue.table),
        int8s(epilogue.int8s),
        zero_point(V::set_int(epilogue.zero_point)),
        residual_zero_point(V::set_int(epilogue.residual_zero_point)),
        sum_zero_point(V::set_int(epilogue.sum_zero_point)),
        sum_min(V::set_int(epilogue.sum_min)),
        sum_max(V::set_int(epilogue.sum_max)),
        sign_limit(V::set_int(epilogue.sign_limit)),
        scale(epilogue.scale),
        residual_scale(epilogue.residual_scale),
        sum_scale(epilogue.sum_scale),
        quick(V::kQuick && table ? epilogue.quick : nullptr),  // a sum alone is as quick the other way
        near_scale(V::set(epilogue.near_scale)),
        near_residual_scale(V::set(epilogue.near_residual_scale)),
        near_offset(V::set(epilogue.near_offset)),
        near_min(V::set(static_cast<float>(epilogue.sum_min))),
        near_max(V::set(static_cast<float>(epilogue.sum_max))),
        near_limit(V::set(epilogue.near_limit)) {}

  // The lanes are n channels of a pixel from `channel` on, which is element `at` of the dense maps. Returns their
  // signs.
  uint32_t operator()(Int value, ptrdiff_t at, int32_t channel, int32_t n) const {
    if constexpr (V::kQuick) {
      if (quick) return finish(quick_value(value, at, channel, n), at, n);
    }
    if (residual) value = sum(value, V::load_int8(residual + at, n));
    if (table) value = look_up(value, channel, n);
    return finish(value, at, n);
  }

  uint32_t finish(Int value, ptrdiff_t at, int32_t n) const {
    if (int8s) V::store_int8(int8s + at, value, n);
    return V::greater(sign_limit, value) & ((2u << (n - 1)) - 1);
  }

  // One int8 of numbers with kQuickBits places.
  static Int whole(Int value, Int offset) {
    const Int half = V::set_int(1 << (kQuickBits - 1));
    const Int rounded = V::template shift_right<kQuickBits>(V::add_int(V::add_int(value, offset), half));
    return V::min_int(V::set_int(127), V::max_int(V::set_int(-128), rounded));
  }

  // By products of 32 bits. Not inlined, as look_up() and exact_sum(): most results need none of them.
  __attribute__((noinline)) Int quick_value(Int value, ptrdiff_t at, int32_t channel, int32_t n) const {
    const Int8Quick& q = *quick;
    if (q.has_sum) {
      const Int other = V::multiply_int(V::load_int8(residual + at, n), V::set_int(q.residual_factor));
      const Int own = V::multiply_int(value, V::set_int(q.factor));
      value = whole(V::add_int(own, other), V::set_int(q.sum_offset));
    }
    if (q.has_slopes) {
      value = V::subtract_int(value, V::set_int(q.slope_zero_point));
      const Int factor = V::choose(value, V::load_int(q.negative_factors + channel), V::set_int(q.positive_factor));
      const Int offset = V::choose(value, V::load_int(q.negative_offsets + channel), V::set_int(q.slope_offset));
      value = whole(V::multiply_int(value, factor), offset);
    }
    if (q.has_shifts) {
      value = whole(V::multiply_int(value, V::set_int(q.shift_factor)), V::load_int(q.shift_offsets + channel));
    }
    return value;
  }

  Int sum(Int value, Int other) const {
    using Float = typename V::Float;
    const Float offset = V::fma(V::to_float(other), near_residual_scale, near_offset);
    const Float near = V::fma(V::to_float(value), near_scale, offset);
    return nearest_or<V>(near, near_min, near_max, near_limit, [&] { return exact_sum(value, other); });
  }

  __attribute__((noinline)) Int look_up(Int value, int32_t channel, int32_t n) const {
    int8_t values[V::kLanes];
    V::store_int8(values, value, V::kLanes);
    const int8_t* of_channel = table + 256 * static_cast<ptrdiff_t>(channel) + 128;
    for (int32_t i = 0; i < n; ++i, of_channel += 256) values[i] = of_channel[values[i]];
    return V::load_int8(values, V::kLanes);
  }

  __attribute__((noinline)) Int exact_sum(Int value, Int other) const {
    const Int own = scale.times(V::subtract_int(value, zero_point));
    const Int added = residual_scale.times(V::subtract_int(other, residual_zero_point));
    const Int sum = V::add_int(sum_scale.times(V::add_int(own, added)), sum_zero_point);
    return V::min_int(sum_max, V::max_int(sum_min, sum));
  }
};

// The epilogue of a tile, whose `values` are moved from pixel to pixel, move(const Pixel&), and then give the int8
// results of vector c, values(c).
template <class V, class Values>
inline void finish_int8_part(const Int8Epilogue& epilogue, const Tile& tile, Values values) {
  const Int8Finish<V> finish(epilogue);
  const Map<uint32_t> signs = epilogue.signs;
  ptrdiff_t at = tile.at();
  Pixel pixel(tile.pixel, tile.height, tile.width);
  for (int32_t p = 0; p < tile.pixels; ++p, pixel.next(), at += tile.channels) {
    values.move(pixel);
    uint64_t bits = 0;
    for (int32_t c = 0, lane = 0; lane < tile.count; ++c, lane += V::kLanes) {
      const uint64_t vector_bits =
          finish(values(c), at + lane, tile.first + lane, smaller(tile.count - lane, V::kLanes));
      bits |= vector_bits << lane;
    }
    if (signs.data) store_signs(pixel.of(signs), tile.first, tile.count, bits, tile.channels);
  }
}

// The same for tiles of C whole vectors, which start at a whole byte of signs: almost all of them.
template <class V, int C, class Values>
inline void finish_int8_vectors(const Int8Epilogue& epilogue, const Tile& tile, Values values) {
  constexpr int32_t kBytes = C * V::kLanes / 8;
  const Int8Finish<V> finish(epilogue);
  const Map<uint32_t> signs = epilogue.signs;
  const bool last = tile.first + tile.count == tile.channels;
  const int32_t unused_bytes = last ? (-tile.channels & 31) / 8 : 0;  // of the last word
  ptrdiff_t at = tile.at();
  Pixel pixel(tile.pixel, tile.height, tile.width);
  for (int32_t p = 0; p < tile.pixels; ++p, pixel.next(), at += tile.channels) {
    values.move(pixel);
    uint64_t bits = 0;
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      const int32_t lane = c * V::kLanes;
      bits |= static_cast<uint64_t>(finish(values(c), at + lane, tile.first + lane, V::kLanes)) << lane;
    }
    if (!signs.data) continue;
    char* bytes = reinterpret_cast<char*>(pixel.of(signs)) + tile.first / 8;
    __builtin_memcpy(bytes, &bits, kBytes);  // little-endian
    for (int32_t byte = 0; byte < unused_bytes; ++byte) bytes[kBytes + byte] = 0;
  }
}

// Blocks have at most C vectors.
template <class V, int C, class Values>
inline void finish_int8_tile(const Int8Epilogue& epilogue, const Tile& tile, const Values& values) {
  if constexpr (C * V::kLanes % 8 == 0) {
    if (tile.count == C * V::kLanes && tile.first % 8 == 0) {
      return finish_int8_vectors<V, C>(epilogue, tile, values);
    }
  }
  if constexpr (C > 1) {
    finish_int8_tile<V, C / 2>(epilogue, tile, values);
  } else {
    finish_int8_part<V>(epilogue, tile, values);
  }
}

template <class V>
void int8_elementwise(const Int8Elementwise& op, int32_t pixel_begin, int32_t pixel_end) {
  const Int8Finish<V> finish(op.epilogue);
  const Map<uint32_t> signs = op.epilogue.signs;
  const int8_t* input = op.input;
  const int32_t channels = op.channels;
  for (Pixel pixel(pixel_begin, op.out_height, op.out_width); pixel.number < pixel_end; pixel.next()) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * channels;
    uint32_t* words = signs.data ? pixel.of(signs) : nullptr;
    for (int32_t first = 0; first < channels; first += 32) {
      const int32_t end = smaller(channels, first + 32);
      uint32_t bits = 0;
      for (int32_t c = first; c < end; c += V::kLanes) {
        const int32_t n = smaller(end - c, V::kLanes);
        bits |= finish(V::load_int8(input + at + c, n), at + c, c, n) << (c - first);
      }
      if (words) words[first / 32] = bits;
    }
  }
}

}  // namespace
}  // namespace hybrid_tf
