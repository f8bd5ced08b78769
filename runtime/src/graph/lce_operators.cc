// LCE's custom operators.
#include <cmath>

#include "graph/operator_reader.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxDepth = 1 << 24;  // sums of this many +-1 are exact in float32

bool valid_scale(const OperatorReader& r) {
  const TfLiteTensor& output = r.tensor(r.op->output);
  if (output.type != kTfLiteInt8 || (std::isfinite(output.params.scale) && output.params.scale > 0)) return true;
  return r.message->fail("its int8 output has no quantization scale");
}

}  // namespace

bool read_quantize(const OperatorReader& r) {
  return r.arity(1, 1) && r.variable(r.op->input, "input", {kTfLiteFloat32, kTfLiteInt8, kTfLiteBool}) &&
         r.variable(r.op->output, "output", {kTfLiteInt32});
}

bool read_dequantize(const OperatorReader& r) {
  if (!r.arity(1, 1) || !r.variable(r.op->input, "input", {kTfLiteInt32}) ||
      !r.variable(r.op->output, "output", {kTfLiteFloat32, kTfLiteInt8, kTfLiteBool}) || !valid_scale(r)) {
    return false;
  }
  const TfLiteTensor& output = r.tensor(r.op->output);
  Shape shape;
  Message reason;
  if (!make_shape(output.dims->data, output.dims->size, &shape, &reason)) {
    return r.message->fail("its output %s", reason.text);
  }
  r.op->stored_channels = shape.channels();
  return true;
}

bool read_bconv(const OperatorReader& r) {
  Operator* op = r.op;
  enum { kChannels, kDilationY, kDilationX, kActivation, kPadValues, kPadding, kStrideY, kStrideX, kOptions };
  const char* const keys[] = {
      "channels_in", "dilation_height_factor", "dilation_width_factor", "fused_activation_function", "pad_values",
      "padding",     "stride_height",          "stride_width"};
  int64_t options[kOptions];
  if (!r.arity(5, 5) || !r.variable(op->input, "input", {kTfLiteInt32}) ||
      !r.variable(op->output, "output", {kTfLiteFloat32, kTfLiteInt8, kTfLiteInt32}) || !valid_scale(r) ||
      !r.constant(r.input(1), kTfLiteInt32, 4, "filter") || !r.custom_options(keys, kOptions, options)) {
    return false;
  }
  op->filter = r.input(1);
  if (!r.activation(options[kActivation]) || !r.custom_padding(options[kPadding]) ||
      !r.axis(r.dim(op->filter, 1), options[kStrideY], options[kDilationY], &op->vertical) ||
      !r.axis(r.dim(op->filter, 2), options[kStrideX], options[kDilationX], &op->horizontal)) {
    return false;
  }
  if (options[kPadValues] != 0 && options[kPadValues] != 1) return r.message->fail("its pad_values must be 0 or 1");
  op->zero_padding = op->same_padding && options[kPadValues] == 0;

  const int32_t channels_out = r.dim(op->filter, 0);
  const int64_t channels_in = options[kChannels];
  op->filter_words = r.dim(op->filter, 3);
  const int64_t words = channels_in / 32 + (channels_in % 32 != 0);  // channels_in may be any number
  if (channels_in < 1 || channels_in > kMaxDepth || words % op->filter_words) {
    return r.message->fail("a filter of %d words does not fit %lld channels", op->filter_words, (long long)channels_in);
  }
  op->groups = static_cast<int32_t>(words / op->filter_words);
  op->filter_channels = static_cast<int32_t>(channels_in / op->groups);
  if (op->groups > 1 && (channels_in != words * 32 || channels_out % op->groups)) {
    return r.message->fail("%lld channels into %d cannot make %d groups", (long long)channels_in, channels_out,
                           op->groups);
  }
  op->group_channels = channels_out / op->groups;
  if (int64_t{op->vertical.size} * op->horizontal.size * op->filter_words * 32 > kMaxDepth) {
    return r.message->fail("its filter is too large");
  }

  if (r.tensor(op->output).type == kTfLiteInt32) {
    if (op->zero_padding) return r.message->fail("packed output with zero padding is not defined");
    op->thresholds = r.input(4);
    return r.channel_constant(op->thresholds, kTfLiteInt32, channels_out, "thresholds");
  }
  op->multipliers = r.input(2);
  op->biases = r.input(3);
  return r.channel_constant(op->multipliers, kTfLiteFloat32, channels_out, "multiplier") &&
         r.channel_constant(op->biases, kTfLiteFloat32, channels_out, "bias");
}

bool read_bmaxpool(const OperatorReader& r) {
  enum { kFilterY, kFilterX, kPadding, kStrideY, kStrideX, kOptions };
  const char* const keys[] = {"filter_height", "filter_width", "padding", "stride_height", "stride_width"};
  int64_t options[kOptions];
  return r.arity(1, 1) && r.variable(r.op->input, "input", {kTfLiteInt32}) &&
         r.variable(r.op->output, "output", {kTfLiteInt32}) && r.custom_options(keys, kOptions, options) &&
         r.custom_padding(options[kPadding]) && r.axis(options[kFilterY], options[kStrideY], 1, &r.op->vertical) &&
         r.axis(options[kFilterX], options[kStrideX], 1, &r.op->horizontal);
}

}  // namespace hybrid_tf
