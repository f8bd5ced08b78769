#include "engine/operators.h"

#include <cmath>

#include "check/operator_names.h"

namespace hybrid_tf {

std::vector<int32_t> OperatorSource::constants(size_t i) const {
  std::vector<int32_t> values(input(i).shape.elements());
  input(i).read(values.data(), values.size());
  return values;
}

Limits::Limits() {
  op_.activation_min = -INFINITY;
  op_.activation_max = INFINITY;
}

Limits::Limits(const OperatorSource& source, int field) {
  const float limits[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {-1, 1}, {0, 6}};
  const FlatTable& options = source.op.options;
  const int kind = options.present() ? options.scalar<int8_t>(field, 0) : 0;
  op_.activation_min = limits[kind][0];
  op_.activation_max = limits[kind][1];
}

Int8Range Limits::int8(const TfLiteTensor& output) const {
  Tensor tensor = {};
  tensor.scale = output.params.scale;
  tensor.zero_point = output.params.zero_point;
  return activation_range(op_, tensor);
}

std::unique_ptr<EngineOperator> make_engine_operator(const OperatorSource& source) {
  for (auto make : {make_moving, make_function, make_pair, make_reduction, make_convolution}) {
    auto made = make(source);
    if (made) return made;
  }
  const FileOperator& op = source.op;
  const char* name = op.code == schema::CUSTOM ? op.custom_name : operator_name(op.code);
  source.message->fail("%s %s, which makes \"%.100s\", is not among the operators of the standalone engine", name,
                       source.input(0).type == FileType::kInt8 ? "of int8" : "with such inputs or options",
                       source.output().name);
  return nullptr;
}

}  // namespace hybrid_tf
