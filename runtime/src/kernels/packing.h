// Weights into blocks, once, when a network is prepared. The same code for every instruction set.
#pragma once

#include <cstdint>

#include "common/ceil_div.h"

namespace hybrid_tf {

// Filters [groups * group_channels][taps][words] (as in an LCE file: OHWI with taps = kernel height * width, and for
// floats words = input channels) into [groups][group_blocks][taps * words][block]; lanes without a channel are 0.
// group_blocks = ceil(group_channels / block).
void pack_weights(const uint32_t* filters, int32_t groups, int32_t group_channels, int32_t taps, int32_t words,
                  int32_t block, uint32_t* packed);
void pack_weights(const float* filters, int32_t groups, int32_t group_channels, int32_t taps, int32_t words,
                  int32_t block, float* packed);

// int8 filters [channels][runs][length] into [blocks][runs][ceil(length / group)][block][group]. The last group of a
// run ends where the run ends; weights that an earlier group has, and those after a run shorter than a group, are 0.
// Returns whether no weight is -128.
bool pack_int8_weights(const int8_t* filters, int32_t channels, int32_t runs, int32_t length, int32_t block,
                       int32_t group, int8_t* packed);

// Values of one output channel each, [groups * group_channels], into [groups][group_blocks * block].
void pack_channels(const float* values, int32_t groups, int32_t group_channels, int32_t block, float unused,
                   float* packed);
void pack_channels(const int32_t* values, int32_t groups, int32_t group_channels, int32_t block, int32_t unused,
                   int32_t* packed);

}  // namespace hybrid_tf
