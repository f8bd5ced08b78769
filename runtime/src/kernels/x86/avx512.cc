// Kernels for AVX-512 processors that do not count bits in vectors: Skylake-X, Cascade Lake.
#if defined(__x86_64__)

#include "kernels/x86/avx512.h"

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

  template <int kStep>
  static void add_one(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    carry(carried, counts, _mm512_andnot_si512(p1, parity));
    parity = p1;
  }
  template <int kStep>
  static void add_two(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights)), p2 = differ(input + kStep, load_words(weights + kBconvBlock));
    carry(carried, counts, _mm512_ternarylogic_epi32(parity, p1, p2, kFall));
    parity = p2;
  }
  template <int kStep>
  static void add_four(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    const Words p2 = differ(input + kStep, load_words(weights + kBconvBlock));
    const Words p3 = differ(input + 2 * kStep, load_words(weights + 2 * kBconvBlock));
    const Words p4 = differ(input + 3 * kStep, load_words(weights + 3 * kBconvBlock));
    const Words a = _mm512_ternarylogic_epi32(parity, p1, p2, kFall);
    const Words b = _mm512_ternarylogic_epi32(p2, p3, p4, kFall);
    parity = p4;
    counts = count(counts, _mm512_ternarylogic_epi32(carried, a, b, kMajority));
    carried = _mm512_ternarylogic_epi32(carried, a, b, kOdd);
  }

  // Products of bytes as shorts: each channel has two sums, of two inputs each.
  static constexpr int kInt8Block = 32;
  static constexpr int kInt8Pixels = 4, kNarrowInt8Pixels = 8;
  static constexpr int kInputOffset = 0;
  struct Sums {
    __m512i low, high;  // of channels 0 to 7, and 8 to 15
  };
  using Inputs = __m512i;
  using Weights = Sums;
  static Sums no_sums() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
  static Int total_sums(Sums sums) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_add_epi32(_mm512_permutex2var_epi32(sums.low, even, sums.high),
                            _mm512_permutex2var_epi32(sums.low, odd, sums.high));
  }
  static Inputs inputs(int32_t four) { return _mm512_cvtepi8_epi16(_mm256_set1_epi32(four)); }
  static Weights load_weights(const int8_t* from) {
    const auto* vectors = reinterpret_cast<const __m256i*>(from);
    return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(vectors)), _mm512_cvtepi8_epi16(_mm256_loadu_si256(vectors + 1))};
  }
  static Sums multiply_add(Sums sums, Inputs x, Weights w) {
    return {_mm512_add_epi32(sums.low, _mm512_madd_epi16(x, w.low)),
            _mm512_add_epi32(sums.high, _mm512_madd_epi16(x, w.high))};
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
