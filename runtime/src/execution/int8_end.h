// What is done to the int8 results of a step before they leave the registers.
#pragma once

#include <cmath>

#include "execution/fixed_point.h"
#include "execution/int8_quick.h"
#include "execution/layout.h"
#include "execution/weights.h"

namespace hybrid_tf {

class Int8End {
 public:
  // `own` is what the step's own results are: those of its operator, or one of the two that an addition adds. Where
  // they are no int8s, there is nothing to do.
  Int8End(const StepPlan& plan, const Graph& graph, const Tensor& own, const Int8Kernels& kernels);
  // `data` has pixel (0, 0) of image 0 of every value of the layout.
  Int8Epilogue bind(const Layout& layout, const std::vector<void*>& data) const;

  // Without maps.
  const Int8Epilogue& epilogue() const { return epilogue_; }

 private:
  Int8End(const Int8End&) = delete;  // what bind() returns points into it
  const StepPlan& plan_;
  Int8Epilogue epilogue_ = {};
  std::vector<int8_t> table_;  // of PRELU and the sum with a constant
  QuickEnd quick_;
};

// Of a result within 512, which has the sign and the clamp of the right one beyond: float32 rounds the sum, the scale
// and the result.
constexpr double kNearError = 4 * 512.0 / (1 << 24);

// Sets the weights of an Int8Conv or an Int8Depthwise, and how its sums become int8.
template <class Conv>
void set_int8_weights(Conv* conv, const Weights& weights, const Operator& op, const Tensor& output) {
  const Int8Range range = activation_range(op, output);
  conv->weights = weights.filter.as<int8_t>();
  conv->narrow = weights.narrow;
  conv->biases = weights.biases.as<int32_t>();
  conv->scale_bits = weights.multipliers.as<int32_t>();
  conv->scale_lefts = weights.lefts.as<int32_t>();
  conv->scale_rights = weights.rights.as<int32_t>();
  conv->near_scales = weights.near_scales.as<float>();
  conv->near_limit = near_limit(std::ldexp(0.5, -weights.least_right) + kNearError);
  conv->zero_point = output.zero_point;
  conv->min = range.min;
  conv->max = range.max;
}

}  // namespace hybrid_tf
