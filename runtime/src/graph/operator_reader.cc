#include "graph/operator_reader.h"

#include <cmath>

#include "common/flexbuffer.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxFilterExtent = 4096;  // no network has larger ones; keeps halos and products small

}  // namespace

bool OperatorReader::exists(int index, const char* what) const {
  if (index < 0 || static_cast<size_t>(index) >= context->tensors_size) return message->fail("has no %s", what);
  if (!tensor(index).dims) return message->fail("the shape of its %s is not known", what);
  return true;
}

bool OperatorReader::variable(int index, const char* what, std::initializer_list<TfLiteType> types) const {
  if (!exists(index, what)) return false;
  for (TfLiteType type : types) {
    if (tensor(index).type == type) return true;
  }
  return message->fail("the type of its %s (%d) is none that it can have", what, tensor(index).type);
}

bool OperatorReader::map(int index, const char* what) const {
  if (!variable(index, what, {kTfLiteFloat32, kTfLiteInt8})) return false;
  const TfLiteTensor& t = tensor(index);
  if (t.type == kTfLiteFloat32) return true;
  const bool sound = std::isfinite(t.params.scale) && t.params.scale > 0 && t.params.zero_point >= INT8_MIN &&
                     t.params.zero_point <= INT8_MAX;
  return sound || message->fail("its int8 %s has no scale and zero point of int8", what);
}

bool OperatorReader::ratio(double ratio) const {
  return (ratio > 1e-9 && ratio < 1e4) || message->fail("its scales do not fit each other");
}

bool OperatorReader::has_rank(int index, int rank, const char* what) const {
  if (tensor(index).dims->size == rank) return true;
  return message->fail("its %s has %d dimensions, not %d", what, tensor(index).dims->size, rank);
}

bool OperatorReader::constant(int index, TfLiteType type, int rank, const char* what) const {
  if (!exists(index, what)) return false;
  const TfLiteTensor& t = tensor(index);
  if (t.allocation_type != kTfLiteMmapRo || !t.data) return message->fail("its %s must be constant", what);
  if (t.type != type) return message->fail("the type of its %s is %d, not %d", what, t.type, type);
  if (!has_rank(index, rank, what)) return false;
  Shape shape;
  Message reason;
  if (!make_shape(t.dims->data, rank, &shape, &reason)) return message->fail("its %s %s", what, reason.text);
  const size_t size = type == kTfLiteInt8 ? 1 : 4;
  if (t.sparsity || t.bytes != shape.elements() * size) {
    return message->fail("the data of its %s do not have the size of its shape", what);
  }
  if (reinterpret_cast<uintptr_t>(t.data) % size) return message->fail("the data of its %s are not aligned", what);
  return true;
}

bool OperatorReader::channel_constant(int index, TfLiteType type, int32_t channels, const char* what) const {
  if (!constant(index, type, 1, what)) return false;
  if (dim(index, 0) == channels) return true;
  return message->fail("its %s has %d values for %d channels", what, dim(index, 0), channels);
}

bool OperatorReader::arity(int min_inputs, int max_inputs) const {
  const int inputs = node.inputs->size, outputs = node.outputs->size;
  if (inputs < min_inputs || inputs > max_inputs || outputs != 1) {
    return message->fail("has %d inputs and %d outputs", inputs, outputs);
  }
  op->input = input(0);
  return output(node.outputs->data[0]);
}

bool OperatorReader::output(int index) const {
  op->output = index;
  if (!exists(op->output, "output")) return false;
  if (tensor(op->output).allocation_type == kTfLiteMmapRo) return message->fail("its output is constant");
  return true;
}

bool OperatorReader::axis(int64_t size, int64_t stride, int64_t dilation, FilterAxis* axis) const {
  bool sound = true;
  for (int64_t value : {size, stride, dilation}) {
    sound &= value >= 1 && value <= kMaxFilterExtent;
  }
  // The extent last: options may be any numbers, and their product more than 64 bits.
  if (!sound || (size - 1) * dilation >= kMaxFilterExtent) {
    return message->fail("a filter of %lld with stride %lld and dilation %lld cannot be", (long long)size,
                         (long long)stride, (long long)dilation);
  }
  *axis = {static_cast<int32_t>(size), static_cast<int32_t>(stride), static_cast<int32_t>(dilation)};
  return true;
}

bool OperatorReader::activation(int64_t kind) const {
  const float limits[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {-1, 1}, {0, 6}};
  if (kind < 0 || kind > kTfLiteActRelu6) return message->fail("activation %lld is not known", (long long)kind);
  op->activation_min = limits[kind][0];
  op->activation_max = limits[kind][1];
  return true;
}

bool OperatorReader::padding(TfLitePadding padding) const {
  op->same_padding = padding == kTfLitePaddingSame;
  return op->same_padding || padding == kTfLitePaddingValid || message->fail("padding %d is not known", padding);
}

bool OperatorReader::custom_options(const char* const* keys, size_t count, int64_t* values) const {
  std::vector<IntOption> options;
  for (size_t i = 0; i < count; ++i) options.push_back({keys[i], 0, false});
  if (!node.custom_initial_data || node.custom_initial_data_size < 0 ||
      !parse_options(static_cast<const uint8_t*>(node.custom_initial_data), node.custom_initial_data_size,
                     options.data(), count)) {
    return message->fail("its options are missing or malformed");
  }
  for (size_t i = 0; i < count; ++i) {
    if (!options[i].found) return message->fail("its option %s is missing", keys[i]);
    values[i] = options[i].value;
  }
  return true;
}

bool OperatorReader::custom_padding(int64_t padding) const {
  op->same_padding = padding == 0;
  return padding == 0 || padding == 1 || message->fail("padding %lld is not known", (long long)padding);
}

}  // namespace hybrid_tf
