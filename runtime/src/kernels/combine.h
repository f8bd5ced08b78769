// Two maps become one, a value at a time: products, and sums of a map and one pixel for each image. Of float32 and int8
// for any instruction set: see kernels/int8_epilogue.h for V.
#pragma once

#include "kernels/int8_epilogue.h"

namespace hybrid_tf {
namespace {

template <class V>
void combine(const Combine& op, int32_t pixel_begin, int32_t pixel_end) {
  const Finish<V> finish(op.epilogue);
  const Map<uint32_t> signs = op.epilogue.signs;
  for (Pixel pixel(pixel_begin, op.out_height, op.out_width); pixel.number < pixel_end; pixel.next()) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * op.channels;
    const float* other = pixel.of(op.other);
    uint32_t* words = signs.data ? pixel.of(signs) : nullptr;
    for (int32_t first = 0; first < op.channels; first += 32) {
      const int32_t end = smaller(op.channels, first + 32);
      uint32_t bits = 0;
      for (int32_t c = first; c < end; c += V::kLanes) {
        const int32_t lanes = end - c;
        const typename V::Float a = load_lanes<V>(op.input + at + c, lanes), b = load_lanes<V>(other + c, lanes);
        bits |= finish(op.multiplies ? V::multiply(a, b) : V::add(a, b), at + c, c, lanes) << (c - first);
      }
      if (words) words[first / 32] = bits;
    }
  }
}

template <class V>
void int8_combine(const Int8Combine& op, int32_t pixel_begin, int32_t pixel_end) {
  using Int = typename V::Int;
  using Float = typename V::Float;
  const Int8Finish<V> finish(op.epilogue);
  const Map<uint32_t> signs = op.epilogue.signs;
  const VectorFixedPoint<V> scale(op.scale);
  const Int input_zero_point = V::set_int(op.input_zero_point), other_zero_point = V::set_int(op.other_zero_point);
  const Int zero_point = V::set_int(op.zero_point), min = V::set_int(op.min), max = V::set_int(op.max);
  for (Pixel pixel(pixel_begin, op.out_height, op.out_width); pixel.number < pixel_end; pixel.next()) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * op.channels;
    const int8_t* other = pixel.of(op.other);
    uint32_t* words = signs.data ? pixel.of(signs) : nullptr;
    for (int32_t first = 0; first < op.channels; first += 32) {
      const int32_t end = smaller(op.channels, first + 32);
      uint32_t bits = 0;
      for (int32_t c = first; c < end; c += V::kLanes) {
        const int32_t n = smaller(end - c, V::kLanes);
        const Int a = V::load_int8(op.input + at + c, n), b = V::load_int8(other + c, n);
        Int value;
        if (op.multiplies) {
          // Below 2^16, so that floats are exact.
          const Float product = V::multiply(V::to_float(V::subtract_int(a, input_zero_point)),
                                            V::to_float(V::subtract_int(b, other_zero_point)));
          value = V::add_int(scale.times(V::nearest(product)), zero_point);
          value = V::min_int(max, V::max_int(min, value));
        } else {
          value = finish.sum(a, b);
        }
        bits |= finish(value, at + c, c, n) << (c - first);
      }
      if (words) words[first / 32] = bits;
    }
  }
}

}  // namespace
}  // namespace hybrid_tf
