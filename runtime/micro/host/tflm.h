// What the kernels and exported programs use of TensorFlow Lite Micro (TFLM), declared anew for tests: TFLM itself is
// not part of this repository. The names, and on x86-64 the layouts, are those of the wheel tflite-micro
// 0.dev20261023182759, whose library the tests load; another version may lay its structs out differently. The headers
// under tensorflow/ have the paths of TFLM's and include this one. Not for use outside of the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

void MicroPrintf(const char* format, ...);

namespace tflite {

inline void InitializeTarget() {}  // of system_setup.h: this computer needs none

struct Model;  // a flatbuffer
struct Operator;

inline const Model* GetModel(const void* buffer) {
  const unsigned char* bytes = static_cast<const unsigned char*>(buffer);
  uint32_t root;
  memcpy(&root, bytes, sizeof root);
  return reinterpret_cast<const Model*>(bytes + root);
}

enum BuiltinOperator : int32_t {
  BuiltinOperator_ADD = 0,
  BuiltinOperator_AVERAGE_POOL_2D = 1,
  BuiltinOperator_CONV_2D = 3,
  BuiltinOperator_DEQUANTIZE = 6,
  BuiltinOperator_FULLY_CONNECTED = 9,
  BuiltinOperator_MAX_POOL_2D = 17,
  BuiltinOperator_RESHAPE = 22,
  BuiltinOperator_CUSTOM = 32,
  BuiltinOperator_MEAN = 40,
  BuiltinOperator_PRELU = 54,
  BuiltinOperator_QUANTIZE = 114,
};

namespace micro {

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

enum TfLiteType {
  kTfLiteNoType = 0,
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteBool = 6,
  kTfLiteInt8 = 9,
};

struct TfLiteIntArray {
  int size;
  int data[];
};

union TfLitePtrUnion {
  void* data;
  char* raw;
  float* f;
  int32_t* i32;
  int8_t* int8;
  bool* b;
};

struct TfLiteQuantizationParams {
  float scale;
  int32_t zero_point;
};

struct TfLiteTensor {
  struct {
    int type;
    void* params;
  } quantization;
  TfLiteQuantizationParams params;
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  size_t bytes;
  TfLiteType type;
  int allocation_type;
  bool is_variable;
};

struct TfLiteEvalTensor {
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  TfLiteType type;
};

struct TfLiteNode {
  TfLiteIntArray* inputs;
  TfLiteIntArray* outputs;
  TfLiteIntArray* intermediates;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
};

struct TfLiteContext {
  void* impl_;  // a MicroContext
};

enum TfLiteFusedActivation { kTfLiteActNone = 0 };

struct TfLiteAddParams {
  TfLiteFusedActivation activation;
  bool pot_scale_int16;
};

struct TFLMRegistration {
  void* (*init)(TfLiteContext*, const char* buffer, size_t length);
  void (*free)(TfLiteContext*, void* user_data);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
  void (*reset)(TfLiteContext*, void* user_data);
  int32_t builtin_code;
  const char* custom_name;
};

class MicroContext {
 public:
  virtual ~MicroContext() = default;
  virtual void* AllocatePersistentBuffer(size_t bytes) = 0;
  virtual TfLiteStatus RequestScratchBufferInArena(size_t bytes, int* index) = 0;
  virtual void* GetScratchBuffer(int index) = 0;
  virtual TfLiteTensor* AllocateTempTfLiteTensor(int tensor) = 0;
  virtual void DeallocateTempTfLiteTensor(TfLiteTensor* tensor) = 0;
  // More follow, that are not used here.

  TfLiteTensor* AllocateTempInputTensor(const TfLiteNode* node, int index);
  TfLiteTensor* AllocateTempOutputTensor(const TfLiteNode* node, int index);
};

inline MicroContext* GetMicroContext(const TfLiteContext* context) {
  return static_cast<MicroContext*>(context->impl_);
}

const TfLiteEvalTensor* GetEvalInput(const TfLiteContext*, const TfLiteNode*, int index);
TfLiteEvalTensor* GetEvalOutput(const TfLiteContext*, const TfLiteNode*, int index);
TFLMRegistration RegisterOp(void* (*init)(TfLiteContext*, const char*, size_t),
                            TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*),
                            TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*),
                            void (*free)(TfLiteContext*, void*) = nullptr,
                            void (*reset)(TfLiteContext*, void*) = nullptr);

class BuiltinDataAllocator;
using BuiltinParser = TfLiteStatus (*)(const Operator*, BuiltinDataAllocator*, void** options);

class MicroOpResolver {
 public:
  virtual const TFLMRegistration* FindOp(BuiltinOperator op) const = 0;
  virtual const TFLMRegistration* FindOp(const char* name) const = 0;
  virtual BuiltinParser GetOpDataParser(BuiltinOperator op) const = 0;
  virtual ~MicroOpResolver() {}
};

#define TFLM_TEST_BUILTIN(register_function, parse_function) \
  TFLMRegistration register_function();                      \
  TfLiteStatus parse_function(const Operator*, BuiltinDataAllocator*, void** options);
TFLM_TEST_BUILTIN(Register_ADD, ParseAdd)
TFLM_TEST_BUILTIN(Register_AVERAGE_POOL_2D, ParsePool)
TFLM_TEST_BUILTIN(Register_CONV_2D, ParseConv2D)
TFLM_TEST_BUILTIN(Register_DEQUANTIZE, ParseDequantize)
TFLM_TEST_BUILTIN(Register_FULLY_CONNECTED, ParseFullyConnected)
TFLM_TEST_BUILTIN(Register_MAX_POOL_2D, ParsePool)
TFLM_TEST_BUILTIN(Register_RESHAPE, ParseReshape)
TFLM_TEST_BUILTIN(Register_MEAN, ParseReducer)
TFLM_TEST_BUILTIN(Register_PRELU, ParsePrelu)
TFLM_TEST_BUILTIN(Register_QUANTIZE, ParseQuantize)
#undef TFLM_TEST_BUILTIN

template <unsigned kOps>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  const TFLMRegistration* FindOp(BuiltinOperator op) const override {
    for (unsigned i = 0; i < size_; ++i) {
      if (entries_[i].registration.builtin_code == op && op != BuiltinOperator_CUSTOM) return &entries_[i].registration;
    }
    return nullptr;
  }
  const TFLMRegistration* FindOp(const char* name) const override {
    for (unsigned i = 0; i < size_; ++i) {
      const TFLMRegistration& found = entries_[i].registration;
      if (found.custom_name != nullptr && strcmp(found.custom_name, name) == 0) return &found;
    }
    return nullptr;
  }
  BuiltinParser GetOpDataParser(BuiltinOperator op) const override {
    for (unsigned i = 0; i < size_; ++i) {
      if (entries_[i].registration.builtin_code == op) return entries_[i].parser;
    }
    return nullptr;
  }

  TfLiteStatus AddCustom(const char* name, const TFLMRegistration* registration) {
    return add(*registration, BuiltinOperator_CUSTOM, name, nullptr);
  }
  TfLiteStatus AddAdd() { return add(Register_ADD(), BuiltinOperator_ADD, nullptr, ParseAdd); }
  TfLiteStatus AddAveragePool2D() {
    return add(Register_AVERAGE_POOL_2D(), BuiltinOperator_AVERAGE_POOL_2D, nullptr, ParsePool);
  }
  TfLiteStatus AddConv2D() { return add(Register_CONV_2D(), BuiltinOperator_CONV_2D, nullptr, ParseConv2D); }
  TfLiteStatus AddDequantize() {
    return add(Register_DEQUANTIZE(), BuiltinOperator_DEQUANTIZE, nullptr, ParseDequantize);
  }
  TfLiteStatus AddFullyConnected() {
    return add(Register_FULLY_CONNECTED(), BuiltinOperator_FULLY_CONNECTED, nullptr, ParseFullyConnected);
  }
  TfLiteStatus AddMaxPool2D() { return add(Register_MAX_POOL_2D(), BuiltinOperator_MAX_POOL_2D, nullptr, ParsePool); }
  TfLiteStatus AddMean() { return add(Register_MEAN(), BuiltinOperator_MEAN, nullptr, ParseReducer); }
  TfLiteStatus AddPrelu() { return add(Register_PRELU(), BuiltinOperator_PRELU, nullptr, ParsePrelu); }
  TfLiteStatus AddQuantize() { return add(Register_QUANTIZE(), BuiltinOperator_QUANTIZE, nullptr, ParseQuantize); }
  TfLiteStatus AddReshape() { return add(Register_RESHAPE(), BuiltinOperator_RESHAPE, nullptr, ParseReshape); }

 private:
  struct Entry {
    TFLMRegistration registration;
    BuiltinParser parser;
  };

  TfLiteStatus add(TFLMRegistration registration, BuiltinOperator code, const char* name, BuiltinParser parser) {
    if (size_ == kOps) return kTfLiteError;
    registration.builtin_code = code;
    registration.custom_name = name;
    entries_[size_++] = {registration, parser};
    return kTfLiteOk;
  }

  Entry entries_[kOps];
  unsigned size_ = 0;
};

class MicroResourceVariables;
class MicroProfilerInterface;

class MicroInterpreter {
 public:
  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, uint8_t* arena, size_t arena_bytes,
                   MicroResourceVariables* resource_variables = nullptr, MicroProfilerInterface* profiler = nullptr,
                   bool preserve_all_tensors = false);
  ~MicroInterpreter();
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor* input(size_t index);
  TfLiteTensor* output(size_t index);

 private:
  uint8_t storage_[8192];  // more than its members take
};

}  // namespace micro
}  // namespace tflite
