#include "engine/file_context.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "check/schema.h"

namespace hybrid_tf {
namespace {

size_t bytes_of(FileType type) {
  switch (type) {
    case FileType::kInt64:
      return 8;
    case FileType::kFloat32:
    case FileType::kInt32:
      return 4;
    case FileType::kFloat16:
      return 2;
    case FileType::kUint8:
    case FileType::kBool:
    case FileType::kInt8:
      return 1;
  }
  return 0;
}

// The schema counts types from float32 on, the structs from "no type" on, but for those of other kinds.
TfLiteType struct_type(FileType type) {
  switch (type) {
    case FileType::kFloat32:
      return kTfLiteFloat32;
    case FileType::kFloat16:
      return kTfLiteFloat16;
    case FileType::kInt32:
      return kTfLiteInt32;
    case FileType::kUint8:
      return kTfLiteUInt8;
    case FileType::kInt64:
      return kTfLiteInt64;
    case FileType::kBool:
      return kTfLiteBool;
    case FileType::kInt8:
      return kTfLiteInt8;
  }
  return kTfLiteNoType;
}

// The schema counts SAME as 0.
TfLitePadding padding(const FlatTable& options, int field) {
  return options.scalar<int8_t>(field, 0) == 0 ? kTfLitePaddingSame : kTfLitePaddingValid;
}

TfLiteFusedActivation activation(const FlatTable& options, int field) {
  return static_cast<TfLiteFusedActivation>(options.scalar<int8_t>(field, 0));
}

// What convolutions and pools have in common.
template <class Options, class Params>
void set_window(const FlatTable& options, Params* params) {
  params->padding = padding(options, Options::padding);
  params->stride_height = options.scalar<int32_t>(Options::stride_h, 0);
  params->stride_width = options.scalar<int32_t>(Options::stride_w, 0);
  params->activation = activation(options, Options::fused_activation_function);
}

template <class Options, class Params>
void set_dilation(const FlatTable& options, Params* params) {
  params->dilation_height_factor = options.scalar<int32_t>(Options::dilation_h_factor, 1);
  params->dilation_width_factor = options.scalar<int32_t>(Options::dilation_w_factor, 1);
}

TfLiteStatus get_node(TfLiteContext* context, int index, TfLiteNode** node, TfLiteRegistration** registration) {
  auto* file = static_cast<FileContext*>(context->impl);
  *node = &file->node(index);
  *registration = &file->registration(index);
  return kTfLiteOk;
}

// Shapes are those of the file, which the check has computed, too.
TfLiteStatus refuse_resize(TfLiteContext*, TfLiteTensor*, TfLiteIntArray* dims) {
  free(dims);
  return kTfLiteError;
}

}  // namespace

FileContext::FileContext() {
  context_.impl = this;
  context_.GetNodeAndRegistration = get_node;
  context_.ResizeTensor = refuse_resize;
}

bool FileContext::build(const ModelFile& model, Message* message) {
  tensors_.reserve(model.tensors.size());
  for (const FileTensor& tensor : model.tensors) {
    if (!add_tensor(tensor, message)) return false;
  }
  for (const FileOperator& op : model.operators) add_node(op);
  context_.tensors = tensors_.data();
  context_.tensors_size = tensors_.size();
  return true;
}

void* FileContext::allocate(size_t bytes) {
  memory_.emplace_back(new char[bytes]());
  return memory_.back().get();
}

TfLiteIntArray* FileContext::int_array(const int32_t* values, size_t count) {
  auto* array = static_cast<TfLiteIntArray*>(allocate(sizeof(TfLiteIntArray) + count * sizeof(int)));
  array->size = static_cast<int>(count);
  for (size_t i = 0; i < count; ++i) array->data[i] = values[i];
  return array;
}

bool FileContext::add_tensor(const FileTensor& tensor, Message* message) {
  TfLiteTensor t = {};
  t.name = tensor.name;
  t.type = struct_type(tensor.type);
  t.dims = int_array(tensor.shape.dims, tensor.shape.rank);
  t.bytes = tensor.shape.elements() * bytes_of(tensor.type);
  add_quantization(tensor, &t);
  if (tensor.data || !tensor.known.empty()) {
    const void* constant = tensor.data ? static_cast<const void*>(tensor.data) : tensor.known.data();
    t.allocation_type = kTfLiteMmapRo;
    t.data = const_cast<void*>(constant);
    // Not every writer of files aligns what it writes.
    if (reinterpret_cast<uintptr_t>(constant) % bytes_of(tensor.type) != 0) {
      t.data = memcpy(allocate(t.bytes), constant, t.bytes);
    }
  }
  tensors_.push_back(t);
  return tensors_.size() <= INT32_MAX || message->fail("it has too many tensors");
}

void FileContext::add_quantization(const FileTensor& from, TfLiteTensor* to) {
  const size_t count = from.scales.size();
  if (count == 0) return;
  auto* quantization = make<TfLiteAffineQuantization>();
  quantization->scale = static_cast<TfLiteFloatArray*>(allocate(sizeof(TfLiteFloatArray) + count * sizeof(float)));
  quantization->scale->size = static_cast<int>(count);
  std::vector<int32_t> zero_points;
  for (size_t i = 0; i < count; ++i) {
    quantization->scale->data[i] = from.scales.at<float>(i);
    zero_points.push_back(static_cast<int32_t>(from.zero_points.at<int64_t>(i)));
  }
  quantization->zero_point = int_array(zero_points.data(), count);
  quantization->quantized_dimension = from.scale_axis;
  to->quantization = {kTfLiteAffineQuantization, quantization};
  if (count == 1) to->params = {quantization->scale->data[0], zero_points[0]};
}

void FileContext::add_node(const FileOperator& op) {
  TfLiteNode node = {};
  node.inputs = int_array(op.inputs.data(), op.inputs.size());
  node.outputs = int_array(op.outputs.data(), op.outputs.size());
  node.builtin_data = builtin_options(op);
  node.custom_initial_data = op.custom_options.data();
  node.custom_initial_data_size = static_cast<int>(op.custom_options.size());
  nodes_.push_back(node);
  TfLiteRegistration registration = {};
  registration.builtin_code = op.code;
  registration.custom_name = op.custom_name;
  registrations_.push_back(registration);
}

// Null for operators whose options nobody asks for in this form.
void* FileContext::builtin_options(const FileOperator& op) {
  const FlatTable& options = op.options;
  switch (op.code) {
    case schema::CONV_2D: {
      auto* params = make<TfLiteConvParams>();
      set_window<schema::Conv2DOptions>(options, params);
      set_dilation<schema::Conv2DOptions>(options, params);
      return params;
    }
    case schema::DEPTHWISE_CONV_2D: {
      using Options = schema::DepthwiseConv2DOptions;
      auto* params = make<TfLiteDepthwiseConvParams>();
      set_window<Options>(options, params);
      set_dilation<Options>(options, params);
      params->depth_multiplier = options.scalar<int32_t>(Options::depth_multiplier, 0);
      return params;
    }
    case schema::AVERAGE_POOL_2D:
    case schema::MAX_POOL_2D: {
      using Options = schema::Pool2DOptions;
      auto* params = make<TfLitePoolParams>();
      set_window<Options>(options, params);
      params->filter_height = options.scalar<int32_t>(Options::filter_height, 0);
      params->filter_width = options.scalar<int32_t>(Options::filter_width, 0);
      return params;
    }
    case schema::FULLY_CONNECTED: {
      using Options = schema::FullyConnectedOptions;
      auto* params = make<TfLiteFullyConnectedParams>();
      params->activation = activation(options, Options::fused_activation_function);
      params->weights_format = options.scalar<int8_t>(Options::weights_format, 0);
      params->keep_num_dims = options.scalar<uint8_t>(Options::keep_num_dims, 0) != 0;
      return params;
    }
    case schema::ADD: {
      auto* params = make<TfLiteAddParams>();
      params->activation = activation(options, schema::AddOptions::fused_activation_function);
      return params;
    }
    case schema::MUL: {
      auto* params = make<TfLiteMulParams>();
      params->activation = activation(options, schema::MulOptions::fused_activation_function);
      return params;
    }
    case schema::CONCATENATION: {
      using Options = schema::ConcatenationOptions;
      auto* params = make<TfLiteConcatenationParams>();
      params->axis = options.scalar<int32_t>(Options::axis, 0);
      params->activation = activation(options, Options::fused_activation_function);
      return params;
    }
    case schema::SPLIT: {
      auto* params = make<TfLiteSplitParams>();
      params->num_splits = options.scalar<int32_t>(schema::SplitOptions::num_splits, 0);
      return params;
    }
    case schema::MEAN: {
      auto* params = make<TfLiteReducerParams>();
      params->keep_dims = options.scalar<uint8_t>(schema::ReducerOptions::keep_dims, 0) != 0;
      return params;
    }
    default:
      return nullptr;
  }
}

size_t value_bytes(const TfLiteTensor& tensor) {
  switch (tensor.type) {
    case kTfLiteInt64:
      return 8;
    case kTfLiteFloat32:
    case kTfLiteInt32:
      return 4;
    case kTfLiteFloat16:
      return 2;
    default:
      return 1;
  }
}

}  // namespace hybrid_tf
