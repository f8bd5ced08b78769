#include "execution/int8_end.h"

#include <algorithm>
#include <cmath>

#include "execution/fixed_point.h"
#include "execution/steps.h"

namespace hybrid_tf {
namespace {

// A sum but for what is near: both operands are brought to a common scale, with 20 bits more.
void make_sum(const Operator& op, const Tensor& own, const Tensor& residual, const Tensor& result,
              Int8Epilogue* epilogue) {
  const double common = 2 * std::max(double{own.scale}, double{residual.scale});
  epilogue->zero_point = own.zero_point;
  epilogue->residual_zero_point = residual.zero_point;
  epilogue->sum_zero_point = result.zero_point;
  epilogue->scale = make_fixed_point(own.scale / common);
  epilogue->residual_scale = make_fixed_point(residual.scale / common);
  epilogue->scale.left = epilogue->residual_scale.left = 20;
  epilogue->sum_scale = make_fixed_point(common / ((1 << 20) * double{result.scale}));
  const Int8Range range = activation_range(op, result);
  epilogue->sum_min = range.min;
  epilogue->sum_max = range.max;
}

// The results of a PRELU, [channels][256], from -128 on.
void fill_prelu(const Operator& op, const Tensor& in, const Tensor& out, int8_t* table) {
  // TensorFlow Lite multiplies these scales in single precision.
  const FixedPoint scale = make_fixed_point(in.scale / out.scale);
  const FixedPoint negative_scale = make_fixed_point(in.scale * op.channel_scale / out.scale);
  const int8_t* slopes = static_cast<const int8_t*>(op.channel_values);
  for (int32_t c = 0; c < op.group_channels; ++c, table += 256) {
    const int32_t slope = slopes[c] - op.channel_zero_point;
    for (int i = 0; i < 256; ++i) {
      const int32_t value = i - 128 - in.zero_point;
      const int64_t scaled = value >= 0 ? multiply_away(value, scale) : multiply_away(value * slope, negative_scale);
      table[i] = static_cast<int8_t>(std::max<int64_t>(-128, std::min<int64_t>(127, scaled + out.zero_point)));
    }
  }
}

// The same of an ADD of a constant.
void fill_shift(const Operator& op, const Tensor& in, const Tensor& out, int8_t* table) {
  Tensor constant = {};
  constant.scale = op.channel_scale;
  constant.zero_point = op.channel_zero_point;
  Int8Epilogue sum = {};
  make_sum(op, in, constant, out, &sum);
  const int8_t* shifts = static_cast<const int8_t*>(op.channel_values);
  for (int32_t c = 0; c < op.group_channels; ++c, table += 256) {
    const int32_t added = multiply_away(shifts[c] - sum.residual_zero_point, sum.residual_scale);
    for (int i = 0; i < 256; ++i) {
      const int32_t own = multiply_away(i - 128 - sum.zero_point, sum.scale);
      const int32_t scaled = multiply_away(own + added, sum.sum_scale) + sum.sum_zero_point;
      table[i] = static_cast<int8_t>(std::max(sum.sum_min, std::min(sum.sum_max, scaled)));
    }
  }
}

// How near the sum is. In steps of the result, the fixed-point numbers are wrong by less than 2 / 2^20 of the common
// scale for the operands, 1 / 2^30 of their products, and 2^-shift for the sum; every rounding of float32 by 2^-24 of a
// number below `size`, in two numbers and three operations with each operand. What lies so near to a half is computed
// exactly.
void make_near(const Tensor& own, const Tensor& residual, const Tensor& result, Int8Epilogue* epilogue) {
  const double scale = double{own.scale} / result.scale, residual_scale = double{residual.scale} / result.scale;
  const double offset = result.zero_point - own.zero_point * scale - residual.zero_point * residual_scale;
  const double size = 128 * (scale + residual_scale) + std::fabs(offset) + 256;
  const double error = 4 * std::max(scale, residual_scale) / (1 << 20) + size / (1 << 29) +
                       std::ldexp(1.0, -epilogue->sum_scale.right) + 8 * size / (1 << 24);
  epilogue->near_scale = static_cast<float>(scale);
  epilogue->near_residual_scale = static_cast<float>(residual_scale);
  epilogue->near_offset = static_cast<float>(offset);
  epilogue->near_limit = near_limit(error);
}

bool add_quick(const Operator& op, const Graph& graph, const std::vector<int8_t>& table, QuickEnd* quick) {
  const Tensor &in = graph.tensors[op.input], &out = graph.tensors[op.output];
  const int8_t* values = static_cast<const int8_t*>(op.channel_values);
  std::vector<double> numbers(op.group_channels);
  const double scale = double{in.scale} / out.scale, channel_scale = double{op.channel_scale} / out.scale;
  const bool slopes = op.kind == OperatorKind::kPrelu;
  for (int32_t c = 0; c < op.group_channels; ++c) {
    const double value = values[c] - op.channel_zero_point;
    numbers[c] =
        slopes ? value * in.scale * channel_scale : value * channel_scale + out.zero_point - in.zero_point * scale;
  }
  if (!slopes) return quick->add_shifts(table, scale, numbers);
  const int32_t positive_places = make_fixed_point(in.scale / out.scale).right;
  const int32_t negative_places = make_fixed_point(in.scale * op.channel_scale / out.scale).right;
  return quick->add_slopes(table, in.zero_point, out.zero_point, in.scale / out.scale, positive_places, numbers,
                           negative_places);
}

}  // namespace

Int8End::Int8End(const StepPlan& plan, const Graph& graph, const Tensor& own, const Int8Kernels& kernels)
    : plan_(plan) {
  if (own.type != kTfLiteInt8) return;
  const Tensor* result = &own;
  bool quick = kernels.quick;
  if (plan.sum) {
    const bool swapped = graph.tensors[plan.sum->input].index != own.index;
    const Tensor& residual = graph.tensors[swapped ? plan.sum->input : plan.sum->residual];
    result = &graph.tensors[plan.sum->output];
    make_sum(*plan.sum, own, residual, *result, &epilogue_);
    make_near(own, residual, *result, &epilogue_);
    quick =
        quick && quick_.add_sum(epilogue_, double{own.scale} / result->scale, double{residual.scale} / result->scale);
  }
  for (const Operator* op : {plan.prelu, plan.shift}) {
    if (!op) continue;
    result = &graph.tensors[op->output];
    std::vector<int8_t> table(256 * static_cast<size_t>(op->group_channels));
    (op == plan.prelu ? fill_prelu : fill_shift)(*op, graph.tensors[op->input], *result, table.data());
    quick = quick && add_quick(*op, graph, table, &quick_);
    if (table_.empty()) {
      table_.swap(table);
    } else {
      for (size_t i = 0; i < table_.size(); ++i) table_[i] = table[i / 256 * 256 + 128 + table_[i]];
    }
  }
  if (!table_.empty()) epilogue_.table = table_.data();
  if (quick) epilogue_.quick = quick_.get();
  epilogue_.sign_limit = result->zero_point;
}

Int8Epilogue Int8End::bind(const Layout& layout, const std::vector<void*>& data) const {
  Int8Epilogue epilogue = epilogue_;
  epilogue.residual = static_cast<const int8_t*>(data_of(data, plan_.residual));
  epilogue.int8s = static_cast<int8_t*>(data_of(data, plan_.output));
  if (plan_.signs >= 0) epilogue.signs = layout.values[plan_.signs].map<uint32_t>(data[plan_.signs]);
  return epilogue;
}

}  // namespace hybrid_tf
