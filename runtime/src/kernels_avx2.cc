// Kernels for AVX2 processors: Haswell, Zen and later.
#if defined(__x86_64__)

#include <immintrin.h>

#include "parity_bconv_impl.h"

namespace hybrid_tf {
namespace {

struct Avx2 {
  static constexpr int kLanes = 8;
  using Float = __m256;
  using Int = __m256i;

  // -1 in the first n lanes.
  static __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Float load(const float* from) { return _mm256_loadu_ps(from); }
  static Float load_some(const float* from, int n) { return _mm256_maskload_ps(from, first(n)); }
  static void store(float* to, Float a) { _mm256_storeu_ps(to, a); }
  static void store_some(float* to, Float a, int n) { _mm256_maskstore_ps(to, first(n), a); }
  static Float set(float value) { return _mm256_set1_ps(value); }
  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static Float min(Float a, Float b) { return _mm256_min_ps(a, b); }
  static uint32_t negative(Float a) { return bits(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_LT_OQ)); }

  static Int load_int(const int32_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static Int set_int(int32_t value) { return _mm256_set1_epi32(value); }
  static Int add_int(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static Int subtract_int(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  static Float to_float(Int a) { return _mm256_cvtepi32_ps(a); }
  static uint32_t greater(Int a, Int b) { return bits(_mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b))); }
  // Adding the largest float below a half, with the number's sign, then dropping the fraction, rounds half away from
  // zero without carrying 0.49999997 up to 1.
  static void store_int8(int8_t* to, Float a, int n) {
    const __m256 half = _mm256_or_ps(_mm256_and_ps(a, set(-0.0f)), set(0.49999997f));
    const Int whole = _mm256_cvttps_epi32(_mm256_add_ps(a, half));
    const __m128i shorts = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    const int64_t bytes = _mm_cvtsi128_si64(_mm_packs_epi16(shorts, shorts));
    if (n == kLanes) {
      __builtin_memcpy(to, &bytes, kLanes);
    } else {
      for (int i = 0; i < n; ++i) to[i] = static_cast<int8_t>(bytes >> (8 * i));
    }
  }

  static constexpr int kBconvBlock = 16;
  static constexpr int kTilePixels = 3;
  static constexpr bool kCarries = true;
  using Words = __m256i;
  static Words zeros() { return _mm256_setzero_si256(); }
  static Words load_words(const uint32_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static Words differ(const uint32_t* input, Words words) {
    return _mm256_xor_si256(_mm256_set1_epi32(static_cast<int32_t>(*input)), words);
  }
  // Bits are counted by looking up the set bits of every four bits in a register of 16 counts.
  static constexpr int kCountsLimit = 31;  // a byte of Counts grows by up to 8
  using Counts = __m256i;
  static Counts no_counts() { return _mm256_setzero_si256(); }
  static Counts count(Counts counts, Words words) {
    const __m256i table = _mm256_setr_epi32(0x02010100, 0x03020201, 0x03020201, 0x04030302,  //
                                            0x02010100, 0x03020201, 0x03020201, 0x04030302);
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(words, nibble));
    const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(words, 4), nibble));
    return _mm256_add_epi8(_mm256_add_epi8(counts, low), high);
  }
  static Int total(Counts counts) {
    const __m256i pairs = _mm256_maddubs_epi16(counts, _mm256_set1_epi8(1));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  }

  static void add_one(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    carry(carried, counts, _mm256_andnot_si256(p1, parity));
    parity = p1;
  }
  static void add_two(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights)), p2 = differ(input + 1, load_words(weights + kBconvBlock));
    carry(carried, counts, fall(parity, p1, p2));
    parity = p2;
  }
  static void add_four(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    const Words p2 = differ(input + 1, load_words(weights + kBconvBlock));
    const Words p3 = differ(input + 2, load_words(weights + 2 * kBconvBlock));
    const Words p4 = differ(input + 3, load_words(weights + 3 * kBconvBlock));
    const Words a = fall(parity, p1, p2), b = fall(p2, p3, p4);
    parity = p4;
    const Words odd = _mm256_xor_si256(carried, a);
    counts = count(counts, _mm256_or_si256(_mm256_and_si256(carried, a), _mm256_and_si256(odd, b)));
    carried = _mm256_xor_si256(odd, b);
  }

  static constexpr int kFconvBlock = 16;
  static constexpr int kFconvPixels = 6;

 private:
  static Words fall(Words p, Words p1, Words p2) {
    return _mm256_or_si256(_mm256_andnot_si256(p2, p1), _mm256_andnot_si256(p1, p));
  }
  static void carry(Words& carried, Counts& counts, Words fall) {
    counts = count(counts, _mm256_and_si256(carried, fall));
    carried = _mm256_xor_si256(carried, fall);
  }
  static uint32_t bits(__m256 mask) { return static_cast<uint32_t>(_mm256_movemask_ps(mask)); }
};

}  // namespace

extern const KernelSet kAvx2Kernels = make_parity_kernel_set<Avx2>("avx2", "AVX2 with FMA", &cpu_has_avx2);

}  // namespace hybrid_tf

#endif
