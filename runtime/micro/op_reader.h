// What the operators read of TFLM's nodes when they prepare. A failure is printed, with the operator's name.
#pragma once

#include "common/window_axis.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"
#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_log.h"

namespace tflite {
namespace micro {

// A shape as a batch of images; one of fewer dimensions lacks the first ones.
struct LceImage {
  explicit LceImage(const TfLiteEvalTensor* tensor);
  bool operator==(const LceImage& other) const;
  int32_t pixels() const { return batches * height * width; }
  int32_t batches, height, width, channels;
};

class LceOpReader {
 public:
  static constexpr int kMostOptions = 8;

  LceOpReader(TfLiteContext* context, TfLiteNode* node, const char* name)
      : context_(context), node_(node), name_(name) {}

  // Prints what is wrong and returns false.
  bool fail(const char* what) const;
  // Whether there are so many inputs and one output, and input 0 and the output are tensors of 1 to 4 dimensions.
  bool arity(int inputs) const;
  const TfLiteEvalTensor* input(int index = 0) const;
  const TfLiteEvalTensor* output() const;
  // Input `index` when it is constant, of this type and has this many dimensions; else null, and prints `what`.
  const TfLiteEvalTensor* constant(int index, TfLiteType type, int dimensions, const char* what) const;
  // A constant of one value a channel.
  template <typename T>
  const T* channel_constant(int index, TfLiteType type, int32_t channels, const char* what) const {
    const TfLiteEvalTensor* tensor = constant(index, type, 1, what);
    if (tensor == nullptr) return nullptr;
    if (tensor->dims->data[0] == channels) return static_cast<const T*>(tensor->data.data);
    fail(what);
    return nullptr;
  }
  bool quantization(bool of_output, TfLiteQuantizationParams* params, int index = 0) const;
  // The values of up to kMostOptions custom options.
  bool options(const char* const* keys, int count, int32_t* values) const;
  // A filter along one axis, and the window it makes.
  bool window(int32_t size, int32_t stride, int32_t dilation, int32_t padding, int32_t in, hybrid_tf::FilterAxis* axis,
              hybrid_tf::WindowAxis* window) const;
  // Memory that lives as long as the interpreter, or null.
  template <typename T>
  T* allocate(size_t count = 1) const {
    return static_cast<T*>(allocate_bytes(count * sizeof(T)));
  }

 private:
  void* allocate_bytes(size_t bytes) const;

  TfLiteContext* context_;
  TfLiteNode* node_;
  const char* name_;
};

inline int32_t lce_words(int32_t channels) { return (channels + 31) / 32; }

}  // namespace micro
}  // namespace tflite
