// What happens to int8 maps at the ends of a network, and seldom within: the same code for every instruction set.
// Ranges are of values of dense maps, or of output pixels.
#pragma once

#include "execution/fixed_point.h"

namespace hybrid_tf {

// LCE's interpreter on x86-64 treats the values of whole vectors a little otherwise than the last ones of a map; so do
// we. `count` is the number of values of the map.
struct Int8Conversion {
  int64_t count;
  float scale;  // of the int8 map
  int32_t zero_point;
};
void floats_to_int8(const Int8Conversion& conversion, const float* from, int8_t* to, int64_t begin, int64_t end);
void int8_to_floats(const Int8Conversion& conversion, const int8_t* from, float* to, int64_t begin, int64_t end);

// Another scale, and an activation.
struct Int8Rescale {
  int32_t in_zero_point, out_zero_point;
  FixedPoint scale;
  Int8Range range;
  int64_t up;  // the first so many values are rounded up, the others away from zero
};
void rescale_int8(const Int8Rescale& rescale, const int8_t* from, int8_t* to, int64_t begin, int64_t end);

// The mean over the pixels of each image: (sum of values - count * in_zero_point) * scale + bias.
struct Int8Mean {
  const int8_t* input;
  int8_t* output;
  int32_t pixels, channels;  // of an image
  int32_t in_zero_point;     // 0 where it is part of the bias
  int32_t bias;
  FixedPoint scale;
  int32_t up;  // the first so many channels are rounded up, the others away from zero
};
void mean_int8(const Int8Mean& mean, int32_t image_begin, int32_t image_end);

}  // namespace hybrid_tf
