// A TensorFlow Lite delegate that takes nothing: it writes down, as JSON, what an interpreter shows it through the
// structs of tflite_abi.h. Option: file=PATH.
#include <cstdio>
#include <cstring>
#include <string>

#include "graph/tflite_abi.h"

namespace {

std::string path;

void write_list(FILE* file, const char* key, const TfLiteIntArray* array) {
  fprintf(file, "\"%s\": [", key);
  for (int i = 0; array && i < array->size; ++i) fprintf(file, "%s%d", i ? ", " : "", array->data[i]);
  fprintf(file, "], ");
}

void write_tensor(FILE* file, const TfLiteTensor& t) {
  // A constant's first byte shows that the data are where the struct says.
  const bool constant = t.allocation_type == kTfLiteMmapRo;
  fprintf(file, "{\"name\": \"%s\", \"type\": %d, ", t.name ? t.name : "", t.type);
  write_list(file, "shape", t.dims);
  fprintf(file, "\"scale\": %.9g, \"zero_point\": %d, \"bytes\": %zu, \"first_byte\": %d, ", t.params.scale,
          t.params.zero_point, t.bytes, constant ? *static_cast<const unsigned char*>(t.data) : -1);
  const auto* quantization = static_cast<const TfLiteAffineQuantization*>(t.quantization.params);
  const bool affine = t.quantization.type == kTfLiteAffineQuantization && quantization && quantization->scale;
  fprintf(file, "\"scales\": [");
  for (int i = 0; affine && i < quantization->scale->size; ++i) {
    fprintf(file, "%s%.9g", i ? ", " : "", quantization->scale->data[i]);
  }
  fprintf(file, "], \"axis\": %d, ", affine ? quantization->quantized_dimension : 0);
  write_list(file, "zero_points", affine ? quantization->zero_point : nullptr);
  fprintf(file, "\"variable\": %d, \"quantization\": %d, \"sparse\": %d}", t.is_variable, t.quantization.type,
          t.sparsity != nullptr);
}

void write_options(FILE* file, int code, const void* data) {
  switch (code) {
    case kTfLiteBuiltinAdd:
      fprintf(file, "%d", static_cast<const TfLiteAddParams*>(data)->activation);
      break;
    case kTfLiteBuiltinConv2d: {
      const auto& p = *static_cast<const TfLiteConvParams*>(data);
      fprintf(file, "%d, %d, %d, %d, %d, %d", p.padding, p.stride_width, p.stride_height, p.activation,
              p.dilation_width_factor, p.dilation_height_factor);
      break;
    }
    case kTfLiteBuiltinDepthwiseConv2d: {
      const auto& p = *static_cast<const TfLiteDepthwiseConvParams*>(data);
      fprintf(file, "%d, %d, %d, %d, %d, %d, %d", p.padding, p.stride_width, p.stride_height, p.depth_multiplier,
              p.activation, p.dilation_width_factor, p.dilation_height_factor);
      break;
    }
    case kTfLiteBuiltinMul:
      fprintf(file, "%d", static_cast<const TfLiteMulParams*>(data)->activation);
      break;
    case kTfLiteBuiltinConcatenation: {
      const auto& p = *static_cast<const TfLiteConcatenationParams*>(data);
      fprintf(file, "%d, %d", p.axis, p.activation);
      break;
    }
    case kTfLiteBuiltinSplit:
      fprintf(file, "%d", static_cast<const TfLiteSplitParams*>(data)->num_splits);
      break;
    case kTfLiteBuiltinAveragePool2d:
    case kTfLiteBuiltinMaxPool2d: {
      const auto& p = *static_cast<const TfLitePoolParams*>(data);
      fprintf(file, "%d, %d, %d, %d, %d, %d", p.padding, p.stride_width, p.stride_height, p.filter_width,
              p.filter_height, p.activation);
      break;
    }
    case kTfLiteBuiltinFullyConnected: {
      const auto& p = *static_cast<const TfLiteFullyConnectedParams*>(data);
      fprintf(file, "%d, %d, %d", p.activation, p.weights_format, p.keep_num_dims);
      break;
    }
    case kTfLiteBuiltinMean:
      fprintf(file, "%d", static_cast<const TfLiteReducerParams*>(data)->keep_dims);
      break;
  }
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteDelegate*) {
  FILE* file = fopen(path.c_str(), "w");
  TfLiteIntArray* plan;
  if (!file || context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  fprintf(file, "{\"threads\": %d, \"tensors\": [", context->recommended_num_threads);
  for (size_t i = 0; i < context->tensors_size; ++i) {
    if (i) fprintf(file, ",\n");
    write_tensor(file, context->tensors[i]);
  }
  fprintf(file, "],\n\"operators\": [");
  for (int i = 0; i < plan->size; ++i) {
    TfLiteNode* node;
    TfLiteRegistration* registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) != kTfLiteOk) return kTfLiteError;
    fprintf(file, "%s{\"code\": %d, \"custom\": \"%s\", ", i ? ",\n" : "", registration->builtin_code,
            registration->custom_name ? registration->custom_name : "");
    write_list(file, "inputs", node->inputs);
    write_list(file, "outputs", node->outputs);
    fprintf(file, "\"custom_size\": %d, \"options\": [", node->custom_initial_data_size);
    if (node->builtin_data) write_options(file, registration->builtin_code, node->builtin_data);
    fprintf(file, "]}");
  }
  fprintf(file, "]}\n");
  fclose(file);
  return kTfLiteOk;
}

}  // namespace

extern "C" TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                                         void (*)(const char*)) {
  for (size_t i = 0; i < count; ++i) {
    if (!strcmp(keys[i], "file")) path = values[i];
  }
  auto* delegate = new TfLiteDelegate{};
  delegate->Prepare = prepare;
  delegate->flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  return delegate;
}

extern "C" void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { delete delegate; }
