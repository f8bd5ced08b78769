/* The mean of an int8 map over all its pixels. */
#include "nn.h"

void nn_int8_mean(const struct nn_mean* mean, const int8_t* input, int8_t* output) {
  int32_t c, pixel;
  for (c = 0; c < mean->channels; ++c) {
    int32_t sum = -mean->zero_in * mean->pixels, value;
    for (pixel = 0; pixel < mean->pixels; ++pixel) sum += input[pixel * mean->channels + c];
    value = c < mean->half_up ? nn_times_up(sum, mean->factor) : nn_times_away(sum, mean->factor);
    output[c] = (int8_t)nn_clamp(value + mean->offset, -128, 127);
  }
}
