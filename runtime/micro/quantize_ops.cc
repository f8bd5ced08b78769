// LceQuantize and LceDequantize as operators of TFLM.
#include "kernels/bits.h"
#include "lce_ops.h"
#include "op_reader.h"

namespace tflite {
namespace micro {
namespace {

// Checks the packed side, which has the words of the other's channels, and the other side, whose scale and zero point
// it reads where that is int8.
bool read_values(const LceOpReader& reader, bool are_output, TfLiteQuantizationParams* params) {
  if (!reader.arity(1)) return false;
  const TfLiteEvalTensor* values = are_output ? reader.output() : reader.input();
  const TfLiteEvalTensor* packed = are_output ? reader.input() : reader.output();
  LceImage image(values);
  image.channels = lce_words(image.channels);
  if (packed->type != kTfLiteInt32 || !(LceImage(packed) == image)) return reader.fail("shapes");
  if (values->type == kTfLiteInt8) return reader.quantization(are_output, params);
  return values->type == kTfLiteFloat32 || values->type == kTfLiteBool || reader.fail("type of the values");
}

struct QuantizeData {
  int32_t zero_point;
};

TfLiteStatus QuantizePrepare(TfLiteContext* context, TfLiteNode* node) {
  const LceOpReader reader(context, node, "LceQuantize");
  TfLiteQuantizationParams params = {1.0f, 0};
  if (!read_values(reader, false, &params)) return kTfLiteError;
  QuantizeData* data = reader.allocate<QuantizeData>();
  node->user_data = data;
  if (data == nullptr) return kTfLiteError;
  data->zero_point = params.zero_point;
  return kTfLiteOk;
}

TfLiteStatus QuantizeEval(TfLiteContext* context, TfLiteNode* node) {
  const TfLiteEvalTensor* input = GetEvalInput(context, node, 0);
  const LceImage image(input);
  const int32_t words = lce_words(image.channels), pixels = image.pixels();
  // All pixels as one row: they are dense.
  const hybrid_tf::Map<uint32_t> signs = {static_cast<uint32_t*>(GetEvalOutput(context, node, 0)->data.data), 0, 0,
                                          words};
  const void* values = input->data.data;
  if (input->type == kTfLiteInt8) {
    const int32_t zero_point = static_cast<const QuantizeData*>(node->user_data)->zero_point;
    hybrid_tf::pack_int8(static_cast<const int8_t*>(values), image.channels, zero_point, 1, pixels, signs, 0, pixels);
  } else if (input->type == kTfLiteBool) {
    hybrid_tf::pack_bool(static_cast<const uint8_t*>(values), image.channels, 1, pixels, signs, 0, pixels);
  } else {
    hybrid_tf::pack_float(static_cast<const float*>(values), image.channels, 1, pixels, signs, 0, pixels);
  }
  return kTfLiteOk;
}

struct DequantizeData {
  int8_t plus, minus;
};

int8_t saturated(int32_t value) { return static_cast<int8_t>(value < -128 ? -128 : value > 127 ? 127 : value); }

TfLiteStatus DequantizePrepare(TfLiteContext* context, TfLiteNode* node) {
  const LceOpReader reader(context, node, "LceDequantize");
  TfLiteQuantizationParams params = {1.0f, 0};
  if (!read_values(reader, true, &params)) return kTfLiteError;
  DequantizeData* data = reader.allocate<DequantizeData>();
  node->user_data = data;
  if (data == nullptr) return kTfLiteError;
  // 1 in steps of the scale, rounded half away from zero; a tiny scale needs no more than any int8 does.
  const float steps = 1.0f / params.scale;
  const int32_t whole = steps < 65536.0f ? static_cast<int32_t>(steps) : 65536;
  const int32_t one = whole + (steps - static_cast<float>(whole) >= 0.5f);
  data->plus = saturated(params.zero_point + one);
  data->minus = saturated(params.zero_point - one);
  return kTfLiteOk;
}

TfLiteStatus DequantizeEval(TfLiteContext* context, TfLiteNode* node) {
  const TfLiteEvalTensor* output = GetEvalOutput(context, node, 0);
  const LceImage image(output);
  const int32_t pixels = image.pixels();
  const uint32_t* words = static_cast<const uint32_t*>(GetEvalInput(context, node, 0)->data.data);
  void* values = output->data.data;
  if (output->type == kTfLiteInt8) {
    const DequantizeData* data = static_cast<const DequantizeData*>(node->user_data);
    hybrid_tf::unpack_int8(words, image.channels, data->plus, data->minus, static_cast<int8_t*>(values), 0, pixels);
  } else if (output->type == kTfLiteBool) {
    hybrid_tf::unpack_bool(words, image.channels, static_cast<uint8_t*>(values), 0, pixels);
  } else {
    hybrid_tf::unpack_float(words, image.channels, 1.0f, -1.0f, static_cast<float*>(values), 0, pixels);
  }
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration* Register_LCE_QUANTIZE() {
  static TFLMRegistration registration = RegisterOp(nullptr, QuantizePrepare, QuantizeEval);
  return &registration;
}

TFLMRegistration* Register_LCE_DEQUANTIZE() {
  static TFLMRegistration registration = RegisterOp(nullptr, DequantizePrepare, DequantizeEval);
  return &registration;
}

}  // namespace micro
}  // namespace tflite
