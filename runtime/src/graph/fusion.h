// From operators to the steps that are executed.
#pragma once

#include <cmath>
#include <vector>

#include "graph/graph.h"

namespace hybrid_tf {

// One pass over an output: an operator and what is done to its results before they leave the registers. Tensors are
// the graph's; -1 where there is none.
struct StepPlan {
  const Operator* op;  // null: a copy of `input` with a halo
  int input = -1;
  int residual = -1;                // floats or int8s, added to the results
  const Operator* sum = nullptr;    // of int8: the addition
  const Operator* prelu = nullptr;  // comes next
  const Operator* shift = nullptr;  // then this
  float min = -INFINITY;            // results are then clamped
  float max = INFINITY;
  int output = -1;                 // results: floats, int8 or bool
  int signs = -1;                  // packed results, or the signs of the results
  int named_after = -1;            // the last tensor that the operators of this step make
  std::vector<const char*> names;  // of those operators
};

// The steps of a graph, in order. Without `fusion` each operator is a step of its own. With it, a sum, an activation,
// PRELU, the sum with a constant and LceQuantize join the step that makes their input, and floats or int8s that nobody
// reads any more are not written.
std::vector<StepPlan> plan_steps(const Graph& graph, bool fusion);

}  // namespace hybrid_tf
