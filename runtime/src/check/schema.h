// What the schema of TensorFlow Lite files calls the numbers in them. The number of a field is its place in its table;
// tables are listed up to the last field that is read here. tests/runtime/test_schema.py compares them with the schema.
#pragma once

#include "check/operator_names.h"

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
  enum Field { beta };
};
struct ConcatenationOptions {
  static constexpr int kType = 10;
  enum Field { axis, fused_activation_function };
};
struct AddOptions {
  static constexpr int kType = 11;
  enum Field { fused_activation_function };
};
struct ResizeBilinearOptions {
  static constexpr int kType = 15;
};
struct ReshapeOptions {
  static constexpr int kType = 17;
  enum Field { new_shape };
};
struct SpaceToDepthOptions {
  static constexpr int kType = 19;
  enum Field { block_size };
};
struct MulOptions {
  static constexpr int kType = 21;
  enum Field { fused_activation_function };
};
struct GatherOptions {
  static constexpr int kType = 23;
  enum Field { axis, batch_dims };
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
struct SqueezeOptions {
  static constexpr int kType = 30;
  enum Field { squeeze_dims };
};
struct StridedSliceOptions {
  static constexpr int kType = 32;
  enum Field { begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask, offset };
};
struct SplitOptions {
  static constexpr int kType = 35;
  enum Field { num_splits };
};
struct ArgMaxOptions {
  static constexpr int kType = 40;
  enum Field { output_type };
};
struct TransposeConvOptions {
  static constexpr int kType = 49;
  enum Field { padding, stride_w, stride_h, fused_activation_function };
};
struct ShapeOptions {
  static constexpr int kType = 55;
  enum Field { out_type };
};
struct ArgMinOptions {
  static constexpr int kType = 57;
  enum Field { output_type };
};
struct PackOptions {
  static constexpr int kType = 59;
  enum Field { values_count, axis };
};
struct UnpackOptions {
  static constexpr int kType = 64;
  enum Field { num, axis };
};
struct ResizeNearestNeighborOptions {
  static constexpr int kType = 74;
  enum Field { align_corners, half_pixel_centers };
};
struct LeakyReluOptions {
  static constexpr int kType = 75;
  enum Field { alpha };
};
struct MirrorPadOptions {
  static constexpr int kType = 77;
  enum Field { mode };
};
struct SplitVOptions {
  static constexpr int kType = 79;
  enum Field { num_splits };
};
struct DepthToSpaceOptions {
  static constexpr int kType = 94;
  enum Field { block_size };
};
struct BatchMatMulOptions {
  static constexpr int kType = 101;
  enum Field { adj_x, adj_y };
};
struct GeluOptions {
  static constexpr int kType = 116;
  enum Field { approximate };
};

}  // namespace schema
}  // namespace hybrid_tf
