// Full-precision operators, all of float32.
#include <cstring>

#include "operator_reader.h"
#include "operators.h"

namespace hybrid_tf {
namespace {

// What the full-precision operators have in common: float32 in and out, options read by the interpreter.
bool read_float(const OperatorReader& r, int min_inputs, int max_inputs) {
  if (!r.arity(min_inputs, max_inputs) || !r.variable(r.op->input, "input", {kTfLiteFloat32}) ||
      !r.variable(r.op->output, "output", {kTfLiteFloat32})) {
    return false;
  }
  if (!r.node.builtin_data) return r.message->fail("its options are missing");
  return true;
}

bool read_optional_bias(const OperatorReader& r, int32_t channels) {
  r.op->biases = r.input(2);
  return r.op->biases < 0 || r.channel_constant(r.op->biases, kTfLiteFloat32, channels, "bias");
}

}  // namespace

bool read_conv(const OperatorReader& r) {
  Operator* op = r.op;
  if (!read_float(r, 2, 3) || !r.has_rank(op->input, 4, "input") ||
      !r.constant(r.input(1), kTfLiteFloat32, 4, "filter")) {
    return false;
  }
  const auto& options = *static_cast<const TfLiteConvParams*>(r.node.builtin_data);
  op->filter = r.input(1);
  op->group_channels = r.dim(op->filter, 0);
  op->filter_channels = op->filter_words = r.dim(op->filter, 3);
  if (r.dim(op->input, 3) != op->filter_channels) return r.message->fail("has groups");
  return r.activation(options.activation) && r.padding(options.padding) &&
         r.axis(r.dim(op->filter, 1), options.stride_height, options.dilation_height_factor, &op->vertical) &&
         r.axis(r.dim(op->filter, 2), options.stride_width, options.dilation_width_factor, &op->horizontal) &&
         read_optional_bias(r, op->group_channels);
}

bool read_dense(const OperatorReader& r) {
  Operator* op = r.op;
  if (!read_float(r, 2, 3) || !r.constant(r.input(1), kTfLiteFloat32, 2, "weights")) return false;
  const auto& options = *static_cast<const TfLiteFullyConnectedParams*>(r.node.builtin_data);
  if (options.weights_format != 0) return r.message->fail("its weights are shuffled");
  op->filter = r.input(1);
  op->group_channels = r.dim(op->filter, 0);
  op->filter_channels = op->filter_words = r.dim(op->filter, 1);
  op->keep_dims = options.keep_num_dims;
  return r.activation(options.activation) && read_optional_bias(r, op->group_channels);
}

bool read_add(const OperatorReader& r) {
  if (!read_float(r, 2, 2) || !r.variable(r.input(1), "second input", {kTfLiteFloat32})) return false;
  r.op->residual = r.input(1);
  const TfLiteIntArray& a = *r.tensor(r.op->input).dims;
  const TfLiteIntArray& b = *r.tensor(r.op->residual).dims;
  if (a.size != b.size || memcmp(a.data, b.data, a.size * sizeof(int))) {
    return r.message->fail("its inputs have different shapes");
  }
  return r.activation(static_cast<const TfLiteAddParams*>(r.node.builtin_data)->activation);
}

bool read_clamp(const OperatorReader& r, TfLiteFusedActivation activation) {
  return r.arity(1, 1) && r.variable(r.op->input, "input", {kTfLiteFloat32}) &&
         r.variable(r.op->output, "output", {kTfLiteFloat32}) && r.activation(activation);
}

bool read_pool(const OperatorReader& r) {
  if (!read_float(r, 1, 1) || !r.has_rank(r.op->input, 4, "input")) return false;
  const auto& options = *static_cast<const TfLitePoolParams*>(r.node.builtin_data);
  return r.activation(options.activation) && r.padding(options.padding) &&
         r.axis(options.filter_height, options.stride_height, 1, &r.op->vertical) &&
         r.axis(options.filter_width, options.stride_width, 1, &r.op->horizontal);
}

// The mean over the pixels of each image.
bool read_mean(const OperatorReader& r) {
  if (!read_float(r, 2, 2) || !r.has_rank(r.op->input, 4, "input") ||
      !r.constant(r.input(1), kTfLiteInt32, 1, "list of axes")) {
    return false;
  }
  const int32_t* axes = constant_data<int32_t>(r.context, r.input(1));
  int reduced = 0;
  for (int i = 0; i < r.dim(r.input(1), 0); ++i) {
    const int64_t axis = axes[i] < 0 ? int64_t{axes[i]} + 4 : axes[i];
    if (axis != 1 && axis != 2) return r.message->fail("is over other axes than height and width");
    reduced |= 1 << axis;
  }
  if (reduced != 6) return r.message->fail("is not over height and width");
  r.op->keep_dims = static_cast<const TfLiteReducerParams*>(r.node.builtin_data)->keep_dims;
  return r.activation(kTfLiteActNone);
}

}  // namespace hybrid_tf
