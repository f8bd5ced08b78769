/* A layer of signs in one pass: binary convolution, sum with another map, PReLU, shift, and the signs of the result.
 *
 * The file that includes this one says by macros what the layer has, so that nothing is decided at run time:
 *
 *   NN_NAME                 name of the function
 *   NN_TAPS_Y, NN_TAPS_X    size of the window, and
 *   NN_CHANNELS             input channels, of a binary convolution; else the layer starts from an int8 map
 *   NN_THRESHOLD            signs are those of sums above a threshold: nothing of what follows
 *   NN_TABLE                int8 of each sum from a table, not from a linear function
 *   NN_ADD, NN_PRELU, NN_SHIFT   what follows, in this order
 *   NN_ADD_CLAMP, NN_SHIFT_CLAMP   a sum, or the shift, has a range of its own
 *   NN_ADD_EXACT, NN_PRELU_EXACT, NN_SHIFT_EXACT   these are not linear, but computed as TensorFlow Lite does
 *   NN_VALUES, NN_SIGNS     what is written
 *   NN_SUM_BITS, NN_ADD_BITS, NN_PRELU_BITS, NN_SHIFT_BITS   bits that each linear function shifts out
 *
 * Nearly every step is a linear function with a shift, in 32 bits. It gives what TensorFlow Lite and Larq Compute
 * Engine compute: the exporter has found its numbers, and has tried every value that can occur. */
#include "nn.h"

/* What a step gives: int8, or, where another step follows, the same and 128 more, as it takes less to keep that within
 * its range. */
#if defined(NN_ADD) || defined(NN_PRELU) || defined(NN_SHIFT)
#define NN_SUM_RESULT nn_uint8
#define NN_TABLE_RAISED 128
#else
#define NN_SUM_RESULT nn_int8
#define NN_TABLE_RAISED 0
#endif
#if defined(NN_PRELU) || defined(NN_SHIFT)
#define NN_ADD_RESULT nn_uint8
#else
#define NN_ADD_RESULT nn_int8
#endif
#ifdef NN_SHIFT
#define NN_PRELU_RESULT nn_uint8
#else
#define NN_PRELU_RESULT nn_int8
#endif

#define NN_JOINED(a, b) a##b
#define NN_X4(name) NN_JOIN(name, _x4)
#define NN_JOIN(a, b) NN_JOINED(a, b)

/* Steps that are left to code without vectors. */
#if defined(NN_ADD_EXACT) || defined(NN_PRELU_EXACT) || defined(NN_SHIFT_EXACT) || defined(NN_ADD_CLAMP) || \
    defined(NN_SHIFT_CLAMP)
#define NN_UNUSUAL
#endif

enum { NN_BLOCK = 32 }; /* output channels at a time: those of one word of signs */

/* Numbers of a channel in `parameters`. */
#if defined(NN_THRESHOLD)
enum { NN_PARAMETERS = 1 };
#else
#if defined(NN_CHANNELS) && !defined(NN_TABLE)
enum { NN_SUM_PARAMETERS = 2 };
#else
enum { NN_SUM_PARAMETERS = 0 };
#endif
#if defined(NN_PRELU_EXACT)
enum { NN_PRELU_PARAMETERS = 1 };
#elif defined(NN_PRELU)
enum { NN_PRELU_PARAMETERS = 2 };
#else
enum { NN_PRELU_PARAMETERS = 0 };
#endif
#ifdef NN_SHIFT
enum { NN_SHIFT_PARAMETERS = 1 };
#else
enum { NN_SHIFT_PARAMETERS = 0 };
#endif
enum { NN_PARAMETERS = NN_SUM_PARAMETERS + NN_PRELU_PARAMETERS + NN_SHIFT_PARAMETERS };
#endif

#ifdef NN_CHANNELS
#include "count.h"

enum {
  NN_TAPS = NN_TAPS_Y * NN_TAPS_X,
  NN_TAP_WORDS = (NN_CHANNELS + 31) / 32,
  NN_LAST_BITS = NN_CHANNELS - 32 * (NN_TAP_WORDS - 1), /* of a tap's last word */
  NN_WORDS = (NN_TAPS * NN_CHANNELS + 31) / 32
};

/* Lays the taps out one behind the other, without the unused bits of their last words: narrow layers have several taps
 * in a word. */
NN_INLINE void nn_gather(const struct nn_layer* layer, const uint32_t* in, uint32_t* window) {
  uint32_t word = 0;
  int32_t row, column, i, filled = 0, k = 0;
  NN_UNROLL
  for (row = 0; row < NN_TAPS_Y; ++row) {
    NN_UNROLL
    for (column = 0; column < NN_TAPS_X; ++column) {
      const uint32_t* tap = in + row * layer->tap_row + column * layer->tap_column;
      NN_UNROLL
      for (i = 0; i < NN_TAP_WORDS; ++i) {
        const int32_t bits = i < NN_TAP_WORDS - 1 ? 32 : NN_LAST_BITS;
        word |= tap[i] << filled;
        filled += bits;
        if (filled >= 32) {
          window[k++] = word;
          filled -= 32;
          word = filled > 0 ? tap[i] >> (bits - filled) : 0;
        }
      }
    }
  }
  if (filled > 0) window[k] = word;
}
#endif

/* Finishes `channels` values of a pixel: numbers of products that are -1, or int8 values. Returns their signs. */
#ifdef NN_CHANNELS
typedef uint16_t nn_value;
#else
typedef int8_t nn_value;
#endif

NN_INLINE uint32_t nn_finish(const struct nn_layer* layer, int32_t first, int32_t channels, const nn_value* values,
                             const int8_t* map, int8_t* out) {
  const int32_t* parameters = layer->parameters + first * NN_PARAMETERS;
#ifdef NN_TABLE
  const int8_t* table = layer->tables + first * layer->table_bytes;
#endif
#if defined(NN_ADD_EXACT) || defined(NN_PRELU_EXACT) || defined(NN_SHIFT_EXACT)
  const struct nn_exact* exact = layer->exact;
#endif
#if defined(NN_ADD) && !defined(NN_ADD_EXACT)
  const int32_t add_value = layer->add_value, add_map = layer->add_map, add_bias = layer->add_bias;
#endif
#if defined(NN_PRELU_EXACT)
  const int32_t prelu_zero = layer->prelu_zero;
#elif defined(NN_PRELU)
  const int32_t prelu_zero = layer->prelu_zero, prelu_factor = layer->prelu_factor, prelu_bias = layer->prelu_bias;
#endif
#if defined(NN_SHIFT) && !defined(NN_SHIFT_EXACT)
  const int32_t shift_factor = layer->shift_factor;
#endif
#if defined(NN_SIGNS) && !defined(NN_THRESHOLD)
  const int32_t zero = layer->zero;
#endif
  uint32_t signs = 0;
  int32_t c;
  (void)parameters, (void)map, (void)out, (void)signs;
  for (c = 0; c < channels; ++c) {
    int32_t value = values[c];
#ifdef NN_THRESHOLD
    signs = signs >> 1 | ((uint32_t)(*parameters++ - value) & 0x80000000u);
#else
#if defined(NN_TABLE)
    value = table[value] + NN_TABLE_RAISED;
    table += layer->table_bytes;
#elif defined(NN_CHANNELS)
    value = NN_SUM_RESULT((value * parameters[0] + parameters[1]) >> NN_SUM_BITS);
    parameters += 2;
#endif
#if defined(NN_ADD_EXACT)
    value = nn_operand(value - exact->add_zero_value, exact->add_value);
    value += nn_operand(map[c] - exact->add_zero_map, exact->add_map);
    value = NN_ADD_RESULT(nn_times_away(value, exact->add_result) + exact->add_zero);
#elif defined(NN_ADD)
    value = NN_ADD_RESULT((value * add_value + (map[c] * add_map + add_bias)) >> NN_ADD_BITS);
#endif
#ifdef NN_ADD_CLAMP
    value = nn_clamp(value, layer->add_low, layer->add_high);
#endif
#if defined(NN_PRELU_EXACT)
    value -= prelu_zero;
    value = value < 0 ? nn_times_away(value * *parameters, exact->prelu_negative)
                      : nn_times_away(value, exact->prelu_positive);
    value = NN_PRELU_RESULT(value + exact->prelu_zero);
    ++parameters;
#elif defined(NN_PRELU)
    if (value < prelu_zero) {
      value = value * parameters[0] + parameters[1];
    } else {
      value = value * prelu_factor + prelu_bias;
    }
    value = NN_PRELU_RESULT(value >> NN_PRELU_BITS);
    parameters += 2;
#endif
#if defined(NN_SHIFT_EXACT)
    value = nn_operand(value - exact->shift_zero_value, exact->shift_value) + *parameters++;
    value = nn_int8(nn_times_away(value, exact->shift_result) + exact->shift_zero);
#elif defined(NN_SHIFT)
    value = nn_int8((value * shift_factor + *parameters++) >> NN_SHIFT_BITS);
#endif
#ifdef NN_SHIFT_CLAMP
    value = nn_clamp(value, layer->shift_low, layer->shift_high);
#endif
#ifdef NN_VALUES
    out[c] = (int8_t)value;
#endif
#ifdef NN_SIGNS
    signs = signs >> 1 | ((uint32_t)(value - zero) & 0x80000000u);
#endif
#endif
  }
#ifdef NN_SIGNS
  return signs >> (NN_BLOCK - channels);
#else
  return 0;
#endif
}

#if defined(__ARM_FEATURE_MVE) && !defined(NN_UNUSUAL)
#define NN_HELIUM
#include "helium.h"
#endif

/* Of a binary convolution, `input` is the first tap of the first pixel's window. Every argument that the layer has no
 * use for is null. `out` may be `map`, or the int8 input. */
void NN_NAME(const struct nn_layer* layer, const void* input, const int8_t* map, int8_t* out, uint32_t* signs) {
  const int32_t channels = layer->channels;
#ifdef NN_CHANNELS
  uint32_t window[NN_WORDS];
#else
  const int8_t* values = input;
#endif
  int32_t x, y, first;
#ifdef NN_HELIUM
  struct nn_helium helium;
  nn_prepare(&helium, layer);
#endif
  for (y = 0; y < layer->height; ++y) {
#ifdef NN_SIGNS
    uint32_t* word = signs + y * layer->out_row;
#endif
#ifdef NN_CHANNELS
    const uint32_t* in = (const uint32_t*)input + y * layer->in_row;
#endif
    for (x = 0; x < layer->width; ++x) {
#ifdef NN_CHANNELS
      const uint32_t* filter = layer->filters;
      nn_gather(layer, in, window);
      in += layer->in_column;
#endif
      for (first = 0; first < channels; first += NN_BLOCK) {
        const int32_t count = channels - first < NN_BLOCK ? channels - first : NN_BLOCK;
        uint32_t found;
#ifdef NN_HELIUM
        if (count % 8 == 0) {
#ifdef NN_CHANNELS
          found = nn_block_x8(&helium, first, count, window, filter, map, out);
          filter += count * NN_WORDS;
#else
          found = nn_block_x8(&helium, first, count, values, map, out);
#endif
        } else
#endif
        {
#ifdef NN_CHANNELS
          uint16_t values[NN_BLOCK];
          int32_t c;
          for (c = 0; c < count; ++c, filter += NN_WORDS) values[c] = (uint16_t)nn_different(window, filter, NN_WORDS);
#endif
          found = nn_finish(layer, first, count, values, map, out);
        }
#ifdef NN_SIGNS
        *word++ = found;
#else
        (void)found;
#endif
#ifndef NN_CHANNELS
        values += count;
#endif
#ifdef NN_ADD
        map += count;
#endif
#ifdef NN_VALUES
        out += count;
#endif
      }
    }
  }
  (void)map, (void)out, (void)signs;
}
