// ADD of an int8 map and a number for each channel, as networks with shifts have it: channel by channel, where TFLM's
// own works out for each number which one it is added to. Every other ADD is TFLM's.
#include <cmath>

#include "lce_ops.h"
#include "op_reader.h"
#include "tensorflow/lite/c/builtin_op_data.h"

namespace tflite {
namespace micro {
namespace {

constexpr int kMoreBits = 20;        // that operands gain before they are added
constexpr int32_t kTableFrom = 320;  // pixels: then it takes less to look results up than to compute them

TFLMRegistration tflm_add;

// A factor below 1, as TFLM multiplies with it: twice the high half of a product, rounded, then shifted to the right.
struct Factor {
  int32_t bits;
  int shift;

  static Factor of(double real) {
    int exponent;
    const double fraction = std::frexp(real, &exponent);
    int64_t bits = static_cast<int64_t>(std::round(fraction * 2147483648.0));
    if (bits == int64_t{1} << 31) bits /= 2, ++exponent;
    if (exponent < -31) bits = exponent = 0;
    return {static_cast<int32_t>(bits), -exponent};
  }

  int32_t times(int32_t value) const {
    const int32_t high = static_cast<int32_t>((int64_t{value} * bits + (int64_t{1} << 30)) >> 31);
    const int32_t mask = static_cast<int32_t>((uint32_t{1} << shift) - 1);
    return (high >> shift) + ((high & mask) > (mask >> 1) + (high < 0));
  }
};

struct AddData {
  Factor value, number, result;
  int32_t value_zero, number_zero, zero;
};

bool is_by_channel(const LceOpReader& reader, const TfLiteNode* node) {
  const TfLiteEvalTensor *map = reader.input(0), *numbers = reader.input(1), *output = reader.output();
  const TfLiteEvalTensor* tensors[] = {map, numbers, output};
  for (const TfLiteEvalTensor* tensor : tensors) {
    if (tensor == nullptr || tensor->type != kTfLiteInt8 || tensor->dims->size < 1 || tensor->dims->size > 4) {
      return false;
    }
  }
  const LceImage image(map), each(numbers);
  return image == LceImage(output) && each.channels == image.channels && each.pixels() == 1 && image.pixels() > 1 &&
         static_cast<const TfLiteAddParams*>(node->builtin_data)->activation == kTfLiteActNone;
}

// Any other ADD keeps what TFLM's own prepared, and takes no memory of ours.
TfLiteStatus AddPrepare(TfLiteContext* context, TfLiteNode* node) {
  const LceOpReader reader(context, node, "ADD");
  if (tflm_add.prepare(context, node) != kTfLiteOk) return kTfLiteError;
  if (!is_by_channel(reader, node)) return kTfLiteOk;
  TfLiteQuantizationParams map, numbers, result;
  if (!reader.quantization(false, &map) || !reader.quantization(false, &numbers, 1) ||
      !reader.quantization(true, &result)) {
    return kTfLiteError;
  }
  auto* data = reader.allocate<AddData>();
  if (data == nullptr) return kTfLiteError;
  const double common = 2 * static_cast<double>(map.scale > numbers.scale ? map.scale : numbers.scale);
  data->value = Factor::of(map.scale / common);
  data->number = Factor::of(numbers.scale / common);
  data->result = Factor::of(common / ((1 << kMoreBits) * static_cast<double>(result.scale)));
  data->value_zero = map.zero_point;
  data->number_zero = numbers.zero_point;
  data->zero = result.zero_point;
  node->user_data = data;
  return kTfLiteOk;
}

int32_t more_bits(int32_t value) { return value * (1 << kMoreBits); }

int8_t sum(const AddData& data, int32_t value, int32_t number) {
  const int32_t result = data.result.times(data.value.times(more_bits(value - data.value_zero)) + number) + data.zero;
  return static_cast<int8_t>(result < -128 ? -128 : result > 127 ? 127 : result);
}

TfLiteStatus AddEval(TfLiteContext* context, TfLiteNode* node) {
  if (!is_by_channel(LceOpReader(context, node, "ADD"), node)) return tflm_add.invoke(context, node);
  const AddData& data = *static_cast<const AddData*>(node->user_data);
  const TfLiteEvalTensor* map = GetEvalInput(context, node, 0);
  const LceImage image(map);
  const int32_t channels = image.channels, count = channels * image.pixels();
  const auto* numbers = static_cast<const int8_t*>(GetEvalInput(context, node, 1)->data.data);
  const auto* values = static_cast<const int8_t*>(map->data.data);
  auto* results = static_cast<int8_t*>(GetEvalOutput(context, node, 0)->data.data);
  const bool with_table = image.pixels() >= kTableFrom;
  for (int32_t c = 0; c < channels; ++c) {
    const int32_t number = data.number.times(more_bits(numbers[c] - data.number_zero));
    if (with_table) {
      int8_t table[256];
      for (int32_t value = -128; value < 128; ++value) table[value + 128] = sum(data, value, number);
      for (int32_t i = c; i < count; i += channels) results[i] = table[values[i] + 128];
    } else {
      for (int32_t i = c; i < count; i += channels) results[i] = sum(data, values[i], number);
    }
  }
  return kTfLiteOk;
}

}  // namespace

const TFLMRegistration* AddByChannel(const TFLMRegistration* of_tflm) {
  static TFLMRegistration registration;
  tflm_add = *of_tflm;
  registration = *of_tflm;
  registration.prepare = AddPrepare;
  registration.invoke = AddEval;
  return &registration;
}

}  // namespace micro
}  // namespace tflite
