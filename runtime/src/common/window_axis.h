// The arithmetic of a filter that slides over a map, along one axis.
#pragma once

#include <cstdint>

namespace hybrid_tf {

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

}  // namespace hybrid_tf
