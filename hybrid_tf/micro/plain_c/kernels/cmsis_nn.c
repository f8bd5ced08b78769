/* Int8 convolutions by CMSIS-NN, where the build has it (USE_CMSIS_NN): those that it rounds as TensorFlow Lite does.
 * A dense layer is a convolution of one pixel. */
#include "nn.h"

#ifdef USE_CMSIS_NN
#include <arm_nnfunctions.h>

#ifdef CMSIS_NN_USE_SINGLE_ROUNDING
#error "CMSIS-NN with CMSIS_NN_USE_SINGLE_ROUNDING gives other scores: build it without"
#endif

/* The buffer has been planned for CMSIS-NN of July 2026. One that needs more, or refuses, must not pass for a result.
 */
static void stop_unless(int condition) {
  if (condition) return;
#if defined(__GNUC__)
  __builtin_trap();
#else
  for (;;) {
  }
#endif
}

void nn_cmsis_conv(const struct nn_cmsis_conv* conv, const int8_t* input, uint32_t* buffer, int8_t* output) {
  const struct nn_window* w = &conv->window;
  const cmsis_nn_conv_params params = {-conv->zero_in,
                                       conv->zero_out,
                                       {w->stride_x, w->stride_y},
                                       {w->left, w->top},
                                       {w->dilation_x, w->dilation_y},
                                       {conv->low, conv->high}};
  const cmsis_nn_per_channel_quant_params factors = {(int32_t*)conv->factors, (int32_t*)conv->shifts};
  const cmsis_nn_dims in = {1, w->in_height, w->in_width, conv->in_channels};
  const cmsis_nn_dims filter = {conv->out_channels, w->height, w->width, conv->in_channels};
  const cmsis_nn_dims bias = {1, 1, 1, conv->out_channels};
  const cmsis_nn_dims out = {1, w->out_height, w->out_width, conv->out_channels};
  const cmsis_nn_context context = {buffer, conv->buffer_bytes};
  stop_unless(arm_convolve_wrapper_s8_get_buffer_size(&params, &in, &filter, &out) <= conv->buffer_bytes);
  stop_unless(arm_convolve_wrapper_s8(&context, &params, &factors, &in, input, &filter, conv->filters, &bias,
                                      conv->biases, &out, output) == ARM_CMSIS_NN_SUCCESS);
}

void nn_cmsis_depthwise(const struct nn_cmsis_conv* conv, const int8_t* input, uint32_t* buffer, int8_t* output) {
  const struct nn_window* w = &conv->window;
  const cmsis_nn_dw_conv_params params = {-conv->zero_in,
                                          conv->zero_out,
                                          conv->out_channels / conv->in_channels,
                                          {w->stride_x, w->stride_y},
                                          {w->left, w->top},
                                          {w->dilation_x, w->dilation_y},
                                          {conv->low, conv->high}};
  const cmsis_nn_per_channel_quant_params factors = {(int32_t*)conv->factors, (int32_t*)conv->shifts};
  const cmsis_nn_dims in = {1, w->in_height, w->in_width, conv->in_channels};
  const cmsis_nn_dims filter = {1, w->height, w->width, conv->out_channels};
  const cmsis_nn_dims bias = {1, 1, 1, conv->out_channels};
  const cmsis_nn_dims out = {1, w->out_height, w->out_width, conv->out_channels};
  const cmsis_nn_context context = {buffer, conv->buffer_bytes};
  stop_unless(arm_depthwise_conv_wrapper_s8_get_buffer_size(&params, &in, &filter, &out) <= conv->buffer_bytes);
  stop_unless(arm_depthwise_conv_wrapper_s8(&context, &params, &factors, &in, input, &filter, conv->filters, &bias,
                                            conv->biases, &out, output) == ARM_CMSIS_NN_SUCCESS);
}
#endif
