// LceBconv2d as an operator of TFLM.
#include "bconv2d.h"
#include "lce_ops.h"
#include "op_reader.h"

namespace tflite {
namespace micro {
namespace {

using hybrid_tf::micro::Bconv;
using hybrid_tf::micro::BconvOutput;

constexpr int32_t kMostDepth = 1 << 24;  // sums of this many +-1 are exact in float32

struct BconvData {
  Bconv conv;
  int window;  // scratch buffer
};

enum { kChannels, kDilationY, kDilationX, kActivation, kPadValues, kPadding, kStrideY, kStrideX, kOptions };

// The limits of depth - y for limits of y, which is between -depth and depth.
bool read_activation(const LceOpReader& reader, int32_t activation, int32_t depth, Bconv* conv) {
  conv->low = 0;
  conv->high = 2 * depth;
  switch (activation) {
    case 0:
      return true;
    case 1:  // RELU
      conv->high = depth;
      return true;
    case 2:  // RELU_N1_TO_1
      conv->low = depth - 1;
      conv->high = depth + 1;
      return true;
    case 3:  // RELU6
      conv->low = depth < 6 ? 0 : depth - 6;
      conv->high = depth;
      return true;
    default:
      return reader.fail("activation");
  }
}

bool read_transform(const LceOpReader& reader, int32_t depth, Bconv* conv) {
  const int32_t outputs = conv->outputs();
  TfLiteQuantizationParams params = {1.0f, 0};
  if (conv->output == BconvOutput::kInt8 && !reader.quantization(true, &params)) return false;
  const float* multipliers = reader.channel_constant<float>(2, kTfLiteFloat32, outputs, "multiplier");
  const float* biases = reader.channel_constant<float>(3, kTfLiteFloat32, outputs, "bias");
  if (multipliers == nullptr || biases == nullptr) return false;
  float* folded = reader.allocate<float>(2 * outputs);
  if (folded == nullptr) return false;
  conv->multipliers = folded;
  conv->offsets = folded + outputs;
  return hybrid_tf::micro::fold_transform(multipliers, biases, outputs, depth, params.scale, params.zero_point, folded,
                                          folded + outputs) ||
         reader.fail("multiplier or bias: not finite");
}

bool read_bconv(const LceOpReader& reader, Bconv* conv) {
  static const char* const kKeys[] = {
      "channels_in", "dilation_height_factor", "dilation_width_factor", "fused_activation_function", "pad_values",
      "padding",     "stride_height",          "stride_width"};
  int32_t options[kOptions];
  if (!reader.arity(5) || !reader.options(kKeys, kOptions, options)) return false;
  const LceImage in(reader.input());
  if (reader.input()->type != kTfLiteInt32) return reader.fail("input type");
  const TfLiteEvalTensor* filter = reader.constant(1, kTfLiteInt32, 4, "filter");
  if (filter == nullptr) return false;
  const int* dims = filter->dims->data;
  if (!reader.window(dims[1], options[kStrideY], options[kDilationY], options[kPadding], in.height, &conv->vertical,
                     &conv->rows) ||
      !reader.window(dims[2], options[kStrideX], options[kDilationX], options[kPadding], in.width, &conv->horizontal,
                     &conv->columns)) {
    return false;
  }
  const int32_t channels = options[kChannels];
  if (channels < 1 || channels > kMostDepth || lce_words(channels) != in.channels || in.channels % dims[3] ||
      dims[0] % (in.channels / dims[3]) || (dims[3] < in.channels && channels != in.channels * 32)) {
    return reader.fail("channels");
  }
  conv->batches = in.batches;
  conv->in_height = in.height;
  conv->in_width = in.width;
  conv->in_words = in.channels;
  conv->group_words = dims[3];
  conv->groups = in.channels / dims[3];
  conv->group_outputs = dims[0] / conv->groups;
  conv->tap_depth = channels / conv->groups;
  conv->filters = static_cast<const uint32_t*>(filter->data.data);
  if (int64_t{conv->taps()} * conv->group_words * 32 > kMostDepth) return reader.fail("filter: too large");
  if (options[kPadValues] != 0 && options[kPadValues] != 1) return reader.fail("pad_values");
  conv->zero_padding = options[kPadding] == 0 && options[kPadValues] == 0;

  const TfLiteEvalTensor* output = reader.output();
  LceImage expected(output);
  expected.batches = in.batches;
  expected.height = conv->rows.out;
  expected.width = conv->columns.out;
  expected.channels = output->type == kTfLiteInt32 ? lce_words(dims[0]) : dims[0];
  if (!(LceImage(output) == expected)) return reader.fail("output shape");
  const int32_t depth = conv->taps() * conv->tap_depth;
  switch (output->type) {
    case kTfLiteInt32:
      conv->output = BconvOutput::kBits;
      if (conv->zero_padding) return reader.fail("pad_values: zero padding has no packed output");
      conv->thresholds = reader.channel_constant<int32_t>(4, kTfLiteInt32, dims[0], "thresholds");
      return conv->thresholds != nullptr;
    case kTfLiteInt8:
    case kTfLiteFloat32:
      conv->output = output->type == kTfLiteInt8 ? BconvOutput::kInt8 : BconvOutput::kFloat;
      return read_activation(reader, options[kActivation], depth, conv) && read_transform(reader, depth, conv);
    default:
      return reader.fail("output type");
  }
}

TfLiteStatus BconvPrepare(TfLiteContext* context, TfLiteNode* node) {
  const LceOpReader reader(context, node, "LceBconv2d");
  BconvData* data = reader.allocate<BconvData>();
  node->user_data = data;
  if (data == nullptr || !read_bconv(reader, &data->conv)) return kTfLiteError;
  const size_t window = static_cast<size_t>(data->conv.groups) * data->conv.window_words() * sizeof(uint32_t);
  return GetMicroContext(context)->RequestScratchBufferInArena(window, &data->window);
}

TfLiteStatus BconvEval(TfLiteContext* context, TfLiteNode* node) {
  const BconvData* data = static_cast<const BconvData*>(node->user_data);
  uint32_t* window = static_cast<uint32_t*>(GetMicroContext(context)->GetScratchBuffer(data->window));
  hybrid_tf::micro::eval_bconv(data->conv, static_cast<const uint32_t*>(GetEvalInput(context, node, 0)->data.data),
                               window, GetEvalOutput(context, node, 0)->data.data);
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration* Register_LCE_BCONV2D() {
  static TFLMRegistration registration = RegisterOp(nullptr, BconvPrepare, BconvEval);
  return &registration;
}

}  // namespace micro
}  // namespace tflite
