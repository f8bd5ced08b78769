#include "check/operators.h"

#include <algorithm>
#include <cstring>

#include "check/operator_check.h"
#include "common/shapes.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kMaxWindow = 1 << 15;  // of a filter's size, stride, dilation and extent

const OperatorRule* find_rule(const FileOperator& op) {
  for (const OperatorRule* rule = kBuiltinRules; rule->name != nullptr; ++rule) {
    if (rule->code == op.code) return rule;
  }
  for (const OperatorRule* rule = kLceRules; rule->name != nullptr && op.code == schema::CUSTOM; ++rule) {
    if (strcmp(rule->name, op.custom_name) == 0) return rule;
  }
  return nullptr;
}

bool fail_unknown(const FileOperator& op, Message* message) {
  constexpr char kWay[] = "is not checked; to run the file unchecked, use load_delegate() with ai_edge_litert";
  if (op.code == schema::CUSTOM) return message->fail("(%.60s) %s", op.custom_name, kWay);
  return message->fail("(number %d of TensorFlow Lite's) %s", op.code, kWay);
}

}  // namespace

bool OperatorCheck::is_in(const char* what, int64_t value, int64_t low, int64_t high) const {
  return (value >= low && value <= high) || message->fail("has %s %lld", what, static_cast<long long>(value));
}

bool OperatorCheck::output_is(const FileShape& shape) const {
  return output().shape == shape || message->fail("cannot compute the shape of '%.60s'", output().name);
}

FileShape make_file_shape(std::initializer_list<int64_t> sizes) {
  FileShape shape;
  for (int64_t size : sizes) shape.dims[shape.rank++] = static_cast<int32_t>(std::min<int64_t>(size, INT32_MAX));
  return shape;
}

bool check_window(const OperatorCheck& c, const FileTensor& map, const FileWindow& w, int64_t channels) {
  if (!c.is_in("padding", w.padding, 0, 1)) return false;
  for (int64_t size : {w.height, w.width, w.stride_height, w.stride_width, w.dilation_height, w.dilation_width}) {
    if (!c.is_in("a filter, stride or dilation of", size, 1, kMaxWindow)) return false;
  }
  if (map.shape.rank != 4) return c.message->fail("reads '%.60s', which is no map", map.name);
  const auto axis = [](int64_t size, int64_t stride, int64_t dilation) {
    return FilterAxis{static_cast<int32_t>(size), static_cast<int32_t>(stride), static_cast<int32_t>(dilation)};
  };
  const FilterAxis vertical = axis(w.height, w.stride_height, w.dilation_height);
  const FilterAxis horizontal = axis(w.width, w.stride_width, w.dilation_width);
  if (vertical.extent() > kMaxWindow || horizontal.extent() > kMaxWindow) {
    return c.message->fail("has too large a filter");
  }
  WindowAxis rows, columns;
  const bool same = w.padding == 0;
  if (!slide(vertical, map.shape.dims[1], same, &rows) || !slide(horizontal, map.shape.dims[2], same, &columns)) {
    return c.message->fail("has a filter larger than its map");
  }
  return c.output_is(make_file_shape({map.shape.dims[0], rows.out, columns.out, channels}));
}

bool check_operator(const ModelFile& model, const FileOperator& op, Message* message) {
  const OperatorRule* rule = find_rule(op);
  if (rule == nullptr) return fail_unknown(op, message);
  const OperatorCheck c = {model, op, *rule, message};
  bool sound = false;
  if (op.inputs.size() < rule->least_inputs || op.inputs.size() > rule->most_inputs || op.outputs.empty() ||
      op.outputs.size() > rule->most_outputs) {
    message->fail("has %zu inputs and %zu outputs", op.inputs.size(), op.outputs.size());
  } else if (c.input(0) == nullptr) {
    message->fail("lacks its input");
  } else if (rule->options_type != 0 && (op.options_type != rule->options_type || !op.options.present())) {
    message->fail("lacks options");
  } else {
    sound = rule->check(c);
  }
  return sound || message->prefix("(%s) ", rule->name);
}

}  // namespace hybrid_tf
