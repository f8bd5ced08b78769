// What every check of an operator uses: the operator with its tensors, and the rule that it is checked by.
#pragma once

#include <utility>
#include <vector>

#include "check/model_file.h"
#include "check/schema.h"

namespace hybrid_tf {

struct OperatorRule;

// An operator with what it is checked against. Checks return false with a message.
struct OperatorCheck {
  ModelFile& model;
  const FileOperator& op;
  const OperatorRule& rule;
  Message* message;

  // Input `i`; null when it is absent. Input 0 never is.
  const FileTensor* input(size_t i) const {
    return i < op.inputs.size() && op.inputs[i] >= 0 ? &model.tensors[op.inputs[i]] : nullptr;
  }
  const FileTensor& output(size_t i = 0) const { return model.tensors[op.outputs[i]]; }

  // Notes what the output will hold.
  void learn(std::vector<int32_t> values) const { model.tensors[op.outputs[0]].known = std::move(values); }

  bool is_in(const char* what, int64_t value, int64_t low, int64_t high) const;
  bool output_is(const FileShape& shape, size_t i = 0) const;
};

// One kind of operator.
struct OperatorRule {
  schema::BuiltinOperator code;
  const char* custom_name;  // of a custom operator
  int options_type;         // 0 where none are read, here or in the interpreter
  size_t least_inputs, most_inputs, most_outputs;
  bool int8;          // also with int8 maps
  bool bare_options;  // nothing but a fused activation: a file may leave them out, and has none then
  bool (*check)(const OperatorCheck&);

  // The same rule but for one thing.
  template <class Options>
  constexpr OperatorRule options() const {
    OperatorRule rule = *this;
    rule.options_type = Options::kType;
    return rule;
  }
  template <class Options>
  constexpr OperatorRule activation() const {
    OperatorRule rule = options<Options>();
    rule.bare_options = true;
    return rule;
  }
  constexpr OperatorRule inputs(size_t least, size_t most) const {
    OperatorRule rule = *this;
    rule.least_inputs = least;
    rule.most_inputs = most;
    return rule;
  }
  constexpr OperatorRule outputs(size_t most) const {
    OperatorRule rule = *this;
    rule.most_outputs = most;
    return rule;
  }
  constexpr OperatorRule only_floats() const {
    OperatorRule rule = *this;
    rule.int8 = false;
    return rule;
  }
};

// What most operators are: one input, one output, no options, maps of float32 or int8.
constexpr OperatorRule make_rule(schema::BuiltinOperator code, bool (*check)(const OperatorCheck&)) {
  OperatorRule rule{};
  rule.code = code;
  rule.least_inputs = rule.most_inputs = rule.most_outputs = 1;
  rule.int8 = true;
  rule.check = check;
  return rule;
}

constexpr OperatorRule make_custom_rule(const char* name, bool (*check)(const OperatorCheck&)) {
  OperatorRule rule = make_rule(schema::CUSTOM, check);
  rule.custom_name = name;
  return rule;
}

// Each ends with a rule without a check.
extern const OperatorRule kElementwiseRules[], kLayerRules[], kReducingRules[], kMovingRules[], kSlicingRules[],
    kLceRules[];

}  // namespace hybrid_tf
