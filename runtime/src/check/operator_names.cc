#include "check/operator_names.h"

namespace hybrid_tf {
namespace {

#define HYBRID_TF_NAME(name) #name,
constexpr const char* kNames[] = {HYBRID_TF_BUILTIN_OPERATORS(HYBRID_TF_NAME)};
#undef HYBRID_TF_NAME

}  // namespace

const char* operator_name(int32_t code) {
  return code >= 0 && code < schema::kBuiltinOperators ? kNames[code] : nullptr;
}

}  // namespace hybrid_tf
