/* The loops of layer.h for Armv8.1-M's vectors (Helium): four output channels at a time, in 32 bits each. Included by
 * layer.h, with its macros. */
#include <arm_mve.h>

/* The first word of each of four rows of `row` words. */
NN_INLINE uint32x4_t nn_rows(int32_t row) { return vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)row); }

#ifdef NN_CHANNELS
NN_INLINE uint32x4_t nn_add2_x4(uint32x4_t* sum, uint32x4_t a, uint32x4_t b) {
  const uint32x4_t either = veorq_u32(*sum, a);
  const uint32x4_t carry = vorrq_u32(vandq_u32(*sum, a), vandq_u32(either, b));
  *sum = veorq_u32(either, b);
  return carry;
}

NN_INLINE uint32x4_t nn_add1_x4(uint32x4_t* sum, uint32x4_t a) {
  const uint32x4_t carry = vandq_u32(*sum, a);
  *sum = veorq_u32(*sum, a);
  return carry;
}

NN_INLINE uint32x4_t nn_nibbles_x4(uint32x4_t word) {
  const uint32x4_t threes = vdupq_n_u32(0x33333333u);
  const uint32x4_t pairs = vsubq_u32(word, vandq_u32(vshrq_n_u32(word, 1), vdupq_n_u32(0x55555555u)));
  return vaddq_u32(vandq_u32(pairs, threes), vandq_u32(vshrq_n_u32(pairs, 2), threes));
}

NN_INLINE uint32x4_t nn_bytes_x4(uint32x4_t nibbles) {
  const uint32x4_t low = vdupq_n_u32(0x0f0f0f0fu);
  return vaddq_u32(vandq_u32(nibbles, low), vandq_u32(vshrq_n_u32(nibbles, 4), low));
}

NN_INLINE uint32x4_t nn_twice(uint32x4_t ones, uint32x4_t twos) {
  return vaddq_u32(nn_nibbles_x4(ones), vshlq_n_u32(nn_nibbles_x4(twos), 1));
}

#define NN_WORD(i) veorq_u32(vldrwq_gather_shifted_offset_u32(filter + (i), rows), vdupq_n_u32(window[i]))

/* The numbers of different bits of up to nine words, in bytes: words beyond `words` count as equal. */
NN_INLINE uint32x4_t nn_different9_x4(const uint32_t* window, const uint32_t* filter, uint32x4_t rows, int32_t words) {
  const uint32x4_t none = vdupq_n_u32(0);
  uint32x4_t ones = NN_WORD(0), twos, second, fours, eights;
  if (words == 1) return nn_bytes_x4(nn_nibbles_x4(ones));
  twos = nn_add2_x4(&ones, NN_WORD(1), words > 2 ? NN_WORD(2) : none);
  if (words <= 3) return nn_bytes_x4(nn_twice(ones, twos));
  second = nn_add2_x4(&ones, NN_WORD(3), words > 4 ? NN_WORD(4) : none);
  if (words <= 5) {
    fours = nn_add1_x4(&twos, second);
    fours = nn_bytes_x4(nn_nibbles_x4(fours));
    return vaddq_u32(nn_bytes_x4(nn_twice(ones, twos)), vshlq_n_u32(fours, 2));
  }
  fours = nn_add2_x4(&twos, second, nn_add2_x4(&ones, NN_WORD(5), words > 6 ? NN_WORD(6) : none));
  if (words <= 7)
    return vaddq_u32(nn_bytes_x4(nn_twice(ones, twos)), vshlq_n_u32(nn_bytes_x4(nn_nibbles_x4(fours)), 2));
  eights = nn_add1_x4(&fours, nn_add1_x4(&twos, nn_add2_x4(&ones, NN_WORD(7), words > 8 ? NN_WORD(8) : none)));
  return vaddq_u32(nn_bytes_x4(nn_twice(ones, twos)), vshlq_n_u32(nn_bytes_x4(nn_twice(fours, eights)), 2));
}

NN_INLINE uint32x4_t nn_total_x4(uint32x4_t bytes) {
  const uint8x16_t all = vreinterpretq_u8_u32(bytes);
  const uint16x8_t pairs = vaddq_u16(vmovlbq_u8(all), vmovltq_u8(all));
  return vaddq_u32(vmovlbq_u16(pairs), vmovltq_u16(pairs));
}

/* The numbers of different bits of a window and of four filters. */
NN_INLINE uint32x4_t nn_different_x4(const uint32_t* window, const uint32_t* filter, uint32x4_t rows) {
  uint32x4_t total = vdupq_n_u32(0), bytes = total;
  int32_t i = 0;
  for (; i + 9 <= NN_WORDS; i += 9) {
    const uint32x4_t found = nn_different9_x4(window + i, filter + i, rows, 9);
    bytes = i % 27 == 0 ? found : vaddq_u32(bytes, found);
    if (i % 27 == 18 || i + 9 == NN_WORDS) total = vaddq_u32(total, nn_total_x4(bytes));
  }
  if (i < NN_WORDS) {
    const uint32x4_t found = nn_different9_x4(window + i, filter + i, rows, NN_WORDS - i);
    total = vaddq_u32(total, nn_total_x4(i % 27 == 0 ? found : vaddq_u32(bytes, found)));
  }
  return total;
}
#endif

NN_INLINE int32x4_t nn_uint8_x4(int32x4_t value) {
  return vminq_s32(vmaxq_s32(value, vdupq_n_s32(0)), vdupq_n_s32(255));
}

NN_INLINE int32x4_t nn_int8_x4(int32x4_t value) {
  return vminq_s32(vmaxq_s32(value, vdupq_n_s32(-128)), vdupq_n_s32(127));
}

/* As nn_finish, of a number of channels that is a multiple of four. */
NN_INLINE uint32_t nn_finish_x4(const struct nn_layer* layer, int32_t first, int32_t channels, const nn_value* values,
                                const int8_t* map, int8_t* out) {
  const int32_t* parameters = layer->parameters + first * NN_PARAMETERS;
  const uint32x4_t rows = nn_rows(NN_PARAMETERS);
#ifdef NN_ADD
  const int32_t add_value = layer->add_value, add_map = layer->add_map, add_bias = layer->add_bias;
#endif
#ifdef NN_PRELU
  const int32_t prelu_zero = layer->prelu_zero, prelu_factor = layer->prelu_factor, prelu_bias = layer->prelu_bias;
#endif
#ifdef NN_SHIFT
  const int32_t shift_factor = layer->shift_factor;
#endif
#ifdef NN_SIGNS
  const int32_t zero = layer->zero;
#endif
  uint32_t signs = 0;
  int32_t c;
  (void)parameters, (void)rows, (void)map, (void)out, (void)signs;
#define NN_PARAMETER(i) vldrwq_gather_shifted_offset_s32(parameters + (i), rows)
  for (c = 0; c < channels; c += 4, parameters += 4 * NN_PARAMETERS) {
#ifdef NN_CHANNELS
    int32x4_t value = vreinterpretq_s32_u32(vldrhq_u32(values + c));
    value = vaddq_s32(vmulq_s32(value, NN_PARAMETER(0)), NN_PARAMETER(1));
    value = NN_X4(NN_SUM_RESULT)(vshrq_n_s32(value, NN_SUM_BITS));
#else
    int32x4_t value = vldrbq_s32(values + c);
#endif
#ifdef NN_ADD
    {
      const int32x4_t added = vaddq_n_s32(vmulq_n_s32(vldrbq_s32(map + c), add_map), add_bias);
      value = NN_X4(NN_ADD_RESULT)(vshrq_n_s32(vmlaq_n_s32(added, value, add_value), NN_ADD_BITS));
    }
#endif
#ifdef NN_PRELU
    {
      const mve_pred16_t below = vcmpltq_n_s32(value, prelu_zero);
      const int32x4_t above = vaddq_n_s32(vmulq_n_s32(value, prelu_factor), prelu_bias);
      value = vmulq_s32(value, NN_PARAMETER(NN_SUM_PARAMETERS));
      value = vaddq_m_s32(above, value, NN_PARAMETER(NN_SUM_PARAMETERS + 1), below);
      value = NN_X4(NN_PRELU_RESULT)(vshrq_n_s32(value, NN_PRELU_BITS));
    }
#endif
#ifdef NN_SHIFT
    value = vmlaq_n_s32(NN_PARAMETER(NN_SUM_PARAMETERS + NN_PRELU_PARAMETERS), value, shift_factor);
    value = nn_int8_x4(vshrq_n_s32(value, NN_SHIFT_BITS));
#endif
#ifdef NN_VALUES
    vstrbq_s32(out + c, value);
#endif
#ifdef NN_SIGNS
    { /* of the four bits that a lane has in the mask, one */
      const uint32_t mask = vcmpltq_n_s32(value, zero) & 0x1111u;
      signs |= ((mask | mask >> 3 | mask >> 6 | mask >> 9) & 15u) << c;
    }
#endif
  }
  return signs;
}
