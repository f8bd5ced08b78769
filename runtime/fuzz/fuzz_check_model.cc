// Fuzzes the check of a whole file. What it refuses, it refuses with a message.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "check/check_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto copy = std::make_unique<uint8_t[]>(size);
  if (size > 0) memcpy(copy.get(), data, size);
  char message[64];
  const int refused = hybrid_tf_runtime_check_model(copy.get(), size, message, sizeof(message));
  if (refused != (message[0] != '\0') || memchr(message, '\0', sizeof(message)) == nullptr) abort();
  return 0;
}
