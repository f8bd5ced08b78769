/* From int8 values to signs and back. */
#include "nn.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

void nn_signs_of(const struct nn_signs* signs, const int8_t* input, uint32_t* output) {
  const int32_t zero = signs->zero, words = (signs->channels + 31) / 32;
  int32_t x, y, c, i;
  for (y = 0; y < signs->height; ++y) {
    uint32_t* to = output + y * signs->row;
    for (x = 0; x < signs->width; ++x) {
      for (i = 0; i < words; ++i) {
        const int32_t channels = signs->channels - 32 * i < 32 ? signs->channels - 32 * i : 32;
        uint32_t word = 0;
#if defined(__ARM_FEATURE_MVE)
        for (c = 0; c < channels; c += 16) {
          const mve_pred16_t taken = vctp8q((uint32_t)(channels - c));
          word |= (uint32_t)vcmpltq_m_n_s8(vldrbq_z_s8(input + c, taken), (int8_t)zero, taken) << c;
        }
        input += channels;
        *to++ = word;
#else
        for (c = 0; c < channels; ++c) word = word >> 1 | ((uint32_t)(*input++ - zero) & 0x80000000u);
        *to++ = word >> (32 - channels);
#endif
      }
    }
  }
}

void nn_int8_of_signs(const struct nn_signs* signs, int8_t minus, int8_t plus, const uint32_t* input, int8_t* output) {
  const int32_t words = (signs->channels + 31) / 32;
  int32_t x, y, c;
  for (y = 0; y < signs->height; ++y) {
    for (x = 0; x < signs->width; ++x) {
      const uint32_t* from = input + y * signs->row + x * words;
      for (c = 0; c < signs->channels; ++c) *output++ = from[c / 32] >> (c % 32) & 1u ? minus : plus;
    }
  }
}
