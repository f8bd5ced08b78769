// How many pieces of one size hold all of something: words that hold channels, blocks that hold filters.
#pragma once

#include <cstdint>

namespace hybrid_tf {

inline int32_t ceil_div(int32_t a, int32_t b) { return (a + b - 1) / b; }

}  // namespace hybrid_tf
