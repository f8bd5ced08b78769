// What several kinds of operators have in common. All return false with a message.
#pragma once

#include <initializer_list>
#include <vector>

#include "check/operator_check.h"

namespace hybrid_tf {

constexpr int32_t kMaxExtent = 1 << 15;  // of a filter's size, stride, dilation and extent, of padding and resized maps

// A size that does not fit is above what any stored shape may have.
FileShape make_file_shape(std::initializer_list<int64_t> sizes);

// A map of float32, or of int8 with one scale.
bool check_map(const OperatorCheck& c, const FileTensor* tensor);
// Input 0 and the output: maps of one type.
bool check_maps(const OperatorCheck& c);
// Values that are only moved, of whatever type; int8 with one scale.
bool check_moved(const OperatorCheck& c, const FileTensor* from, const FileTensor& to);
// Both int8 with the same scale and zero point, or neither int8.
bool check_same_scale(const OperatorCheck& c, const FileTensor& a, const FileTensor& b);

// int8 kernels turn a ratio of scales into an integer and a shift, and not every ratio has one.
bool check_ratio(const OperatorCheck& c, double ratio);
// From one map to another by one scale.
bool check_rescaled(const OperatorCheck& c);
// A map like input 0, by one scale.
bool check_same_shape(const OperatorCheck& c);
// A `fused_activation_function`: none, or one of the three RELUs.
bool check_activation(const OperatorCheck& c, int field);
// Sizes of 1 stretch to those of the other inputs, of which there are `count`.
bool check_broadcast(const OperatorCheck& c, size_t count);

// The values of an int32 input that is constant or follows from shapes, at most `most` of them.
bool read_constant(const OperatorCheck& c, size_t input, int64_t most, std::vector<int32_t>* values);
// An axis of so many; negative ones count from the last.
bool resolve_axis(const OperatorCheck& c, int32_t rank, int32_t* axis);
// An axis as a constant input.
bool read_axis(const OperatorCheck& c, size_t input, int32_t rank, int32_t* axis);

// How a filter slides over a map. `padding`: 0 is SAME, 1 is VALID.
struct FileWindow {
  int64_t padding, height, width, stride_height, stride_width, dilation_height = 1, dilation_width = 1;
};

// How a filter of this size slides, as all tables with strides say it.
template <class Options>
FileWindow strided(const FlatTable& options, int64_t height, int64_t width) {
  FileWindow window;
  window.padding = options.scalar<int8_t>(Options::padding, 0);
  window.height = height;
  window.width = width;
  window.stride_height = options.scalar<int32_t>(Options::stride_h, 0);
  window.stride_width = options.scalar<int32_t>(Options::stride_w, 0);
  return window;
}

// What such a window makes of `map`, with so many channels (of packed maps: words).
bool slide_window(const OperatorCheck& c, const FileTensor& map, const FileWindow& window, int64_t channels,
                  FileShape* shape);
// The output is that.
bool check_window(const OperatorCheck& c, const FileTensor& map, const FileWindow& window, int64_t channels);

}  // namespace hybrid_tf
