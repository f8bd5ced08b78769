// What an instruction set could do at best: counting binary products, and full-precision ones, with nothing else to do.
//
// Binary: exclusive or, population count and addition, the operands in the first cache. Float: multiply-add on
// registers. Each function returns how many products one call made.
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif

int64_t popcount_ceiling(const char* kernels, const uint32_t* words);
int64_t fma_ceiling(const char* kernels, const float* values);

namespace {

// Keeps the compiler from dropping a result.
template <typename T>
inline void use(const T& value) {
  __asm__ volatile("" : : "m"(value));
}

constexpr int kWords = 4096;  // 16 KB

#if defined(__x86_64__)

__attribute__((target("avx512f,avx512vpopcntdq"))) int64_t vpopcnt_products(const uint32_t* words) {
  __m512i inputs[8], sums[8];
  for (int i = 0; i < 8; ++i) {
    inputs[i] = _mm512_set1_epi32(static_cast<int>(words[i]));
    sums[i] = _mm512_setzero_si512();
  }
  for (int w = 0; w < kWords; w += 16) {
    const __m512i weights = _mm512_loadu_si512(words + w);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      sums[i] = _mm512_add_epi32(sums[i], _mm512_popcnt_epi32(_mm512_xor_si512(weights, inputs[i])));
    }
  }
  use(sums);
  return int64_t{kWords} * 32 * 8;
}

__attribute__((target("avx512f,avx512bw"))) int64_t avx512_lookup_products(const uint32_t* words) {
  const __m512i table = _mm512_set4_epi32(0x04030302, 0x03020201, 0x03020201, 0x02010100);
  const __m512i nibble = _mm512_set1_epi8(0x0f);
  __m512i inputs[8], sums[8];
  for (int i = 0; i < 8; ++i) {
    inputs[i] = _mm512_set1_epi32(static_cast<int>(words[i]));
    sums[i] = _mm512_setzero_si512();
  }
  for (int w = 0; w < kWords; w += 16) {
    const __m512i weights = _mm512_loadu_si512(words + w);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const __m512i x = _mm512_xor_si512(weights, inputs[i]);
      const __m512i low = _mm512_shuffle_epi8(table, _mm512_and_si512(x, nibble));
      const __m512i high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), nibble));
      sums[i] = _mm512_add_epi8(sums[i], _mm512_add_epi8(low, high));
    }
  }
  use(sums);
  return int64_t{kWords} * 32 * 8;
}

__attribute__((target("avx2"))) int64_t avx2_lookup_products(const uint32_t* words) {
  const __m256i table = _mm256_setr_epi32(0x02010100, 0x03020201, 0x03020201, 0x04030302,  //
                                          0x02010100, 0x03020201, 0x03020201, 0x04030302);
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  __m256i inputs[4], sums[4];
  for (int i = 0; i < 4; ++i) {
    inputs[i] = _mm256_set1_epi32(static_cast<int>(words[i]));
    sums[i] = _mm256_setzero_si256();
  }
  for (int w = 0; w < kWords; w += 8) {
    const __m256i weights = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + w));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m256i x = _mm256_xor_si256(weights, inputs[i]);
      const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibble));
      const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi32(x, 4), nibble));
      sums[i] = _mm256_add_epi8(sums[i], _mm256_add_epi8(low, high));
    }
  }
  use(sums);
  return int64_t{kWords} * 32 * 4;
}

__attribute__((target("avx512f"))) int64_t avx512_fma_products(const float* values) {
  __m512 sums[12];
  for (int i = 0; i < 12; ++i) sums[i] = _mm512_setzero_ps();
  const __m512 a = _mm512_loadu_ps(values), b = _mm512_loadu_ps(values + 16);
  for (int n = 0; n < 256; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sums[i] = _mm512_fmadd_ps(a, b, sums[i]);
  }
  use(sums);
  return 256 * 12 * 16;
}

__attribute__((target("avx2,fma"))) int64_t avx2_fma_products(const float* values) {
  __m256 sums[12];
  for (int i = 0; i < 12; ++i) sums[i] = _mm256_setzero_ps();
  const __m256 a = _mm256_loadu_ps(values), b = _mm256_loadu_ps(values + 8);
  for (int n = 0; n < 256; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sums[i] = _mm256_fmadd_ps(a, b, sums[i]);
  }
  use(sums);
  return 256 * 12 * 8;
}

// One word at a time, and the vectors that every x86-64 processor has.
__attribute__((target("popcnt"))) int64_t scalar_products(const uint32_t* words) {
  uint64_t inputs[4], sums[4] = {};
  std::memcpy(inputs, words, sizeof(inputs));
  for (int w = 0; w < kWords; w += 2) {
    uint64_t weights;
    std::memcpy(&weights, words + w, sizeof(weights));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sums[i] += static_cast<uint64_t>(__builtin_popcountll(weights ^ inputs[i]));
  }
  use(sums);
  return int64_t{kWords} * 32 * 4;
}

int64_t sse_products(const float* values) {
  __m128 sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = _mm_setzero_ps();
  const __m128 b = _mm_loadu_ps(values + 4);
  __m128 a = _mm_loadu_ps(values);
  for (int n = 0; n < 256; ++n) {
    __asm__ volatile("" : "+x"(a));  // or the product would be made once
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sums[i] = _mm_add_ps(sums[i], _mm_mul_ps(a, b));
  }
  use(sums);
  return 256 * 8 * 4;
}

#else

int64_t neon_products(const uint32_t* words) {
  uint8x16_t inputs[8];
  uint16x8_t sums[8];
  for (int i = 0; i < 8; ++i) {
    inputs[i] = vreinterpretq_u8_u32(vdupq_n_u32(words[i]));
    sums[i] = vdupq_n_u16(0);
  }
  for (int w = 0; w < kWords; w += 4) {
    const uint8x16_t weights = vreinterpretq_u8_u32(vld1q_u32(words + w));
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sums[i] = vpadalq_u8(sums[i], vcntq_u8(veorq_u8(weights, inputs[i])));
  }
  use(sums);
  return int64_t{kWords} * 32 * 8;
}

int64_t neon_fma_products(const float* values) {
  float32x4_t sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = vdupq_n_f32(0);
  const float32x4_t a = vld1q_f32(values), b = vld1q_f32(values + 4);
  for (int n = 0; n < 256; ++n) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) sums[i] = vfmaq_f32(sums[i], a, b);
  }
  use(sums);
  return 256 * 16 * 4;
}

#endif

}  // namespace

int64_t popcount_ceiling(const char* kernels, const uint32_t* words) {
#if defined(__x86_64__)
  if (std::strcmp(kernels, "avx512vpopcnt") == 0) return vpopcnt_products(words);
  if (std::strcmp(kernels, "avx512") == 0) return avx512_lookup_products(words);
  if (std::strncmp(kernels, "avx", 3) == 0) return avx2_lookup_products(words);
  return scalar_products(words);
#else
  static_cast<void>(kernels);
  return neon_products(words);
#endif
}

int64_t fma_ceiling(const char* kernels, const float* values) {
#if defined(__x86_64__)
  if (std::strncmp(kernels, "avx512", 6) == 0) return avx512_fma_products(values);
  if (std::strncmp(kernels, "avx", 3) == 0) return avx2_fma_products(values);
  return sse_products(values);
#else
  static_cast<void>(kernels);
  return neon_fma_products(values);
#endif
}
