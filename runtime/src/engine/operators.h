// Operators that the kernels do not have: what stands at the ends of a network, or seldom within. An interpreter would
// run them between our parts of a graph; the engine runs them itself, one value after the other, on one thread.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "check/model_file.h"
#include "check/schema.h"
#include "engine/file_context.h"
#include "execution/fixed_point.h"

namespace hybrid_tf {

class EngineOperator {
 public:
  virtual ~EngineOperator() = default;
  // Reads and writes the tensors of the file where they lie now.
  virtual void run() const = 0;
};

// What an operator is made from. The check has accepted it.
struct OperatorSource {
  const ModelFile& model;
  const FileOperator& op;
  FileContext& file;
  Message* message;

  const FileTensor& input(size_t i) const { return model.tensors[op.inputs[i]]; }
  const FileTensor& output(size_t i = 0) const { return model.tensors[op.outputs[i]]; }
  const TfLiteTensor& in(size_t i) const { return file.tensor(op.inputs[i]); }
  const TfLiteTensor& out(size_t i = 0) const { return file.tensor(op.outputs[i]); }
  // The values of an int32 input that the check has found to be constant.
  std::vector<int32_t> constants(size_t input) const;
};

// Null, with a message, for what it cannot run.
std::unique_ptr<EngineOperator> make_engine_operator(const OperatorSource& source);

// One family each; null without a message for operators of others.
std::unique_ptr<EngineOperator> make_moving(const OperatorSource& source);
std::unique_ptr<EngineOperator> make_function(const OperatorSource& source);
std::unique_ptr<EngineOperator> make_pair(const OperatorSource& source);
std::unique_ptr<EngineOperator> make_convolution(const OperatorSource& source);
std::unique_ptr<EngineOperator> make_reduction(const OperatorSource& source);

// The range of an operator's results: that of its fused activation, which is the numbered field of its options; or all.
class Limits {
 public:
  Limits();
  Limits(const OperatorSource& source, int field);
  float clamp(float x) const { return std::min(std::max(x, op_.activation_min), op_.activation_max); }
  Int8Range int8(const TfLiteTensor& output) const;

 private:
  Operator op_ = {};
};

template <typename T>
T* data_of(const TfLiteTensor& tensor) {
  return static_cast<T*>(tensor.data);
}

// An operator that is one function without arguments.
template <typename Run>
class RunningOperator : public EngineOperator {
 public:
  explicit RunningOperator(Run run) : run_(std::move(run)) {}
  void run() const override { run_(); }

 private:
  Run run_;
};

template <typename Run>
std::unique_ptr<EngineOperator> make_running(Run run) {
  return std::make_unique<RunningOperator<Run>>(std::move(run));
}

}  // namespace hybrid_tf
