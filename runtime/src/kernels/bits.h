// Signs in and out of 32-bit words, and their pooling. Portable; memory-bound, so one version serves all.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace hybrid_tf {

// Rows of `channels` values into rows of ceil(channels / 32) words. Row r = pixel p of `signs` in the order of
// `out_height` x `out_width` images. float: bit = (x < 0); kernel sets have this in their elementwise operations, here
// it is for processors without any (micro/). int8: bit = (q < zero_point). bool: bit = !value.
void pack_float(const float* values, int32_t channels, int32_t out_height, int32_t out_width,
                const Map<uint32_t>& signs, int32_t pixel_begin, int32_t pixel_end);
void pack_int8(const int8_t* values, int32_t channels, int32_t zero_point, int32_t out_height, int32_t out_width,
               const Map<uint32_t>& signs, int32_t pixel_begin, int32_t pixel_end);
void pack_bool(const uint8_t* values, int32_t channels, int32_t out_height, int32_t out_width,
               const Map<uint32_t>& signs, int32_t pixel_begin, int32_t pixel_end);

// Dense words [pixels][ceil(channels / 32)] into values: clear bits become `plus`, set bits `minus`.
void unpack_float(const uint32_t* words, int32_t channels, float plus, float minus, float* values, int32_t pixel_begin,
                  int32_t pixel_end);
void unpack_int8(const uint32_t* words, int32_t channels, int8_t plus, int8_t minus, int8_t* values,
                 int32_t pixel_begin, int32_t pixel_end);
void unpack_bool(const uint32_t* words, int32_t channels, uint8_t* values, int32_t pixel_begin, int32_t pixel_end);

// Maximum of signs: bitwise AND over the in-bounds pixels of a filter.
struct BmaxPool {
  Map<const uint32_t> input;
  int32_t in_height, in_width, words, out_height, out_width;
  int32_t filter_height, filter_width, stride_height, stride_width, pad_top, pad_left;
  Map<uint32_t> output;
};
void bmaxpool(const BmaxPool&, int32_t pixel_begin, int32_t pixel_end);

}  // namespace hybrid_tf
