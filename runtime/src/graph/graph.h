// A part of a model's graph: the operators that the delegate has claimed, and the tensors between them.
#pragma once

#include <cstdint>
#include <vector>

#include "common/message.h"
#include "common/shapes.h"
#include "graph/tflite_abi.h"

namespace hybrid_tf {

enum class OperatorKind {
  kQuantize,
  kDequantize,
  kBconv,
  kBmaxPool,
  kConv,
  kDense,
  kAdd,
  kClamp,
  kAveragePool,
  kMaxPool,
  kMean,
  kToInt8,    // QUANTIZE of float32
  kFromInt8,  // DEQUANTIZE
  kRescale,   // QUANTIZE of int8
  kReshape,
  kPrelu,
  kShift,  // ADD of a constant for each channel
  kDepthwise,
  kMultiply,     // MUL of a map and another, one pixel for each image, or a constant for each channel
  kAddPixel,     // ADD of a map and one pixel for each image
  kConcatenate,  // along the channels
  kSlice,        // one output of a SPLIT of the channels
  kLogistic,
};

// An operator, as the file describes it. Tensors are the interpreter's indices, or -1; read_graph() renumbers `input`,
// `residual` and `output`.
struct Operator {
  OperatorKind kind;
  const char* name;  // of the kind, as people know it
  int input = -1;
  int residual = -1;         // the second operand of an addition
  int others[2] = {-1, -1};  // the third and fourth operand of a concatenation
  int output = -1;
  // Constant tensors.
  int filter = -1, biases = -1, multipliers = -1, thresholds = -1;
  // Convolutions and pools.
  bool same_padding = false;
  bool zero_padding = false;  // kBconv: taps outside of the image add nothing; else they count as +1
  FilterAxis vertical, horizontal;
  // Convolutions and dense layers. A filter reads the channels of one group: as many words, of 32 bits or one number.
  int32_t groups = 1, group_channels = 0, filter_channels = 0, filter_words = 0;
  float activation_min, activation_max;
  bool keep_dims = false;         // kMean, kDense: the output keeps the rank of the input
  int32_t stored_channels = 0;    // kDequantize
  Shape new_shape;                // kReshape: one dimension may be -1, for what is left
  int32_t slice = 0, slices = 1;  // kSlice: which part of the channels, of how many
  // kPrelu, kShift, kMultiply: a slope, what is added or a factor, of the type of the maps, for each of
  // `group_channels`; scale and zero point are those of int8.
  const void* channel_values = nullptr;
  float channel_scale = 0;
  int32_t channel_zero_point = 0;
  int32_t channels_out() const { return groups * group_channels; }
};

struct Tensor {
  int index;  // the interpreter's
  TfLiteType type;
  const char* name;
  float scale;  // of int8
  int32_t zero_point;
  bool is_input = false, is_output = false;  // of this part of the graph: then it lies in the interpreter's memory
  int readers = 0;                           // operators of this part that read it
  Shape shape;
};

struct Graph {
  std::vector<Operator> operators;  // each after those whose outputs it reads
  std::vector<Tensor> tensors;
};

// Reads the nodes that the interpreter has handed over. Refuses what is malformed.
bool read_graph(TfLiteContext* context, const TfLiteDelegateParams& params, Graph* graph, Message* message);

// Sets the shapes of all tensors, given the interpreter's shapes of the inputs. Refuses what does not fit together.
bool infer_shapes(const TfLiteContext* context, Graph* graph, Message* message);

}  // namespace hybrid_tf
