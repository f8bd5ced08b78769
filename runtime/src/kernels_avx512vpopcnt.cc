// Kernels for AVX-512 processors that count bits in vectors (VPOPCNTDQ): Ice Lake, Zen 4 and later.
#if defined(__x86_64__)

#include "avx512_impl.h"

namespace hybrid_tf {
namespace {

struct Avx512Vpopcnt : Avx512Vectors {
  static constexpr int kBconvPixels = 6;
  static constexpr int kCountsLimit = INT32_MAX;
  using Words = __m512i;
  using Input = __m512i;
  using Counts = __m512i;
  static Words load_words(const uint32_t* from) { return _mm512_loadu_si512(from); }
  static Input load_input(const uint32_t* from) { return _mm512_set1_epi32(static_cast<int32_t>(*from)); }
  static Counts no_counts() { return _mm512_setzero_si512(); }
  static Counts count(Counts counts, Input input, Words words) {
    return _mm512_add_epi32(counts, _mm512_popcnt_epi32(_mm512_xor_si512(input, words)));
  }
  static Int total(Int sum, Counts counts) { return _mm512_add_epi32(sum, counts); }
};

}  // namespace

extern const KernelSet kAvx512VpopcntKernels =
    make_kernel_set<Avx512Vpopcnt>("avx512vpopcnt", "AVX-512 with VPOPCNTDQ", &cpu_has_avx512_vpopcnt);

}  // namespace hybrid_tf

#endif
