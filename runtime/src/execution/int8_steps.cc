// Steps of int8, but for convolutions.
#include <algorithm>
#include <cmath>

#include "execution/int8_ops.h"
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

// Applies a PRELU to a table, [channels][256].
void apply_prelu(const Operator& op, const Tensor& in, const Tensor& out, int8_t* table) {
  // TensorFlow Lite multiplies these scales in single precision.
  const FixedPoint scale = make_fixed_point(in.scale / out.scale);
  const FixedPoint negative_scale = make_fixed_point(in.scale * op.channel_scale / out.scale);
  const int8_t* slopes = static_cast<const int8_t*>(op.channel_values);
  for (int32_t c = 0; c < op.group_channels; ++c, table += 256) {
    const int32_t slope = slopes[c] - op.channel_zero_point;
    for (int i = 0; i < 256; ++i) {
      const int32_t value = table[i] - in.zero_point;
      const int64_t scaled = value >= 0 ? multiply_away(value, scale) : multiply_away(value * slope, negative_scale);
      table[i] = static_cast<int8_t>(std::max<int64_t>(-128, std::min<int64_t>(127, scaled + out.zero_point)));
    }
  }
}

// The same of an ADD of a constant.
void apply_shift(const Operator& op, const Tensor& in, const Tensor& out, int8_t* table) {
  Tensor constant = {};
  constant.scale = op.channel_scale;
  constant.zero_point = op.channel_zero_point;
  Int8Epilogue sum = {};
  make_sum(op, in, constant, out, &sum);
  const int8_t* shifts = static_cast<const int8_t*>(op.channel_values);
  for (int32_t c = 0; c < op.group_channels; ++c, table += 256) {
    const int32_t added = multiply_away(shifts[c] - sum.residual_zero_point, sum.residual_scale);
    for (int i = 0; i < 256; ++i) {
      const int32_t own = multiply_away(table[i] - sum.zero_point, sum.scale);
      const int32_t scaled = multiply_away(own + added, sum.sum_scale) + sum.sum_zero_point;
      table[i] = static_cast<int8_t>(std::max(sum.sum_min, std::min(sum.sum_max, scaled)));
    }
  }
}

class Int8Step : public Step {
 public:
  Int8Step(const StepPlan& plan, const Layout& layout, const Graph& graph)
      : plan_(plan),
        layout_(layout),
        in_(graph.tensors[plan.op->input]),
        out_(graph.tensors[plan.op->output]),
        image_(layout.values[plan.input].image) {
    work = map_work(plan, layout, image_.pixels());
  }

  void bind(const std::vector<void*>& data) override {
    input_ = data[plan_.input];
    output_ = data_of(data, plan_.output);
  }

 protected:
  template <typename T>
  const T* input() const {
    return static_cast<const T*>(input_);
  }
  template <typename T>
  T* output() const {
    return static_cast<T*>(output_);
  }
  int64_t count() const { return int64_t{image_.pixels()} * image_.channels; }
  double ratio() const { return double{in_.scale} / double{out_.scale}; }

  const StepPlan& plan_;
  const Layout& layout_;
  const Tensor &in_, &out_;
  const Image& image_;
  const void* input_ = nullptr;
  void* output_ = nullptr;
};

// ADD, and PRELU: what happens to a value for its channel alone is a table.
class Int8ElementwiseStep : public Int8Step {
 public:
  Int8ElementwiseStep(const StepPlan& plan, const Layout& layout, const Graph& graph, const KernelSet& kernels)
      : Int8Step(plan, layout, graph), kernel_(kernels.int8.elementwise) {
    const Operator* last = plan.shift ? plan.shift : plan.prelu;
    const Tensor& own = last ? graph.tensors[last->output] : in_;
    op_ = {image_.height, image_.width, image_.channels, nullptr, nullptr, make_int8_epilogue(plan, graph, own)};
  }

  // False when there is no memory.
  bool make_table(const Graph& graph) {
    if (!plan_.prelu && !plan_.shift) return true;
    if (!table_.allocate(int64_t{256} * image_.channels)) return false;
    op_.table = table_.as<int8_t>();
    for (int32_t c = 0; c < image_.channels; ++c) {
      for (int32_t i = 0; i < 256; ++i) table_.as<int8_t>()[256 * c + i] = static_cast<int8_t>(i - 128);
    }
    for (const Operator* op : {plan_.prelu, plan_.shift}) {
      if (!op) continue;
      const auto apply = op->kind == OperatorKind::kPrelu ? apply_prelu : apply_shift;
      apply(*op, graph.tensors[op->input], graph.tensors[op->output], table_.as<int8_t>());
    }
    return true;
  }

  void bind(const std::vector<void*>& data) override {
    op_.input = static_cast<const int8_t*>(data[plan_.input]);
    bind_int8_epilogue(plan_, layout_, data, &op_.epilogue);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(op_, pixels.begin, pixels.end); }

 private:
  decltype(Int8Kernels::elementwise) kernel_;
  Buffer table_;
  Int8Elementwise op_;
};

// QUANTIZE of float32, and DEQUANTIZE.
class Int8ConversionStep : public Int8Step {
 public:
  using Int8Step::Int8Step;

  void run(const Range& pixels, const Range&) const override {
    const int64_t begin = int64_t{pixels.begin} * image_.channels, end = int64_t{pixels.end} * image_.channels;
    if (plan_.op->kind == OperatorKind::kToInt8) {
      floats_to_int8({count(), out_.scale, out_.zero_point}, input<float>(), output<int8_t>(), begin, end);
    } else {
      int8_to_floats({count(), in_.scale, in_.zero_point}, input<int8_t>(), output<float>(), begin, end);
    }
  }
};

// QUANTIZE of int8, and activations.
class Int8RescaleStep : public Int8Step {
 public:
  Int8RescaleStep(const StepPlan& plan, const Layout& layout, const Graph& graph) : Int8Step(plan, layout, graph) {
    const bool activation = plan.op->kind == OperatorKind::kClamp;
    rescale_ = {in_.zero_point, out_.zero_point, make_fixed_point(ratio()), activation_range(*plan.op, out_),
                activation ? 0 : count() / 16 * 16};
  }

  void run(const Range& pixels, const Range&) const override {
    const int64_t channels = image_.channels;
    rescale_int8(rescale_, input<int8_t>(), output<int8_t>(), pixels.begin * channels, pixels.end * channels);
  }

 private:
  Int8Rescale rescale_;
};

class Int8PoolStep : public Int8Step {
 public:
  Int8PoolStep(const StepPlan& plan, const Layout& layout, const Graph& graph, const KernelSet& kernels)
      : Int8Step(plan, layout, graph), kernel_(kernels.int8.pool) {
    const Int8Range range = activation_range(*plan.op, out_);
    pool_ = {pool_window(*plan.op, image_), nullptr, range.min, range.max, make_int8_epilogue(plan, graph, out_)};
    work.pixels = image_.batches * pool_.window.out_height * pool_.window.out_width;
  }

  void bind(const std::vector<void*>& data) override {
    pool_.input = static_cast<const int8_t*>(data[plan_.input]);
    bind_int8_epilogue(plan_, layout_, data, &pool_.epilogue);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(pool_, pixels.begin, pixels.end); }

 private:
  decltype(Int8Kernels::pool) kernel_;
  Int8Pool pool_;
};

// TensorFlow Lite has two ways to a mean: of one the scale is made in single precision, and the zero point is added at
// the end.
class Int8MeanStep : public Int8Step {
 public:
  Int8MeanStep(const StepPlan& plan, const Layout& layout, const Graph& graph) : Int8Step(plan, layout, graph) {
    const int32_t pixels = image_.height * image_.width;
    work.pixels = image_.batches;
    mean_ = {nullptr, nullptr, pixels, image_.channels, 0, out_.zero_point, {}, 0};
    if (plan.op->keep_dims) {
      const float offset = static_cast<float>(in_.zero_point) * in_.scale / out_.scale;
      mean_.bias -= static_cast<int32_t>(std::round(std::max(-1e6f, std::min(1e6f, offset))));
      mean_.scale = make_fixed_point(in_.scale / (static_cast<float>(pixels) * out_.scale));
      mean_.up = image_.channels / 16 * 16;
    } else {
      mean_.in_zero_point = in_.zero_point;
      mean_.scale = divided(make_fixed_point(ratio()), pixels);
    }
  }

  void bind(const std::vector<void*>& data) override {
    mean_.input = static_cast<const int8_t*>(data[plan_.input]);
    mean_.output = static_cast<int8_t*>(data[plan_.output]);
  }

  void run(const Range& images, const Range&) const override { mean_int8(mean_, images.begin, images.end); }

 private:
  static FixedPoint divided(const FixedPoint& real, int32_t count) {
    const int exponent = real.left - real.right;
    const int shift = std::min({31 - __builtin_clz(static_cast<uint32_t>(count)), 32, 31 + exponent});
    const auto bits = static_cast<int32_t>((int64_t{real.bits} << shift) / count);
    return {bits, std::max(exponent - shift, 0), std::max(shift - exponent, 0)};
  }

  Int8Mean mean_;
};

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

}  // namespace

Int8Epilogue make_int8_epilogue(const StepPlan& plan, const Graph& graph, const Tensor& own) {
  Int8Epilogue epilogue = {};
  const Tensor* result = &own;
  if (plan.sum) {
    const bool swapped = graph.tensors[plan.sum->input].index != own.index;
    const Tensor& residual = graph.tensors[swapped ? plan.sum->input : plan.sum->residual];
    result = &graph.tensors[plan.sum->output];
    make_sum(*plan.sum, own, residual, *result, &epilogue);
    make_near(own, residual, *result, &epilogue);
  }
  epilogue.sign_limit = result->zero_point;
  return epilogue;
}

void bind_int8_epilogue(const StepPlan& plan, const Layout& layout, const std::vector<void*>& data,
                        Int8Epilogue* epilogue) {
  epilogue->residual = static_cast<const int8_t*>(data_of(data, plan.residual));
  epilogue->int8s = static_cast<int8_t*>(data_of(data, plan.output));
  if (plan.signs >= 0) epilogue->signs = layout.values[plan.signs].map<uint32_t>(data[plan.signs]);
}

std::unique_ptr<Step> make_int8_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                     const KernelSet& kernels) {
  switch (plan.op->kind) {
    case OperatorKind::kAdd:
    case OperatorKind::kPrelu:
    case OperatorKind::kShift: {
      auto step = std::make_unique<Int8ElementwiseStep>(plan, layout, graph, kernels);
      if (!step->make_table(graph)) return nullptr;
      return step;
    }
    case OperatorKind::kToInt8:
    case OperatorKind::kFromInt8:
      return std::make_unique<Int8ConversionStep>(plan, layout, graph);
    case OperatorKind::kAveragePool:
    case OperatorKind::kMaxPool:
      return std::make_unique<Int8PoolStep>(plan, layout, graph, kernels);
    case OperatorKind::kMean:
      return std::make_unique<Int8MeanStep>(plan, layout, graph);
    default:  // kClamp and kRescale
      return std::make_unique<Int8RescaleStep>(plan, layout, graph);
  }
}

}  // namespace hybrid_tf
