// What CMSIS-NN says that its functions compute, in the plainest way: it shifts with halves away from zero.
#include <arm_nnfunctions.h>
#include <string.h>

static int32_t scaled(int32_t sum, int32_t multiplier, int32_t shift) {
  const int64_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  const int64_t high = ((int64_t)sum * ((int64_t)1 << left) * multiplier + ((int64_t)1 << 30)) >> 31;
  const int64_t half = right ? (int64_t)1 << (right - 1) : 0;
  return (int32_t)(high < 0 ? -((-high + half) >> right) : (high + half) >> right);
}

// `per_input` is 0 where each output reads all inputs, else the number of outputs of an input.
static void convolve(const cmsis_nn_context* ctx, const cmsis_nn_conv_params* p,
                     const cmsis_nn_per_channel_quant_params* quant, const cmsis_nn_dims* in, const int8_t* input,
                     const cmsis_nn_dims* filter, const int8_t* weights, const int32_t* bias, const cmsis_nn_dims* out,
                     int8_t* output, int32_t per_input) {
  const int32_t depth = per_input ? 1 : in->c;
  memset(ctx->buf, 0x55, (size_t)ctx->size);  // a buffer that is somebody else's shows in the scores
  for (int32_t y = 0; y < out->h; ++y) {
    for (int32_t x = 0; x < out->w; ++x) {
      for (int32_t c = 0; c < out->c; ++c) {
        int32_t sum = bias[c];
        for (int32_t row = 0; row < filter->h; ++row) {
          for (int32_t column = 0; column < filter->w; ++column) {
            const int32_t in_y = y * p->stride.h - p->padding.h + row * p->dilation.h;
            const int32_t in_x = x * p->stride.w - p->padding.w + column * p->dilation.w;
            const int32_t tap = row * filter->w + column;
            if (in_y < 0 || in_y >= in->h || in_x < 0 || in_x >= in->w) continue;
            for (int32_t i = 0; i < depth; ++i) {
              const int32_t channel = per_input ? c / per_input : i;
              const int32_t place = per_input ? tap * out->c + c : (c * filter->h * filter->w + tap) * in->c + i;
              sum += (input[(in_y * in->w + in_x) * in->c + channel] + p->input_offset) * weights[place];
            }
          }
        }
        sum = scaled(sum, quant->multiplier[c], quant->shift[c]) + p->output_offset;
        *output++ = (int8_t)(sum < p->activation.min   ? p->activation.min
                             : sum > p->activation.max ? p->activation.max
                                                       : sum);
      }
    }
  }
}

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params* conv_params,
                                                const cmsis_nn_dims* input_dims, const cmsis_nn_dims* filter_dims,
                                                const cmsis_nn_dims* output_dims) {
  (void)conv_params, (void)output_dims;
  return 4 * ((input_dims->c * filter_dims->w * filter_dims->h + 15) / 16) * 16;
}

arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context* ctx, const cmsis_nn_conv_params* conv_params,
                                            const cmsis_nn_per_channel_quant_params* quant_params,
                                            const cmsis_nn_dims* input_dims, const int8_t* input_data,
                                            const cmsis_nn_dims* filter_dims, const int8_t* filter_data,
                                            const cmsis_nn_dims* bias_dims, const int32_t* bias_data,
                                            const cmsis_nn_dims* output_dims, int8_t* output_data) {
  if (bias_dims->c != output_dims->c || filter_dims->n != output_dims->c) return ARM_CMSIS_NN_ARG_ERROR;
  convolve(ctx, conv_params, quant_params, input_dims, input_data, filter_dims, filter_data, bias_data, output_dims,
           output_data, 0);
  return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_depthwise_conv_wrapper_s8_get_buffer_size(const cmsis_nn_dw_conv_params* dw_conv_params,
                                                      const cmsis_nn_dims* input_dims, const cmsis_nn_dims* filter_dims,
                                                      const cmsis_nn_dims* output_dims) {
  (void)dw_conv_params, (void)output_dims;
  return 2 * input_dims->c * filter_dims->w * filter_dims->h;
}

arm_cmsis_nn_status arm_depthwise_conv_wrapper_s8(const cmsis_nn_context* ctx,
                                                  const cmsis_nn_dw_conv_params* dw_conv_params,
                                                  const cmsis_nn_per_channel_quant_params* quant_params,
                                                  const cmsis_nn_dims* input_dims, const int8_t* input,
                                                  const cmsis_nn_dims* filter_dims, const int8_t* filter,
                                                  const cmsis_nn_dims* bias_dims, const int32_t* bias,
                                                  const cmsis_nn_dims* output_dims, int8_t* output) {
  const cmsis_nn_conv_params params = {dw_conv_params->input_offset, dw_conv_params->output_offset,
                                       dw_conv_params->stride,       dw_conv_params->padding,
                                       dw_conv_params->dilation,     dw_conv_params->activation};
  if (bias_dims->c != output_dims->c || filter_dims->c != output_dims->c ||
      dw_conv_params->ch_mult * input_dims->c != output_dims->c) {
    return ARM_CMSIS_NN_ARG_ERROR;
  }
  convolve(ctx, &params, quant_params, input_dims, input, filter_dims, filter, bias, output_dims, output,
           dw_conv_params->ch_mult);
  return ARM_CMSIS_NN_SUCCESS;
}
