#include "common/window_axis.h"

#include <algorithm>

namespace hybrid_tf {

bool slide(const FilterAxis& filter, int32_t in, bool same_padding, WindowAxis* window) {
  const int32_t extent = filter.extent();
  int32_t padding = 0;
  if (same_padding) {
    window->out = (in - 1) / filter.stride + 1;
    padding = std::max<int32_t>(0, (window->out - 1) * filter.stride + extent - in);
  } else {
    if (extent > in) return false;
    window->out = (in - extent) / filter.stride + 1;
  }
  window->pad_before = window->halo_before = padding / 2;
  window->halo_after = std::max<int32_t>(0, (window->out - 1) * filter.stride + extent - window->pad_before - in);
  return true;
}

}  // namespace hybrid_tf
