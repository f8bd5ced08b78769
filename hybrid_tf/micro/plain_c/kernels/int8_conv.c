/* The convolution of an int8 map with int8 weights, one pixel after the other. The pixel's window is laid out as 16-bit
 * numbers without their zero point, so that padding is 0: in their order, or, for instructions that multiply the bytes
 * 0 and 2 and the bytes 1 and 3 of a word, in that order. Weights are those of four output channels, eight weights of
 * each after the other; when the window's depth is no multiple of eight, the last time four of each. */
#include "nn.h"

enum { BLOCK = 4 }; /* output channels that read the window together */

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#define PLACE(i) (i)
#elif defined(__ARM_FEATURE_DSP)
#include <string.h>
#define PAIRS

#define PLACE(i) (((i) & ~3) | ((i) & 1) << 1 | ((i) >> 1 & 1))

NN_INLINE uint32_t word_of(const void* bytes) {
  uint32_t word;
  memcpy(&word, bytes, 4);
  return word;
}

NN_INLINE uint32_t turned(uint32_t word) { return word >> 8 | word << 24; }
#else
#define PLACE(i) (i)
#endif

/* Adds the products of a window with BLOCK filters to their sums. */
static void add_products(const int16_t* window, const int8_t* filters, int32_t depth, int32_t* sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
  const int16_t* end = window + depth;
#if defined(__ARM_FEATURE_MVE)
  for (; window + 8 <= end; window += 8, filters += 8 * BLOCK) {
    const int16x8_t numbers = vld1q_s16(window);
    a = vmladavaq_s16(a, numbers, vldrbq_s16(filters));
    b = vmladavaq_s16(b, numbers, vldrbq_s16(filters + 8));
    c = vmladavaq_s16(c, numbers, vldrbq_s16(filters + 16));
    d = vmladavaq_s16(d, numbers, vldrbq_s16(filters + 24));
  }
  if (window < end) {
    const int32x4_t numbers = vldrhq_s32(window);
    a = vmladavaq_s32(a, numbers, vldrbq_s32(filters));
    b = vmladavaq_s32(b, numbers, vldrbq_s32(filters + 4));
    c = vmladavaq_s32(c, numbers, vldrbq_s32(filters + 8));
    d = vmladavaq_s32(d, numbers, vldrbq_s32(filters + 12));
  }
#else
#if defined(PAIRS)
#define NUMBERS const int16x2_t even = (int16x2_t)word_of(window), odd = (int16x2_t)word_of(window + 2)
#define ADD_CHANNEL(sum, filter)                                  \
  do {                                                            \
    const uint32_t weights = word_of(filter);                     \
    sum = __smlad(even, __sxtb16((int8x4_t)weights), sum);        \
    sum = __smlad(odd, __sxtb16((int8x4_t)turned(weights)), sum); \
  } while (0)
#else
#define NUMBERS const int32_t first = window[0], second = window[1], third = window[2], fourth = window[3]
#define ADD_CHANNEL(sum, filter) \
  sum += first * (filter)[0] + second * (filter)[1] + third * (filter)[2] + fourth * (filter)[3]
#endif
#if defined(__GNUC__) && !defined(PAIRS)
#define APART __asm volatile("" ::: "memory") /* mixed, both halves need more registers than RISC-V has */
#else
#define APART (void)0
#endif
#define ADD_FOUR(step)                    \
  do {                                    \
    NUMBERS;                              \
    ADD_CHANNEL(a, filters);              \
    ADD_CHANNEL(b, filters + (step));     \
    ADD_CHANNEL(c, filters + 2 * (step)); \
    ADD_CHANNEL(d, filters + 3 * (step)); \
    window += 4;                          \
    filters += 4;                         \
  } while (0)
  for (; window + 8 <= end; filters += 8 * (BLOCK - 1)) {
    ADD_FOUR(8);
    APART;
    ADD_FOUR(8);
  }
  if (window < end) ADD_FOUR(4);
#endif
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

/* Writes `count` zeros, or numbers without their zero point, from place `i` of the window on. Returns the next place.
 */
NN_INLINE int32_t put_zeros(int16_t* window, int32_t i, int32_t count) {
  const int32_t end = i + count;
  for (; i < end; ++i) window[PLACE(i)] = 0;
  return i;
}

NN_INLINE int32_t put(int16_t* window, int32_t i, int32_t count, const int8_t* numbers, int32_t zero) {
  const int32_t end = i + count;
#if defined(__ARM_FEATURE_MVE)
  for (; i < end; i += 8, numbers += 8) {
    const mve_pred16_t taken = vctp16q((uint32_t)(end - i));
    vstrhq_p_s16(window + i, vsubq_n_s16(vldrbq_z_s16(numbers, taken), (int16_t)zero), taken);
  }
#else
#if defined(PAIRS)
  if ((i & 3) == 0) {
    const uint32_t zeros = ((uint32_t)zero & 0xffffu) * 0x10001u;
    for (; i + 4 <= end; i += 4, numbers += 4) {
      const uint32_t bytes = word_of(numbers);
      const uint32_t even = (uint32_t)__ssub16(__sxtb16((int8x4_t)bytes), (int16x2_t)zeros);
      const uint32_t odd = (uint32_t)__ssub16(__sxtb16((int8x4_t)turned(bytes)), (int16x2_t)zeros);
      memcpy(window + i, &even, 4);
      memcpy(window + i + 2, &odd, 4);
    }
  }
#endif
  for (; i < end; ++i) window[PLACE(i)] = (int16_t)(*numbers++ - zero);
#endif
  return end;
}

static void gather(const struct nn_conv* conv, const int8_t* input, int32_t y, int32_t x, int16_t* window) {
  const struct nn_window* w = &conv->window;
  const int32_t channels = conv->in_channels, run = w->dilation_x == 1 ? w->width : 1; /* columns side by side */
  int32_t row, column, i = 0;
  for (row = 0; row < w->height; ++row) {
    const int32_t in_y = y * w->stride_y - w->top + row * w->dilation_y;
    if (in_y < 0 || in_y >= w->in_height) {
      i = put_zeros(window, i, w->width * channels);
      continue;
    }
    for (column = 0; column < w->width; column += run) {
      const int32_t in_x = x * w->stride_x - w->left + column * w->dilation_x;
      const int32_t first = nn_clamp(-in_x, 0, run), last = nn_clamp(w->in_width - in_x, first, run);
      if (first > 0) i = put_zeros(window, i, first * channels);
      if (last > first) {
        const int8_t* pixel = input + (in_y * w->in_width + in_x + first) * channels;
        i = put(window, i, (last - first) * channels, pixel, conv->zero_in);
      }
      if (last < run) i = put_zeros(window, i, (run - last) * channels);
    }
  }
}

/* Writes the results of `channels` sums, from channel `c` on; at most BLOCK. */
NN_INLINE void finish(const struct nn_conv* conv, int32_t c, int32_t channels, const int32_t* sums, int8_t* output) {
  const struct nn_factor* factors = conv->factors + c;
  int32_t i;
#if defined(__ARM_FEATURE_MVE)
  if (channels == BLOCK) { /* as nn_times_up */
    const uint32x4_t rows = vidupq_n_u32(0, 8);
    const int32x4_t bits = vldrwq_gather_offset_s32(&factors->bits, rows);
    const int32x4_t left = vldrbq_gather_offset_s32(&factors->left, rows);
    const int32x4_t right = vldrbq_gather_offset_s32(&factors->right, rows);
    int32x4_t value = vaddq_s32(vld1q_s32(sums), vld1q_s32(conv->biases + c));
    value = vrshlq_s32(vqrdmulhq_s32(vshlq_s32(value, left), bits), vnegq_s32(right));
    value = vmaxq_s32(vaddq_n_s32(value, conv->zero_out), vdupq_n_s32(conv->low));
    vstrbq_s32(output, vminq_s32(value, vdupq_n_s32(conv->high)));
    return;
  }
#endif
  for (i = 0; i < channels; ++i) {
    const int32_t value = nn_times_up(sums[i] + conv->biases[c + i], factors[i]) + conv->zero_out;
    output[i] = (int8_t)nn_clamp(value, conv->low, conv->high);
  }
}

void nn_int8_conv(const struct nn_conv* conv, const int8_t* input, int16_t* window, int8_t* output) {
  const int32_t depth = conv->depth, outputs = conv->out_channels;
  const int32_t numbers = conv->window.height * conv->window.width * conv->in_channels;
  int32_t x, y, c;
  put_zeros(window, numbers, depth - numbers); /* they stay */
  for (y = 0; y < conv->window.out_height; ++y) {
    for (x = 0; x < conv->window.out_width; ++x, output += outputs) {
      const int8_t* filters = conv->filters;
      gather(conv, input, y, x, window);
      for (c = 0; c < outputs; c += BLOCK, filters += BLOCK * depth) {
        int32_t sums[BLOCK] = {0, 0, 0, 0};
        add_products(window, filters, depth, sums);
        finish(conv, c, outputs - c < BLOCK ? outputs - c : BLOCK, sums, output + c);
      }
    }
  }
}
