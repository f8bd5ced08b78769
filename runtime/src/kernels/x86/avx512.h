// The vector operations that both AVX-512 kernel sets share: all but the counting of bits.
#pragma once

// GCC 12 warns about its own header: an "undefined" vector there is never read.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include "kernels/parity_bconv.h"

namespace hybrid_tf {
namespace {

struct Avx512Vectors {
  static constexpr bool kQuick = true;
  static constexpr int kLanes = 16;
  using Float = __m512;
  using Int = __m512i;

  static __mmask16 first(int n) { return static_cast<__mmask16>((1u << n) - 1); }
  static Float load(const float* from) { return _mm512_loadu_ps(from); }
  static Float load_some(const float* from, int n) { return _mm512_maskz_loadu_ps(first(n), from); }
  static void store(float* to, Float a) { _mm512_storeu_ps(to, a); }
  static void store_some(float* to, Float a, int n) { _mm512_mask_storeu_ps(to, first(n), a); }
  static Float set(float value) { return _mm512_set1_ps(value); }
  static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static Float min(Float a, Float b) { return _mm512_min_ps(a, b); }
  static uint32_t negative(Float a) { return _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_LT_OQ); }

  static Int load_int(const int32_t* from) { return _mm512_loadu_si512(from); }
  static Int set_int(int32_t value) { return _mm512_set1_epi32(value); }
  static Int add_int(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static Int subtract_int(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  static Float to_float(Int a) { return _mm512_cvtepi32_ps(a); }
  static uint32_t greater(Int a, Int b) { return _mm512_cmpgt_epi32_mask(a, b); }
  // Adding the largest float below a half, with the number's sign, then dropping the fraction, rounds half away from
  // zero without carrying 0.49999997 up to 1.
  static Int rounded(Float a) {
    const __m512i sign = _mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(INT32_MIN));
    const __m512i half = _mm512_or_si512(sign, _mm512_castps_si512(set(0.49999997f)));
    return _mm512_cvttps_epi32(_mm512_add_ps(a, _mm512_castsi512_ps(half)));
  }

  static Int nearest(Float a) { return _mm512_cvtps_epi32(a); }
  static Int multiply_int(Int a, Int b) { return _mm512_mullo_epi32(a, b); }
  template <int n>
  static Int shift_right(Int a) {
    return _mm512_srai_epi32(a, n);
  }
  static Int choose(Int a, Int b, Int c) { return _mm512_mask_mov_epi32(c, _mm512_movepi32_mask(a), b); }
  static Int max_int(Int a, Int b) { return _mm512_max_epi32(a, b); }
  static Int min_int(Int a, Int b) { return _mm512_min_epi32(a, b); }
  static Int load_int8(const int8_t* from, int n) {
    if (n == kLanes) return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    return _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first(n), from));
  }
  static void store_int8(int8_t* to, Int a, int n) {
    const __m128i bytes = _mm512_cvtepi32_epi8(a);
    if (n == kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    } else {
      _mm_mask_storeu_epi8(to, first(n), bytes);
    }
  }
  static Int multiply_high(Int a, Int b) {
    const __m512i half = _mm512_set1_epi64(int64_t{1} << 30);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), half);
    return _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
  }
  static Int shift_left(Int a, Int n) { return _mm512_sllv_epi32(a, n); }
  static Int shift_right_up(Int a, Int n) { return shift_right_past(a, n, half_below(n)); }
  static Int shift_right_away(Int a, Int n) {
    return shift_right_past(a, n, _mm512_add_epi32(half_below(n), _mm512_srli_epi32(a, 31)));
  }

  struct Scales {
    __m512i bits, odd_bits, round, odd_round, shift, odd_shift;  // of the even lanes, and of the odd ones
    Scales() = default;
    Scales(const int32_t* bits_of, const int32_t* rights_of)
        : bits(load_int(bits_of)), odd_bits(_mm512_srli_epi64(bits, 32)) {
      const __m512i rights = load_int(rights_of);
      start(_mm512_and_si512(rights, _mm512_set1_epi64(0xffffffff)), &round, &shift);
      start(_mm512_srli_epi64(rights, 32), &odd_round, &odd_shift);
    }
    static void start(__m512i rights, __m512i* round, __m512i* shift) {
      const __m512i one = _mm512_set1_epi64(int64_t{1} << 30);
      *round = _mm512_mask_add_epi64(one, _mm512_test_epi64_mask(rights, rights), one, _mm512_sllv_epi64(one, rights));
      *shift = _mm512_add_epi64(rights, _mm512_set1_epi64(31));
    }
    Int times(Int value) const {
      const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(value, bits), round);
      const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(value, 32), odd_bits), odd_round);
      return _mm512_mask_shuffle_epi32(_mm512_srav_epi64(even, shift), 0xaaaa, _mm512_srav_epi64(odd, odd_shift),
                                       _MM_PERM_CCAA);
    }
  };

  using Words = __m512i;
  static Words zeros() { return _mm512_setzero_si512(); }
  static Words load_words(const uint32_t* from) { return _mm512_loadu_si512(from); }
  static Words differ(const uint32_t* input, Words words) {
    return _mm512_xor_si512(_mm512_set1_epi32(static_cast<int32_t>(*input)), words);
  }
  static Words load_some_words(const uint32_t* from, int n) { return _mm512_maskz_loadu_epi32(first(n), from); }
  static void store_words(uint32_t* to, Words words) { _mm512_storeu_si512(to, words); }
  static Words differ(Words a, Words b) { return _mm512_xor_si512(a, b); }
  template <int bits>
  static Words join(Words a, Words b) {
    return _mm512_or_si512(a, _mm512_slli_epi32(b, bits));
  }
  // The tables of three bits have the results for 7 down to 0.
  static constexpr int kFall = 0b01110100;  // of p, p', p''
  static constexpr int kMajority = 0b11101000;
  static constexpr int kOdd = 0b10010110;

  static constexpr bool kSharedInt8Conv = true;
  static constexpr int kBconvBlock = 64;
  static constexpr int kFconvBlock = 64;
  static constexpr int kFconvPixels = 6;

 private:
  static Int ones_below(Int n) { return _mm512_andnot_si512(_mm512_sllv_epi32(set_int(-1), n), set_int(-1)); }
  static Int half_below(Int n) { return _mm512_srli_epi32(ones_below(n), 1); }
  // One more where what is shifted out is greater than `limit`.
  static Int shift_right_past(Int a, Int n, Int limit) {
    const __mmask16 carry = _mm512_cmpgt_epi32_mask(_mm512_and_si512(a, ones_below(n)), limit);
    const Int whole = _mm512_srav_epi32(a, n);
    return _mm512_mask_add_epi32(whole, carry, whole, set_int(1));
  }
};

}  // namespace
}  // namespace hybrid_tf
