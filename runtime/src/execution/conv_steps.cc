// Binary, float32 and int8 convolutions and dense layers.
#include "execution/int8_end.h"
#include "execution/steps.h"

namespace hybrid_tf {
namespace {

// A window and the memory that it points to.
struct OwnedWindow {
  Window window;
  std::vector<ptrdiff_t> offsets;

  // Runs of `length` elements, one for each tap; runs that follow each other in memory become one. Those of int8 only
  // within a row, as the weights' packing knows (see Int8Runs).
  OwnedWindow(const Operator& op, const Value& input, const Image& output, const Sliding& sliding) {
    int32_t length = op.filter_words;
    const ptrdiff_t row = input.row_stride(), pixel = input.image.channels;
    for (int32_t y = 0; y < op.vertical.size; ++y) {
      const ptrdiff_t down = int64_t{y} * op.vertical.dilation - sliding.vertical.pad_before;
      for (int32_t x = 0; x < op.horizontal.size; ++x) {
        const ptrdiff_t right = int64_t{x} * op.horizontal.dilation - sliding.horizontal.pad_before;
        offsets.push_back(down * row + right * pixel);
      }
    }
    length = merge(op.horizontal.size, length);
    if (input.element_size > 1) length = merge(static_cast<int32_t>(offsets.size()), length);
    window = {output.height,
              output.width,
              input.batch_stride(),
              op.vertical.stride * row,
              op.horizontal.stride * pixel,
              static_cast<int32_t>(offsets.size()),
              length,
              offsets.data()};
  }

 private:
  // Merges every `count` runs if all of them can be. Returns the new length of a run.
  int32_t merge(int32_t count, int32_t length) {
    for (size_t i = 0; i < offsets.size(); ++i) {
      if (i % count && offsets[i] != offsets[i - 1] + length) return length;
    }
    for (size_t i = 0; i * count < offsets.size(); ++i) offsets[i] = offsets[i * count];
    offsets.resize(offsets.size() / count);
    return length * count;
  }
};

// Words of signs hold 32 channels: threads must not share one.
int32_t unit_of_blocks(int32_t block, bool writes_signs, const Operator& op) {
  if (!writes_signs) return 1;
  if (op.groups > 1 && op.group_channels % 32) return 0;
  return block < 32 ? 32 / block : 1;
}

Work conv_work(const StepPlan& plan, const Layout& layout, const Weights& weights, const Image& output) {
  const Operator& op = *plan.op;
  Work work;
  work.pixels = output.pixels();
  work.blocks = op.groups * weights.group_blocks(op);
  work.block_unit = unit_of_blocks(weights.block, plan.signs >= 0, op);
  const int64_t taps = op.vertical.size * op.horizontal.size;
  const Value& input = layout.values[plan.input];
  work.input_bytes = input.bytes();
  work.weight_bytes = work.blocks * weights.block * taps * op.filter_words * (input.element_size > 1 ? 4 : 1);
  const int64_t macs = work.pixels * taps * op.filter_channels * op.channels_out();
  (op.kind == OperatorKind::kBconv ? work.binary_macs : work.float_macs) = macs;
  for (int value : {plan.residual, plan.output, plan.signs}) {
    if (value >= 0) work.output_bytes += layout.values[value].bytes();
  }
  return work;
}

// The output as the kernels see it. Dense layers are convolutions with one pixel an image.
Image output_image(const StepPlan& plan, const Layout& layout) {
  return layout.values[plan.output >= 0 ? plan.output : plan.signs].image;
}

// The input of a full-precision convolution; a dense layer reads rows of as many values as its weights have, however
// its input is shaped.
Value input_value(const StepPlan& plan, const Layout& layout) {
  Value input = layout.values[plan.input];
  if (plan.op->kind == OperatorKind::kDense) {
    const Image output = output_image(plan, layout);
    input.image.batches = output.batches;
    input.image.height = output.height;
    input.image.width = output.width;
    input.image.channels = plan.op->filter_channels;
  }
  return input;
}

// Of a binary convolution, in words.
std::string blocking_of(const Operator& op, const KernelSet& kernels, const Int8Epilogue& end) {
  const BconvTaps taps = {op.vertical.size * op.horizontal.size, op.filter_words, op.filter_channels};
  const BconvBlocking blocking = kernels.bconv_blocking(taps, op.group_channels);
  std::string text = std::to_string(blocking.pixels) + " pixels x " + std::to_string(blocking.channels) + " channels";
  if (blocking.taps_in_word > 1) text += ", " + std::to_string(blocking.taps_in_word) + " taps a word";
  if (end.quick) text += ", 32-bit products";
  return text;
}

class BconvStep : public Step {
 public:
  BconvStep(const StepPlan& plan, const Layout& layout, const Graph& graph, const Weights& weights,
            const KernelSet& kernels)
      : plan_(plan),
        layout_(layout),
        kernel_(kernels.bconv),
        input_(layout.values[plan.input]),
        sliding_(sliding(*plan.op, input_.image)),
        window_(*plan.op, input_, output_image(plan, layout), sliding_),
        inside_rows_(inside_taps(plan.op->vertical, sliding_.vertical, input_.image.height)),
        inside_columns_(inside_taps(plan.op->horizontal, sliding_.horizontal, input_.image.width)),
        int8_end_(plan, graph, graph.tensors[plan.op->output], kernels.int8) {
    const Operator& op = *plan.op;
    const int32_t depth = op.vertical.size * op.horizontal.size * op.filter_channels;
    work = conv_work(plan, layout, weights, output_image(plan, layout));
    blocking = blocking_of(op, kernels, int8_end_.epilogue());
    conv_ = {};
    conv_.window = window_.window;
    conv_.groups = op.groups;
    conv_.group_words = op.filter_words;
    conv_.group_channels = op.group_channels;
    conv_.group_blocks = weights.group_blocks(op);
    conv_.weights = weights.filter.as<uint32_t>();
    conv_.tap_rows = op.vertical.size;
    conv_.tap_columns = op.horizontal.size;
    conv_.tap_channels = op.filter_channels;
    conv_.inside_rows = inside_rows_.data();
    conv_.inside_columns = inside_columns_.data();
    conv_.depth = 0;  // part of the biases: see pack_transform()
    conv_.activation_min = op.activation_min - static_cast<float>(depth);
    conv_.activation_max = op.activation_max - static_cast<float>(depth);
    conv_.multipliers = weights.multipliers.as<float>();
    conv_.biases = weights.biases.as<float>();
    conv_.quick_factors = weights.quick_factors.as<int32_t>();
    conv_.quick_offsets = weights.quick_offsets.as<int32_t>();
    conv_.quick_shift = weights.quick_shift;
    conv_.thresholds = weights.thresholds.as<int32_t>();
    const Tensor& output = graph.tensors[op.output];
    conv_.output = output.type == kTfLiteFloat32 ? BconvOutput::kFloat
                   : output.type == kTfLiteInt8  ? BconvOutput::kInt8
                                                 : BconvOutput::kBits;
  }

  bool correct_zero_padding(const Weights& weights) {
    if (!plan_.op->zero_padding) return true;
    if (!make_corrections(*plan_.op, weights, inside_rows_, inside_columns_, &corrections_)) return false;
    conv_.corrections = corrections_.values.as<int32_t>();
    conv_.row_class = corrections_.row_class.data();
    conv_.column_class = corrections_.column_class.data();
    conv_.column_classes = corrections_.column_classes;
    return true;
  }

  void bind(const std::vector<void*>& data) override {
    conv_.input = static_cast<const uint32_t*>(data[plan_.input]);
    if (conv_.output == BconvOutput::kInt8) {
      conv_.int8_epilogue = int8_end_.bind(layout_, data);
    } else {
      conv_.epilogue = bind_epilogue(plan_, layout_, data);
    }
  }

  void run(const Range& pixels, const Range& blocks) const override {
    kernel_(conv_, pixels.begin, pixels.end, blocks.begin, blocks.end);
  }

 private:
  const StepPlan& plan_;
  const Layout& layout_;
  decltype(KernelSet::bconv) kernel_;
  const Value& input_;
  Sliding sliding_;
  OwnedWindow window_;
  std::vector<TapRange> inside_rows_, inside_columns_;
  Corrections corrections_;
  Int8End int8_end_;
  Bconv conv_;
};

class FconvStep : public Step {
 public:
  FconvStep(const StepPlan& plan, const Layout& layout, const Weights& weights, const KernelSet& kernels)
      : plan_(plan),
        layout_(layout),
        kernel_(kernels.fconv),
        window_(*plan.op, input_value(plan, layout), output_image(plan, layout),
                sliding(*plan.op, input_value(plan, layout).image)) {
    const Operator& op = *plan.op;
    work = conv_work(plan, layout, weights, output_image(plan, layout));
    conv_ = {};
    conv_.window = window_.window;
    conv_.channels = op.group_channels;
    conv_.blocks = work.blocks;
    conv_.weights = weights.filter.as<float>();
    conv_.biases = weights.biases.as<float>();
    conv_.activation_min = op.activation_min;
    conv_.activation_max = op.activation_max;
  }

  void bind(const std::vector<void*>& data) override {
    conv_.input = static_cast<const float*>(data[plan_.input]);
    conv_.epilogue = bind_epilogue(plan_, layout_, data);
  }

  void run(const Range& pixels, const Range& blocks) const override {
    kernel_(conv_, pixels.begin, pixels.end, blocks.begin, blocks.end);
  }

 private:
  const StepPlan& plan_;
  const Layout& layout_;
  decltype(KernelSet::fconv) kernel_;
  OwnedWindow window_;
  Fconv conv_;
};

class Int8ConvStep : public Step {
 public:
  Int8ConvStep(const StepPlan& plan, const Layout& layout, const Graph& graph, const Weights& weights,
               const KernelSet& kernels)
      : plan_(plan),
        layout_(layout),
        kernel_(kernels.int8.conv),
        window_(*plan.op, input_value(plan, layout), output_image(plan, layout),
                sliding(*plan.op, input_value(plan, layout).image)),
        end_(plan, graph, graph.tensors[plan.op->output], kernels.int8) {
    work = conv_work(plan, layout, weights, output_image(plan, layout));
    conv_ = {};
    conv_.window = window_.window;
    conv_.channels = plan.op->group_channels;
    conv_.blocks = work.blocks;
    set_int8_weights(&conv_, weights, *plan.op, graph.tensors[plan.op->output]);
  }

  void bind(const std::vector<void*>& data) override {
    conv_.input = static_cast<const int8_t*>(data[plan_.input]);
    conv_.epilogue = end_.bind(layout_, data);
  }

  void run(const Range& pixels, const Range& blocks) const override {
    kernel_(conv_, pixels.begin, pixels.end, blocks.begin, blocks.end);
  }

 private:
  const StepPlan& plan_;
  const Layout& layout_;
  decltype(Int8Kernels::conv) kernel_;
  OwnedWindow window_;
  Int8End end_;
  Int8Conv conv_;
};

}  // namespace

std::unique_ptr<Step> make_bconv_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                      const Weights& weights, const KernelSet& kernels) {
  auto step = std::make_unique<BconvStep>(plan, layout, graph, weights, kernels);
  if (!step->correct_zero_padding(weights)) return nullptr;
  return step;
}

std::unique_ptr<Step> make_fconv_step(const StepPlan& plan, const Layout& layout, const Weights& weights,
                                      const KernelSet& kernels) {
  return std::make_unique<FconvStep>(plan, layout, weights, kernels);
}

std::unique_ptr<Step> make_int8_conv_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                          const Weights& weights, const KernelSet& kernels) {
  return std::make_unique<Int8ConvStep>(plan, layout, graph, weights, kernels);
}

}  // namespace hybrid_tf
