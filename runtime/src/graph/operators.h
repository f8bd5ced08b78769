// Reading one operator from the interpreter's node.
#pragma once

#include "graph/graph.h"

namespace hybrid_tf {

// Whether this is one of LCE's custom operators.
bool is_lce_operator(const TfLiteRegistration& registration);

// Whether a full-precision operator reads or makes int8.
bool is_int8(const TfLiteContext* context, const Operator& op);

// Reads a node and checks all that does not depend on the shapes of its inputs: number and types of tensors, options,
// constant tensors and their sizes. Returns false, with a message, when the operator is malformed or not of a kind that
// the delegate can run.
// A node with several outputs is one operator for each; `part` counts them.
bool read_operator(const TfLiteContext* context, const TfLiteNode& node, const TfLiteRegistration& registration,
                   int part, Operator* op, Message* message);

// How many operators a node is: 1, or more of a SPLIT.
int operator_parts(const TfLiteNode& node, const TfLiteRegistration& registration);

// The data of a constant tensor that read_operator() has checked.
template <typename T>
const T* constant_data(const TfLiteContext* context, int tensor) {
  return static_cast<const T*>(context->tensors[tensor].data);
}

}  // namespace hybrid_tf
