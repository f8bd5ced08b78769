/* The depthwise convolution of an int8 map: `depth` output channels for each input channel. */
#include "nn.h"

void nn_int8_depthwise(const struct nn_conv* conv, const int8_t* input, int8_t* output) {
  const struct nn_window* w = &conv->window;
  int32_t x, y, c, row, column;
  for (y = 0; y < w->out_height; ++y) {
    for (x = 0; x < w->out_width; ++x) {
      for (c = 0; c < conv->out_channels; ++c) {
        int32_t sum = conv->biases[c];
        for (row = 0; row < w->height; ++row) {
          const int32_t in_y = y * w->stride_y - w->top + row * w->dilation_y;
          if (in_y < 0 || in_y >= w->in_height) continue;
          for (column = 0; column < w->width; ++column) {
            const int32_t in_x = x * w->stride_x - w->left + column * w->dilation_x;
            if (in_x < 0 || in_x >= w->in_width) continue;
            sum += (input[(in_y * w->in_width + in_x) * conv->in_channels + c / conv->depth] - conv->zero_in) *
                   conv->filters[(row * w->width + column) * conv->out_channels + c];
          }
        }
        *output++ = (int8_t)nn_clamp(nn_times_up(sum, conv->factors[c]) + conv->zero_out, conv->low, conv->high);
      }
    }
  }
}
