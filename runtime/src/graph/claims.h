// Which nodes of a model the delegate takes.
#pragma once

#include <vector>

#include "graph/tflite_abi.h"

namespace hybrid_tf {

// All of LCE's operators; and the full-precision operators that this delegate can run too and that are connected to one
// of LCE's through operators of both kinds, so that a whole network is one part: each border costs a pass over a map in
// memory, and the thread pools of two owners get in each other's way. Without `fusion` only those of int8, which
// XNNPACK would round otherwise than LCE's interpreter.
bool claim_nodes(TfLiteContext* context, bool fusion, std::vector<int>* nodes);

}  // namespace hybrid_tf
