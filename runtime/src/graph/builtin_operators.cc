// Full-precision operators, of float32 or int8.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/operator_reader.h"
#include "graph/operators.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxInt8Pool = 512;      // pixels: see kernels.h
constexpr int64_t kMaxReshaped = 1 << 28;  // values

double scale(const OperatorReader& r, int tensor) { return r.tensor(tensor).params.scale; }

// Of a tensor that may be left out, not exist or have no shape: -1 then.
int rank(const OperatorReader& r, int tensor) {
  const bool exists = tensor >= 0 && static_cast<size_t>(tensor) < r.context->tensors_size;
  return exists && r.tensor(tensor).dims ? r.tensor(tensor).dims->size : -1;
}

// From one type to the same.
bool read_map_types(const OperatorReader& r) {
  if (!r.map(r.op->input, "input") || !r.map(r.op->output, "output")) return false;
  return r.tensor(r.op->input).type == r.tensor(r.op->output).type || r.message->fail("turns one type into another");
}

bool read_maps(const OperatorReader& r, int min_inputs, int max_inputs) {
  return r.arity(min_inputs, max_inputs) && read_map_types(r);
}

// The same, of an operator with options, which the interpreter has read.
bool read_maps_and_options(const OperatorReader& r, int min_inputs, int max_inputs) {
  if (!read_maps(r, min_inputs, max_inputs)) return false;
  return r.node.builtin_data || r.message->fail("its options are missing");
}

// Between scales of int8; floats have none.
bool read_rescaled(const OperatorReader& r) {
  return r.tensor(r.op->output).type == kTfLiteFloat32 || r.ratio(scale(r, r.op->input) / scale(r, r.op->output));
}

// int8 weights have one scale, or one for each output channel, which is their first axis; their zero point is 0.
bool read_filter_scales(const OperatorReader& r) {
  const TfLiteTensor& filter = r.tensor(r.op->filter);
  const auto* quantization = static_cast<const TfLiteAffineQuantization*>(filter.quantization.params);
  if (filter.quantization.type != kTfLiteAffineQuantization || !quantization || !quantization->scale) {
    return r.message->fail("its int8 weights have no scales");
  }
  const TfLiteFloatArray& scales = *quantization->scale;
  if (scales.size != 1 && (scales.size != r.op->group_channels || quantization->quantized_dimension != 0)) {
    return r.message->fail("its int8 weights have %d scales for %d channels", scales.size, r.op->group_channels);
  }
  for (int i = 0; i < scales.size; ++i) {
    if (!r.ratio(scale(r, r.op->input) * scales.data[i] / scale(r, r.op->output))) return false;
  }
  const TfLiteIntArray* zero_points = quantization->zero_point;
  for (int i = 0; zero_points && i < zero_points->size; ++i) {
    if (zero_points->data[i] != 0) return r.message->fail("its int8 weights have a zero point");
  }
  return true;
}

// Constant weights of the type of the maps, and a bias or none.
bool read_weights(const OperatorReader& r, int rank) {
  Operator* op = r.op;
  const bool floats = r.tensor(op->input).type == kTfLiteFloat32;
  op->filter = r.input(1);
  op->biases = r.input(2);
  if (!r.constant(op->filter, floats ? kTfLiteFloat32 : kTfLiteInt8, rank, "filter")) return false;
  op->group_channels = r.dim(op->filter, 0);
  op->filter_channels = op->filter_words = r.dim(op->filter, rank - 1);
  if (op->biases >= 0 &&
      !r.channel_constant(op->biases, floats ? kTfLiteFloat32 : kTfLiteInt32, op->group_channels, "bias")) {
    return false;
  }
  return floats || read_filter_scales(r);
}

bool read_sum_scales(const OperatorReader& r, int other) {
  const double a = scale(r, r.op->input), b = scale(r, other), larger = std::max(a, b);
  return r.ratio(larger / scale(r, r.op->output)) && r.ratio(std::min(a, b) / larger);
}

// A constant of one value for each channel, [C] or [1, ..., C].
bool is_channel_constant(const OperatorReader& r, int index) {
  if (rank(r, index) < 1 || rank(r, index) > 4 || r.tensor(index).allocation_type != kTfLiteMmapRo) return false;
  const TfLiteIntArray& dims = *r.tensor(index).dims;
  for (int i = 0; i < dims.size - 1; ++i) {
    if (dims.data[i] != 1) return false;
  }
  return true;
}

// The values of such a constant, beside a map of 4 dimensions.
bool read_channel_values(const OperatorReader& r, int index, const char* what) {
  const TfLiteTensor& values = r.tensor(index);
  Operator* op = r.op;
  op->group_channels = r.dim(index, values.dims->size - 1);
  if (!r.constant(index, r.tensor(op->output).type, values.dims->size, what) || !r.map(index, what) ||
      !r.has_rank(op->input, 4, "input")) {
    return false;
  }
  if (r.dim(op->input, 3) != op->group_channels) {
    return r.message->fail("its %s are %d for %d channels", what, op->group_channels, r.dim(op->input, 3));
  }
  op->channel_values = values.data;
  op->channel_scale = values.params.scale;
  op->channel_zero_point = values.params.zero_point;
  return true;
}

// ADD of a map and a constant.
bool read_shift(const OperatorReader& r, int constant) {
  r.op->kind = OperatorKind::kShift;
  if (!read_map_types(r) || !read_channel_values(r, constant, "constants")) return false;
  if (r.tensor(r.op->output).type == kTfLiteInt8 && !read_sum_scales(r, constant)) return false;
  if (!r.node.builtin_data) return r.message->fail("its options are missing");
  return r.activation(static_cast<const TfLiteAddParams*>(r.node.builtin_data)->activation);
}

}  // namespace

bool read_conv(const OperatorReader& r) {
  Operator* op = r.op;
  if (!read_maps_and_options(r, 2, 3) || !r.has_rank(op->input, 4, "input") || !read_weights(r, 4)) return false;
  const auto& options = *static_cast<const TfLiteConvParams*>(r.node.builtin_data);
  if (r.dim(op->input, 3) != op->filter_channels) return r.message->fail("has groups");
  return r.activation(options.activation) && r.padding(options.padding) &&
         r.axis(r.dim(op->filter, 1), options.stride_height, options.dilation_height_factor, &op->vertical) &&
         r.axis(r.dim(op->filter, 2), options.stride_width, options.dilation_width_factor, &op->horizontal);
}

bool read_dense(const OperatorReader& r) {
  if (!read_maps_and_options(r, 2, 3) || !read_weights(r, 2)) return false;
  const auto& options = *static_cast<const TfLiteFullyConnectedParams*>(r.node.builtin_data);
  if (options.weights_format != 0) return r.message->fail("its weights are shuffled");
  r.op->keep_dims = options.keep_num_dims;
  return r.activation(options.activation);
}

bool read_add(const OperatorReader& r) {
  Operator* op = r.op;
  if (!r.arity(2, 2)) return false;
  for (int constant : {0, 1}) {
    if (is_channel_constant(r, r.input(constant)) && rank(r, r.input(1 - constant)) == 4) {
      op->input = r.input(1 - constant);
      return read_shift(r, r.input(constant));
    }
  }
  if (!read_maps_and_options(r, 2, 2) || !r.map(r.input(1), "second input")) return false;
  op->residual = r.input(1);
  if (r.tensor(op->input).type != r.tensor(op->residual).type) return r.message->fail("has inputs of two types");
  if (r.tensor(op->output).type == kTfLiteInt8) {
    if (!read_sum_scales(r, op->residual)) return false;
  }
  const TfLiteIntArray& a = *r.tensor(op->input).dims;
  const TfLiteIntArray& b = *r.tensor(op->residual).dims;
  if (a.size != b.size || memcmp(a.data, b.data, a.size * sizeof(int))) {
    return r.message->fail("its inputs have different shapes");
  }
  return r.activation(static_cast<const TfLiteAddParams*>(r.node.builtin_data)->activation);
}

bool read_prelu(const OperatorReader& r) {
  if (!read_maps(r, 2, 2) || !read_rescaled(r)) return false;
  if (!is_channel_constant(r, r.input(1))) return r.message->fail("its slopes are not one constant for each channel");
  if (!read_channel_values(r, r.input(1), "slopes")) return false;
  if (r.tensor(r.op->output).type == kTfLiteInt8 &&
      !r.ratio(scale(r, r.op->input) * scale(r, r.input(1)) / scale(r, r.op->output))) {
    return false;
  }
  return r.activation(kTfLiteActNone);
}

bool read_clamp(const OperatorReader& r, TfLiteFusedActivation activation) {
  return read_maps(r, 1, 1) && read_rescaled(r) && r.activation(activation);
}

// int8 pools keep the scale: TensorFlow Lite insists on that.
bool read_pool(const OperatorReader& r) {
  if (!read_maps_and_options(r, 1, 1) || !r.has_rank(r.op->input, 4, "input")) return false;
  const TfLiteTensor &in = r.tensor(r.op->input), &out = r.tensor(r.op->output);
  if (in.type == kTfLiteInt8 &&
      (std::fabs(in.params.scale - out.params.scale) > 1e-6f || in.params.zero_point != out.params.zero_point)) {
    return r.message->fail("its output has another scale or zero point than its input");
  }
  const auto& options = *static_cast<const TfLitePoolParams*>(r.node.builtin_data);
  if (in.type == kTfLiteInt8 && int64_t{options.filter_height} * options.filter_width > kMaxInt8Pool) {
    return r.message->fail("its filter is too large");
  }
  return r.activation(options.activation) && r.padding(options.padding) &&
         r.axis(options.filter_height, options.stride_height, 1, &r.op->vertical) &&
         r.axis(options.filter_width, options.stride_width, 1, &r.op->horizontal);
}

// The mean over the pixels of each image.
bool read_mean(const OperatorReader& r) {
  if (!read_maps_and_options(r, 2, 2) || !read_rescaled(r) || !r.has_rank(r.op->input, 4, "input") ||
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

// Of int8 only: floats do not have to stay in this delegate to be right.
bool read_reshape(const OperatorReader& r) {
  if (!r.arity(2, 2) || !r.variable(r.op->input, "input", {kTfLiteInt8}) ||
      !r.variable(r.op->output, "output", {kTfLiteInt8}) || !r.map(r.op->input, "input") ||
      !r.map(r.op->output, "output") || !r.constant(r.input(1), kTfLiteInt32, 1, "shape")) {
    return false;
  }
  const TfLiteQuantizationParams &in = r.tensor(r.op->input).params, &out = r.tensor(r.op->output).params;
  if (in.scale != out.scale || in.zero_point != out.zero_point) return r.message->fail("changes the scale");
  Shape& shape = r.op->new_shape;
  shape.rank = r.dim(r.input(1), 0);
  if (shape.rank > 4) return r.message->fail("makes %d dimensions, not 1 to 4", shape.rank);
  int64_t elements = 1;
  for (int i = 0; i < shape.rank; ++i) {
    shape.dims[i] = constant_data<int32_t>(r.context, r.input(1))[i];
    elements *= shape.dims[i] == -1 ? 1 : shape.dims[i];
    if (shape.dims[i] < -1 || shape.dims[i] == 0 || elements > kMaxReshaped) {
      return r.message->fail("makes a dimension of %d", shape.dims[i]);
    }
  }
  return r.activation(kTfLiteActNone);
}

bool read_to_int8(const OperatorReader& r) {
  if (!r.arity(1, 1) || !r.map(r.op->input, "input") || !r.map(r.op->output, "output")) return false;
  if (r.tensor(r.op->output).type != kTfLiteInt8) return r.message->fail("does not make int8");
  if (r.tensor(r.op->input).type == kTfLiteInt8) r.op->kind = OperatorKind::kRescale;
  return (r.op->kind == OperatorKind::kToInt8 || read_rescaled(r)) && r.activation(kTfLiteActNone);
}

bool read_from_int8(const OperatorReader& r) {
  return r.arity(1, 1) && r.variable(r.op->input, "input", {kTfLiteInt8}) && r.map(r.op->input, "input") &&
         r.variable(r.op->output, "output", {kTfLiteFloat32});
}

}  // namespace hybrid_tf
