// What every check of an operator uses: the operator with its tensors, and shapes that must come out.
#pragma once

#include <initializer_list>

#include "check/model_file.h"
#include "check/schema.h"

namespace hybrid_tf {

struct OperatorRule;

// An operator with what it is checked against. Checks return false with a message.
struct OperatorCheck {
  const ModelFile& model;
  const FileOperator& op;
  const OperatorRule& rule;
  Message* message;

  // Input `i`; null when it is absent. Input 0 never is.
  const FileTensor* input(size_t i) const {
    return i < op.inputs.size() && op.inputs[i] >= 0 ? &model.tensors[op.inputs[i]] : nullptr;
  }
  const FileTensor& output() const { return model.tensors[op.outputs[0]]; }

  bool is_in(const char* what, int64_t value, int64_t low, int64_t high) const;
  bool output_is(const FileShape& shape) const;
};

// One kind of operator.
struct OperatorRule {
  schema::BuiltinOperator code;
  const char* name;
  int options_type;  // 0 where the interpreter needs none
  size_t least_inputs, most_inputs, most_outputs;
  bool int8;  // also with int8 maps
  bool (*check)(const OperatorCheck&);

  // The same rule but for one thing.
  template <class Options>
  constexpr OperatorRule options() const {
    OperatorRule rule = *this;
    rule.options_type = Options::kType;
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
constexpr OperatorRule make_rule(schema::BuiltinOperator code, const char* name, bool (*check)(const OperatorCheck&)) {
  OperatorRule rule{};
  rule.code = code;
  rule.name = name;
  rule.least_inputs = rule.most_inputs = rule.most_outputs = 1;
  rule.int8 = true;
  rule.check = check;
  return rule;
}

// Both end with a rule without a name.
extern const OperatorRule kBuiltinRules[], kLceRules[];

// A size that does not fit is above what any stored shape may have.
FileShape make_file_shape(std::initializer_list<int64_t> sizes);

// How a filter slides over a map. `padding`: 0 is SAME, 1 is VALID.
struct FileWindow {
  int64_t padding, height, width, stride_height, stride_width, dilation_height = 1, dilation_width = 1;
};

// The output is what such a window makes of `map`, with so many channels (of packed maps: words).
bool check_window(const OperatorCheck& c, const FileTensor& map, const FileWindow& window, int64_t channels);

}  // namespace hybrid_tf
