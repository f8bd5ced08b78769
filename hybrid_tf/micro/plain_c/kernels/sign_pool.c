/* The largest sign of each window, of packed signs. */
#include "nn.h"

void nn_sign_pool(const struct nn_sign_pool* pool, const uint32_t* input, uint32_t* output) {
  const struct nn_window* w = &pool->window;
  int32_t x, y, i, row, column;
  for (y = 0; y < w->out_height; ++y) {
    const int32_t in_y = y * w->stride_y - w->top;
    const int32_t first_row = in_y < 0 ? 0 : in_y;
    const int32_t rows = in_y + w->height > w->in_height ? w->in_height : in_y + w->height;
    for (x = 0; x < w->out_width; ++x) {
      const int32_t in_x = x * w->stride_x - w->left;
      const int32_t first_column = in_x < 0 ? 0 : in_x;
      const int32_t columns = in_x + w->width > w->in_width ? w->in_width : in_x + w->width;
      for (i = 0; i < pool->words; ++i) {
        uint32_t word = 0xffffffffu;
        for (row = first_row; row < rows; ++row) {
          for (column = first_column; column < columns; ++column) {
            word &= input[row * pool->in_row + column * pool->words + i];
          }
        }
        output[y * pool->out_row + x * pool->words + i] = word;
      }
    }
  }
}
