// Kernels for AVX-512 processors that do not count bits in vectors: Skylake-X, Cascade Lake.
#if defined(__x86_64__)

#include "avx512_impl.h"

namespace hybrid_tf {
namespace {

// Bits are counted by looking up the set bits of every four bits in a register of 16 counts.
struct Avx512 : Avx512Vectors {
  static constexpr int kTilePixels = 1;
  static constexpr bool kCarries = true;
  static constexpr int kCountsLimit = 31;  // a byte of Counts grows by up to 8
  using Counts = __m512i;
  static Counts no_counts() { return _mm512_setzero_si512(); }
  static Counts count(Counts counts, Words words) {
    const __m512i table = _mm512_set4_epi32(0x04030302, 0x03020201, 0x03020201, 0x02010100);
    const __m512i nibble = _mm512_set1_epi8(0x0f);
    const __m512i low = _mm512_shuffle_epi8(table, _mm512_and_si512(words, nibble));
    const __m512i high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(words, 4), nibble));
    return _mm512_add_epi8(counts, _mm512_add_epi8(low, high));
  }
  static Int total(Counts counts) {
    const __m512i pairs = _mm512_maddubs_epi16(counts, _mm512_set1_epi8(1));
    return _mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
  }

  static void add_one(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    carry(carried, counts, _mm512_andnot_si512(p1, parity));
    parity = p1;
  }
  static void add_two(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights)), p2 = differ(input + 1, load_words(weights + kBconvBlock));
    carry(carried, counts, _mm512_ternarylogic_epi32(parity, p1, p2, kFall));
    parity = p2;
  }
  static void add_four(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    const Words p2 = differ(input + 1, load_words(weights + kBconvBlock));
    const Words p3 = differ(input + 2, load_words(weights + 2 * kBconvBlock));
    const Words p4 = differ(input + 3, load_words(weights + 3 * kBconvBlock));
    const Words a = _mm512_ternarylogic_epi32(parity, p1, p2, kFall);
    const Words b = _mm512_ternarylogic_epi32(p2, p3, p4, kFall);
    parity = p4;
    counts = count(counts, _mm512_ternarylogic_epi32(carried, a, b, kMajority));
    carried = _mm512_ternarylogic_epi32(carried, a, b, kOdd);
  }

 private:
  static void carry(Words& carried, Counts& counts, Words fall) {
    counts = count(counts, _mm512_and_si512(carried, fall));
    carried = _mm512_xor_si512(carried, fall);
  }
};

}  // namespace

extern const KernelSet kAvx512Kernels =
    make_parity_kernel_set<Avx512>("avx512", "AVX-512 (F, BW, DQ, VL)", &cpu_has_avx512);

}  // namespace hybrid_tf

#endif
