/* What the kernels of a network share: their data, and the arithmetic of TensorFlow Lite's int8 operators.
 *
 * C99, integers only but for the softmax. Shifts to the right of negative numbers are arithmetic, as every compiler for
 * microcontrollers has them. No sum overflows: that was checked for every value that can occur when the network was
 * exported. */
#ifndef NN_H
#define NN_H

#include <stdint.h>

#include "names.h"

#if defined(__ARM_FEATURE_DSP) || defined(__ARM_FEATURE_SAT)
#include <arm_acle.h>
#endif

typedef char nn_needs_int_of_32_bits[sizeof(int) >= 4 ? 1 : -1];

#if defined(__GNUC__)
#define NN_INLINE static inline __attribute__((always_inline))
#define NN_RARE(condition) __builtin_expect(!!(condition), 0)
#else
#define NN_INLINE static inline
#define NN_RARE(condition) (condition)
#endif

/* A positive real factor: bits / 2^31 * 2^(left - right). */
struct nn_factor {
  int32_t bits;
  int8_t left, right;
};

/* A window that moves over a map; `top` and `left` are the rows and columns of padding before the map. */
struct nn_window {
  int16_t in_height, in_width, out_height, out_width, height, width;
  int16_t stride_y, stride_x, dilation_y, dilation_x, top, left;
};

/* An int8 convolution, or a dense layer: one pixel. Of a depthwise one, `depth` is the depth multiplier. */
struct nn_conv {
  struct nn_window window;
  int32_t in_channels, out_channels;
  int32_t depth; /* weights of an output channel: those of the window, zeros up to a multiple of 4 */
  int16_t zero_in, zero_out, low, high;
  const int8_t* filters;
  const int32_t* biases;
  const struct nn_factor* factors;
};

/* The same for CMSIS-NN, whose weights lie in another order. */
struct nn_cmsis_conv {
  struct nn_window window;
  int32_t in_channels, out_channels;
  int16_t zero_in, zero_out, low, high;
  int32_t buffer_bytes;
  const int8_t* filters;
  const int32_t* biases;
  const int32_t *factors, *shifts; /* to the left; negative ones to the right */
};

/* A pool of int8; `shift` is the logarithm of the pixels in a window, -1 when they are no power of two. */
struct nn_pool {
  struct nn_window window;
  int16_t channels, shift, low, high;
};

/* A mean over all pixels; the first `half_up` channels round halves up, the others away from zero. */
struct nn_mean {
  int32_t pixels, channels, half_up, zero_in, offset;
  struct nn_factor factor;
};

/* Other steps of int8 values; the first `half_up` values round halves up, the others away from zero. */
struct nn_rescale {
  int32_t count, half_up;
  int16_t zero_in, zero_out, low, high;
  struct nn_factor factor;
};

/* A softmax of each row; `exponentials` has those of 0 to -255 steps. */
struct nn_softmax {
  int32_t rows, classes;
  float step; /* of the result */
  const float* exponentials;
};

/* A map of signs, packed into words: bit c % 32 of word c / 32 of a pixel is set where channel c is -1. A row may have
 * a border, whose signs are +1. */
struct nn_signs {
  int16_t height, width, channels, zero; /* int8 values below `zero` are -1 */
  int32_t row;                           /* words from one row to the next */
};

/* A pool of signs: +1 where any sign of the window is +1. */
struct nn_sign_pool {
  struct nn_window window;
  int32_t words, in_row, out_row;
};

/* The steps of a layer that no linear function gives, as TensorFlow Lite computes them. */
struct nn_exact {
  struct nn_factor add_value, add_map, add_result, prelu_positive, prelu_negative, shift_value, shift_result;
  int32_t add_zero_value, add_zero_map, add_zero, prelu_zero, shift_zero_value, shift_zero;
};

/* A layer in one pass: see layer.h. */
struct nn_layer {
  int16_t height, width, channels; /* of the output */
  int16_t zero;                    /* outputs below it are -1 */
  int32_t in_row, in_column;       /* words of signs from the input of a pixel to that of the next one below, beside */
  int32_t tap_row, tap_column;     /* words from a tap of the window to the next one below, beside */
  int32_t out_row;                 /* words of a row of the signs that are written */
  int32_t add_value, add_map, add_bias;
  int16_t add_low, add_high;
  int32_t prelu_zero, prelu_factor, prelu_bias;
  int32_t shift_factor;
  int16_t shift_low, shift_high;
  int32_t table_bytes;
  const uint32_t* filters;
  const int32_t* parameters;
  const int8_t* tables;
  const struct nn_exact* exact;
};

NN_INLINE int32_t nn_clamp(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

NN_INLINE int32_t nn_int8(int32_t value) {
#if defined(__ARM_FEATURE_SAT)
  return __ssat(value, 8);
#else
  if (NN_RARE((uint32_t)value + 128u > 255u)) return value < 0 ? -128 : 127;
  return value;
#endif
}

NN_INLINE int32_t nn_uint8(int32_t value) {
#if defined(__ARM_FEATURE_SAT)
  return (int32_t)__usat(value, 8);
#else
  if (NN_RARE((uint32_t)value > 255u)) return value < 0 ? 0 : 255;
  return value;
#endif
}

/* The high half of twice the product, rounded. */
NN_INLINE int32_t nn_high(int32_t value, struct nn_factor factor) {
  const int64_t product = (int64_t)(value * ((int32_t)1 << factor.left)) * factor.bits;
  return (int32_t)((product + ((int64_t)1 << 30)) >> 31);
}

/* The product, rounded as above, then halves rounded up at the last shift: both at once, as floors of floors are one.
 */
NN_INLINE int32_t nn_times_up(int32_t value, struct nn_factor factor) {
  const int64_t product = (int64_t)(value * ((int32_t)1 << factor.left)) * factor.bits + ((int64_t)1 << 30);
  if (factor.right == 0) return (int32_t)(product >> 31);
  return (int32_t)((product + ((int64_t)((uint32_t)1 << factor.right) << 30)) >> 32) >> (factor.right - 1);
}

/* The product, halves rounded away from zero at the last shift. */
NN_INLINE int32_t nn_times_away(int32_t value, struct nn_factor factor) {
  const int32_t high = nn_high(value, factor), mask = (int32_t)(((uint32_t)1 << factor.right) - 1u);
  return (high >> factor.right) + ((high & mask) > (mask >> 1) + (high < 0));
}

/* The product with a factor of a value that has 20 bits more, as ADD takes its operands. */
NN_INLINE int32_t nn_operand(int32_t value, struct nn_factor factor) {
  return nn_times_away(value * ((int32_t)1 << 20), factor);
}

/* Sets words to 0: a map of signs before the pixels within its border are written. */
NN_INLINE void nn_clear(uint32_t* words, int32_t count) {
  int32_t i;
  for (i = 0; i < count; ++i) words[i] = 0;
}

void nn_int8_conv(const struct nn_conv* conv, const int8_t* input, int16_t* window, int8_t* output);
void nn_int8_depthwise(const struct nn_conv* conv, const int8_t* input, int8_t* output);
void nn_cmsis_conv(const struct nn_cmsis_conv* conv, const int8_t* input, uint32_t* buffer, int8_t* output);
void nn_cmsis_depthwise(const struct nn_cmsis_conv* conv, const int8_t* input, uint32_t* buffer, int8_t* output);
void nn_int8_average_pool(const struct nn_pool* pool, const int8_t* input, int8_t* output);
void nn_int8_max_pool(const struct nn_pool* pool, const int8_t* input, int8_t* output);
void nn_int8_mean(const struct nn_mean* mean, const int8_t* input, int8_t* output);
void nn_int8_rescale(const struct nn_rescale* rescale, const int8_t* input, int8_t* output);
void nn_int8_softmax(const struct nn_softmax* softmax, const int8_t* input, int8_t* output);
void nn_signs_of(const struct nn_signs* signs, const int8_t* input, uint32_t* output);
void nn_int8_of_signs(const struct nn_signs* signs, int8_t minus, int8_t plus, const uint32_t* input, int8_t* output);
void nn_sign_pool(const struct nn_sign_pool* pool, const uint32_t* input, uint32_t* output);

#endif
