// The int8 results of an epilogue by products of 32 bits, proven by trying all operands: see Int8Quick in kernels.h.
#pragma once

#include <vector>

#include "graph/graph.h"
#include "kernels/kernels.h"

namespace hybrid_tf {

// The int8 results of a binary convolution, for each channel: see Bconv::quick_factors.
struct QuickConv {
  std::vector<int32_t> factors, offsets;
  int32_t shift = 0;

  // False where there are no such numbers, or it would take long to find them. Sums are 0, -2, -4 ... -2 * depth;
  // `multipliers` and `biases` are those of the channels.
  bool make(int32_t depth, const std::vector<float>& multipliers, const std::vector<float>& biases);
};

class QuickEnd {
 public:
  // Each finds the numbers of a stage. False where there are none that give the exact results for all operands.
  // `sum`: the exact one, of `scale` and `residual_scale`, what is multiplied by, in steps of the result.
  bool add_sum(const Int8Epilogue& sum, double scale, double residual_scale);
  // `table` are the exact results, [channels][256]. From `zero_point` on values are multiplied by `positive`, others by
  // the number of their channel. Exact products have so many binary places when they are rounded: what lies nearer to a
  // half is rounded away from zero.
  bool add_slopes(const std::vector<int8_t>& table, int32_t zero_point, int32_t out_zero_point, double positive,
                  int32_t positive_places, const std::vector<double>& negative, int32_t negative_places);
  // The same; a value is multiplied by `factor`, then the number of its channel is added.
  bool add_shifts(const std::vector<int8_t>& table, double factor, const std::vector<double>& offsets);

  // Valid as long as this object.
  const Int8Quick* get();

 private:
  Int8Quick quick_ = {};
  std::vector<int32_t> negative_factors_, negative_offsets_, shift_offsets_;
};

}  // namespace hybrid_tf
