// Kernels for AVX2 processors: Haswell, Zen and later.
#if defined(__x86_64__)

#include <immintrin.h>

#include "kernels/parity_bconv.h"

namespace hybrid_tf {
namespace {

struct Avx2 {
  static constexpr bool kQuick = true;
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
  static Int rounded(Float a) {
    const __m256 half = _mm256_or_ps(_mm256_and_ps(a, set(-0.0f)), set(0.49999997f));
    return _mm256_cvttps_epi32(_mm256_add_ps(a, half));
  }

  static Int nearest(Float a) { return _mm256_cvtps_epi32(a); }
  static Int multiply_int(Int a, Int b) { return _mm256_mullo_epi32(a, b); }
  template <int n>
  static Int shift_right(Int a) {
    return _mm256_srai_epi32(a, n);
  }
  static Int choose(Int a, Int b, Int c) {
    return _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(c), _mm256_castsi256_ps(b), _mm256_castsi256_ps(a)));
  }
  static Int max_int(Int a, Int b) { return _mm256_max_epi32(a, b); }
  static Int min_int(Int a, Int b) { return _mm256_min_epi32(a, b); }
  static Int load_int8(const int8_t* from, int n) {
    int64_t bytes = 0;
    if (n == kLanes) {
      __builtin_memcpy(&bytes, from, kLanes);
    } else {
      for (int i = 0; i < n; ++i) bytes |= int64_t{static_cast<uint8_t>(from[i])} << (8 * i);
    }
    return _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(bytes));
  }
  static void store_int8(int8_t* to, Int a, int n) {
    const __m128i shorts = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    const int64_t bytes = _mm_cvtsi128_si64(_mm_packs_epi16(shorts, shorts));
    if (n == kLanes) {
      __builtin_memcpy(to, &bytes, kLanes);
    } else {
      for (int i = 0; i < n; ++i) to[i] = static_cast<int8_t>(bytes >> (8 * i));
    }
  }
  static Int multiply_high(Int a, Int b) {
    const __m256i half = _mm256_set1_epi64x(int64_t{1} << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), half);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
  }
  static Int shift_left(Int a, Int n) { return _mm256_sllv_epi32(a, n); }
  static Int shift_right_up(Int a, Int n) { return shift_right_past(a, n, half_below(n)); }
  static Int shift_right_away(Int a, Int n) {
    return shift_right_past(a, n, _mm256_add_epi32(half_below(n), _mm256_srli_epi32(a, 31)));
  }

  // Products of bytes as shorts: each channel has two sums, of two inputs each.
  static constexpr bool kSharedInt8Conv = true;
  static constexpr int kInt8Block = 8;
  static constexpr int kInt8Pixels = 4, kNarrowInt8Pixels = 4;
  struct Scales {
    // Of the even lanes, and of the odd ones. A shift that is not arithmetic leaves 33 - right bits, whose highest is
    // the sign.
    __m256i bits, odd_bits, round, odd_round, shift, odd_shift, sign;
    Scales() = default;
    Scales(const int32_t* bits_of, const int32_t* rights_of)
        : bits(load_int(bits_of)), odd_bits(_mm256_srli_epi64(bits, 32)) {
      const __m256i rights = load_int(rights_of), low = _mm256_set1_epi64x(0xffffffff);
      start(_mm256_and_si256(rights, low), &round, &shift);
      start(_mm256_srli_epi64(rights, 32), &odd_round, &odd_shift);
      sign = _mm256_sllv_epi32(set_int(1), _mm256_sub_epi32(set_int(32), rights));
    }
    static void start(__m256i rights, __m256i* round, __m256i* shift) {
      const __m256i half = _mm256_sllv_epi64(_mm256_set1_epi64x(int64_t{1} << 30), rights);
      const __m256i any = _mm256_cmpgt_epi64(rights, _mm256_setzero_si256());
      *round = _mm256_add_epi64(_mm256_set1_epi64x(int64_t{1} << 30), _mm256_and_si256(half, any));
      *shift = _mm256_add_epi64(rights, _mm256_set1_epi64x(31));
    }
    Int times(Int value) const {
      const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(value, bits), round);
      const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(value, 32), odd_bits), odd_round);
      const __m256i high = _mm256_slli_epi64(_mm256_srlv_epi64(odd, odd_shift), 32);
      const __m256i both = _mm256_blend_epi32(_mm256_srlv_epi64(even, shift), high, 0xaa);
      return _mm256_sub_epi32(_mm256_xor_si256(both, sign), sign);
    }
  };
  static constexpr int kInputOffset = 0;
  struct Sums {
    __m256i low, high;  // of channels 0 to 3, and 4 to 7
  };
  using Inputs = __m256i;
  using Weights = Sums;
  static Sums no_sums() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static Int total_sums(Sums sums) {
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(sums.low, sums.high), _MM_SHUFFLE(3, 1, 2, 0));
  }
  static Inputs inputs(int32_t four) { return _mm256_cvtepi8_epi16(_mm_set1_epi32(four)); }
  static Weights load_weights(const int8_t* from) {
    const auto* vectors = reinterpret_cast<const __m128i*>(from);
    return {_mm256_cvtepi8_epi16(_mm_loadu_si128(vectors)), _mm256_cvtepi8_epi16(_mm_loadu_si128(vectors + 1))};
  }
  static Sums multiply_add(Sums sums, Inputs x, Weights w) {
    return {_mm256_add_epi32(sums.low, _mm256_madd_epi16(x, w.low)),
            _mm256_add_epi32(sums.high, _mm256_madd_epi16(x, w.high))};
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
  static Words load_some_words(const uint32_t* from, int n) {
    return _mm256_maskload_epi32(reinterpret_cast<const int*>(from), first(n));
  }
  static void store_words(uint32_t* to, Words words) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), words); }
  static Words differ(Words a, Words b) { return _mm256_xor_si256(a, b); }
  template <int bits>
  static Words join(Words a, Words b) {
    return _mm256_or_si256(a, _mm256_slli_epi32(b, bits));
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

  template <int kStep>
  static void add_one(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    carry(carried, counts, _mm256_andnot_si256(p1, parity));
    parity = p1;
  }
  template <int kStep>
  static void add_two(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights)), p2 = differ(input + kStep, load_words(weights + kBconvBlock));
    carry(carried, counts, fall(parity, p1, p2));
    parity = p2;
  }
  template <int kStep>
  static void add_four(Words& parity, Words& carried, Counts& counts, const uint32_t* input, const uint32_t* weights) {
    const Words p1 = differ(input, load_words(weights));
    const Words p2 = differ(input + kStep, load_words(weights + kBconvBlock));
    const Words p3 = differ(input + 2 * kStep, load_words(weights + 2 * kBconvBlock));
    const Words p4 = differ(input + 3 * kStep, load_words(weights + 3 * kBconvBlock));
    const Words a = fall(parity, p1, p2), b = fall(p2, p3, p4);
    parity = p4;
    const Words odd = _mm256_xor_si256(carried, a);
    counts = count(counts, _mm256_or_si256(_mm256_and_si256(carried, a), _mm256_and_si256(odd, b)));
    carried = _mm256_xor_si256(odd, b);
  }

  static constexpr int kFconvBlock = 16;
  static constexpr int kFconvPixels = 6;

 private:
  static Int ones_below(Int n) { return _mm256_andnot_si256(_mm256_sllv_epi32(set_int(-1), n), set_int(-1)); }
  static Int half_below(Int n) { return _mm256_srli_epi32(ones_below(n), 1); }
  // One more where what is shifted out is greater than `limit`.
  static Int shift_right_past(Int a, Int n, Int limit) {
    const Int carry = _mm256_cmpgt_epi32(_mm256_and_si256(a, ones_below(n)), limit);
    return _mm256_sub_epi32(_mm256_srav_epi32(a, n), carry);
  }
  static Words fall(Words p, Words p1, Words p2) {
    return _mm256_or_si256(_mm256_andnot_si256(p2, p1), _mm256_andnot_si256(p1, p));
  }
  static void carry(Words& carried, Counts& counts, Words fall) {
    counts = count(counts, _mm256_and_si256(carried, fall));
    carried = _mm256_xor_si256(carried, fall);
  }
  static uint32_t bits(__m256 mask) { return static_cast<uint32_t>(_mm256_movemask_ps(mask)); }
};

#if (defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11)
#define HYBRID_TF_AVX_VNNI 1

// Products of bytes are added in one step; those of inputs are unsigned.
struct AvxVnni : Avx2 {
  static constexpr int kInt8Block = 16;
  static constexpr int kInt8Pixels = 6, kNarrowInt8Pixels = 8;
  static constexpr int kInputOffset = 128;
  using Sums = __m256i;
  using Inputs = __m256i;
  using Weights = __m256i;
  static Sums no_sums() { return _mm256_setzero_si256(); }
  static Int total_sums(Sums sums) { return sums; }
  static Inputs inputs(int32_t four) { return _mm256_xor_si256(_mm256_set1_epi32(four), _mm256_set1_epi8(-128)); }
  static Weights load_weights(const int8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  // In assembly, since the intrinsic would need the whole file to be compiled for such processors.
  static Sums multiply_add(Sums sums, Inputs x, Weights w) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(x), "x"(w));
    return sums;
  }
};

#endif

}  // namespace

#if HYBRID_TF_AVX_VNNI
extern const KernelSet kAvxVnniKernels =
    make_parity_kernel_set<AvxVnni>("avxvnni", "AVX2 with FMA and AVX-VNNI", &cpu_has_avx_vnni);
#else  // this compiler's assembler may not know the instruction
extern const KernelSet kAvxVnniKernels =
    make_parity_kernel_set<Avx2>("avxvnni", "AVX2 with FMA and AVX-VNNI", [] { return false; });
#endif

extern const KernelSet kAvx2Kernels = make_parity_kernel_set<Avx2>("avx2", "AVX2 with FMA", &cpu_has_avx2);

}  // namespace hybrid_tf

#endif
