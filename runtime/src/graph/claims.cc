#include "graph/claims.h"

#include <utility>

#include "graph/operators.h"

namespace hybrid_tf {
namespace {

struct Candidate {
  int node;
  bool claimed;
  std::vector<int> tensors;  // that it reads or makes and that change with each run
};

// Full-precision operators join when they share a tensor with one that is claimed or has joined. Each tensor is looked
// at once: a file may have a hundred thousand operators.
void spread(std::vector<Candidate>* candidates, size_t tensor_count) {
  std::vector<std::vector<Candidate*>> users(tensor_count);
  std::vector<Candidate*> joined;
  for (Candidate& candidate : *candidates) {
    if (candidate.claimed) joined.push_back(&candidate);
    for (int tensor : candidate.tensors) users[tensor].push_back(&candidate);
  }
  while (!joined.empty()) {
    const Candidate& candidate = *joined.back();
    joined.pop_back();
    for (int tensor : candidate.tensors) {
      for (Candidate* user : users[tensor]) {
        if (!user->claimed) joined.push_back(user);
        user->claimed = true;
      }
      users[tensor].clear();
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
    Candidate candidate = {order->data[i], lce, {}};
    bool sound = true;
    for (int part = 0; part < operator_parts(*node, *registration) && sound; ++part) {
      sound = read_operator(context, *node, *registration, part, &op, &reason);
      for (int tensor : {op.input, op.residual, op.others[0], op.others[1], op.output}) {
        if (!sound || tensor < 0 || context->tensors[tensor].allocation_type == kTfLiteMmapRo) continue;
        candidate.tensors.push_back(tensor);
      }
    }
    if (!lce && !(sound && (fusion || is_int8(context, op)))) continue;
    // A malformed operator of LCE's is claimed all the same: who else would say what is wrong with it?
    candidates.push_back(std::move(candidate));
  }
  spread(&candidates, context->tensors_size);
  for (const Candidate& candidate : candidates) {
    if (candidate.claimed) nodes->push_back(candidate.node);
  }
  return true;
}

}  // namespace hybrid_tf
