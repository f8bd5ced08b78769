// {{ made }}
//
// Classifies the embedded test image and prints the result. Exit code 0: it is the class that the network gave on a
// computer. In your program, replace the test image by pixels of your camera.
#include <cstdint>

#include "model_data.h"
#include "model_settings.h"
#include "op_resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "test_image.h"

using namespace tflite;
using namespace tflite::micro;

namespace {

alignas(16) uint8_t arena[kArenaBytes];

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
  MicroMutableOpResolver<kModelOps> resolver;
  if (!AddModelOps(resolver)) return 1;
  MicroInterpreter interpreter(GetModel(kModelData), resolver, arena, kArenaBytes);
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
