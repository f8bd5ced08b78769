// What the schema of TensorFlow Lite files calls the numbers in them. The number of a field is its place in its table;
// tables are listed up to the last field that is read here. tests/runtime/test_schema.py compares them with the schema.
#pragma once

#include <cstdint>

namespace hybrid_tf {
namespace schema {

// The file and its graph.
struct Model {
  enum Field {
    version,
    operator_codes,
    subgraphs,
    description,
    buffers,
    metadata_buffer,
    metadata,
    signature_defs,
    external_buffer_groups,
    external_buffers
  };
};
struct SubGraph {
  enum Field { tensors, inputs, outputs, operators, name };
};
struct Tensor {
  enum Field {
    shape,
    type,
    buffer,
    name,
    quantization,
    is_variable,
    sparsity,
    shape_signature,
    has_rank,
    variant_tensors,
    external_buffer
  };
};
struct QuantizationParameters {
  enum Field { min, max, scale, zero_point, details_type, details, quantized_dimension };
};
struct OperatorCode {
  enum Field { deprecated_builtin_code, custom_code, version, builtin_code };
};
struct Operator {
  enum Field {
    opcode_index,
    inputs,
    outputs,
    builtin_options_type,
    builtin_options,
    custom_options,
    custom_options_format,
    mutating_variable_inputs,
    intermediates,
    large_custom_options_offset,
    large_custom_options_size,
    builtin_options_2_type,
    builtin_options_2
  };
};
struct Buffer {
  enum Field { data, offset, size };
};
struct SignatureDef {
  enum Field { inputs, outputs, signature_key, deprecated_tag, subgraph_index };
};
struct TensorMap {
  enum Field { name, tensor_index };
};
struct Metadata {
  enum Field { name, buffer };
};

// Options of operators; kType is their place in `union BuiltinOptions`.
struct Conv2DOptions {
  static constexpr int kType = 1;
  enum Field { padding, stride_w, stride_h, fused_activation_function, dilation_w_factor, dilation_h_factor };
};
struct DepthwiseConv2DOptions {
  static constexpr int kType = 2;
  enum Field {
    padding,
    stride_w,
    stride_h,
    depth_multiplier,
    fused_activation_function,
    dilation_w_factor,
    dilation_h_factor
  };
};
struct Pool2DOptions {
  static constexpr int kType = 5;
  enum Field { padding, stride_w, stride_h, filter_width, filter_height, fused_activation_function };
};
struct FullyConnectedOptions {
  static constexpr int kType = 8;
  enum Field { fused_activation_function, weights_format, keep_num_dims };
};
struct SoftmaxOptions {
  static constexpr int kType = 9;
};
struct ConcatenationOptions {
  static constexpr int kType = 10;
  enum Field { axis, fused_activation_function };
};
struct AddOptions {
  static constexpr int kType = 11;
  enum Field { fused_activation_function };
};
struct ReshapeOptions {
  static constexpr int kType = 17;
  enum Field { new_shape };
};
struct MulOptions {
  static constexpr int kType = 21;
  enum Field { fused_activation_function };
};
struct ReducerOptions {
  static constexpr int kType = 27;
  enum Field { keep_dims };
};
struct SubOptions {
  static constexpr int kType = 28;
  enum Field { fused_activation_function };
};
struct DivOptions {
  static constexpr int kType = 29;
  enum Field { fused_activation_function };
};
struct SplitOptions {
  static constexpr int kType = 35;
  enum Field { num_splits };
};
struct LeakyReluOptions {
  static constexpr int kType = 75;
};

enum BuiltinOperator : int32_t {
  ADD = 0,
  AVERAGE_POOL_2D = 1,
  CONCATENATION = 2,
  CONV_2D = 3,
  DEPTHWISE_CONV_2D = 4,
  DEQUANTIZE = 6,
  FULLY_CONNECTED = 9,
  LOGISTIC = 14,
  MAX_POOL_2D = 17,
  MUL = 18,
  RELU = 19,
  RELU_N1_TO_1 = 20,
  RELU6 = 21,
  RESHAPE = 22,
  SOFTMAX = 25,
  TANH = 28,
  CUSTOM = 32,
  PAD = 34,
  TRANSPOSE = 39,
  MEAN = 40,
  SUB = 41,
  DIV = 42,
  SPLIT = 49,
  PRELU = 54,
  MAXIMUM = 55,
  MINIMUM = 57,
  LEAKY_RELU = 98,
  QUANTIZE = 114,
  HARD_SWISH = 117
};

}  // namespace schema
}  // namespace hybrid_tf
