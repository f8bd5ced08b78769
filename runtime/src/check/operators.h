// What the stock interpreter takes on trust about an operator: its options, the types of its tensors, their shapes.
#pragma once

#include "check/model_file.h"

namespace hybrid_tf {

// Whether there is a rule for this kind of operator.
bool is_checked(const FileOperator& op);

// Refuses an operator that the interpreter might not survive, and every kind without a rule. The
// stored shape of its output must be what it computes from those of its inputs.
bool check_operator(ModelFile& model, const FileOperator& op, Message* message);

}  // namespace hybrid_tf
