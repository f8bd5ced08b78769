// Steps of the operators that work on each channel alone, float32 and int8: depthwise convolutions, products, maps that
// are joined or split, LOGISTIC, RESHAPE of floats.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "execution/fixed_point.h"
#include "execution/int8_end.h"
#include "execution/steps.h"

namespace hybrid_tf {
namespace {

class ChannelStep : public Step {
 public:
  ChannelStep(const StepPlan& plan, const Layout& layout)
      : plan_(plan), layout_(layout), image_(layout.values[plan.input].image) {
    work = map_work(plan, layout, image_.pixels());
  }

 protected:
  const StepPlan& plan_;
  const Layout& layout_;
  const Image& image_;
};

DepthwiseWindow depthwise_window(const Operator& op, const Image& in) {
  const Sliding s = sliding(op, in);
  return {in.height,
          in.width,
          in.channels,
          s.vertical.out,
          s.horizontal.out,
          op.vertical.size,
          op.horizontal.size,
          op.vertical.stride,
          op.horizontal.stride,
          op.vertical.dilation,
          op.horizontal.dilation,
          s.vertical.pad_before,
          s.horizontal.pad_before};
}

// What both types have in common.
class AnyDepthwiseStep : public ChannelStep {
 public:
  AnyDepthwiseStep(const StepPlan& plan, const Layout& layout)
      : ChannelStep(plan, layout), window_(depthwise_window(*plan.op, image_)) {
    const int64_t taps = int64_t{window_.filter_height} * window_.filter_width;
    work.pixels = image_.batches * window_.out_height * window_.out_width;
    work.float_macs = work.pixels * taps * window_.channels;
    work.weight_bytes = taps * window_.channels * 4;
  }

 protected:
  const DepthwiseWindow window_;
};

class DepthwiseStep : public AnyDepthwiseStep {
 public:
  DepthwiseStep(const StepPlan& plan, const Layout& layout, const Weights& weights, const KernelSet& kernels)
      : AnyDepthwiseStep(plan, layout), kernel_(kernels.depthwise) {
    conv_ = {window_,
             nullptr,
             weights.filter.as<float>(),
             weights.biases.as<float>(),
             plan.op->activation_min,
             plan.op->activation_max,
             {}};
  }

  void bind(const std::vector<void*>& data) override {
    conv_.input = static_cast<const float*>(data[plan_.input]);
    conv_.epilogue = bind_epilogue(plan_, layout_, data);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(conv_, pixels.begin, pixels.end); }

 private:
  decltype(KernelSet::depthwise) kernel_;
  Depthwise conv_;
};

class Int8DepthwiseStep : public AnyDepthwiseStep {
 public:
  Int8DepthwiseStep(const StepPlan& plan, const Layout& layout, const Graph& graph, const Weights& weights,
                    const KernelSet& kernels)
      : AnyDepthwiseStep(plan, layout),
        kernel_(kernels.int8.depthwise),
        end_(plan, graph, graph.tensors[plan.op->output], kernels.int8) {
    const Tensor& input = graph.tensors[plan.op->input];
    conv_ = {};
    conv_.window = window_;
    conv_.lanes = weights.group_blocks(*plan.op) * weights.block;
    set_int8_weights(&conv_, weights, *plan.op, graph.tensors[plan.op->output]);
    outside_.assign(conv_.lanes, static_cast<int8_t>(input.zero_point));
    conv_.outside = outside_.data();
    conv_.up = image_.channels / 8 * 8;  // as LCE's interpreter rounds the channels of whole vectors
  }

  void bind(const std::vector<void*>& data) override {
    conv_.input = static_cast<const int8_t*>(data[plan_.input]);
    conv_.epilogue = end_.bind(layout_, data);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(conv_, pixels.begin, pixels.end); }

 private:
  decltype(Int8Kernels::depthwise) kernel_;
  Int8End end_;
  std::vector<int8_t> outside_;
  Int8Depthwise conv_;
};

// The other operand of a product or a sum: a map like the first, one pixel for each image or for all, or a constant.
template <typename T>
Map<const T> other_operand(const StepPlan& plan, const Layout& layout, const std::vector<void*>& data) {
  if (plan.residual < 0) return {static_cast<const T*>(plan.op->channel_values), 0, 0, 0};
  const Value& other = layout.values[plan.residual];
  const T* values = static_cast<const T*>(data[plan.residual]);
  const Image &one = other.image, &all = layout.values[plan.input].image;
  const ptrdiff_t pixel = one.channels, row = pixel * one.width, image = row * one.height;
  const bool is_pixel = one.height != all.height || one.width != all.width;
  const ptrdiff_t batch = one.batches == all.batches ? image : 0;
  if (is_pixel) return {values, batch, 0, 0};
  return {values, batch, row, pixel};
}

class CombineStep : public ChannelStep {
 public:
  CombineStep(const StepPlan& plan, const Layout& layout, const KernelSet& kernels)
      : ChannelStep(plan, layout), kernel_(kernels.combine) {
    op_ = {image_.height, image_.width, image_.channels, nullptr, {}, plan.op->kind == OperatorKind::kMultiply, {}};
  }

  void bind(const std::vector<void*>& data) override {
    op_.input = static_cast<const float*>(data[plan_.input]);
    op_.other = other_operand<float>(plan_, layout_, data);
    op_.epilogue = bind_epilogue(plan_, layout_, data);
    op_.epilogue.residual = nullptr;
  }

  void run(const Range& pixels, const Range&) const override { kernel_(op_, pixels.begin, pixels.end); }

 private:
  decltype(KernelSet::combine) kernel_;
  Combine op_;
};

class Int8CombineStep : public ChannelStep {
 public:
  Int8CombineStep(const StepPlan& plan, const Layout& layout, const Graph& graph, const KernelSet& kernels)
      : ChannelStep(plan, layout),
        kernel_(kernels.int8.combine),
        end_(plan, graph, graph.tensors[multiplies(plan) ? plan.op->output : plan.op->input], kernels.int8) {
    const Operator& op = *plan.op;
    const Tensor &in = graph.tensors[op.input], &out = graph.tensors[op.output];
    const bool constant = op.residual < 0;
    const float other_scale = constant ? op.channel_scale : graph.tensors[op.residual].scale;
    const Int8Range range = activation_range(op, out);
    op_ = {};
    op_.out_height = image_.height;
    op_.out_width = image_.width;
    op_.channels = image_.channels;
    op_.multiplies = multiplies(plan);
    op_.input_zero_point = in.zero_point;
    op_.other_zero_point = constant ? op.channel_zero_point : graph.tensors[op.residual].zero_point;
    op_.zero_point = out.zero_point;
    op_.min = range.min;
    op_.max = range.max;
    // TensorFlow Lite multiplies these scales in single precision.
    op_.scale = make_fixed_point(in.scale * other_scale / out.scale);
  }

  void bind(const std::vector<void*>& data) override {
    op_.input = static_cast<const int8_t*>(data[plan_.input]);
    op_.other = other_operand<int8_t>(plan_, layout_, data);
    op_.epilogue = end_.bind(layout_, data);
    op_.epilogue.residual = nullptr;
    if (plan_.sum) op_.epilogue.quick = nullptr;  // its sum is of two maps
  }

  void run(const Range& pixels, const Range&) const override { kernel_(op_, pixels.begin, pixels.end); }

 private:
  static bool multiplies(const StepPlan& plan) { return plan.op->kind == OperatorKind::kMultiply; }

  decltype(Int8Kernels::combine) kernel_;
  Int8End end_;
  Int8Combine op_;
};

// CONCATENATION, SPLIT and RESHAPE: runs of bytes of each pixel from one place to another.
class CopyStep : public ChannelStep {
 public:
  CopyStep(const StepPlan& plan, const Layout& layout) : ChannelStep(plan, layout) {
    const Operator& op = *plan.op;
    const Value& output = layout.values[plan.output];
    const auto bytes = [&](int value) {
      return static_cast<ptrdiff_t>(layout.values[value].image.channels) * layout.values[value].element_size;
    };
    to_stride_ = bytes(plan.output);
    if (op.kind == OperatorKind::kConcatenate) {
      ptrdiff_t at = 0;
      for (int value : {plan.input, plan.residual, op.others[0], op.others[1]}) {
        if (value < 0) continue;
        parts_.push_back({value, 0, bytes(value), at, bytes(value)});
        at += bytes(value);
      }
    } else if (op.kind == OperatorKind::kSlice) {
      parts_.push_back({plan.input, op.slice * to_stride_, bytes(plan.input), 0, to_stride_});
    } else {
      to_stride_ = bytes(plan.input);
      parts_.push_back({plan.input, 0, to_stride_, 0, to_stride_});
    }
    from_.resize(parts_.size());
    work.output_bytes = output.bytes();
  }

  void bind(const std::vector<void*>& data) override {
    for (size_t i = 0; i < parts_.size(); ++i) {
      from_[i] = static_cast<const char*>(data[parts_[i].value]) + parts_[i].from;
    }
    to_ = static_cast<char*>(data[plan_.output]);
  }

  void run(const Range& pixels, const Range&) const override {
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const char* from = from_[i] + pixels.begin * part.from_stride;
      char* to = to_ + pixels.begin * to_stride_ + part.to;
      for (int32_t p = pixels.begin; p < pixels.end; ++p, from += part.from_stride, to += to_stride_) {
        memcpy(to, from, part.bytes);
      }
    }
  }

 private:
  struct Part {
    int value;
    ptrdiff_t from, from_stride, to, bytes;
  };
  std::vector<Part> parts_;
  std::vector<const char*> from_;
  char* to_ = nullptr;
  ptrdiff_t to_stride_;
};

// Of int8 a table of all values, made as TensorFlow Lite makes it.
class LogisticStep : public ChannelStep {
 public:
  LogisticStep(const StepPlan& plan, const Layout& layout, const Graph& graph)
      : ChannelStep(plan, layout), is_int8_(graph.tensors[plan.op->output].type == kTfLiteInt8) {
    const Tensor &in = graph.tensors[plan.op->input], &out = graph.tensors[plan.op->output];
    const float inverse = is_int8_ ? 1 / out.scale : 1;
    for (int i = 0; i < 256 && is_int8_; ++i) {
      const float value = logistic(in.scale * static_cast<float>(i - 128 - in.zero_point));
      const int32_t scaled = static_cast<int32_t>(std::round(value * inverse)) + out.zero_point;
      table_[i] = static_cast<int8_t>(std::max(-128, std::min(127, scaled)));
    }
  }

  void bind(const std::vector<void*>& data) override {
    from_ = data[plan_.input];
    to_ = data[plan_.output];
  }

  void run(const Range& pixels, const Range&) const override {
    const int64_t begin = int64_t{pixels.begin} * image_.channels, end = int64_t{pixels.end} * image_.channels;
    if (is_int8_) {
      const auto* from = static_cast<const int8_t*>(from_);
      auto* to = static_cast<int8_t*>(to_);
      for (int64_t i = begin; i < end; ++i) to[i] = table_[from[i] + 128];
    } else {
      const auto* from = static_cast<const float*>(from_);
      auto* to = static_cast<float*>(to_);
      for (int64_t i = begin; i < end; ++i) to[i] = logistic(from[i]);
    }
  }

 private:
  static float logistic(float value) { return 1.0f / (1.0f + std::exp(-value)); }

  const bool is_int8_;
  int8_t table_[256];
  const void* from_ = nullptr;
  void* to_ = nullptr;
};

}  // namespace

std::unique_ptr<Step> make_channel_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                        const Weights& weights, const KernelSet& kernels) {
  const bool is_int8 = graph.tensors[plan.op->output].type == kTfLiteInt8;
  switch (plan.op->kind) {
    case OperatorKind::kDepthwise:
      if (is_int8) return std::make_unique<Int8DepthwiseStep>(plan, layout, graph, weights, kernels);
      return std::make_unique<DepthwiseStep>(plan, layout, weights, kernels);
    case OperatorKind::kMultiply:
    case OperatorKind::kAddPixel:
      if (is_int8) return std::make_unique<Int8CombineStep>(plan, layout, graph, kernels);
      return std::make_unique<CombineStep>(plan, layout, kernels);
    case OperatorKind::kLogistic:
      return std::make_unique<LogisticStep>(plan, layout, graph);
    default:  // kConcatenate, kSlice and kReshape
      return std::make_unique<CopyStep>(plan, layout);
  }
}

}  // namespace hybrid_tf
