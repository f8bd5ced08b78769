/* The mean of the pixels of a window that lie in the map, halves rounded away from zero. */
#include "nn.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

/* The means of the first channels, as many as fill vectors, of `columns` x `rows` pixels, 2^shift of them. Returns
 * their number. */
NN_INLINE int32_t means_x4(const struct nn_pool* pool, const int8_t* pixels, int32_t rows, int32_t columns,
                           int8_t* output) {
  int32_t c, row, column;
  for (c = 0; c + 4 <= pool->channels; c += 4) {
    int32x4_t sum = vdupq_n_s32(0), sign;
    for (row = 0; row < rows; ++row) {
      const int8_t* pixel = pixels + row * pool->window.in_width * pool->channels + c;
      for (column = 0; column < columns; ++column, pixel += pool->channels) sum = vaddq_s32(sum, vldrbq_s32(pixel));
    }
    sign = vshrq_n_s32(sum, 31); /* 0 or -1: the size is rounded, then has its sign again */
    sum = vrshlq_n_s32(vsubq_s32(veorq_s32(sum, sign), sign), -pool->shift);
    sum = vmaxq_s32(vsubq_s32(veorq_s32(sum, sign), sign), vdupq_n_s32(pool->low));
    vstrbq_s32(output + c, vminq_s32(sum, vdupq_n_s32(pool->high)));
  }
  return c;
}
#endif

void nn_int8_average_pool(const struct nn_pool* pool, const int8_t* input, int8_t* output) {
  const struct nn_window* w = &pool->window;
  int32_t x, y, c, row, column;
  for (y = 0; y < w->out_height; ++y) {
    const int32_t in_y = y * w->stride_y - w->top;
    const int32_t first_row = in_y < 0 ? -in_y : 0;
    const int32_t rows = in_y + w->height > w->in_height ? w->in_height - in_y : w->height;
    for (x = 0; x < w->out_width; ++x) {
      const int32_t in_x = x * w->stride_x - w->left;
      const int32_t first_column = in_x < 0 ? -in_x : 0;
      const int32_t columns = in_x + w->width > w->in_width ? w->in_width - in_x : w->width;
      const int32_t count = (rows - first_row) * (columns - first_column), half = count / 2;
      const int32_t shift = count == w->height * w->width ? pool->shift : -1;
      c = 0;
#if defined(__ARM_FEATURE_MVE)
      if (shift >= 0) {
        const int8_t* pixels = input + (in_y * w->in_width + in_x) * pool->channels;
        c = means_x4(pool, pixels, w->height, w->width, output);
        output += c;
      }
#endif
      for (; c < pool->channels; ++c) {
        int32_t sum = 0, size;
        for (row = first_row; row < rows; ++row) {
          const int8_t* pixel = input + ((in_y + row) * w->in_width + in_x + first_column) * pool->channels + c;
          for (column = first_column; column < columns; ++column, pixel += pool->channels) sum += *pixel;
        }
        size = (sum < 0 ? -sum : sum) + half;
        size = shift >= 0 ? size >> shift : size / count;
        *output++ = (int8_t)nn_clamp(sum < 0 ? -size : size, pool->low, pool->high);
      }
    }
  }
}
