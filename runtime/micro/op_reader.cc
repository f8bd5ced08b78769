#include "op_reader.h"

#include "common/flexbuffer.h"

namespace tflite {
namespace micro {
namespace {

constexpr int32_t kMostFilter = 1 << 12;  // positions that a filter covers along an axis

int32_t dimension(const TfLiteIntArray* dims, int from_last) {
  return dims->size > from_last ? dims->data[dims->size - 1 - from_last] : 1;
}

bool is_map(const TfLiteEvalTensor* tensor) {
  if (tensor == nullptr || tensor->dims == nullptr || tensor->dims->size < 1 || tensor->dims->size > 4) return false;
  for (int i = 0; i < tensor->dims->size; ++i) {
    if (tensor->dims->data[i] < 1) return false;
  }
  return true;
}

}  // namespace

LceImage::LceImage(const TfLiteEvalTensor* tensor)
    : batches(dimension(tensor->dims, 3)),
      height(dimension(tensor->dims, 2)),
      width(dimension(tensor->dims, 1)),
      channels(dimension(tensor->dims, 0)) {}

bool LceImage::operator==(const LceImage& other) const {
  return batches == other.batches && height == other.height && width == other.width && channels == other.channels;
}

bool LceOpReader::fail(const char* what) const {
  MicroPrintf("%s: wrong %s", name_, what);
  return false;
}

bool LceOpReader::arity(int inputs) const {
  return (node_->inputs->size == inputs && node_->outputs->size == 1 && is_map(input()) && is_map(output())) ||
         fail("inputs or outputs");
}

const TfLiteEvalTensor* LceOpReader::input(int index) const { return GetEvalInput(context_, node_, index); }

const TfLiteEvalTensor* LceOpReader::output() const { return GetEvalOutput(context_, node_, 0); }

const TfLiteEvalTensor* LceOpReader::constant(int index, TfLiteType type, int dimensions, const char* what) const {
  const TfLiteEvalTensor* tensor = input(index);
  // Before memory is planned only constants have data.
  if (is_map(tensor) && tensor->data.data != nullptr && tensor->type == type && tensor->dims->size == dimensions) {
    return tensor;
  }
  fail(what);
  return nullptr;
}

bool LceOpReader::quantization(bool of_output, TfLiteQuantizationParams* params, int index) const {
  MicroContext* micro_context = GetMicroContext(context_);
  TfLiteTensor* tensor = of_output ? micro_context->AllocateTempOutputTensor(node_, index)
                                   : micro_context->AllocateTempInputTensor(node_, index);
  if (tensor == nullptr) return fail("memory: the arena is too small");
  *params = tensor->params;
  micro_context->DeallocateTempTfLiteTensor(tensor);
  return params->scale > 0 || fail("quantization");
}

bool LceOpReader::options(const char* const* keys, int count, int32_t* values) const {
  hybrid_tf::IntOption options[kMostOptions];
  for (int i = 0; i < count; ++i) options[i].key = keys[i];
  const auto* data = static_cast<const uint8_t*>(node_->custom_initial_data);
  if (data == nullptr || !hybrid_tf::parse_options(data, node_->custom_initial_data_size, options, count)) {
    return fail("options");
  }
  for (int i = 0; i < count; ++i) {
    values[i] = static_cast<int32_t>(options[i].value);
    if (!options[i].found || values[i] != options[i].value) return fail(keys[i]);
  }
  return true;
}

bool LceOpReader::window(int32_t size, int32_t stride, int32_t dilation, int32_t padding, int32_t in,
                         hybrid_tf::FilterAxis* axis, hybrid_tf::WindowAxis* window) const {
  *axis = {size, stride, dilation};
  const int32_t values[] = {size, stride, dilation};
  for (int32_t value : values) {
    if (value < 1 || value > kMostFilter) return fail("filter, stride or dilation");
  }
  if (padding != 0 && padding != 1) return fail("padding");
  return slide(*axis, in, padding == 0, window) || fail("filter: larger than the map");
}

void* LceOpReader::allocate_bytes(size_t bytes) const {
  void* memory = GetMicroContext(context_)->AllocatePersistentBuffer(bytes);
  if (memory == nullptr) fail("memory: the arena is too small");
  return memory;
}

}  // namespace micro
}  // namespace tflite
