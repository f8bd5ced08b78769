/* The convolution of an int8 map with int8 weights, one pixel after the other. The pixel's window is laid out as 16-bit
 * numbers without their zero point, so that padding is 0, in groups of four: in their order, or, for instructions that
 * multiply the bytes 0 and 2 and the bytes 1 and 3 of a word, in that order. */
#include "nn.h"

enum { BLOCK = 4 }; /* output channels that read the window together */

#if defined(__ARM_FEATURE_DSP)
#include <string.h>

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

/* Adds the products with four numbers of a window to a channel's sum. */
#if defined(__ARM_FEATURE_DSP)
#define ADD_PRODUCTS(sum, filter)                                 \
  do {                                                            \
    const uint32_t weights = word_of(filter);                     \
    sum = __smlad(even, __sxtb16((int8x4_t)weights), sum);        \
    sum = __smlad(odd, __sxtb16((int8x4_t)turned(weights)), sum); \
  } while (0)
#else
#define ADD_PRODUCTS(sum, filter) \
  sum += window[0] * (filter)[0] + window[1] * (filter)[1] + window[2] * (filter)[2] + window[3] * (filter)[3]
#endif

/* Adds the products of BLOCK filters, four weights of each after the other, to their sums. */
static void add_products(const int16_t* window, const int8_t* filters, int32_t depth, int32_t* sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
  const int16_t* end = window + depth;
  for (; window < end; window += 4, filters += 4 * BLOCK) {
#if defined(__ARM_FEATURE_DSP)
    const int16x2_t even = (int16x2_t)word_of(window), odd = (int16x2_t)word_of(window + 2);
#endif
    ADD_PRODUCTS(a, filters);
    ADD_PRODUCTS(b, filters + 4);
    ADD_PRODUCTS(c, filters + 8);
    ADD_PRODUCTS(d, filters + 12);
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

static void gather(const struct nn_conv* conv, const int8_t* input, int32_t y, int32_t x, int16_t* window) {
  const struct nn_window* w = &conv->window;
  const int32_t channels = conv->in_channels;
  int32_t row, column, c, i = 0;
  for (row = 0; row < w->height; ++row) {
    const int32_t in_y = y * w->stride_y - w->top + row * w->dilation_y;
    for (column = 0; column < w->width; ++column) {
      const int32_t in_x = x * w->stride_x - w->left + column * w->dilation_x;
      if (in_y < 0 || in_y >= w->in_height || in_x < 0 || in_x >= w->in_width) {
        for (c = 0; c < channels; ++c, ++i) window[PLACE(i)] = 0;
      } else {
        const int8_t* pixel = input + (in_y * w->in_width + in_x) * channels;
        c = 0;
#if defined(__ARM_FEATURE_DSP)
        if ((channels & 3) == 0) {
          const uint32_t zero = ((uint32_t)conv->zero_in & 0xffffu) * 0x10001u;
          for (; c < channels; c += 4, i += 4) {
            const uint32_t bytes = word_of(pixel + c);
            const uint32_t even = (uint32_t)__ssub16(__sxtb16((int8x4_t)bytes), (int16x2_t)zero);
            const uint32_t odd = (uint32_t)__ssub16(__sxtb16((int8x4_t)turned(bytes)), (int16x2_t)zero);
            memcpy(window + i, &even, 4);
            memcpy(window + i + 2, &odd, 4);
          }
        }
#endif
        for (; c < channels; ++c, ++i) window[PLACE(i)] = (int16_t)(pixel[c] - conv->zero_in);
      }
    }
  }
  for (; i < conv->depth; ++i) window[PLACE(i)] = 0;
}

void nn_int8_conv(const struct nn_conv* conv, const int8_t* input, int16_t* window, int8_t* output) {
  const int32_t depth = conv->depth;
  int32_t x, y, c, i;
  for (y = 0; y < conv->window.out_height; ++y) {
    for (x = 0; x < conv->window.out_width; ++x) {
      const int8_t* filters = conv->filters;
      gather(conv, input, y, x, window);
      for (c = 0; c < conv->out_channels; c += BLOCK, filters += BLOCK * depth) {
        const int32_t channels = conv->out_channels - c < BLOCK ? conv->out_channels - c : BLOCK;
        int32_t sums[BLOCK] = {0, 0, 0, 0};
        add_products(window, filters, depth, sums);
        for (i = 0; i < channels; ++i) {
          const int32_t value = nn_times_up(sums[i] + conv->biases[c + i], conv->factors[c + i]) + conv->zero_out;
          *output++ = (int8_t)nn_clamp(value, conv->low, conv->high);
        }
      }
    }
  }
}
