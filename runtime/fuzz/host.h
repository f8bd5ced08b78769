// Plays the interpreter for one delegate: a graph, the functions that the delegate calls, and memory that is exactly as
// large as it should be, so that AddressSanitizer sees every step beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/tflite_abi.h"

namespace hybrid_tf {

class Host {
 public:
  explicit Host(int threads);
  ~Host();
  Host(const Host&) = delete;

  // Returns the number of the new tensor. A constant one is filled from `fill`, again and again.
  int add_tensor(TfLiteType type, const std::vector<int>& dims, const std::vector<uint8_t>* fill, float scale,
                 int zero_point);
  // `options`: a FlexBuffer where `custom_name` is not null, else the struct of a builtin operator.
  void add_node(const char* custom_name, int builtin_code, const std::vector<uint8_t>& options,
                const std::vector<int>& inputs, const std::vector<int>& outputs);

  // Gives the graph to the delegate, prepares what it took, and runs it.
  void run(TfLiteDelegate* delegate);
  // Whether all of run() succeeded; what was reported if not.
  bool succeeded() const { return succeeded_; }
  const std::string& reports() const { return reports_; }

 private:
  struct Node;
  struct Kernel;
  static Host* of(TfLiteContext* context) { return static_cast<Host*>(context->impl); }
  static TfLiteStatus get_plan(TfLiteContext*, TfLiteIntArray** plan);
  static TfLiteStatus resize(TfLiteContext*, TfLiteTensor*, TfLiteIntArray* size);
  static void report(TfLiteContext*, const char* format, ...);
  static TfLiteStatus get_node(TfLiteContext*, int index, TfLiteNode**, TfLiteRegistration**);
  static TfLiteStatus replace(TfLiteContext*, TfLiteRegistration, const TfLiteIntArray* nodes, TfLiteDelegate*);
  void add_kernel(const TfLiteRegistration& registration, const std::vector<int>& nodes, TfLiteDelegate* delegate);
  bool prepare_and_invoke();

  TfLiteContext context_ = {};
  std::vector<TfLiteTensor> tensors_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  TfLiteIntArray* plan_ = nullptr;
  std::string reports_;
  bool succeeded_ = false;
};

}  // namespace hybrid_tf
