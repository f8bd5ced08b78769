// Larq Compute Engine's operators for TensorFlow Lite Micro (TFLM). Add to an op resolver those that a model has:
//
//   resolver.AddCustom("LceBconv2d", tflite::micro::Register_LCE_BCONV2D());
//   resolver.AddCustom("LceQuantize", tflite::micro::Register_LCE_QUANTIZE());
//   resolver.AddCustom("LceDequantize", tflite::micro::Register_LCE_DEQUANTIZE());
//   resolver.AddCustom("LceBMaxPool2d", tflite::micro::Register_LCE_BMAXPOOL2D());
#pragma once

#if !__has_include("tensorflow/lite/micro/micro_common.h")
#error "TensorFlow Lite Micro is missing, or older than 26 May 2023: take a tree from then or later"
#endif
#include "tensorflow/lite/micro/micro_common.h"

// TFLM's types are global in its releases up to August 2026, and in this namespace since.
namespace tflite {
namespace micro {

TFLMRegistration* Register_LCE_BCONV2D();
TFLMRegistration* Register_LCE_QUANTIZE();
TFLMRegistration* Register_LCE_DEQUANTIZE();
TFLMRegistration* Register_LCE_BMAXPOOL2D();

// TFLM's registration of ADD with another function for int8 maps that get a number for each channel added, as shifts
// are: the same results in a fraction of the instructions. An op resolver gives it in the place of its own; see
// op_resolver.h of an exported folder.
const TFLMRegistration* AddByChannel(const TFLMRegistration* of_tflm);

}  // namespace micro
}  // namespace tflite
