// The end of every float kernel: residual, clamp, floats and signs, while the results are in registers.
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
//   store_int8(to, a, n) n floats within [-128, 127], rounded half away from zero
// and what bconv_impl.h says.
#pragma once

#include "pixels_impl.h"

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

// The epilogue of one vector: the lanes are `lanes` channels of a pixel, the first one element number `at` of the
// dense maps. Returns the sign bits.
template <class V>
inline uint32_t finish(const Epilogue& epilogue, typename V::Float value, ptrdiff_t at, int32_t lanes) {
  if (epilogue.residual) value = V::add(value, load_lanes<V>(epilogue.residual + at, lanes));
  value = V::min(V::set(epilogue.max), V::max(V::set(epilogue.min), value));
  if (epilogue.floats) store_lanes<V>(epilogue.floats + at, value, lanes);
  const uint32_t bits = V::negative(value);
  return lanes >= V::kLanes ? bits : bits & ((1u << lanes) - 1);
}

}  // namespace
}  // namespace hybrid_tf
