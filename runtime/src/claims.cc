#include "claims.h"

#include "operators.h"

namespace hybrid_tf {
namespace {

struct Candidate {
  int node;
  bool claimed;
  int tensors[3];  // that it reads or makes and that change with each run; -1 where fewer
};

bool touch(const Candidate& a, const std::vector<bool>& tensors) {
  for (int tensor : a.tensors) {
    if (tensor >= 0 && tensors[tensor]) return true;
  }
  return false;
}

// Full-precision operators join when they share a tensor with a claimed one, until none is left that does.
void spread(std::vector<Candidate>* candidates, size_t tensor_count) {
  std::vector<bool> connected(tensor_count, false);
  const auto connect = [&](const Candidate& candidate) {
    for (int tensor : candidate.tensors) {
      if (tensor >= 0) connected[tensor] = true;
    }
  };
  for (const Candidate& candidate : *candidates) {
    if (candidate.claimed) connect(candidate);
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (Candidate& candidate : *candidates) {
      if (candidate.claimed || !touch(candidate, connected)) continue;
      candidate.claimed = changed = true;
      connect(candidate);
    }
  }
}

}  // namespace

bool claim_nodes(TfLiteContext* context, bool fusion, std::vector<int>* nodes) {
  TfLiteIntArray* order;
  if (context->GetExecutionPlan(context, &order) != kTfLiteOk) return false;
  std::vector<Candidate> candidates;
  for (int i = 0; i < order->size; ++i) {
    TfLiteNode* node;
    TfLiteRegistration* registration;
    if (context->GetNodeAndRegistration(context, order->data[i], &node, &registration) != kTfLiteOk) return false;
    const bool lce = is_lce_operator(*registration);
    Operator op;
    Message reason;
    const bool sound = (lce || fusion) && read_operator(context, *node, *registration, &op, &reason);
    if (!lce && !sound) continue;
    // A malformed operator of LCE's is claimed all the same: who else would say what is wrong with it?
    candidates.push_back({order->data[i], lce, {-1, -1, -1}});
    if (!sound) continue;
    int* tensors = candidates.back().tensors;
    for (int tensor : {op.input, op.residual, op.output}) {
      if (tensor >= 0 && context->tensors[tensor].allocation_type != kTfLiteMmapRo) *tensors++ = tensor;
    }
  }
  spread(&candidates, context->tensors_size);
  for (const Candidate& candidate : candidates) {
    if (candidate.claimed) nodes->push_back(candidate.node);
  }
  return true;
}

}  // namespace hybrid_tf
