#include "graph/operators.h"

#include <cstring>

#include "graph/operator_reader.h"

namespace hybrid_tf {
namespace {

bool is_custom(const TfLiteRegistration& registration, const char* name) {
  return registration.builtin_code == kTfLiteBuiltinCustom && registration.custom_name &&
         strcmp(registration.custom_name, name) == 0;
}

bool read_kind(const OperatorReader& r, const TfLiteRegistration& registration) {
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
    case kTfLiteBuiltinConcatenation:
      return is(OperatorKind::kConcatenate, "CONCATENATION") && read_concatenation(r);
    case kTfLiteBuiltinDepthwiseConv2d:
      return is(OperatorKind::kDepthwise, "DEPTHWISE_CONV_2D") && read_depthwise(r);
    case kTfLiteBuiltinDequantize:
      return is(OperatorKind::kFromInt8, "DEQUANTIZE") && read_from_int8(r);
    case kTfLiteBuiltinFullyConnected:
      return is(OperatorKind::kDense, "FULLY_CONNECTED") && read_dense(r);
    case kTfLiteBuiltinLogistic:
      return is(OperatorKind::kLogistic, "LOGISTIC") && read_logistic(r);
    case kTfLiteBuiltinMaxPool2d:
      return is(OperatorKind::kMaxPool, "MAX_POOL_2D") && read_pool(r);
    case kTfLiteBuiltinMean:
      return is(OperatorKind::kMean, "MEAN") && read_mean(r);
    case kTfLiteBuiltinMul:
      return is(OperatorKind::kMultiply, "MUL") && read_multiply(r);
    case kTfLiteBuiltinPrelu:
      return is(OperatorKind::kPrelu, "PRELU") && read_prelu(r);
    case kTfLiteBuiltinRelu:
      return is(OperatorKind::kClamp, "RELU") && read_clamp(r, kTfLiteActRelu);
    case kTfLiteBuiltinReluN1To1:
      return is(OperatorKind::kClamp, "RELU_N1_TO_1") && read_clamp(r, kTfLiteActReluN1To1);
    case kTfLiteBuiltinRelu6:
      return is(OperatorKind::kClamp, "RELU6") && read_clamp(r, kTfLiteActRelu6);
    case kTfLiteBuiltinReshape:
      return is(OperatorKind::kReshape, "RESHAPE") && read_reshape(r);
    case kTfLiteBuiltinSplit:
      return is(OperatorKind::kSlice, "SPLIT") && read_split(r);
    case kTfLiteBuiltinQuantize:
      return is(OperatorKind::kToInt8, "QUANTIZE") && read_to_int8(r);
  }
  if (is_custom(registration, "LceQuantize")) return is(OperatorKind::kQuantize, "LceQuantize") && read_quantize(r);
  if (is_custom(registration, "LceDequantize")) {
    return is(OperatorKind::kDequantize, "LceDequantize") && read_dequantize(r);
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

bool is_int8(const TfLiteContext* context, const Operator& op) {
  return context->tensors[op.input].type == kTfLiteInt8 || context->tensors[op.output].type == kTfLiteInt8;
}

int operator_parts(const TfLiteNode& node, const TfLiteRegistration& registration) {
  return registration.builtin_code == kTfLiteBuiltinSplit && node.outputs->size > 0 ? node.outputs->size : 1;
}

bool read_operator(const TfLiteContext* context, const TfLiteNode& node, const TfLiteRegistration& registration,
                   int part, Operator* op, Message* message) {
  *op = Operator{};
  op->slice = part;
  if (read_kind({context, node, op, message}, registration)) return true;
  const int output = node.outputs->size > 0 ? node.outputs->data[0] : -1;
  const bool exists = output >= 0 && static_cast<size_t>(output) < context->tensors_size;
  const char* tensor = exists && context->tensors[output].name ? context->tensors[output].name : "?";
  return message->prefix("%s \"%.150s\": ", op->name, tensor);
}

}  // namespace hybrid_tf
