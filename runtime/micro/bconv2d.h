// The contract of LceBconv2d's parts: bconv2d_common.cc prepares and walks over the output, and `eval_pixel` computes
// one pixel of it. There are several of that: bconv2d.cc for any processor, helium/bconv2d.cc for Armv8.1-M's vectors.
// A program has one of them.
#pragma once

#include <cstdint>

#include "common/window_axis.h"

namespace hybrid_tf {
namespace micro {

enum class BconvOutput { kFloat, kInt8, kBits };

// Bits are 32 channels a word, channel c is bit c % 32 of word c / 32; a set bit is -1. Maps are channels-last.
struct Bconv {
  int32_t batches, in_height, in_width, in_words;  // words of an input pixel
  FilterAxis vertical, horizontal;
  WindowAxis rows, columns;  // of the output
  bool zero_padding;         // else pixels outside the image are +1
  int32_t groups, group_words, group_outputs;
  int32_t tap_depth;  // binary products of one tap, without padding bits
  BconvOutput output;
  // kFloat and kInt8: with D = products that are not +1 (a zero of the padding counts as half of one), twice:
  // clamp(D, low, high) * multiplier + offset, product and sum rounded apart; kInt8: then rounded half away from zero
  // and saturated.
  int32_t low, high;
  const float* multipliers;
  const float* offsets;
  const int32_t* thresholds;  // kBits: bit = (products that are -1) > threshold
  const uint32_t* filters;    // [groups * group_outputs][taps][group_words]

  int32_t outputs() const { return groups * group_outputs; }
  int32_t taps() const { return vertical.size * horizontal.size; }
  int32_t window_words() const { return taps() * group_words; }
  int32_t pixel_bytes() const;  // of an output pixel
};

// The part of a window that counts: `rows` runs of `words` words, `stride` words apart. All of it is one run.
struct Span {
  int32_t first, rows, stride, words;
  int32_t missing;  // binary products that do not count
};

// Computes one output pixel of all channels. window: [groups][taps][group_words].
void eval_pixel(const Bconv& conv, const uint32_t* window, const Span& span, void* pixel);

// Computes all outputs. `window` has room for groups * window_words() words.
void eval_bconv(const Bconv& conv, const uint32_t* input, uint32_t* window, void* output);

// Brings LCE's multipliers and biases into the form that Bconv has them in, rounded as LCE rounds. scale and zero_point
// are those of an int8 output, 1 and 0 for floats. Returns false when a result is not finite.
bool fold_transform(const float* multipliers, const float* biases, int32_t outputs, int32_t depth, float scale,
                    int32_t zero_point, float* folded_multipliers, float* offsets);

}  // namespace micro
}  // namespace hybrid_tf
