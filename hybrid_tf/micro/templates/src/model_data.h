// {{ made }}
#pragma once

#include <cstddef>

// The network, a TensorFlow Lite file of {{ "{:,}".format(bytes) }} bytes. It stays in flash.
extern const unsigned char kModelData[];
extern const size_t kModelBytes;
