#include "operators.h"

#include <cmath>
#include <cstring>
#include <initializer_list>

#include "flexbuffer.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxFilterExtent = 4096;  // no network has larger ones; keeps halos and products small
constexpr int64_t kMaxDepth = 1 << 24;      // sums of this many +-1 are exact in float32

struct Reader {
  const TfLiteContext* context;
  const TfLiteNode& node;
  Operator* op;
  Message* message;

  int input(int position) const { return position < node.inputs->size ? node.inputs->data[position] : -1; }
  const TfLiteTensor& tensor(int index) const { return context->tensors[index]; }
  int dim(int index, int axis) const { return tensor(index).dims->data[axis]; }

  bool exists(int index, const char* what) const {
    if (index < 0 || static_cast<size_t>(index) >= context->tensors_size) return message->fail("has no %s", what);
    if (!tensor(index).dims) return message->fail("the shape of its %s is not known", what);
    return true;
  }

  // An input or output that changes with each run.
  bool variable(int index, const char* what, std::initializer_list<TfLiteType> types) const {
    if (!exists(index, what)) return false;
    for (TfLiteType type : types) {
      if (tensor(index).type == type) return true;
    }
    return message->fail("the type of its %s (%d) is none that it can have", what, tensor(index).type);
  }

  bool has_rank(int index, int rank, const char* what) const {
    if (tensor(index).dims->size == rank) return true;
    return message->fail("its %s has %d dimensions, not %d", what, tensor(index).dims->size, rank);
  }

  bool constant(int index, TfLiteType type, int rank, const char* what) const {
    if (!exists(index, what)) return false;
    const TfLiteTensor& t = tensor(index);
    if (t.allocation_type != kTfLiteMmapRo || !t.data) return message->fail("its %s must be constant", what);
    if (t.type != type) return message->fail("the type of its %s is %d, not %d", what, t.type, type);
    if (!has_rank(index, rank, what)) return false;
    Shape shape;
    Message reason;
    if (!make_shape(t.dims->data, rank, &shape, &reason)) return message->fail("its %s %s", what, reason.text);
    if (t.sparsity || t.bytes != static_cast<size_t>(shape.elements()) * 4) {
      return message->fail("the data of its %s do not have the size of its shape", what);
    }
    if (reinterpret_cast<uintptr_t>(t.data) % 4) return message->fail("the data of its %s are not aligned", what);
    return true;
  }

  // Constants with one value for each of `count` channels.
  bool channel_constant(int index, TfLiteType type, int32_t count, const char* what) const {
    if (!constant(index, type, 1, what)) return false;
    if (dim(index, 0) == count) return true;
    return message->fail("its %s has %d values for %d channels", what, dim(index, 0), count);
  }

  bool arity(int min_inputs, int max_inputs) const {
    const int inputs = node.inputs->size, outputs = node.outputs->size;
    if (inputs < min_inputs || inputs > max_inputs || outputs != 1) {
      return message->fail("has %d inputs and %d outputs", inputs, outputs);
    }
    op->input = input(0);
    op->output = node.outputs->data[0];
    if (!exists(op->output, "output")) return false;
    if (tensor(op->output).allocation_type == kTfLiteMmapRo) return message->fail("its output is constant");
    return true;
  }

  bool axis(int64_t size, int64_t stride, int64_t dilation, FilterAxis* axis) const {
    for (int64_t value : {size, stride, dilation}) {
      if (value < 1 || value > kMaxFilterExtent || (size - 1) * dilation >= kMaxFilterExtent) {
        return message->fail("a filter of %lld with stride %lld and dilation %lld cannot be", (long long)size,
                             (long long)stride, (long long)dilation);
      }
    }
    *axis = {static_cast<int32_t>(size), static_cast<int32_t>(stride), static_cast<int32_t>(dilation)};
    return true;
  }

  bool activation(int64_t kind) const {
    const float limits[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {-1, 1}, {0, 6}};
    if (kind < 0 || kind > kTfLiteActRelu6) return message->fail("activation %lld is not known", (long long)kind);
    op->activation_min = limits[kind][0];
    op->activation_max = limits[kind][1];
    return true;
  }

  // `padding` of a builtin operator's options.
  bool padding(TfLitePadding padding) const {
    op->same_padding = padding == kTfLitePaddingSame;
    return op->same_padding || padding == kTfLitePaddingValid || message->fail("padding %d is not known", padding);
  }

  bool options(IntOption* options, size_t count) const {
    if (!node.custom_initial_data || node.custom_initial_data_size < 0 ||
        !parse_options(static_cast<const uint8_t*>(node.custom_initial_data), node.custom_initial_data_size, options,
                       count)) {
      return message->fail("its options are missing or malformed");
    }
    for (size_t i = 0; i < count; ++i) {
      if (!options[i].found) return message->fail("its option %s is missing", options[i].key);
    }
    return true;
  }

  // `padding` of a custom operator's options, which count otherwise.
  bool custom_padding(int64_t padding) const {
    op->same_padding = padding == 0;
    return padding == 0 || padding == 1 || message->fail("padding %lld is not known", (long long)padding);
  }
};

bool read_quantize(const Reader& r) {
  return r.arity(1, 1) && r.variable(r.op->input, "input", {kTfLiteFloat32, kTfLiteInt8, kTfLiteBool}) &&
         r.variable(r.op->output, "output", {kTfLiteInt32});
}

bool read_dequantize(const Reader& r) {
  if (!r.arity(1, 1) || !r.variable(r.op->input, "input", {kTfLiteInt32}) ||
      !r.variable(r.op->output, "output", {kTfLiteFloat32, kTfLiteInt8, kTfLiteBool})) {
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

bool valid_scale(const Reader& r) {
  const TfLiteTensor& output = r.tensor(r.op->output);
  if (output.type != kTfLiteInt8 || (std::isfinite(output.params.scale) && output.params.scale > 0)) return true;
  return r.message->fail("its int8 output has no quantization scale");
}

bool read_bconv(const Reader& r) {
  Operator* op = r.op;
  IntOption options[] = {{"channels_in", 0, false},
                         {"dilation_height_factor", 0, false},
                         {"dilation_width_factor", 0, false},
                         {"fused_activation_function", 0, false},
                         {"pad_values", 0, false},
                         {"padding", 0, false},
                         {"stride_height", 0, false},
                         {"stride_width", 0, false}};
  if (!r.arity(5, 5) || !r.variable(op->input, "input", {kTfLiteInt32}) ||
      !r.variable(op->output, "output", {kTfLiteFloat32, kTfLiteInt8, kTfLiteInt32}) || !valid_scale(r) ||
      !r.constant(r.input(1), kTfLiteInt32, 4, "filter") || !r.options(options, 8)) {
    return false;
  }
  op->filter = r.input(1);
  if (!r.activation(options[3].value) || !r.custom_padding(options[5].value) ||
      !r.axis(r.dim(op->filter, 1), options[6].value, options[1].value, &op->vertical) ||
      !r.axis(r.dim(op->filter, 2), options[7].value, options[2].value, &op->horizontal)) {
    return false;
  }
  if (options[4].value != 0 && options[4].value != 1) return r.message->fail("its pad_values must be 0 or 1");
  op->zero_padding = op->same_padding && options[4].value == 0;

  const int32_t channels_out = r.dim(op->filter, 0);
  const int64_t channels_in = options[0].value;
  op->filter_words = r.dim(op->filter, 3);
  const int64_t words = (channels_in + 31) / 32;
  if (channels_in < 1 || channels_in > kMaxDepth || words % op->filter_words) {
    return r.message->fail("a filter of %d words does not fit %lld channels", op->filter_words,
                           (long long)channels_in);
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

bool read_bmaxpool(const Reader& r) {
  IntOption options[] = {{"filter_height", 0, false},
                         {"filter_width", 0, false},
                         {"padding", 0, false},
                         {"stride_height", 0, false},
                         {"stride_width", 0, false}};
  return r.arity(1, 1) && r.variable(r.op->input, "input", {kTfLiteInt32}) &&
         r.variable(r.op->output, "output", {kTfLiteInt32}) && r.options(options, 5) &&
         r.custom_padding(options[2].value) && r.axis(options[0].value, options[3].value, 1, &r.op->vertical) &&
         r.axis(options[1].value, options[4].value, 1, &r.op->horizontal);
}

// What the full-precision operators have in common: float32 in and out, options read by the interpreter.
bool read_float(const Reader& r, int min_inputs, int max_inputs) {
  if (!r.arity(min_inputs, max_inputs) || !r.variable(r.op->input, "input", {kTfLiteFloat32}) ||
      !r.variable(r.op->output, "output", {kTfLiteFloat32})) {
    return false;
  }
  if (!r.node.builtin_data) return r.message->fail("its options are missing");
  return true;
}

bool read_optional_bias(const Reader& r, int32_t channels) {
  r.op->biases = r.input(2);
  return r.op->biases < 0 || r.channel_constant(r.op->biases, kTfLiteFloat32, channels, "bias");
}

bool read_conv(const Reader& r) {
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

bool read_dense(const Reader& r) {
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

bool read_add(const Reader& r) {
  if (!read_float(r, 2, 2) || !r.variable(r.input(1), "second input", {kTfLiteFloat32})) return false;
  r.op->residual = r.input(1);
  const TfLiteIntArray& a = *r.tensor(r.op->input).dims;
  const TfLiteIntArray& b = *r.tensor(r.op->residual).dims;
  if (a.size != b.size || memcmp(a.data, b.data, a.size * sizeof(int))) {
    return r.message->fail("its inputs have different shapes");
  }
  return r.activation(static_cast<const TfLiteAddParams*>(r.node.builtin_data)->activation);
}

bool read_clamp(const Reader& r, TfLiteFusedActivation activation) {
  return r.arity(1, 1) && r.variable(r.op->input, "input", {kTfLiteFloat32}) &&
         r.variable(r.op->output, "output", {kTfLiteFloat32}) && r.activation(activation);
}

bool read_pool(const Reader& r) {
  if (!read_float(r, 1, 1) || !r.has_rank(r.op->input, 4, "input")) return false;
  const auto& options = *static_cast<const TfLitePoolParams*>(r.node.builtin_data);
  return r.activation(options.activation) && r.padding(options.padding) &&
         r.axis(options.filter_height, options.stride_height, 1, &r.op->vertical) &&
         r.axis(options.filter_width, options.stride_width, 1, &r.op->horizontal);
}

// The mean over the pixels of each image.
bool read_mean(const Reader& r) {
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

bool is_custom(const TfLiteRegistration& registration, const char* name) {
  return registration.builtin_code == kTfLiteBuiltinCustom && registration.custom_name &&
         strcmp(registration.custom_name, name) == 0;
}

bool read_kind(const Reader& r, const TfLiteRegistration& registration) {
  const auto is = [&](OperatorKind kind, const char* name) {
    r.op->kind = kind;
    r.op->name = name;
    return true;
  };
  switch (registration.builtin_code) {
    case kTfLiteBuiltinAdd:
      return is(OperatorKind::kAdd, "ADD") && read_add(r);
    case kTfLiteBuiltinAveragePool2d:
      return is(OperatorKind::kAveragePool, "AVERAGE_POOL_2D") && read_pool(r);
    case kTfLiteBuiltinConv2d:
      return is(OperatorKind::kConv, "CONV_2D") && read_conv(r);
    case kTfLiteBuiltinFullyConnected:
      return is(OperatorKind::kDense, "FULLY_CONNECTED") && read_dense(r);
    case kTfLiteBuiltinMaxPool2d:
      return is(OperatorKind::kMaxPool, "MAX_POOL_2D") && read_pool(r);
    case kTfLiteBuiltinMean:
      return is(OperatorKind::kMean, "MEAN") && read_mean(r);
    case kTfLiteBuiltinRelu:
      return is(OperatorKind::kClamp, "RELU") && read_clamp(r, kTfLiteActRelu);
    case kTfLiteBuiltinReluN1To1:
      return is(OperatorKind::kClamp, "RELU_N1_TO_1") && read_clamp(r, kTfLiteActReluN1To1);
    case kTfLiteBuiltinRelu6:
      return is(OperatorKind::kClamp, "RELU6") && read_clamp(r, kTfLiteActRelu6);
  }
  if (is_custom(registration, "LceQuantize")) return is(OperatorKind::kQuantize, "LceQuantize") && read_quantize(r);
  if (is_custom(registration, "LceDequantize")) {
    return is(OperatorKind::kDequantize, "LceDequantize") && read_dequantize(r) && valid_scale(r);
  }
  if (is_custom(registration, "LceBconv2d")) return is(OperatorKind::kBconv, "LceBconv2d") && read_bconv(r);
  if (is_custom(registration, "LceBMaxPool2d")) return is(OperatorKind::kBmaxPool, "LceBMaxPool2d") && read_bmaxpool(r);
  return is(OperatorKind::kAdd, "operator") && r.message->fail("is of a kind that this delegate does not run");
}

}  // namespace

bool is_lce_operator(const TfLiteRegistration& registration) {
  for (const char* name : {"LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d"}) {
    if (is_custom(registration, name)) return true;
  }
  return false;
}

bool read_operator(const TfLiteContext* context, const TfLiteNode& node, const TfLiteRegistration& registration,
                   Operator* op, Message* message) {
  *op = Operator{};
  if (read_kind({context, node, op, message}, registration)) return true;
  const int output = node.outputs->size > 0 ? node.outputs->data[0] : -1;
  const bool exists = output >= 0 && static_cast<size_t>(output) < context->tensors_size;
  const char* tensor = exists && context->tensors[output].name ? context->tensors[output].name : "?";
  return message->prefix("%s \"%.150s\": ", op->name, tensor);
}

}  // namespace hybrid_tf
