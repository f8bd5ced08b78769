// The constants of an operator, packed once for the kernels that read them.
#pragma once

#include "execution/memory.h"
#include "graph/graph.h"
#include "kernels/kernels.h"

namespace hybrid_tf {

struct Weights {
  int32_t block = 0;           // output channels in a block
  Buffer filter;               // words, floats or int8s
  Buffer multipliers, biases;  // floats; of int8 convolutions, int32: the bits of fixed-point numbers, and biases
  Buffer lefts, rights;        // int32: the shifts of those numbers
  Buffer near_scales;          // those numbers as floats
  int32_t least_right = 0;     // the smallest of `rights`
  bool narrow = false;         // of int8: no weight is -128
  Buffer thresholds;           // int32
  Buffer quick_factors, quick_offsets;  // int32, of binary convolutions: see kernels.h; empty where there are none
  int32_t quick_shift = 0;
  const uint32_t* file_filter = nullptr;  // of binary convolutions: the filter as it lies in the file

  int32_t group_blocks(const Operator& op) const { return (op.group_channels + block - 1) / block; }
};

// Does nothing for operators without weights. Refuses numbers that have no int8 result.
bool pack_weights(const TfLiteContext* context, const Graph& graph, const Operator& op, const KernelSet& kernels,
                  Weights* weights, Message* message);

// An int8 filter as runs of inputs that lie side by side in memory: how many, and how long they are.
struct Int8Runs {
  explicit Int8Runs(const Operator& op);
  int32_t count, length;
};

// For every output position along an axis.
std::vector<TapRange> inside_taps(const FilterAxis& filter, const WindowAxis& window, int32_t in);

// What the taps outside of an image add to the sums of a zero-padded binary convolution, for every class of pixels that
// lack the same taps: see Bconv in kernels.h.
struct Corrections {
  Buffer values;  // int32; empty when every tap of every pixel lies within the image
  std::vector<uint16_t> row_class, column_class;
  int32_t column_classes = 0;
};
bool make_corrections(const Operator& op, const Weights& weights, const std::vector<TapRange>& inside_rows,
                      const std::vector<TapRange>& inside_columns, Corrections* corrections);

}  // namespace hybrid_tf
