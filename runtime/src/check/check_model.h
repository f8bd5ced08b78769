// Whether a file can be given to a stock interpreter, which believes what it reads and ends the process where it should
// not have.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/export.h"

// Returns 0 when `data` is a sound TensorFlow Lite file of a network for LCE: every offset, index and size is inside of
// what it points into, and each operator computes the shapes that are stored. Otherwise 1, and one sentence about what
// is wrong in `message`, cut to `message_size` bytes and always ended by a 0.
HYBRID_TF_EXPORT int hybrid_tf_runtime_check_model(const uint8_t* data, size_t size, char* message,
                                                   size_t message_size);
