// Where the maps of a graph lie: their halos and their memory.
#pragma once

#include <vector>

#include "execution/memory.h"
#include "graph/fusion.h"
#include "graph/graph.h"
#include "kernels/kernels.h"

namespace hybrid_tf {

// A map in memory, channels last. The first ones are the graph's tensors; copies with a halo follow.
struct Value {
  int tensor;     // of the graph: what it holds
  bool external;  // lies in the interpreter's memory, without a halo
  Image image;    // of bits: `channels` counts words
  int element_size;
  Halo halo = {};
  int halo_byte = 0;    // what it is filled with
  uint64_t offset = 0;  // in the arena: of the first byte, halo included

  ptrdiff_t row_stride() const;  // in elements, as all strides
  ptrdiff_t batch_stride() const;
  ptrdiff_t origin() const;  // of pixel (0, 0) of image 0
  int64_t bytes() const;
  // `data` is pixel (0, 0) of image 0.
  template <typename T>
  Map<T> map(void* data) const {
    return {static_cast<T*>(data), batch_stride(), row_stride(), image.channels};
  }
  void clear_halo(void* data) const;
};

struct Layout {
  std::vector<Value> values;
  std::vector<StepPlan> steps;  // now of values, not tensors
  uint64_t arena_bytes = 0;
};

// Refuses what needs an absurd amount of memory. The graph's shapes must be known.
bool make_layout(const Graph& graph, const std::vector<StepPlan>& steps, Layout* layout, Message* message);

// How a convolution or a pool slides over its input. The filter fits: infer_shapes() has checked it.
struct Sliding {
  WindowAxis vertical, horizontal;
  Halo halo() const;
};
Sliding sliding(const Operator& op, const Image& input);

}  // namespace hybrid_tf
