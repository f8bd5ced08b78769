// The kernels: what one instruction set computes, behind one table of functions.
//
// Every map is channels-last. Bits are 32 channels a word, channel c is bit c % 32 of word c / 32; a set bit is -1.
// The channels of an output are computed in blocks: weights, multipliers, biases and thresholds are packed once into
// blocks (see packing.h), so that one vector register holds the same word of several output channels.
//
// Short names:
//   Bconv       binary convolution: signs times signs; a dense layer is a convolution of one pixel
//   Fconv       full-precision convolution: float32 times float32
//   Map, halo   an activation in memory; what lies around it for filters that reach beyond its border
//   tap         one position of a filter: the weights that one pixel of the window is multiplied by
//   block, lane the output channels that are computed together; one of them
//   acc         what a convolution adds up
//   signs       bits of results, for the binary layer that reads them next
//   epilogue    what is done to results while they are in registers
//   near_*      what a fixed-point number nearly is, as float32: results come from these, except for one that lies so
//               near to a half (near_limit says how near) that only the fixed-point number rounds it rightly
#pragma once

#include <cstddef>
#include <cstdint>

namespace hybrid_tf {

// A map in memory: pixel (b, y, x) starts at data + b * batch_stride + y * row_stride + x * pixel_stride (elements of
// T). `data` is pixel (0, 0) of image 0; a map that a convolution reads has a halo of zeros around each image, wide
// enough for the convolution's padding, so that kernels never test for borders.
template <typename T>
struct Map {
  T* data;
  ptrdiff_t batch_stride, row_stride, pixel_stride;
};

// The pixels of an output, and the input that each one reads. Output pixel p = (b * out_height + y) * out_width + x.
// Its window starts at input + b * batch_step + y * row_step + x * pixel_step, and is `segments` runs of
// `segment_length` consecutive elements; run s starts segment_offsets[s] elements from the window's start (may be
// negative: the window's start is the input pixel (y * stride, x * stride)).
struct Window {
  int32_t out_height, out_width;
  ptrdiff_t batch_step, row_step, pixel_step;
  int32_t segments, segment_length;
  const ptrdiff_t* segment_offsets;
};

// What happens to float results, in this order: add `residual`, multiply negative ones by the slope of their channel,
// add its shift, clamp to [min, max], write floats, write signs.
// `residual` and `floats` are dense [pixels][channels] or null; `slopes` and `shifts` are [channels] or null.
// signs.data may be null; else bit = (value < 0), and the bits above the last channel of the last word are written as
// 0.
struct Epilogue {
  const float* residual;
  const float *slopes, *shifts;
  float min, max;  // -inf and inf where there is no activation
  float* floats;
  Map<uint32_t> signs;
};

// The taps of one axis of a filter that lie inside the image.
struct TapRange {
  int32_t first, end;
  bool operator==(const TapRange& other) const { return first == other.first && end == other.end; }
};

// A positive real number as bits / 2^31 * 2^(left - right); at most one of the shifts is not 0.
struct FixedPoint {
  int32_t bits, left, right;
};

// What happens to int8 results in products of 32 bits, which vectors do at once: the sum, then what the table is, as a
// PRELU and a sum with a constant. Each makes an int8 of a number with kQuickBits binary places: rounded, halves up,
// and saturated. Equal to the exact ways for all int8 operands, or not used. Arrays by channel have 16 numbers more.
constexpr int32_t kQuickBits = 22;
struct Int8Quick {
  bool has_sum, has_slopes, has_shifts;
  int32_t factor, residual_factor, sum_offset;  // value * factor + residual * residual_factor + sum_offset
  // value -= slope_zero_point; value * positive_factor + slope_offset, but of a negative value
  // value * negative_factors[channel] + negative_offsets[channel]
  int32_t slope_zero_point, positive_factor, slope_offset;
  const int32_t *negative_factors, *negative_offsets;
  // value * shift_factor + shift_offsets[channel]
  int32_t shift_factor;
  const int32_t* shift_offsets;
};

// What happens to int8 results, in this order: add `residual`, look up in the table of their channel, write int8s,
// write signs. `residual` and `int8s` are dense [pixels][channels] or null; `table` is [channels][256], from -128 on,
// or null. signs.data may be null; else bit = (value < sign_limit), and the bits above the last channel of the last
// word are written as 0. The sum is ((value - zero_point) * scale + (residual - residual_zero_point) * residual_scale)
// * sum_scale + sum_zero_point, clamped. A product with a fixed-point number is rounded twice: after the multiplication
// halves up, after the shift to the right halves away from zero. Nearly always it is value * near_scale + residual *
// near_residual_scale + near_offset, clamped and rounded, which takes a third of the time: where the square of what is
// rounded off is at most `near_limit`.
struct Int8Epilogue {
  const int8_t* residual;
  int32_t zero_point, residual_zero_point, sum_zero_point, sum_min, sum_max;
  FixedPoint scale, residual_scale, sum_scale;
  float near_scale, near_residual_scale, near_offset, near_limit;
  const int8_t* table;
  const Int8Quick* quick;  // or null
  int8_t* int8s;
  Map<uint32_t> signs;
  int32_t sign_limit;

  bool changes_values() const { return residual || table; }  // before they are written, and their signs
};

enum class BconvOutput { kFloat, kInt8, kBits };

// The taps of a filter of binary weights: how many, and the words and channels that each has of a group.
struct BconvTaps {
  int32_t count, words, channels;
};

// Binary convolution. acc = popcount(input XOR weights) over the window, y = depth - 2 * acc.
// Channel c of the output belongs to group c / group_channels; a group is `group_blocks` blocks of the packed weights.
struct Bconv {
  Window window;
  const uint32_t* input;  // group g reads input + g * group_words
  int32_t groups, group_words, group_channels, group_blocks;
  const uint32_t* weights;  // [groups][group_blocks][weight_rows()][block], as prepare_weights() leaves them
  int32_t depth;            // number of binary products of one output, without padding bits
  // The filter, and which of its taps lie inside the image for every y and x of the output; null: not known. The others
  // read the halo. Kernels need not compute what zeros add.
  int32_t tap_rows, tap_columns, tap_channels;
  const TapRange *inside_rows, *inside_columns;
  BconvOutput output;
  // kFloat and kInt8: clamp(y, activation_min, activation_max) * multiplier + bias, product and sum rounded apart.
  // kInt8: then rounded half away from zero and saturated.
  float activation_min, activation_max;
  const float* multipliers;  // [groups][group_blocks * block], unused lanes 0
  const float* biases;       // the same
  // kInt8, or null: y * quick_factors + quick_offsets, of 32 bits, divided by 2^(16 + quick_shift), rounded, halves up,
  // and saturated gives the same results for all y, where there are no limits and corrections. Arrays as `multipliers`.
  const int32_t *quick_factors, *quick_offsets;
  int32_t quick_shift;
  const int32_t* thresholds;  // kBits: bit = (acc > threshold); the same, unused lanes INT32_MAX
  // Zero padding: taps outside the image must add 0 to y, not +-1: what they add is subtracted again. Null when there
  // is no such tap; else the correction of pixel (y, x) is the row
  // corrections + (row_class[y] * column_classes + column_class[x]) * groups * group_blocks * block, and
  // y = depth - 2 * acc - correction.  (kBits never has any.)
  const int32_t* corrections;
  const uint16_t* row_class;
  const uint16_t* column_class;
  int32_t column_classes;
  Epilogue epilogue;  // kFloat; for kBits only `signs`
  Int8Epilogue int8_epilogue;
};

// Full-precision convolution, one group: sum over the window of input * weight, starting from the bias, in the
// window's order, each step one fused multiply-add where the instruction set has it; then `epilogue`.
struct Fconv {
  Window window;
  const float* input;
  int32_t channels, blocks;
  const float* weights;                  // [blocks][segments * segment_length][block]
  const float* biases;                   // [blocks * block]
  float activation_min, activation_max;  // clamp before the epilogue's residual
  Epilogue epilogue;
};

// Convolution of int8, one group. acc = bias + sum over the window of (input + Int8Kernels::input_offset) * weight;
// then acc * scale of its channel + zero_point, clamped to [min, max]; then `epilogue`. The product is rounded as those
// of the epilogue, but after the shift halves up; and nearly always it is acc * near_scale + zero_point. The halo of
// the input has its zero point.
struct Int8Conv {
  Window window;
  const int8_t* input;
  int32_t channels, blocks;
  const int8_t* weights;  // [blocks][segments][ceil(segment_length / group)][block][group]: see pack_int8_weights()
  bool narrow;            // no weight is -128: the sum of two products fits 16 bits
  const int32_t* biases;  // [blocks * block]
  const int32_t *scale_bits, *scale_lefts, *scale_rights;  // the same, of fixed-point numbers; unused lanes 0
  const float* near_scales;                                // the same
  float near_limit;
  int32_t zero_point, min, max;
  Int8Epilogue epilogue;
};

// What a binary convolution computes together, and how many taps share a word.
struct BconvBlocking {
  int32_t pixels, channels, taps_in_word;
};

enum class PoolKind { kAverage, kMax };

// Float pooling over the in-bounds pixels of a filter. Input is dense [batch][in_height][in_width][channels].
struct Pool {
  PoolKind kind;
  const float* input;
  int32_t batches, in_height, in_width, channels, out_height, out_width;
  int32_t filter_height, filter_width, stride_height, stride_width, pad_top, pad_left;
  float activation_min, activation_max;
  Epilogue epilogue;
};

// Elementwise: the epilogue of `input`, dense [pixels][channels]. With only `signs` it is LceQuantize; with `residual`,
// ADD; with `slopes`, PRELU.
struct Elementwise {
  int32_t out_height, out_width, channels;  // for the strides of `signs`
  const float* input;
  Epilogue epilogue;
};

// The same of int8.
struct Int8Elementwise {
  int32_t out_height, out_width, channels;
  const int8_t* input;
  Int8Epilogue epilogue;
};

// Pooling of int8 over the in-bounds pixels of a filter; `input`, clamp and epilogue of `window` are not used. Averages
// are rounded half away from zero; filters have at most 512 pixels.
struct Int8Pool {
  Pool window;
  const int8_t* input;
  int32_t min, max;
  Int8Epilogue epilogue;
};

// How a depthwise filter slides. Input is dense [batch][in_height][in_width][channels].
struct DepthwiseWindow {
  int32_t in_height, in_width, channels, out_height, out_width;
  int32_t filter_height, filter_width, stride_height, stride_width, dilation_height, dilation_width, pad_top, pad_left;
};

// Depthwise convolution: each channel has a filter of its own. The sum over the taps inside the image of input *
// weight, from the bias on; then `epilogue`.
struct Depthwise {
  DepthwiseWindow window;
  const float* input;
  const float* weights;                  // [taps][channels]
  const float* biases;                   // [channels]
  float activation_min, activation_max;  // clamp before the epilogue
  Epilogue epilogue;
};

constexpr int32_t kMostInt8DepthwiseTaps = 500;  // so that sums are below 2^24

// The same of int8, whose filters have at most so many taps. Sums are scaled as those of Int8Conv, but after the shift
// the halves of the channels from `up` on, a multiple of 8, are rounded away from zero. The epilogue has no residual.
struct Int8Depthwise {
  DepthwiseWindow window;
  const int8_t* input;
  const int8_t* outside;  // what taps outside of the image read: [lanes] zero points of the input
  int32_t lanes;          // weights of a tap; a multiple of 64
  const int8_t* weights;  // [taps][lanes]
  bool narrow;            // as that of Int8Conv
  const int32_t* biases;  // [lanes], and so the following ones; unused lanes 0. With what the zero points add.
  const int32_t *scale_bits, *scale_lefts, *scale_rights;
  const float* near_scales;
  float near_limit;
  int32_t up, zero_point, min, max;
  Int8Epilogue epilogue;
};

// The products or sums of `input`, dense [pixels][channels], and another map, or a pixel that serves a whole image or
// all of them: then strides are 0. Then the epilogue.
struct Combine {
  int32_t out_height, out_width, channels;
  const float* input;
  Map<const float> other;
  bool multiplies;
  Epilogue epilogue;
};

// The same of int8. A product is (input - input_zero_point) * (other - other_zero_point) * scale + zero_point, clamped
// to [min, max], and rounded as those of the epilogue. A sum is that of the epilogue, whose `residual` is null.
struct Int8Combine {
  int32_t out_height, out_width, channels;
  const int8_t* input;
  Map<const int8_t> other;
  bool multiplies;
  int32_t input_zero_point, other_zero_point, zero_point, min, max;
  FixedPoint scale;
  Int8Epilogue epilogue;
};

struct Int8Kernels {
  bool quick;            // reads Int8Epilogue::quick
  int32_t block;         // output channels in a block; divides 64
  int32_t group;         // inputs that are multiplied together; inputs after a run shorter than this are read, too
  int32_t input_offset;  // what `conv` adds to every input, because its products are of unsigned ones
  void (*conv)(const Int8Conv&, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end);
  void (*elementwise)(const Int8Elementwise&, int32_t pixel_begin, int32_t pixel_end);
  void (*pool)(const Int8Pool&, int32_t pixel_begin, int32_t pixel_end);
  void (*depthwise)(const Int8Depthwise&, int32_t pixel_begin, int32_t pixel_end);
  void (*combine)(const Int8Combine&, int32_t pixel_begin, int32_t pixel_end);
};

// One instruction set. Ranges are half-open; two threads may run disjoint ranges of one call at once.
// Pixels count over all images of the batch. A bconv or fconv range covers pixels x blocks (blocks of all groups).
struct KernelSet {
  const char* name;
  const char* description;
  bool (*supported)();  // by this processor
  int32_t bconv_block;  // output channels in a block; 16, 32 or 64
  int32_t fconv_block;
  void (*bconv)(const Bconv&, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end);
  void (*fconv)(const Fconv&, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end);
  void (*pool)(const Pool&, int32_t pixel_begin, int32_t pixel_end);
  void (*elementwise)(const Elementwise&, int32_t pixel_begin, int32_t pixel_end);
  void (*depthwise)(const Depthwise&, int32_t pixel_begin, int32_t pixel_end);
  void (*combine)(const Combine&, int32_t pixel_begin, int32_t pixel_end);
  Int8Kernels int8;
  // How bconv does a layer: for whoever reads a profile.
  BconvBlocking (*bconv_blocking)(const BconvTaps& taps, int32_t group_channels);
  // Null, or the form in which bconv reads binary weights: how many rows of bconv_block words a block takes, and what
  // brings packed weights, [blocks][taps.count * taps.words][bconv_block] at the start of a buffer for
  // [blocks][weight_rows][bconv_block], into that form; once.
  int32_t (*weight_rows)(const BconvTaps& taps) = nullptr;
  void (*prepare_weights)(uint32_t* weights, int32_t blocks, const BconvTaps& taps) = nullptr;
};

inline int32_t weight_rows(const KernelSet& set, const BconvTaps& taps) {
  return set.weight_rows ? set.weight_rows(taps) : taps.count * taps.words;
}

// Every kernel set compiled into this library, the fastest first; the last one is `portable` and always supported.
// The array ends with a null pointer.
const KernelSet* const* all_kernels();

// The set of this name, or the fastest supported one when `name` is null or empty. Null when there is no such set or
// this processor lacks it.
const KernelSet* find_kernels(const char* name);

// Names of the sets that this processor can run, the fastest first, with commas between them.
const char* supported_kernels();

}  // namespace hybrid_tf
