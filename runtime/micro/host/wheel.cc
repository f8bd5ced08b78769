// Adds LCE's operators to the interpreter of the tflite-micro wheel, which loads this as a shared library and calls
// `RegisterLceOps`. The wheel has no header, and its `AddCustom` is not exported, so the resolver is written to
// directly: that holds for the one wheel that tflm.h names.
#include "lce_ops.h"
#include "tflm.h"

namespace {

using tflite::micro::TFLMRegistration;

// MicroMutableOpResolver<200>.
struct WheelResolver {
  void* vtable;
  TFLMRegistration registrations[200];
  unsigned size;

  bool looks_right() const {
    if (size < 50 || size > 196) return false;
    for (unsigned i = 0; i < size; ++i) {
      const TFLMRegistration& one = registrations[i];
      if (one.builtin_code < 0 || one.builtin_code > 255 || one.invoke == nullptr) return false;
    }
    return true;
  }

  void add(const char* name, const TFLMRegistration* registration) {
    TFLMRegistration& mine = registrations[size++];
    mine = *registration;
    mine.builtin_code = tflite::BuiltinOperator_CUSTOM;
    mine.custom_name = name;
  }

  void replace(tflite::BuiltinOperator code, const TFLMRegistration* (*made_of)(const TFLMRegistration*)) {
    for (unsigned i = 0; i < size; ++i) {
      if (registrations[i].builtin_code == code) registrations[i] = *made_of(&registrations[i]);
    }
  }
};
static_assert(sizeof(TFLMRegistration) == 56, "not the layout of the wheel");
static_assert(offsetof(WheelResolver, size) == 0x2bc8, "not the layout of the wheel");

}  // namespace

extern "C" __attribute__((visibility("default"))) bool RegisterLceOps(void* resolver) {
  auto* ops = static_cast<WheelResolver*>(resolver);
  if (!ops->looks_right()) return false;
  ops->add("LceBconv2d", tflite::micro::Register_LCE_BCONV2D());
  ops->add("LceQuantize", tflite::micro::Register_LCE_QUANTIZE());
  ops->add("LceDequantize", tflite::micro::Register_LCE_DEQUANTIZE());
  ops->add("LceBMaxPool2d", tflite::micro::Register_LCE_BMAXPOOL2D());
  ops->replace(tflite::BuiltinOperator_ADD, tflite::micro::AddByChannel);
  return true;
}
