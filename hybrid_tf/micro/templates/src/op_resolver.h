// {{ made }}
#pragma once

#include "kernels/lce_ops.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace tflite {
namespace micro {

constexpr unsigned kModelOps = {{ calls|length }};

// Exactly the operators of the network. Returns whether all fitted.
inline bool AddModelOps(MicroMutableOpResolver<kModelOps>& resolver) {
  return {% for call in calls %}resolver.{{ call }} == kTfLiteOk{% if not loop.last %} &&
         {% endif %}{% endfor %};
}

}  // namespace micro
}  // namespace tflite
