#include "kernels/packing.h"

namespace hybrid_tf {
namespace {

template <typename T>
void pack_filters(const T* filters, int32_t groups, int32_t group_channels, int32_t taps, int32_t words, int32_t block,
                  T* packed) {
  const int64_t depth = static_cast<int64_t>(taps) * words;
  const int32_t group_blocks = ceil_div(group_channels, block);
  for (int32_t group = 0; group < groups; ++group) {
    const T* group_filters = filters + group * group_channels * depth;
    for (int32_t first = 0; first < group_blocks * block; first += block) {
      for (int64_t k = 0; k < depth; ++k) {
        for (int32_t lane = 0; lane < block; ++lane) {
          const int32_t channel = first + lane;
          *packed++ = channel < group_channels ? group_filters[channel * depth + k] : T(0);
        }
      }
    }
  }
}

template <typename T>
void pack_values(const T* values, int32_t groups, int32_t group_channels, int32_t block, T unused, T* packed) {
  const int32_t lanes = ceil_div(group_channels, block) * block;
  for (int32_t group = 0; group < groups; ++group) {
    for (int32_t lane = 0; lane < lanes; ++lane) *packed++ = lane < group_channels ? values[lane] : unused;
    values += group_channels;
  }
}

}  // namespace

void pack_weights(const uint32_t* filters, int32_t groups, int32_t group_channels, int32_t taps, int32_t words,
                  int32_t block, uint32_t* packed) {
  pack_filters(filters, groups, group_channels, taps, words, block, packed);
}

void pack_weights(const float* filters, int32_t groups, int32_t group_channels, int32_t taps, int32_t words,
                  int32_t block, float* packed) {
  pack_filters(filters, groups, group_channels, taps, words, block, packed);
}

bool pack_int8_weights(const int8_t* filters, int32_t channels, int32_t runs, int32_t length, int32_t block,
                       int32_t group, int8_t* packed) {
  const int64_t depth = static_cast<int64_t>(runs) * length;
  bool narrow = true;
  for (int64_t i = 0; i < channels * depth; ++i) narrow &= filters[i] != INT8_MIN;
  for (int32_t first = 0; first < channels; first += block) {
    for (int64_t run = 0; run < depth; run += length) {
      for (int32_t done = 0; done < length; done += group) {
        const int32_t start = done + group <= length || length < group ? done : length - group;
        for (int32_t channel = first; channel < first + block; ++channel) {
          for (int32_t i = start; i < start + group; ++i) {
            const bool is_here = channel < channels && i >= done && i < length;
            *packed++ = is_here ? filters[channel * depth + run + i] : int8_t{0};
          }
        }
      }
    }
  }
  return narrow;
}

void pack_channels(const float* values, int32_t groups, int32_t group_channels, int32_t block, float unused,
                   float* packed) {
  pack_values(values, groups, group_channels, block, unused, packed);
}

void pack_channels(const int32_t* values, int32_t groups, int32_t group_channels, int32_t block, int32_t unused,
                   int32_t* packed) {
  pack_values(values, groups, group_channels, block, unused, packed);
}

}  // namespace hybrid_tf
