// Kernels for AVX-512 processors that do not count bits in vectors: Skylake-X, Cascade Lake.
#if defined(__x86_64__)

#include "avx512_impl.h"

namespace hybrid_tf {
namespace {

// Bits are counted by looking up the set bits of every four bits in a register of 16 counts.
struct Avx512 : Avx512Vectors {
  static constexpr int kBconvPixels = 4;
  static constexpr int kCountsLimit = 31;  // words: a byte of Counts grows by up to 8 with each
  // A word and the same word with the upper half of each byte moved down.
  struct Halves {
    __m512i low, high;
  };
  using Words = Halves;
  using Input = Halves;
  using Counts = __m512i;
  static Words load_words(const uint32_t* from) { return halves(_mm512_loadu_si512(from)); }
  static Input load_input(const uint32_t* from) { return halves(_mm512_set1_epi32(static_cast<int32_t>(*from))); }
  static Counts no_counts() { return _mm512_setzero_si512(); }
  static Counts count(Counts counts, Input input, Words words) {
    const __m512i table = _mm512_set4_epi32(0x04030302, 0x03020201, 0x03020201, 0x02010100);
    const __m512i low = _mm512_shuffle_epi8(table, differ(input.low, words.low));
    const __m512i high = _mm512_shuffle_epi8(table, differ(input.high, words.high));
    return _mm512_add_epi8(counts, _mm512_add_epi8(low, high));
  }
  static Int total(Int sum, Counts counts) {
    const __m512i pairs = _mm512_maddubs_epi16(counts, _mm512_set1_epi8(1));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }

 private:
  static Halves halves(__m512i words) { return {words, _mm512_srli_epi32(words, 4)}; }
  // The lower four bits of each byte of a ^ b.
  static __m512i differ(__m512i a, __m512i b) {
    return _mm512_ternarylogic_epi32(a, b, _mm512_set1_epi8(0x0f), 0x28);
  }
};

}  // namespace

extern const KernelSet kAvx512Kernels = make_kernel_set<Avx512>("avx512", "AVX-512 (F, BW, DQ, VL)", &cpu_has_avx512);

}  // namespace hybrid_tf

#endif
