// Options of a custom operator: a FlexBuffer that holds a map of integers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hybrid_tf {

struct IntOption {
  const char* key;
  int64_t value;
  bool found;
};

// Reads the values of the wanted keys; other keys are passed over. Integers of every width, stored in place or
// indirectly, and booleans count as integers; a wanted key with another type is malformed. Returns false when the
// buffer is malformed; never reads outside of it, whatever it holds.
bool parse_options(const uint8_t* data, size_t size, IntOption* options, size_t count);

}  // namespace hybrid_tf
