// Shapes of maps, and the arithmetic of windows that slide over them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "message.h"

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

// A filter along one axis.
struct FilterAxis {
  int32_t size = 1, stride = 1, dilation = 1;
  int32_t extent() const { return (size - 1) * dilation + 1; }
};

// A filter on a map, along one axis: the window of output o starts at o * stride - pad_before.
struct WindowAxis {
  int32_t out;
  int32_t pad_before;
  int32_t halo_before, halo_after;  // positions that windows cover before the first and after the last one of the map
};

// Returns false when the filter does not fit into the map (VALID padding).
bool slide(const FilterAxis& filter, int32_t in, bool same_padding, WindowAxis* window);

// Positions around a map.
struct Halo {
  int32_t top = 0, bottom = 0, left = 0, right = 0;
  bool empty() const { return (top | bottom | left | right) == 0; }
  void cover(const Halo& other);
};

}  // namespace hybrid_tf
