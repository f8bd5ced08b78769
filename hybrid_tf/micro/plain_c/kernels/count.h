/* How many bits of two rows of words differ. Words are added bit by bit, as hardware adders do, before bits are
 * counted: nine words become four, of the weights 1, 2, 4 and 8. */
#ifndef NN_COUNT_H
#define NN_COUNT_H

#include "nn.h"

#if defined(__GNUC__)
#define NN_UNROLL _Pragma("GCC unroll 16")
#else
#define NN_UNROLL
#endif

/* Adds two words to a sum, bit by bit; returns the carries. */
NN_INLINE uint32_t nn_add2(uint32_t* sum, uint32_t a, uint32_t b) {
  const uint32_t either = *sum ^ a, carry = (*sum & a) | (either & b);
  *sum = either ^ b;
  return carry;
}

/* Adds one word. */
NN_INLINE uint32_t nn_add1(uint32_t* sum, uint32_t a) {
  const uint32_t carry = *sum & a;
  *sum ^= a;
  return carry;
}

/* The number of bits in each group of four, as a number of four bits. */
NN_INLINE uint32_t nn_nibbles(uint32_t word) {
  const uint32_t pairs = word - (word >> 1 & 0x55555555u);
  return (pairs & 0x33333333u) + (pairs >> 2 & 0x33333333u);
}

/* Adds numbers of four bits to those beside them: numbers of eight. */
NN_INLINE uint32_t nn_bytes(uint32_t nibbles) { return (nibbles & 0x0f0f0f0fu) + (nibbles >> 4 & 0x0f0f0f0fu); }

/* The sum of four bytes, of at most `most`, a constant. */
NN_INLINE uint32_t nn_total(uint32_t bytes, uint32_t most) {
#if defined(__ARM_FEATURE_DSP)
  (void)most;
  return (uint32_t)__usad8(bytes, 0);
#else
  if (most <= 63u) return bytes * 0x01010101u >> 24;
  bytes = (bytes & 0x00ff00ffu) + (bytes >> 8 & 0x00ff00ffu);
  return bytes * 0x00010001u >> 16;
#endif
}

/* These return the number of different bits of so many words, in four bytes to be added up; 8 a word at most. */
NN_INLINE uint32_t nn_different1(const uint32_t* a, const uint32_t* b) {
  const uint32_t nibbles = nn_nibbles(a[0] ^ b[0]);
  return (nibbles + (nibbles >> 4)) & 0x0f0f0f0fu;
}

NN_INLINE uint32_t nn_different3(const uint32_t* a, const uint32_t* b) {
  uint32_t ones = a[0] ^ b[0];
  const uint32_t twos = nn_add2(&ones, a[1] ^ b[1], a[2] ^ b[2]);
  return nn_bytes(nn_nibbles(ones) + 2u * nn_nibbles(twos));
}

NN_INLINE uint32_t nn_different5(const uint32_t* a, const uint32_t* b) {
  uint32_t ones = a[0] ^ b[0], fours;
  uint32_t twos = nn_add2(&ones, a[1] ^ b[1], a[2] ^ b[2]);
  fours = nn_add1(&twos, nn_add2(&ones, a[3] ^ b[3], a[4] ^ b[4]));
  fours = nn_nibbles(fours);
  return nn_bytes(nn_nibbles(ones) + 2u * nn_nibbles(twos)) + 4u * ((fours + (fours >> 4)) & 0x0f0f0f0fu);
}

NN_INLINE uint32_t nn_different9(const uint32_t* a, const uint32_t* b) {
  uint32_t ones = a[0] ^ b[0], eights;
  uint32_t twos = nn_add2(&ones, a[1] ^ b[1], a[2] ^ b[2]);
  const uint32_t second = nn_add2(&ones, a[3] ^ b[3], a[4] ^ b[4]);
  const uint32_t third = nn_add2(&ones, a[5] ^ b[5], a[6] ^ b[6]);
  uint32_t fours = nn_add2(&twos, second, third);
  eights = nn_add1(&fours, nn_add1(&twos, nn_add2(&ones, a[7] ^ b[7], a[8] ^ b[8])));
  return nn_bytes(nn_nibbles(ones) + 2u * nn_nibbles(twos)) +
         4u * nn_bytes(nn_nibbles(fours) + 2u * nn_nibbles(eights));
}

/* The number of different bits of `words` words, a constant. */
NN_INLINE uint32_t nn_different(const uint32_t* a, const uint32_t* b, int32_t words) {
  uint32_t bytes = 0, total = 0;
  int32_t i = 0;
  for (; i + 9 <= words; i += 9) {
    bytes += nn_different9(a + i, b + i);
    if (i % 27 == 18) { /* three times 72 in a byte: no more fits */
      total += nn_total(bytes, 216u);
      bytes = 0;
    }
  }
  if (i + 5 <= words) bytes += nn_different5(a + i, b + i), i += 5;
  if (i + 3 <= words) bytes += nn_different3(a + i, b + i), i += 3;
  for (; i < words; ++i) bytes += nn_different1(a + i, b + i);
  return total + nn_total(bytes, words <= 7 ? 8u * (uint32_t)words : 208u);
}

#endif
