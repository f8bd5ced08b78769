// The integers by which TensorFlow Lite's int8 kernels multiply and clamp.
#pragma once

#include "graph/graph.h"
#include "kernels/kernels.h"

namespace hybrid_tf {

// A positive number, rounded; 0 for those below 2^-32.
FixedPoint make_fixed_point(double real);

// value * by, rounded as kernels.h says: the high half of the product, then the shift, which rounds halves up or away
// from zero. Wraps at 32 bits.
int32_t multiply_up(int32_t value, const FixedPoint& by);
int32_t multiply_away(int32_t value, const FixedPoint& by);

// The kernels' near_limit: a result that is wrong by at most `error` is rounded rightly when the square of what is
// rounded off is at most this; -1 where it never is.
float near_limit(double error);

// The range of an int8 map after an operator's activation.
struct Int8Range {
  int32_t min, max;
};
Int8Range activation_range(const Operator& op, const Tensor& output);

}  // namespace hybrid_tf
