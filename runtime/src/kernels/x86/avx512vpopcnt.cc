// Kernels for AVX-512 processors that count bits in vectors (VPOPCNTDQ) and multiply bytes (VNNI): Ice Lake, Zen 4 and
// later.
#if defined(__x86_64__)

#include "kernels/x86/avx512.h"

namespace hybrid_tf {
namespace {

struct Avx512Vpopcnt : Avx512Vectors {
  static constexpr int kTilePixels = 3;
  static constexpr bool kCarries = false;
  static constexpr int kCountsLimit = INT32_MAX;
  using Counts = __m512i;
  static Counts no_counts() { return _mm512_setzero_si512(); }
  static Counts count(Counts counts, Words words) { return _mm512_add_epi32(counts, _mm512_popcnt_epi32(words)); }
  static Int total(Counts counts) { return counts; }

  template <int kStep>
  static void add_one(Words& parity, Words&, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    counts = count(counts, _mm512_andnot_si512(p1, parity));
    parity = p1;
  }
  template <int kStep>
  static void add_two(Words& parity, Words&, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights)), p2 = differ(input + kStep, load_words(weights + kBconvBlock));
    counts = count(counts, _mm512_ternarylogic_epi32(parity, p1, p2, kFall));
    parity = p2;
  }
  // In assembly because a tile needs 30 of the 32 registers, in just this order.
  template <int kStep>
  static void add_four(Words& parity, Words&, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    Words a, b;
    __asm__(
        "vpxord %[x1]%{1to16%}, %[w1], %[a]\n\t"
        "vpxord %[x2]%{1to16%}, %[w2], %[b]\n\t"
        "vpternlogd %[fall], %[b], %[a], %[parity]\n\t"
        "vpopcntd %[parity], %[parity]\n\t"
        "vpaddd %[parity], %[counts], %[counts]\n\t"
        "vpxord %[x3]%{1to16%}, %[w3], %[a]\n\t"
        "vpxord %[x4]%{1to16%}, %[w4], %[parity]\n\t"
        "vpternlogd %[fall], %[parity], %[a], %[b]\n\t"
        "vpopcntd %[b], %[b]\n\t"
        "vpaddd %[b], %[counts], %[counts]"
        : [parity] "+v"(parity), [counts] "+v"(counts), [a] "=&v"(a), [b] "=&v"(b)
        : [x1] "m"(input[0]), [x2] "m"(input[kStep]), [x3] "m"(input[2 * kStep]), [x4] "m"(input[3 * kStep]),
          [w1] "v"(load_words(weights)), [w2] "v"(load_words(weights + kBconvBlock)),
          [w3] "v"(load_words(weights + 2 * kBconvBlock)), [w4] "v"(load_words(weights + 3 * kBconvBlock)),
          [fall] "i"(kFall));
  }

  // The products are of unsigned inputs.
  static constexpr int kInt8Block = 64;
  static constexpr int kInt8Pixels = 6, kNarrowInt8Pixels = 8;
  static constexpr int kInputOffset = 128;
  using Sums = __m512i;
  using Inputs = __m512i;
  using Weights = __m512i;
  static Sums no_sums() { return _mm512_setzero_si512(); }
  static Int total_sums(Sums sums) { return sums; }
  static Inputs inputs(int32_t four) { return _mm512_xor_si512(_mm512_set1_epi32(four), _mm512_set1_epi8(-128)); }
  static Weights load_weights(const int8_t* from) { return _mm512_loadu_si512(from); }
  static Sums multiply_add(Sums sums, Inputs x, Weights w) { return _mm512_dpbusd_epi32(sums, x, w); }
};

}  // namespace

extern const KernelSet kAvx512VpopcntKernels =
    make_parity_kernel_set<Avx512Vpopcnt>("avx512vpopcnt", "AVX-512 with VPOPCNTDQ and VNNI", &cpu_has_avx512_vpopcnt);

}  // namespace hybrid_tf

#endif
