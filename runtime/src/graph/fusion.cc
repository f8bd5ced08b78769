#include "graph/fusion.h"

#include <algorithm>
#include <utility>

namespace hybrid_tf {
namespace {

class Fuser {
 public:
  Fuser(const Graph& graph, bool fusion)
      : graph_(graph), fusion_(fusion), maker_(graph.tensors.size(), -1), unread_(graph.tensors.size()) {
    for (size_t i = 0; i < unread_.size(); ++i) unread_[i] = graph.tensors[i].readers;
  }

  std::vector<StepPlan> run() {
    for (const Operator& op : graph_.operators) {
      if (!fusion_ || !join(op)) add(op);
    }
    // Steps that moved on left an empty place behind.
    steps_.erase(std::remove_if(steps_.begin(), steps_.end(), [](const StepPlan& step) { return !step.op; }),
                 steps_.end());
    return std::move(steps_);
  }

 private:
  TfLiteType type(int tensor) const { return graph_.tensors[tensor].type; }

  // The step that makes these floats or int8s and can still do something to them; null when there is none.
  StepPlan* value_maker(int tensor) {
    if (maker_[tensor] < 0) return nullptr;
    StepPlan& step = steps_[maker_[tensor]];
    const OperatorKind kind = step.op->kind;
    if (type(tensor) == kTfLiteFloat32) {
      const bool cannot = kind == OperatorKind::kDequantize || kind == OperatorKind::kFromInt8 ||
                          kind == OperatorKind::kReshape || kind == OperatorKind::kConcatenate ||
                          kind == OperatorKind::kSlice || kind == OperatorKind::kLogistic;
      return cannot ? nullptr : &step;
    }
    const bool can = kind == OperatorKind::kBconv || kind == OperatorKind::kConv || kind == OperatorKind::kDense ||
                     kind == OperatorKind::kAdd || kind == OperatorKind::kAveragePool ||
                     kind == OperatorKind::kMaxPool || kind == OperatorKind::kPrelu || kind == OperatorKind::kShift ||
                     kind == OperatorKind::kDepthwise || kind == OperatorKind::kMultiply ||
                     kind == OperatorKind::kAddPixel;
    return type(tensor) == kTfLiteInt8 && can ? &step : nullptr;
  }

  // The same, where the values themselves may change since nobody else reads them.
  StepPlan* private_maker(int tensor) {
    const Tensor& t = graph_.tensors[tensor];
    StepPlan* step = value_maker(tensor);
    if (!step || t.readers != 1 || t.is_output || step->min != -INFINITY || step->max != INFINITY) return nullptr;
    return step;
  }

  bool join(const Operator& op) {
    switch (op.kind) {
      case OperatorKind::kAdd:
        return join_add(op);
      case OperatorKind::kClamp:
        return join_clamp(op);
      case OperatorKind::kPrelu:
        return join_prelu(op);
      case OperatorKind::kShift:
        return join_shift(op);
      case OperatorKind::kQuantize:
        return join_quantize(op);
      default:
        return false;
    }
  }

  // What adds the other operand of a sum to its own results, the greatest first: it saves most. 0: nothing does.
  static int rank(const StepPlan& step) {
    switch (step.op->kind) {
      case OperatorKind::kBconv:
        return 3;
      case OperatorKind::kConv:
      case OperatorKind::kDense:
        return 2;
      case OperatorKind::kAveragePool:
      case OperatorKind::kMaxPool:
        return 1;
      default:
        return 0;
    }
  }

  // A convolution or a pool adds the other operand to its results; it is executed at the sum's place, where both are
  // known.
  bool join_add(const Operator& op) {
    if (op.input == op.residual) return false;
    StepPlan* best = nullptr;
    int other = -1;
    for (const auto& [tensor, rest] : {std::pair(op.input, op.residual), std::pair(op.residual, op.input)}) {
      StepPlan* step = private_maker(tensor);
      if (!step || step->residual >= 0 || step->prelu || step->shift || rank(*step) <= (best ? rank(*best) : 0))
        continue;
      best = step;
      other = rest;
    }
    if (!best) return false;
    StepPlan step = *best;
    best->op = nullptr;
    step.residual = other;
    finish_sum(&step, op);
    finish(std::move(step), op);
    return true;
  }

  bool join_clamp(const Operator& op) {
    StepPlan* maker = private_maker(op.input);
    if (!maker || type(op.input) != kTfLiteFloat32) return false;
    set_limits(maker, op);
    move_on(maker, op);
    return true;
  }

  bool join_prelu(const Operator& op) {
    StepPlan* maker = private_maker(op.input);
    if (!maker || maker->prelu || maker->shift) return false;
    maker->prelu = &op;
    move_on(maker, op);
    return true;
  }

  bool join_shift(const Operator& op) {
    StepPlan* maker = private_maker(op.input);
    if (!maker || maker->shift) return false;
    maker->shift = &op;
    set_limits(maker, op);
    move_on(maker, op);
    return true;
  }

  bool join_quantize(const Operator& op) {
    StepPlan* maker = value_maker(op.input);
    if (!maker || maker->signs >= 0) return false;
    maker->signs = op.output;
    maker->names.push_back(op.name);
    if (--unread_[op.input] == 0 && !graph_.tensors[op.input].is_output) maker->output = -1;
    return true;
  }

  void add(const Operator& op) {
    StepPlan step = {};
    step.op = &op;
    step.input = op.input;
    step.residual = op.residual;
    if (op.kind == OperatorKind::kAdd || op.kind == OperatorKind::kClamp || op.kind == OperatorKind::kAddPixel) {
      finish_sum(&step, op);
    }
    if (op.kind == OperatorKind::kMultiply && type(op.output) == kTfLiteFloat32) set_limits(&step, op);
    if (op.kind == OperatorKind::kPrelu) step.prelu = &op;
    if (op.kind == OperatorKind::kShift) {
      step.shift = &op;
      set_limits(&step, op);
    }
    finish(std::move(step), op);
  }

  static void set_limits(StepPlan* step, const Operator& op) {
    step->min = op.activation_min;
    step->max = op.activation_max;
  }

  // A step makes the output of an operator that follows on its own.
  void move_on(StepPlan* step, const Operator& op) {
    step->output = step->named_after = op.output;
    step->names.push_back(op.name);
    maker_[op.output] = maker_[op.input];
  }

  // int8 sums have scales of their own; floats are only clamped.
  void finish_sum(StepPlan* step, const Operator& op) const {
    if (type(op.output) == kTfLiteInt8) {
      step->sum = &op;
    } else {
      set_limits(step, op);
    }
  }

  // Puts a step at the end, as the maker of an operator's output.
  void finish(StepPlan step, const Operator& op) {
    const bool packed = type(op.output) == kTfLiteInt32;
    (packed ? step.signs : step.output) = op.output;
    step.named_after = op.output;
    step.names.push_back(op.name);
    maker_[op.output] = static_cast<int>(steps_.size());
    steps_.push_back(std::move(step));
  }

  const Graph& graph_;
  const bool fusion_;
  std::vector<StepPlan> steps_;
  std::vector<int> maker_;   // of each tensor: the step, or -1
  std::vector<int> unread_;  // of each tensor: readers that are not part of the step that makes it
};

}  // namespace

std::vector<StepPlan> plan_steps(const Graph& graph, bool fusion) { return Fuser(graph, fusion).run(); }

}  // namespace hybrid_tf
