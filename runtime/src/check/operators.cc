#include "check/operators.h"

#include <cstring>

#include "check/operator_check.h"
#include "check/operator_names.h"

namespace hybrid_tf {
namespace {

bool fits(const OperatorRule& rule, const FileOperator& op) {
  return rule.code == op.code && (rule.custom_name == nullptr || strcmp(rule.custom_name, op.custom_name) == 0);
}

const OperatorRule* find_rule(const FileOperator& op) {
  for (const OperatorRule* rules :
       {kElementwiseRules, kLayerRules, kReducingRules, kMovingRules, kSlicingRules, kLceRules}) {
    for (const OperatorRule* rule = rules; rule->check != nullptr; ++rule) {
      if (fits(*rule, op)) return rule;
    }
  }
  return nullptr;
}

bool fail_unknown(Message* message) {
  return message->fail("is not checked; Interpreter(..., trusted=True) runs a file that you trust unchecked");
}

bool fail_with_name(const FileOperator& op, Message* message) {
  const char* name = op.code == schema::CUSTOM ? op.custom_name : operator_name(op.code);
  if (name != nullptr) return message->prefix("(%.60s) ", name);
  return message->prefix("(number %d of TensorFlow Lite's) ", op.code);
}

bool has_options(const OperatorRule& rule, const FileOperator& op) {
  if (rule.options_type == 0) return true;
  if (!op.options.present()) return rule.bare_options && op.options_type == 0;
  return op.options_type == rule.options_type;
}

}  // namespace

bool OperatorCheck::is_in(const char* what, int64_t value, int64_t low, int64_t high) const {
  return (value >= low && value <= high) || message->fail("has %s %lld", what, static_cast<long long>(value));
}

bool OperatorCheck::output_is(const FileShape& shape, size_t i) const {
  return output(i).shape == shape || message->fail("cannot compute the shape of '%.60s'", output(i).name);
}

bool is_checked(const FileOperator& op) { return find_rule(op) != nullptr; }

bool check_operator(ModelFile& model, const FileOperator& op, Message* message) {
  const OperatorRule* rule = find_rule(op);
  if (rule == nullptr) return fail_unknown(message) || fail_with_name(op, message);
  const OperatorCheck c = {model, op, *rule, message};
  bool sound = false;
  if (op.inputs.size() < rule->least_inputs || op.inputs.size() > rule->most_inputs || op.outputs.empty() ||
      op.outputs.size() > rule->most_outputs) {
    message->fail("has %zu inputs and %zu outputs", op.inputs.size(), op.outputs.size());
  } else if (c.input(0) == nullptr) {
    message->fail("lacks its input");
  } else if (!has_options(*rule, op)) {
    message->fail("lacks options");
  } else {
    sound = rule->check(c);
  }
  return sound || fail_with_name(op, message);
}

}  // namespace hybrid_tf
