// Runs the operators, prepared as TFLM prepares them, on golden cases. Exit code 0: every output is identical.
#include "golden.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lce_ops.h"
#include "tflm.h"

void MicroPrintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
}

namespace {

using namespace tflite::micro;

TfLiteIntArray* int_array(int count, const int32_t* values) {
  auto* array = static_cast<TfLiteIntArray*>(malloc(sizeof(TfLiteIntArray) + count * sizeof(int)));
  array->size = count;
  for (int i = 0; i < count; ++i) array->data[i] = values[i];
  return array;
}

// The tensors of one operator: its inputs, then its output.
class Context : public MicroContext {
 public:
  explicit Context(const GoldenCase& golden) : golden_(golden) {
    for (int i = 0; i <= golden.inputs; ++i) {
      const GoldenTensor& tensor = this->tensor(i);
      eval[i].type = static_cast<TfLiteType>(tensor.type);
      eval[i].dims = int_array(tensor.dimensions, tensor.shape);
      eval[i].data.data = tensor.constant ? const_cast<void*>(tensor.data) : nullptr;
    }
  }

  const GoldenTensor& tensor(int index) const {
    return index == golden_.inputs ? golden_.output : golden_.input[index];
  }
  void* AllocatePersistentBuffer(size_t bytes) override { return malloc(bytes); }
  TfLiteStatus RequestScratchBufferInArena(size_t bytes, int* index) override {
    scratch_ = malloc(bytes);
    memset(scratch_, 0xa5, bytes);
    *index = 7;
    return kTfLiteOk;
  }
  void* GetScratchBuffer(int index) override { return index == 7 ? scratch_ : nullptr; }
  TfLiteTensor* AllocateTempTfLiteTensor(int index) override {
    auto* full = static_cast<TfLiteTensor*>(calloc(1, sizeof(TfLiteTensor)));
    full->params = {tensor(index).scale, tensor(index).zero_point};
    full->type = eval[index].type;
    full->dims = eval[index].dims;
    ++temporaries;
    return full;
  }
  void DeallocateTempTfLiteTensor(TfLiteTensor* full) override {
    free(full);
    --temporaries;
  }

  TfLiteEvalTensor eval[6];
  int temporaries = 0;

 private:
  const GoldenCase& golden_;
  void* scratch_ = nullptr;
};

TFLMRegistration* find(const char* name) {
  if (strcmp(name, "LceBconv2d") == 0) return Register_LCE_BCONV2D();
  if (strcmp(name, "LceQuantize") == 0) return Register_LCE_QUANTIZE();
  if (strcmp(name, "LceDequantize") == 0) return Register_LCE_DEQUANTIZE();
  return Register_LCE_BMAXPOOL2D();
}

bool run(const GoldenCase& golden) {
  Context micro_context(golden);
  TfLiteContext context = {&micro_context};
  int32_t numbers[6];
  for (int i = 0; i <= golden.inputs; ++i) {
    numbers[i] = i < golden.inputs && golden.input[i].type == kTfLiteNoType ? -1 : i;
  }
  TfLiteNode node = {};
  node.inputs = int_array(golden.inputs, numbers);
  node.outputs = int_array(1, &numbers[golden.inputs]);
  node.custom_initial_data = golden.options;
  node.custom_initial_data_size = static_cast<int>(golden.options_bytes);
  const TFLMRegistration* registration = find(golden.operator_name);
  if (registration->prepare(&context, &node) != kTfLiteOk || micro_context.temporaries != 0) return false;
  for (int i = 0; i < golden.inputs; ++i) micro_context.eval[i].data.data = const_cast<void*>(golden.input[i].data);
  constexpr size_t kGuard = 16;
  const size_t bytes = golden.output.bytes;
  auto* output = static_cast<uint8_t*>(malloc(bytes + kGuard));
  memset(output, 0x5a, bytes + kGuard);
  micro_context.eval[golden.inputs].data.data = output;
  if (registration->invoke(&context, &node) != kTfLiteOk) return false;
  for (size_t i = 0; i < kGuard; ++i) {
    if (output[bytes + i] != 0x5a) return false;
  }
  const bool same = memcmp(output, golden.output.data, bytes) == 0;
  free(output);
  return same;
}

}  // namespace

namespace tflite {
namespace micro {

TfLiteTensor* MicroContext::AllocateTempInputTensor(const TfLiteNode* node, int index) {
  return AllocateTempTfLiteTensor(node->inputs->data[index]);
}
TfLiteTensor* MicroContext::AllocateTempOutputTensor(const TfLiteNode* node, int index) {
  return AllocateTempTfLiteTensor(node->outputs->data[index]);
}
const TfLiteEvalTensor* GetEvalInput(const TfLiteContext* context, const TfLiteNode* node, int index) {
  const int number = node->inputs->data[index];
  return number < 0 ? nullptr : &static_cast<Context*>(context->impl_)->eval[number];
}
TfLiteEvalTensor* GetEvalOutput(const TfLiteContext* context, const TfLiteNode* node, int index) {
  return &static_cast<Context*>(context->impl_)->eval[node->outputs->data[index]];
}
TFLMRegistration RegisterOp(void* (*init)(TfLiteContext*, const char*, size_t),
                            TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*),
                            TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*), void (*free)(TfLiteContext*, void*),
                            void (*reset)(TfLiteContext*, void*)) {
  return {init, free, prepare, invoke, reset, 0, nullptr};
}

}  // namespace micro
}  // namespace tflite

int main() {
  int wrong = 0;
  for (int i = 0; i < golden_count; ++i) {
    if (run(golden_cases[i])) continue;
    ++wrong;
    printf("differs: %s\n", golden_cases[i].name);
  }
  printf("%d of %d cases identical\n", golden_count - wrong, golden_count);
  return wrong != 0;
}
