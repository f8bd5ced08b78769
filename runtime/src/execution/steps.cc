#include "execution/steps.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/bits.h"

namespace hybrid_tf {
namespace {

// What the steps of this file share: they know their plan and divide by pixels of one of their maps.
class MapStep : public Step {
 public:
  MapStep(const StepPlan& plan, const Layout& layout, int counted) : plan_(plan), layout_(layout) {
    work = map_work(plan, layout, layout.values[counted].image.pixels());
  }

 protected:
  const Value& value(int number) const { return layout_.values[number]; }
  const Value& output() const { return value(plan_.output >= 0 ? plan_.output : plan_.signs); }

  const StepPlan& plan_;
  const Layout& layout_;
};

// Sums, activations and signs of floats.
class ElementwiseStep : public MapStep {
 public:
  ElementwiseStep(const StepPlan& plan, const Layout& layout, const KernelSet& kernels)
      : MapStep(plan, layout, plan.input), kernel_(kernels.elementwise) {
    const Image& image = value(plan.input).image;
    op_ = {image.height, image.width, image.channels, nullptr, {}};
  }

  void bind(const std::vector<void*>& data) override {
    op_.input = static_cast<const float*>(data[plan_.input]);
    op_.epilogue = bind_epilogue(plan_, layout_, data);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(op_, pixels.begin, pixels.end); }

 private:
  decltype(KernelSet::elementwise) kernel_;
  Elementwise op_;
};

// Pools, and the mean over all pixels, which is the average over a filter as large as the image.
class PoolStep : public MapStep {
 public:
  PoolStep(const StepPlan& plan, const Layout& layout, const KernelSet& kernels)
      : MapStep(plan, layout, plan.input), kernel_(kernels.pool) {
    pool_ = pool_window(*plan.op, value(plan.input).image);
    pool_.activation_min = plan.op->activation_min;
    pool_.activation_max = plan.op->activation_max;
    work.pixels = pool_.batches * pool_.out_height * pool_.out_width;
  }

  void bind(const std::vector<void*>& data) override {
    pool_.input = static_cast<const float*>(data[plan_.input]);
    pool_.epilogue = bind_epilogue(plan_, layout_, data);
  }

  void run(const Range& pixels, const Range&) const override { kernel_(pool_, pixels.begin, pixels.end); }

 private:
  decltype(KernelSet::pool) kernel_;
  Pool pool_;
};

class BmaxPoolStep : public MapStep {
 public:
  BmaxPoolStep(const StepPlan& plan, const Layout& layout) : MapStep(plan, layout, plan.signs) {
    const Operator& op = *plan.op;
    const Image& in = value(plan.input).image;
    const Sliding s = sliding(op, in);
    pool_ = {{},
             in.height,
             in.width,
             in.channels,
             s.vertical.out,
             s.horizontal.out,
             op.vertical.size,
             op.horizontal.size,
             op.vertical.stride,
             op.horizontal.stride,
             s.vertical.pad_before,
             s.horizontal.pad_before,
             {}};
  }

  void bind(const std::vector<void*>& data) override {
    pool_.input = value(plan_.input).map<const uint32_t>(data[plan_.input]);
    pool_.output = value(plan_.signs).map<uint32_t>(data[plan_.signs]);
  }

  void run(const Range& pixels, const Range&) const override { bmaxpool(pool_, pixels.begin, pixels.end); }

 private:
  BmaxPool pool_;
};

// LceQuantize of int8 or bool. (That of floats is elementwise.)
class PackStep : public MapStep {
 public:
  PackStep(const StepPlan& plan, const Layout& layout, const Tensor& input)
      : MapStep(plan, layout, plan.input), input_(input) {}

  void bind(const std::vector<void*>& data) override {
    values_ = data[plan_.input];
    signs_ = value(plan_.signs).map<uint32_t>(data[plan_.signs]);
  }

  void run(const Range& pixels, const Range&) const override {
    const Image& image = value(plan_.input).image;
    if (input_.type == kTfLiteInt8) {
      pack_int8(static_cast<const int8_t*>(values_), image.channels, input_.zero_point, image.height, image.width,
                signs_, pixels.begin, pixels.end);
    } else {
      pack_bool(static_cast<const uint8_t*>(values_), image.channels, image.height, image.width, signs_, pixels.begin,
                pixels.end);
    }
  }

 private:
  const Tensor& input_;
  const void* values_;
  Map<uint32_t> signs_;
};

// LceDequantize.
class UnpackStep : public MapStep {
 public:
  UnpackStep(const StepPlan& plan, const Layout& layout, const Tensor& output)
      : MapStep(plan, layout, plan.output), output_(output) {
    if (output.type != kTfLiteInt8) return;
    // The scale is positive; a tiny one makes the quotient larger than any int8 needs.
    const double step = std::round(std::min(1.0f / output.scale, 65536.0f));
    plus_ = static_cast<int8_t>(std::max(-128.0, std::min(127.0, output.zero_point + step)));
    minus_ = static_cast<int8_t>(std::max(-128.0, std::min(127.0, output.zero_point - step)));
  }

  void bind(const std::vector<void*>& data) override {
    words_ = static_cast<const uint32_t*>(data[plan_.input]);
    values_ = data[plan_.output];
  }

  void run(const Range& pixels, const Range&) const override {
    const int32_t channels = output().image.channels;
    if (output_.type == kTfLiteFloat32) {
      unpack_float(words_, channels, 1.0f, -1.0f, static_cast<float*>(values_), pixels.begin, pixels.end);
    } else if (output_.type == kTfLiteInt8) {
      unpack_int8(words_, channels, plus_, minus_, static_cast<int8_t*>(values_), pixels.begin, pixels.end);
    } else {
      unpack_bool(words_, channels, static_cast<uint8_t*>(values_), pixels.begin, pixels.end);
    }
  }

 private:
  const Tensor& output_;
  int8_t plus_ = 0, minus_ = 0;
  const uint32_t* words_;
  void* values_;
};

// A copy with a halo; the halo is filled by whoever runs the steps. Pixels here are rows.
class PadStep : public MapStep {
 public:
  PadStep(const StepPlan& plan, const Layout& layout) : MapStep(plan, layout, plan.input) {
    const Image& image = value(plan.input).image;
    work.pixels = image.batches * image.height;
  }

  void bind(const std::vector<void*>& data) override {
    from_ = static_cast<const char*>(data[plan_.input]);
    to_ = static_cast<char*>(data[plan_.output]);
  }

  void run(const Range& rows, const Range&) const override {
    const Value& copy = output();
    const size_t bytes = static_cast<size_t>(copy.image.width) * copy.image.channels * copy.element_size;
    for (int32_t row = rows.begin; row < rows.end; ++row) {
      const ptrdiff_t at = row / copy.image.height * copy.batch_stride() + row % copy.image.height * copy.row_stride();
      memcpy(to_ + at * copy.element_size, from_ + row * bytes, bytes);
    }
  }

 private:
  const char* from_;
  char* to_;
};

}  // namespace

Work map_work(const StepPlan& plan, const Layout& layout, int32_t pixels) {
  Work work;
  work.pixels = pixels;
  work.block_unit = 0;
  work.input_bytes = layout.values[plan.input].bytes();
  for (int value : {plan.residual, plan.output, plan.signs}) {
    if (value >= 0) work.output_bytes += layout.values[value].bytes();
  }
  return work;
}

Pool pool_window(const Operator& op, const Image& in) {
  Pool pool = {};
  pool.kind = op.kind == OperatorKind::kMaxPool ? PoolKind::kMax : PoolKind::kAverage;
  pool.batches = in.batches;
  pool.in_height = in.height;
  pool.in_width = in.width;
  pool.channels = in.channels;
  if (op.kind == OperatorKind::kMean) {
    pool.out_height = pool.out_width = pool.stride_height = pool.stride_width = 1;
    pool.filter_height = in.height;
    pool.filter_width = in.width;
  } else {
    const Sliding s = sliding(op, in);
    pool.out_height = s.vertical.out;
    pool.out_width = s.horizontal.out;
    pool.filter_height = op.vertical.size;
    pool.filter_width = op.horizontal.size;
    pool.stride_height = op.vertical.stride;
    pool.stride_width = op.horizontal.stride;
    pool.pad_top = s.vertical.pad_before;
    pool.pad_left = s.horizontal.pad_before;
  }
  return pool;
}

Epilogue bind_epilogue(const StepPlan& plan, const Layout& layout, const std::vector<void*>& data) {
  const auto channel_floats = [](const Operator* op) {
    return op ? static_cast<const float*>(op->channel_values) : nullptr;
  };
  Epilogue epilogue = {};
  epilogue.residual = static_cast<const float*>(data_of(data, plan.residual));
  epilogue.slopes = channel_floats(plan.prelu);
  epilogue.shifts = channel_floats(plan.shift);
  epilogue.min = plan.min;
  epilogue.max = plan.max;
  epilogue.floats = static_cast<float*>(data_of(data, plan.output));
  if (plan.signs >= 0) epilogue.signs = layout.values[plan.signs].map<uint32_t>(data[plan.signs]);
  return epilogue;
}

std::unique_ptr<Step> make_step(const StepPlan& plan, const Layout& layout, const Graph& graph, const Weights& weights,
                                const KernelSet& kernels) {
  if (!plan.op) return std::make_unique<PadStep>(plan, layout);
  const Tensor& input = graph.tensors[plan.op->input];
  const Tensor& output = graph.tensors[plan.op->output];
  const bool is_lce = plan.op->kind <= OperatorKind::kBmaxPool;
  const bool is_int8 = !is_lce && (input.type == kTfLiteInt8 || output.type == kTfLiteInt8);
  switch (plan.op->kind) {
    case OperatorKind::kBconv:
      return make_bconv_step(plan, layout, graph, weights, kernels);
    case OperatorKind::kConv:
    case OperatorKind::kDense:
      if (is_int8) return make_int8_conv_step(plan, layout, graph, weights, kernels);
      return make_fconv_step(plan, layout, weights, kernels);
    case OperatorKind::kToInt8:
    case OperatorKind::kFromInt8:
    case OperatorKind::kRescale:
      return make_int8_step(plan, layout, graph, kernels);
    case OperatorKind::kAveragePool:
    case OperatorKind::kMaxPool:
    case OperatorKind::kMean:
      if (is_int8) return make_int8_step(plan, layout, graph, kernels);
      return std::make_unique<PoolStep>(plan, layout, kernels);
    case OperatorKind::kBmaxPool:
      return std::make_unique<BmaxPoolStep>(plan, layout);
    case OperatorKind::kDequantize:
      return std::make_unique<UnpackStep>(plan, layout, output);
    case OperatorKind::kQuantize:
      if (input.type != kTfLiteFloat32) return std::make_unique<PackStep>(plan, layout, input);
      return std::make_unique<ElementwiseStep>(plan, layout, kernels);
    case OperatorKind::kAdd:
    case OperatorKind::kClamp:
    case OperatorKind::kPrelu:
    case OperatorKind::kShift:
      if (is_int8) return make_int8_step(plan, layout, graph, kernels);
      return std::make_unique<ElementwiseStep>(plan, layout, kernels);
    case OperatorKind::kReshape:
    case OperatorKind::kDepthwise:
    case OperatorKind::kMultiply:
    case OperatorKind::kAddPixel:
    case OperatorKind::kConcatenate:
    case OperatorKind::kSlice:
    case OperatorKind::kLogistic:
      return make_channel_step(plan, layout, graph, weights, kernels);
  }
  return nullptr;
}

}  // namespace hybrid_tf
