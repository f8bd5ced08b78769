// Fuzzes the standalone engine through its C interface: what it opens it runs, what it refuses it refuses with a
// message.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "hybrid_tf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto copy = std::make_unique<uint8_t[]>(size);
  if (size > 0) memcpy(copy.get(), data, size);
  char message[HYBRID_TF_MESSAGE_BYTES] = "";
  hybrid_tf_options options = {};
  options.size = sizeof(options);
  options.kernels = "portable";
  options.unfused = size % 2;
  hybrid_tf_engine* engine = hybrid_tf_open(copy.get(), size, &options, message, sizeof(message));
  copy.reset();  // the engine has its own
  if ((engine == nullptr) != (message[0] != '\0')) abort();
  if (engine == nullptr) return 0;
  hybrid_tf_tensor tensor;
  for (size_t i = 0; hybrid_tf_input(engine, i, &tensor) == 0; ++i) memset(tensor.data, 1, tensor.bytes);
  if (hybrid_tf_run(engine) != 0 && hybrid_tf_last_error(engine)[0] == '\0') abort();
  uint8_t sum = 0;
  for (size_t i = 0; hybrid_tf_output(engine, i, &tensor) == 0; ++i) {
    for (size_t k = 0; k < tensor.bytes; ++k) sum = static_cast<uint8_t>(sum + static_cast<uint8_t*>(tensor.data)[k]);
  }
  volatile uint8_t kept = sum;
  (void)kept;
  hybrid_tf_close(engine);
  return 0;
}
