/* The loops of layer.h for Armv8.1-M's vectors (Helium): output channels in lanes of 32 bits. Included by layer.h, with
 * its macros. */
#include <arm_mve.h>

/* 0, `row`, twice and three times `row`: where each lane's numbers begin. */
NN_INLINE uint32x4_t nn_rows(uint32_t row) { return vmulq_n_u32(vidupq_n_u32(0, 1), row); }

/* A linear function's result, shifted by a constant number of bits and within the range of int8, or of uint8: in the
 * highest byte first, where shifting saturates. */
#define nn_int8_x4(value, bits) vshrq_n_s32(vqshlq_n_s32(value, 24 - (bits)), 24)
#define nn_uint8_x4(value, bits) vreinterpretq_s32_u32(vshrq_n_u32(vqshluq_n_s32(value, 24 - (bits)), 24))

/* What the loops share. */
struct nn_helium {
  struct nn_layer layer; /* a copy, so that writing values cannot change it, and its numbers stay in registers */
#ifdef NN_CHANNELS
  uint8_t counts[256]; /* the number of bits of every byte: counting the bits of 16 bytes is one look-up */
#endif
};

NN_INLINE void nn_prepare(struct nn_helium* helium, const struct nn_layer* layer) {
#ifdef NN_CHANNELS
  static const uint8_t nibbles[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
  const uint8x16_t low = vld1q_u8(nibbles);
  int32_t high;
  for (high = 0; high < 16; ++high) vst1q_u8(helium->counts + 16 * high, vaddq_n_u8(low, nibbles[high]));
#endif
  helium->layer = *layer;
}

#ifdef NN_CHANNELS
/* The number of different bits of a word and of one word of each of four filters, in bytes. */
NN_INLINE uint32x4_t nn_different_x4(uint32x4_t word, const uint32_t* filter, uint32x4_t rows, const uint8_t* counts) {
  const uint32x4_t bits = veorq_u32(word, vldrwq_gather_shifted_offset_u32(filter, rows));
  return vreinterpretq_u32_u8(vldrbq_gather_offset_u8(counts, vreinterpretq_u8_u32(bits)));
}

/* The sum of a lane's four bytes. */
NN_INLINE uint32x4_t nn_total_x4(uint32x4_t bytes) {
  const uint8x16_t all = vreinterpretq_u8_u32(bytes);
  uint16x8_t pairs;
  if (NN_TAPS * NN_CHANNELS < 256) return vshrq_n_u32(vmulq_n_u32(bytes, 0x01010101u), 24);
  pairs = vaddq_u16(vmovlbq_u8(all), vmovltq_u8(all));
  return vaddq_u32(vmovlbq_u16(pairs), vmovltq_u16(pairs));
}

/* The numbers of different bits of a window and of eight filters. */
NN_INLINE void nn_different_x8(const uint32_t* window, const uint32_t* filter, const uint8_t* counts,
                               uint32x4_t totals[2]) {
  const uint32x4_t rows = nn_rows(NN_WORDS), more = vaddq_n_u32(rows, 4 * NN_WORDS);
  uint32x4_t first = vdupq_n_u32(0), second = first;
  int32_t i = 0;
  totals[0] = totals[1] = first;
  while (NN_WORDS - i > 27) { /* eight a word: a byte holds those of 31 words */
    const int32_t end = i + 27;
    for (; i < end; ++i) {
      const uint32x4_t word = vdupq_n_u32(window[i]);
      first = vaddq_u32(first, nn_different_x4(word, filter + i, rows, counts));
      second = vaddq_u32(second, nn_different_x4(word, filter + i, more, counts));
    }
    totals[0] = vaddq_u32(totals[0], nn_total_x4(first));
    totals[1] = vaddq_u32(totals[1], nn_total_x4(second));
    first = second = vdupq_n_u32(0);
  }
  NN_UNROLL
  for (; i < NN_WORDS; ++i) {
    const uint32x4_t word = vdupq_n_u32(window[i]);
    first = vaddq_u32(first, nn_different_x4(word, filter + i, rows, counts));
    second = vaddq_u32(second, nn_different_x4(word, filter + i, more, counts));
  }
  totals[0] = vaddq_u32(totals[0], nn_total_x4(first));
  totals[1] = vaddq_u32(totals[1], nn_total_x4(second));
}
#endif

/* As nn_finish, without signs: four channels from `channel` on, whose parameters lie at the addresses `at`. */
NN_INLINE void nn_finish_x4(const struct nn_layer* layer, int32_t channel, uint32x4_t at, int32x4_t value,
                            const int8_t* map, int8_t* out) {
#define NN_PARAMETER(i) vldrwq_gather_base_s32(at, 4 * (i))
  (void)layer, (void)channel, (void)at, (void)map;
#if defined(NN_THRESHOLD)
  value = vshrq_n_s32(vsubq_s32(NN_PARAMETER(0), value), 31);
#elif defined(NN_TABLE)
  {
    const uint32x4_t place = vaddq_u32(vreinterpretq_u32_s32(value), nn_rows((uint32_t)layer->table_bytes));
    value = vldrbq_gather_offset_s32(layer->tables + channel * layer->table_bytes, place);
    value = vaddq_n_s32(value, NN_TABLE_RAISED);
  }
#elif defined(NN_CHANNELS)
  value = vaddq_s32(vmulq_s32(value, NN_PARAMETER(0)), NN_PARAMETER(1));
  value = NN_X4(NN_SUM_RESULT)(value, NN_SUM_BITS);
#endif
#ifdef NN_ADD
  value = vmlaq_n_s32(vmulq_n_s32(value, layer->add_value), vldrbq_s32(map), layer->add_map);
  value = NN_X4(NN_ADD_RESULT)(vaddq_n_s32(value, layer->add_bias), NN_ADD_BITS);
#endif
#ifdef NN_PRELU
  {
    const mve_pred16_t below = vcmpltq_n_s32(value, layer->prelu_zero);
    const int32x4_t above = vaddq_n_s32(vmulq_n_s32(value, layer->prelu_factor), layer->prelu_bias);
    value = vmulq_s32(value, NN_PARAMETER(NN_SUM_PARAMETERS));
    value = vaddq_m_s32(above, value, NN_PARAMETER(NN_SUM_PARAMETERS + 1), below);
    value = NN_X4(NN_PRELU_RESULT)(value, NN_PRELU_BITS);
  }
#endif
#ifdef NN_SHIFT
  value = vmlaq_n_s32(NN_PARAMETER(NN_SUM_PARAMETERS + NN_PRELU_PARAMETERS), value, layer->shift_factor);
  value = nn_int8_x4(value, NN_SHIFT_BITS);
#endif
  vstrbq_s32(out, value);
}

/* A pixel's channels from `first` on, a multiple of eight; `input` is its window, or its int8 values. Returns signs. */
#ifdef NN_CHANNELS
NN_INLINE uint32_t nn_block_x8(const struct nn_helium* helium, int32_t first, int32_t channels, const uint32_t* input,
                               const uint32_t* filter, const int8_t* map, int8_t* out) {
#else
NN_INLINE uint32_t nn_block_x8(const struct nn_helium* helium, int32_t first, int32_t channels, const int8_t* input,
                               const int8_t* map, int8_t* out) {
#endif
  const struct nn_layer* layer = &helium->layer;
  uint32x4_t at = vaddq_n_u32(nn_rows(4 * NN_PARAMETERS), (uint32_t)(layer->parameters + first * NN_PARAMETERS));
  const uint32_t step = 16 * NN_PARAMETERS;
  uint32_t signs = 0;
  int32_t c;
#ifndef NN_VALUES
  int8_t values[NN_BLOCK];
  out = values;
#endif
#ifndef NN_ADD
  map = out;
#endif
  for (c = 0; c < channels; c += 8, at = vaddq_n_u32(at, step)) {
    uint32x4_t totals[2];
#ifdef NN_CHANNELS
    nn_different_x8(input, filter, helium->counts, totals);
    filter += 8 * NN_WORDS;
#else
    totals[0] = vreinterpretq_u32_s32(vldrbq_s32(input + c));
    totals[1] = vreinterpretq_u32_s32(vldrbq_s32(input + c + 4));
#endif
    nn_finish_x4(layer, first + c, at, vreinterpretq_s32_u32(totals[0]), map + c, out + c);
    at = vaddq_n_u32(at, step);
    nn_finish_x4(layer, first + c + 4, at, vreinterpretq_s32_u32(totals[1]), map + c + 4, out + c + 4);
  }
#ifdef NN_SIGNS
  for (c = 0; c < channels; c += 16) {
    const mve_pred16_t taken = vctp8q((uint32_t)(channels - c));
#ifdef NN_THRESHOLD
    const int8_t zero = 0;
#else
    const int8_t zero = (int8_t)layer->zero;
#endif
    signs |= (uint32_t)vcmpltq_m_n_s8(vldrbq_z_s8(out + c, taken), zero, taken) << c;
  }
#endif
  return signs;
}
