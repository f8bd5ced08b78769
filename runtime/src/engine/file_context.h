// A file as the structs by which an interpreter would show it, so that one reader of operators serves both.
#pragma once

#include <memory>
#include <vector>

#include "check/model_file.h"
#include "graph/tflite_abi.h"

namespace hybrid_tf {

class FileContext {
 public:
  FileContext();
  FileContext(const FileContext&) = delete;
  FileContext& operator=(const FileContext&) = delete;

  // `model` has been checked; it and its file must outlive this.
  bool build(const ModelFile& model, Message* message);

  TfLiteContext* context() { return &context_; }
  TfLiteTensor& tensor(int index) { return tensors_[index]; }
  const TfLiteTensor& tensor(int index) const { return tensors_[index]; }
  bool is_constant(int tensor) const { return tensors_[tensor].allocation_type == kTfLiteMmapRo; }
  TfLiteNode& node(size_t index) { return nodes_[index]; }
  TfLiteRegistration& registration(size_t index) { return registrations_[index]; }

  // An array of so many ints, valid as long as this.
  TfLiteIntArray* int_array(const int32_t* values, size_t count);

 private:
  void* allocate(size_t bytes);
  template <typename T>
  T* make() {
    return new (allocate(sizeof(T))) T{};
  }
  bool add_tensor(const FileTensor& tensor, Message* message);
  void add_quantization(const FileTensor& from, TfLiteTensor* to);
  void add_node(const FileOperator& op);
  void* builtin_options(const FileOperator& op);

  TfLiteContext context_ = {};
  std::vector<TfLiteTensor> tensors_;
  std::vector<TfLiteNode> nodes_;
  std::vector<TfLiteRegistration> registrations_;
  std::vector<std::unique_ptr<char[]>> memory_;
};

// Bytes of one value of a tensor.
size_t value_bytes(const TfLiteTensor& tensor);

}  // namespace hybrid_tf
