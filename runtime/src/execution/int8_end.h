// What is done to the int8 results of a step before they leave the registers.
#pragma once

#include "execution/int8_quick.h"
#include "execution/layout.h"

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

}  // namespace hybrid_tf
