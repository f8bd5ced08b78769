// Counts of set bits for processors without an instruction for it: the words of a window are first added up bit by bit
// with full adders, so that what follows, the sums within a word, happens once for several words.
//
// `Word` is uint32_t, or a vector of them. `word(i)` gives the i-th word to count.
#pragma once

#include <cstdint>

// Compilers for small code do not inline these by themselves, which costs more than it saves.
#define HYBRID_TF_INLINE inline __attribute__((always_inline))

namespace hybrid_tf {
namespace micro {

// Of three bits of equal weight: their sum's lower bit, and the upper one.
template <class Word>
struct FullAdder {
  HYBRID_TF_INLINE FullAdder(Word a, Word b, Word c) {
    const Word either = a ^ b;
    sum = either ^ c;
    carry = (a & b) | (either & c);
  }
  Word sum, carry;
};

// A mask that the compiler keeps in a register, where it can: ARM shifts the other operand in the same instruction
// then.
HYBRID_TF_INLINE uint32_t in_register(uint32_t mask) {
#if defined(__thumb2__) && !defined(HYBRID_TF_MICRO_VECTORS)
  __asm__("" : "+r"(mask));
#endif
  return mask;
}

// The sums of four bits, in four bits each.
template <class Word>
HYBRID_TF_INLINE Word nibbles(Word x) {
  const uint32_t ones = in_register(0x55555555u), twos = in_register(0x33333333u);
  const Word pairs = x - ((x >> 1) & ones);
  return (pairs & twos) + ((pairs >> 2) & twos);
}

// Sums in four bits to sums in eight. The first is for nibbles up to 7.
template <class Word>
HYBRID_TF_INLINE Word bytes_of_small(Word nibble) {
  return (nibble + (nibble >> 4)) & 0x0f0f0f0fu;
}
template <class Word>
HYBRID_TF_INLINE Word bytes(Word nibble) {
  const uint32_t fours = in_register(0x0f0f0f0fu);
  return (nibble & fours) + ((nibble >> 4) & fours);
}

// The set bits of `kWords` words, 9, 3 or 1, as one sum in each byte: up to 72, 24 and 8.
template <class Word, int kWords, class Source>
HYBRID_TF_INLINE Word count_bytes(const Source& word) {
  if constexpr (kWords == 9) {
    const FullAdder<Word> a(word(0), word(1), word(2)), b(word(3), word(4), word(5)), c(word(6), word(7), word(8));
    const FullAdder<Word> ones(a.sum, b.sum, c.sum), twos(a.carry, b.carry, c.carry);
    const Word two = bytes(nibbles(ones.carry) + nibbles(twos.sum));
    return bytes_of_small(nibbles(ones.sum)) + (two << 1) + (bytes_of_small(nibbles(twos.carry)) << 2);
  } else if constexpr (kWords == 3) {
    const FullAdder<Word> adder(word(0), word(1), word(2));
    return bytes(nibbles(adder.sum) + (nibbles(adder.carry) << 1));
  } else {
    static_assert(kWords == 1, "not implemented");
    return bytes_of_small(nibbles(word(0)));
  }
}

// Counts a run of `words` words for several outputs: `Pass<n>::run(at, repeats)` adds up `repeats` times n words from
// word `at` on, for all of them. Loops of their own, so that what is in them fits into registers.
template <template <int> class Pass, class... Arguments>
inline void count_run(int32_t words, const Arguments&... arguments) {
  const int32_t nines = Pass<9>::kUsed ? words / 9 : 0;
  if (nines > 0) Pass<9>::run(0, nines, arguments...);
  const int32_t counted = nines * 9, threes = (words - counted) / 3;
  if (threes > 0) Pass<3>::run(counted, threes, arguments...);
  const int32_t ones = words - counted - threes * 3;
  if (ones > 0) Pass<1>::run(words - ones, ones, arguments...);
}

}  // namespace micro
}  // namespace hybrid_tf
