// Steps of int8, but for convolutions.
#include <algorithm>
#include <cmath>

#include "execution/int8_end.h"
#include "execution/int8_ops.h"
#include "execution/steps.h"

namespace hybrid_tf {
namespace {

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

// ADD, and PRELU.
class Int8ElementwiseStep : public Int8Step {
 public:
  Int8ElementwiseStep(const StepPlan& plan, const Layout& layout, const Graph& graph, const KernelSet& kernels)
      : Int8Step(plan, layout, graph), kernel_(kernels.int8.elementwise), end_(plan, graph, in_, kernels.int8) {
    op_ = {image_.height, image_.width, image_.channels, nullptr, {}};
  }

  void bind(const std::vector<void*>& data) override {
    op_.input = static_cast<const int8_t*>(data[plan_.input]);
    op_.epilogue = end_.bind(layout_, data);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(op_, pixels.begin, pixels.end); }

 private:
  decltype(Int8Kernels::elementwise) kernel_;
  Int8End end_;
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
      : Int8Step(plan, layout, graph), kernel_(kernels.int8.pool), end_(plan, graph, out_, kernels.int8) {
    const Int8Range range = activation_range(*plan.op, out_);
    pool_ = {pool_window(*plan.op, image_), nullptr, range.min, range.max, {}};
    work.pixels = image_.batches * pool_.window.out_height * pool_.window.out_width;
  }

  void bind(const std::vector<void*>& data) override {
    pool_.input = static_cast<const int8_t*>(data[plan_.input]);
    pool_.epilogue = end_.bind(layout_, data);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(pool_, pixels.begin, pixels.end); }

 private:
  decltype(Int8Kernels::pool) kernel_;
  Int8End end_;
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

}  // namespace

std::unique_ptr<Step> make_int8_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                     const KernelSet& kernels) {
  switch (plan.op->kind) {
    case OperatorKind::kAdd:
    case OperatorKind::kPrelu:
    case OperatorKind::kShift:
      return std::make_unique<Int8ElementwiseStep>(plan, layout, graph, kernels);
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
