#include "host.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxBytes = 1 << 18;  // of one tensor: more would be slow

struct FreeArray {
  void operator()(TfLiteIntArray* array) const { free(array); }
};
using Array = std::unique_ptr<TfLiteIntArray, FreeArray>;

Array make_array(const std::vector<int>& values) {
  Array array(static_cast<TfLiteIntArray*>(malloc(sizeof(int) * (values.size() + 1))));
  array->size = static_cast<int>(values.size());
  if (!values.empty()) memcpy(array->data, values.data(), sizeof(int) * values.size());
  return array;
}

int64_t bytes_of(TfLiteType type, const TfLiteIntArray& dims) {
  int64_t bytes = type == kTfLiteInt8 || type == kTfLiteBool ? 1 : 4;
  for (int i = 0; i < dims.size; ++i) {
    if (dims.data[i] < 0) return -1;
    bytes *= dims.data[i];
    if (bytes > kMaxBytes) return -1;
  }
  return bytes;
}

bool holds(const std::vector<int>& values, int value) {
  for (int other : values) {
    if (other == value) return true;
  }
  return false;
}

}  // namespace

struct Host::Node {
  TfLiteNode node = {};
  TfLiteRegistration registration = {};
  Array inputs, outputs;
  std::unique_ptr<uint8_t[]> options;
};

// What the delegate put in the place of some nodes.
struct Host::Kernel {
  TfLiteNode node = {};
  TfLiteRegistration registration = {};
  Array nodes, inputs, outputs;
};

Host::Host(int threads) {
  context_.impl = this;
  context_.GetExecutionPlan = get_plan;
  context_.ResizeTensor = resize;
  context_.ReportError = report;
  context_.GetNodeAndRegistration = get_node;
  context_.ReplaceNodeSubsetsWithDelegateKernels = replace;
  context_.recommended_num_threads = threads;
}

Host::~Host() {
  for (const auto& kernel : kernels_) kernel->registration.free(&context_, kernel->node.user_data);
  for (const TfLiteTensor& tensor : tensors_) {
    free(tensor.data);
    free(tensor.dims);
  }
  free(plan_);
}

int Host::add_tensor(TfLiteType type, const std::vector<int>& dims, const std::vector<uint8_t>* fill, float scale,
                     int zero_point) {
  TfLiteTensor tensor = {};
  tensor.type = type;
  tensor.dims = make_array(dims).release();
  tensor.params = {scale, zero_point};
  tensor.quantization.type = scale != 0;
  tensor.name = "tensor";
  const int64_t bytes = bytes_of(type, *tensor.dims);
  if (fill != nullptr && bytes >= 0) {
    tensor.allocation_type = kTfLiteMmapRo;
    tensor.bytes = static_cast<size_t>(bytes);
    auto* data = static_cast<uint8_t*>(malloc(tensor.bytes));
    for (size_t i = 0; i < tensor.bytes; ++i) data[i] = fill->empty() ? 0 : (*fill)[i % fill->size()];
    tensor.data = data;
  } else {
    tensor.allocation_type = static_cast<TfLiteAllocationType>(2);  // in the interpreter's memory
  }
  tensors_.push_back(tensor);
  return static_cast<int>(tensors_.size()) - 1;
}

void Host::add_node(const char* custom_name, int builtin_code, const std::vector<uint8_t>& options,
                    const std::vector<int>& inputs, const std::vector<int>& outputs) {
  auto node = std::make_unique<Node>();
  node->inputs = make_array(inputs);
  node->outputs = make_array(outputs);
  node->node.inputs = node->inputs.get();
  node->node.outputs = node->outputs.get();
  node->options = std::make_unique<uint8_t[]>(options.size());
  if (!options.empty()) memcpy(node->options.get(), options.data(), options.size());
  node->registration.builtin_code = builtin_code;
  node->registration.custom_name = custom_name;
  if (custom_name != nullptr) {
    node->node.custom_initial_data = node->options.get();
    node->node.custom_initial_data_size = static_cast<int>(options.size());
  } else {
    node->node.builtin_data = node->options.get();
  }
  nodes_.push_back(std::move(node));
}

TfLiteStatus Host::get_plan(TfLiteContext* context, TfLiteIntArray** plan) {
  *plan = of(context)->plan_;
  return kTfLiteOk;
}

TfLiteStatus Host::resize(TfLiteContext*, TfLiteTensor* tensor, TfLiteIntArray* size) {
  free(tensor->dims);
  tensor->dims = size;
  const int64_t bytes = bytes_of(tensor->type, *size);
  if (bytes < 0 || tensor->allocation_type == kTfLiteMmapRo) return kTfLiteError;
  free(tensor->data);
  tensor->data = nullptr;
  tensor->bytes = static_cast<size_t>(bytes);
  return kTfLiteOk;
}

void Host::report(TfLiteContext* context, const char* format, ...) {
  char text[1000];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  of(context)->reports_ += text;
}

TfLiteStatus Host::get_node(TfLiteContext* context, int index, TfLiteNode** node, TfLiteRegistration** registration) {
  const auto& nodes = of(context)->nodes_;
  if (index < 0 || static_cast<size_t>(index) >= nodes.size()) return kTfLiteError;
  *node = &nodes[index]->node;
  *registration = &nodes[index]->registration;
  return kTfLiteOk;
}

// Nodes that follow each other make one kernel.
TfLiteStatus Host::replace(TfLiteContext* context, TfLiteRegistration registration, const TfLiteIntArray* nodes,
                           TfLiteDelegate* delegate) {
  std::vector<int> group;
  for (int i = 0; i < nodes->size; ++i) {
    if (!group.empty() && group.back() + 1 != nodes->data[i]) {
      of(context)->add_kernel(registration, group, delegate);
      group.clear();
    }
    group.push_back(nodes->data[i]);
  }
  of(context)->add_kernel(registration, group, delegate);
  return kTfLiteOk;
}

void Host::add_kernel(const TfLiteRegistration& registration, const std::vector<int>& nodes, TfLiteDelegate* delegate) {
  std::vector<int> made, read, inputs, outputs;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const bool inside = holds(nodes, static_cast<int>(i));
    const TfLiteIntArray &from = *nodes_[i]->inputs, &to = *nodes_[i]->outputs;
    for (int k = 0; k < from.size; ++k) {
      if (!inside) read.push_back(from.data[k]);
      if (inside && !holds(made, from.data[k]) && !holds(inputs, from.data[k])) inputs.push_back(from.data[k]);
    }
    for (int k = 0; k < to.size && inside; ++k) made.push_back(to.data[k]);
  }
  // What nobody reads is an output of the graph, and so is every third tensor.
  for (int tensor : made) {
    bool used = false;
    for (int node : nodes) {
      const TfLiteIntArray& from = *nodes_[node]->inputs;
      used |= holds({from.data, from.data + from.size}, tensor);
    }
    if (!used || holds(read, tensor) || tensor % 3 == 0) outputs.push_back(tensor);
  }
  auto kernel = std::make_unique<Kernel>();
  kernel->registration = registration;
  kernel->nodes = make_array(nodes);
  kernel->inputs = make_array(inputs);
  kernel->outputs = make_array(outputs);
  kernel->node.inputs = kernel->inputs.get();
  kernel->node.outputs = kernel->outputs.get();
  const TfLiteDelegateParams params = {delegate, kernel->nodes.get(), kernel->inputs.get(), kernel->outputs.get()};
  kernel->node.user_data = registration.init(&context_, reinterpret_cast<const char*>(&params), sizeof(params));
  kernels_.push_back(std::move(kernel));
}

void Host::run(TfLiteDelegate* delegate) {
  context_.tensors = tensors_.data();
  context_.tensors_size = tensors_.size();
  std::vector<int> order(nodes_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  plan_ = make_array(order).release();
  succeeded_ = delegate->Prepare(&context_, delegate) == kTfLiteOk && prepare_and_invoke();
  if (!succeeded_ || tensors_[0].dims->size == 0) return;
  // Again with another first dimension of the first tensor, as after resizing an input.
  TfLiteIntArray* dims =
      make_array({tensors_[0].dims->data, tensors_[0].dims->data + tensors_[0].dims->size}).release();
  dims->data[0] = dims->data[0] % 3 + 1;
  if (resize(&context_, &tensors_[0], dims) == kTfLiteOk) prepare_and_invoke();
}

bool Host::prepare_and_invoke() {
  for (const auto& kernel : kernels_) {
    if (kernel->registration.prepare(&context_, &kernel->node) != kTfLiteOk) return false;
  }
  for (TfLiteTensor& tensor : tensors_) {
    const int64_t bytes = bytes_of(tensor.type, *tensor.dims);
    if (bytes < 0 || tensor.allocation_type == kTfLiteMmapRo) continue;
    free(tensor.data);
    tensor.bytes = static_cast<size_t>(bytes);
    tensor.data = malloc(tensor.bytes);
    for (int64_t i = 0; i < bytes; ++i) static_cast<uint8_t*>(tensor.data)[i] = static_cast<uint8_t>(i * 37);
  }
  for (const auto& kernel : kernels_) {
    if (kernel->registration.invoke(&context_, &kernel->node) != kTfLiteOk) return false;
  }
  return true;
}

}  // namespace hybrid_tf
