// {{ made }}
#pragma once

#include "kernels/lce_ops.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace tflite {
namespace micro {

constexpr unsigned kModelOps = {{ calls|length }};

{% if adds_by_channel %}// With kernels/add_op.cpp in the place of TensorFlow Lite Micro's ADD, for the network's shifts.
class ModelOpResolver : public MicroMutableOpResolver<kModelOps> {
 public:
  using MicroMutableOpResolver<kModelOps>::FindOp;
  const TFLMRegistration* FindOp(BuiltinOperator op) const override {
    const TFLMRegistration* found = MicroMutableOpResolver<kModelOps>::FindOp(op);
    return op == BuiltinOperator_ADD && found != nullptr ? AddByChannel(found) : found;
  }
};
{% else %}using ModelOpResolver = MicroMutableOpResolver<kModelOps>;
{% endif %}
// Exactly the operators of the network. Returns whether all fitted.
inline bool AddModelOps(ModelOpResolver& resolver) {
  return {% for call in calls %}resolver.{{ call }} == kTfLiteOk{% if not loop.last %} &&
         {% endif %}{% endfor %};
}

}  // namespace micro
}  // namespace tflite
