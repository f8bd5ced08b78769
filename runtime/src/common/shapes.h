// Shapes of maps.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/message.h"
#include "common/window_axis.h"

namespace hybrid_tf {

struct Shape {
  int32_t rank = 0;  // 1 to 4
  int32_t dims[4] = {};

  int32_t channels() const { return dims[rank - 1]; }
  int64_t elements() const;
  bool operator==(const Shape& other) const;
  bool operator!=(const Shape& other) const { return !(*this == other); }
};

// A shape as a batch of images. A shape of fewer dimensions lacks the first ones.
struct Image {
  explicit Image(const Shape& shape);
  int32_t batches, height, width, channels;
  int32_t pixels() const { return batches * height * width; }
};

// Refuses ranks other than 1 to 4, sizes below 1, and more elements than a map may have (which keeps the products of
// pixels, channels and bytes of a map within the integers that hold them).
bool make_shape(const int* dims, int rank, Shape* shape, Message* message);
bool check_shape(const Shape& shape, Message* message);

// Positions around a map.
struct Halo {
  int32_t top = 0, bottom = 0, left = 0, right = 0;
  bool empty() const { return (top | bottom | left | right) == 0; }
  void cover(const Halo& other);
};

}  // namespace hybrid_tf
