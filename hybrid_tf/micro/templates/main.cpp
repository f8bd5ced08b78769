// {{ made }}
//
// Classifies the embedded test image and prints the result. Exit code 0: it is the class that the network gave on a
// computer. In your program, replace the test image by pixels of your camera.
//
// With -DHEAP_ARENA the arena comes from the heap, which on an ESP32 has room where static arrays have none; another
// piece of memory, such as PSRAM, goes to MicroInterpreter in the same way.
#include <cstdint>
#ifdef HEAP_ARENA
#include <cstdlib>
#endif

#include "src/model_data.h"
#include "src/model_settings.h"
#include "src/op_resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "test_image.h"

using namespace tflite;
using namespace tflite::micro;

namespace {

#ifndef HEAP_ARENA
alignas(16) uint8_t static_arena[kArenaBytes];
#endif

// Writes a normalised image into the network's input, whose type is float32 or int8.
void set_input(const unsigned char* pixels, TfLiteTensor* input) {
  for (int i = 0; i < kHeight * kWidth * kChannels; ++i) {
    const float value = (pixels[i] - kMean[i % kChannels]) / kStd[i % kChannels];
    if (input->type == kTfLiteFloat32) {
      input->data.f[i] = value;
      continue;
    }
    const float steps = value / input->params.scale;
    const int rounded = static_cast<int>(steps + (steps < 0 ? -0.5f : 0.5f)) + input->params.zero_point;
    input->data.int8[i] = static_cast<int8_t>(rounded < -128 ? -128 : rounded > 127 ? 127 : rounded);
  }
}

int best_class(const TfLiteTensor* scores) {
  int best = 0;
  for (int i = 1; i < kClasses; ++i) {
    const bool better = scores->type == kTfLiteFloat32 ? scores->data.f[i] > scores->data.f[best]
                                                       : scores->data.int8[i] > scores->data.int8[best];
    if (better) best = i;
  }
  return best;
}

}  // namespace

int main() {
  InitializeTarget();  // the serial line of boards that have one
#ifdef HEAP_ARENA
  // 15 more bytes, because TensorFlow Lite Micro begins at a multiple of 16.
  const size_t arena_bytes = kArenaBytes + 15;
  uint8_t* arena = static_cast<uint8_t*>(malloc(arena_bytes));
  if (arena == nullptr) {
    MicroPrintf("the heap has no room for the arena");
    return 1;
  }
#else
  const size_t arena_bytes = kArenaBytes;
  uint8_t* arena = static_arena;
#endif
  ModelOpResolver resolver;
  if (!AddModelOps(resolver)) return 1;
  MicroInterpreter interpreter(GetModel(kModelData), resolver, arena, arena_bytes);
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    MicroPrintf("the arena is too small, or an operator is missing");
    return 1;
  }
  set_input(kTestImage, interpreter.input(0));
  if (interpreter.Invoke() != kTfLiteOk) return 1;
  const int found = best_class(interpreter.output(0));
  MicroPrintf("class %d: %s", found, kClassNames[found]);
  return found == kTestImageClass ? 0 : 1;
}
