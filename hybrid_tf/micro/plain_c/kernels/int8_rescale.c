/* Other steps of int8 values, within an activation's range. */
#include "nn.h"

void nn_int8_rescale(const struct nn_rescale* rescale, const int8_t* input, int8_t* output) {
  int32_t i;
  for (i = 0; i < rescale->count; ++i) {
    const int32_t value = input[i] - rescale->zero_in;
    const int32_t scaled =
        i < rescale->half_up ? nn_times_up(value, rescale->factor) : nn_times_away(value, rescale->factor);
    output[i] = (int8_t)nn_clamp(scaled + rescale->zero_out, rescale->low, rescale->high);
  }
}
