// Full-precision operators, of float32 or int8.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "graph/operator_reader.h"
#include "graph/operators.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxInt8Pool = 512;       // pixels: see kernels.h
constexpr int64_t kMaxReshaped = 1 << 28;   // values
constexpr int64_t kMaxInt8Depthwise = 500;  // taps: see kernels.h

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

// int8 weights have one scale, or one for each output channel, which is their axis `axis`; their zero point is 0.
bool read_filter_scales(const OperatorReader& r, int axis) {
  const TfLiteTensor& filter = r.tensor(r.op->filter);
  const auto* quantization = static_cast<const TfLiteAffineQuantization*>(filter.quantization.params);
  if (filter.quantization.type != kTfLiteAffineQuantization || !quantization || !quantization->scale) {
    return r.message->fail("its int8 weights have no scales");
  }
  const TfLiteFloatArray& scales = *quantization->scale;
  if (scales.size != 1 && (scales.size != r.op->group_channels || quantization->quantized_dimension != axis)) {
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
  return floats || read_filter_scales(r, 0);
}

bool same_quantization(const OperatorReader& r, int one, int other) {
  const TfLiteQuantizationParams &a = r.tensor(one).params, &b = r.tensor(other).params;
  return r.tensor(one).type != kTfLiteInt8 || (a.scale == b.scale && a.zero_point == b.zero_point) ||
         r.message->fail("changes the scale");
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

// Whether a tensor is a map of one pixel for each image, beside a larger one, or one of fewer dimensions for all
// images.
bool is_pixel(const OperatorReader& r, int index, int map) {
  const int dims = rank(r, index);
  if (rank(r, map) != 4 || dims < 1 || dims > 4) return false;
  for (int i = dims < 4 ? 0 : 1; i < dims - 1; ++i) {
    if (r.dim(index, i) != 1) return false;
  }
  return dims < 4 || r.dim(map, 1) != 1 || r.dim(map, 2) != 1;
}

// Two maps of one type; the second may be one pixel for each image. Sets the operands, the larger one first, and
// `pixel`.
bool read_pair(const OperatorReader& r, bool* pixel) {
  Operator* op = r.op;
  if (!read_maps_and_options(r, 2, 2) || !r.map(r.input(1), "second input")) return false;
  op->residual = r.input(1);
  if (is_pixel(r, op->input, op->residual)) std::swap(op->input, op->residual);
  *pixel = is_pixel(r, op->residual, op->input);
  if (r.tensor(op->input).type != r.tensor(op->residual).type) return r.message->fail("has inputs of two types");
  const TfLiteIntArray& a = *r.tensor(op->input).dims;
  const TfLiteIntArray& b = *r.tensor(op->residual).dims;
  if (*pixel ? a.data[3] != b.data[b.size - 1] : a.size != b.size || memcmp(a.data, b.data, a.size * sizeof(int))) {
    return r.message->fail("its inputs have different shapes");
  }
  return true;
}

// The scales of an int8 product, whose ratio TensorFlow Lite computes in single precision.
bool read_product_scales(const OperatorReader& r, double other) {
  return r.tensor(r.op->output).type == kTfLiteFloat32 ||
         r.ratio(scale(r, r.op->input) * other / scale(r, r.op->output));
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
  bool pixel;
  if (!read_pair(r, &pixel)) return false;
  if (pixel) op->kind = OperatorKind::kAddPixel;
  if (r.tensor(op->output).type == kTfLiteInt8 && !read_sum_scales(r, op->residual)) return false;
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

bool read_reshape(const OperatorReader& r) {
  if (!read_maps(r, 2, 2) || !r.constant(r.input(1), kTfLiteInt32, 1, "shape")) return false;
  if (!same_quantization(r, r.op->input, r.op->output)) return false;
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

// With one filter for each channel of the input.
bool read_depthwise(const OperatorReader& r) {
  Operator* op = r.op;
  if (!read_maps_and_options(r, 2, 3) || !r.has_rank(op->input, 4, "input")) return false;
  const bool floats = r.tensor(op->input).type == kTfLiteFloat32;
  op->filter = r.input(1);
  op->biases = r.input(2);
  if (!r.constant(op->filter, floats ? kTfLiteFloat32 : kTfLiteInt8, 4, "filter")) return false;
  op->group_channels = r.dim(op->filter, 3);
  if (op->biases >= 0 &&
      !r.channel_constant(op->biases, floats ? kTfLiteFloat32 : kTfLiteInt32, op->group_channels, "bias")) {
    return false;
  }
  const int64_t height = r.dim(op->filter, 1), width = r.dim(op->filter, 2);
  if (r.dim(op->filter, 0) != 1 || r.dim(op->input, 3) != op->group_channels) {
    return r.message->fail("has not one filter for each channel");
  }
  if (!floats && (!read_filter_scales(r, 3) || height * width > kMaxInt8Depthwise)) {
    return height * width <= kMaxInt8Depthwise ? false : r.message->fail("its filter is too large");
  }
  const auto& options = *static_cast<const TfLiteDepthwiseConvParams*>(r.node.builtin_data);
  return r.activation(options.activation) && r.padding(options.padding) &&
         r.axis(height, options.stride_height, options.dilation_height_factor, &op->vertical) &&
         r.axis(width, options.stride_width, options.dilation_width_factor, &op->horizontal);
}

bool read_multiply(const OperatorReader& r) {
  Operator* op = r.op;
  if (!r.arity(2, 2)) return false;
  for (int constant : {0, 1}) {
    if (!is_channel_constant(r, r.input(constant)) || rank(r, r.input(1 - constant)) != 4) continue;
    op->input = r.input(1 - constant);
    if (!read_map_types(r) || !read_channel_values(r, r.input(constant), "factors") ||
        !read_product_scales(r, op->channel_scale)) {
      return false;
    }
    if (!r.node.builtin_data) return r.message->fail("its options are missing");
    return r.activation(static_cast<const TfLiteMulParams*>(r.node.builtin_data)->activation);
  }
  bool pixel;
  return read_pair(r, &pixel) && read_product_scales(r, scale(r, op->residual)) &&
         r.activation(static_cast<const TfLiteMulParams*>(r.node.builtin_data)->activation);
}

// Of up to four maps, along their channels.
bool read_concatenation(const OperatorReader& r) {
  Operator* op = r.op;
  if (!read_maps_and_options(r, 2, 4)) return false;
  const auto& options = *static_cast<const TfLiteConcatenationParams*>(r.node.builtin_data);
  int* const operands[] = {&op->input, &op->residual, &op->others[0], &op->others[1]};
  for (int i = 0; i < r.node.inputs->size; ++i) {
    const int input = *operands[i] = r.input(i);
    if (!r.map(input, "input")) return false;
    if (r.tensor(input).type != r.tensor(op->output).type) return r.message->fail("has inputs of two types");
    if (!same_quantization(r, input, op->output) || !r.has_rank(input, rank(r, op->input), "input")) return false;
  }
  const int64_t axis = options.axis < 0 ? int64_t{options.axis} + rank(r, op->input) : options.axis;
  if (axis != rank(r, op->input) - 1) return r.message->fail("is not along the channels");
  if (options.activation != kTfLiteActNone) return r.message->fail("has an activation");
  return r.activation(kTfLiteActNone);
}

// Evenly, along the channels. One operator for each output.
bool read_split(const OperatorReader& r) {
  Operator* op = r.op;
  if (r.node.inputs->size != 2 || op->slice >= r.node.outputs->size) {
    return r.message->fail("has %d inputs and %d outputs", r.node.inputs->size, r.node.outputs->size);
  }
  op->input = r.input(1);
  op->slices = r.node.outputs->size;
  if (!r.output(r.node.outputs->data[op->slice]) || !read_map_types(r) ||
      !r.variable(r.input(0), "axis", {kTfLiteInt32})) {
    return false;
  }
  const TfLiteTensor& axis = r.tensor(r.input(0));
  if (axis.allocation_type != kTfLiteMmapRo || axis.bytes != sizeof(int32_t) || !axis.data) {
    return r.message->fail("its axis must be one constant");
  }
  int32_t value;
  memcpy(&value, axis.data, sizeof(value));
  if (value != -1 && value != rank(r, op->input) - 1) return r.message->fail("is not along the channels");
  return same_quantization(r, op->input, op->output) && r.activation(kTfLiteActNone);
}

// int8 outputs have the scale that TensorFlow Lite insists on.
bool read_logistic(const OperatorReader& r) {
  if (!read_maps(r, 1, 1)) return false;
  const TfLiteTensor& out = r.tensor(r.op->output);
  if (out.type == kTfLiteInt8 && (out.params.scale != 1.0f / 256 || out.params.zero_point != -128)) {
    return r.message->fail("its int8 output has another scale than 1/256");
  }
  return r.activation(kTfLiteActNone);
}

}  // namespace hybrid_tf
