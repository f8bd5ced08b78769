// Kernels for any processor: the reference that the others are compared with. The compiler's generic vectors of 16
// bytes become whatever the target's base instruction set has.
#include "kernels/kernel_set.h"

namespace hybrid_tf {
namespace {

struct Portable {
  static constexpr bool kQuick = false;
  static constexpr int kLanes = 4;
  typedef float Float __attribute__((vector_size(16)));
  typedef int32_t Int __attribute__((vector_size(16)));
  typedef uint32_t Words __attribute__((vector_size(16)));

  template <typename Vector, typename T>
  static Vector read(const T* from, int n) {
    Vector vector{};
    for (int i = 0; i < n; ++i) vector[i] = from[i];
    return vector;
  }
  static Float load(const float* from) { return read<Float>(from, kLanes); }
  static Float load_some(const float* from, int n) { return read<Float>(from, n); }
  static void store(float* to, Float a) { store_some(to, a, kLanes); }
  static void store_some(float* to, Float a, int n) {
    for (int i = 0; i < n; ++i) to[i] = a[i];
  }
  static Float set(float value) { return Float{value, value, value, value}; }
  static Float add(Float a, Float b) { return a + b; }
  static Float multiply(Float a, Float b) { return a * b; }
  static Float fma(Float a, Float b, Float c) { return a * b + c; }
  static Float max(Float a, Float b) { return a > b ? a : b; }
  static Float min(Float a, Float b) { return a < b ? a : b; }
  static uint32_t negative(Float a) { return bits(a < set(0)); }

  static Int load_int(const int32_t* from) { return read<Int>(from, kLanes); }
  static Int set_int(int32_t value) { return Int{value, value, value, value}; }
  static Int add_int(Int a, Int b) { return a + b; }
  static Int subtract_int(Int a, Int b) { return a - b; }
  static Float to_float(Int a) { return __builtin_convertvector(a, Float); }
  static uint32_t greater(Int a, Int b) { return bits(a > b); }
  static Int rounded(Float a) {
    const Int whole = __builtin_convertvector(a, Int);
    const Float rest = a - __builtin_convertvector(whole, Float);
    return whole - (rest >= set(0.5f)) + (rest <= set(-0.5f));  // comparisons are -1 where true
  }

  static Int nearest(Float a) { return rounded(a); }
  static Int max_int(Int a, Int b) { return a > b ? a : b; }
  static Int min_int(Int a, Int b) { return a < b ? a : b; }
  static Int load_int8(const int8_t* from, int n) { return read<Int>(from, n); }
  static void store_int8(int8_t* to, Int a, int n) {
    for (int i = 0; i < n; ++i) to[i] = static_cast<int8_t>(a[i]);
  }
  static Int multiply_high(Int a, Int b) {
    Int high;
    for (int i = 0; i < kLanes; ++i) {
      high[i] = static_cast<int32_t>((int64_t{a[i]} * b[i] + (int64_t{1} << 30)) >> 31);
    }
    return high;
  }
  static Int shift_left(Int a, Int n) {
    return reinterpret_cast<Int>(reinterpret_cast<Words>(a) << reinterpret_cast<Words>(n));
  }
  static Int shift_right_up(Int a, Int n) { return (a >> n) - (below(a, n) > (mask(n) >> 1)); }
  static Int shift_right_away(Int a, Int n) { return (a >> n) - (below(a, n) > (mask(n) >> 1) - (a < 0)); }

  static constexpr bool kSharedInt8Conv = true;
  static constexpr int kInt8Block = 16;
  static constexpr int kInt8Pixels = 2, kNarrowInt8Pixels = 2;
  struct Scales {
    Int bits, rights;
    Scales() = default;
    Scales(const int32_t* bits, const int32_t* rights) : bits(load_int(bits)), rights(load_int(rights)) {}
    Int times(Int value) const { return shift_right_up(multiply_high(value, bits), rights); }
  };
  static constexpr int kInputOffset = 0;
  using Sums = Words;
  struct Inputs {
    int32_t at[4];
  };
  using Weights = const int8_t*;
  static Sums no_sums() { return Words{}; }
  static Int total_sums(Sums sums) { return reinterpret_cast<Int>(sums); }
  static Inputs inputs(int32_t four) {
    const auto byte = [four](int i) { return int32_t{static_cast<int8_t>(four >> (8 * i))}; };
    return {{byte(0), byte(1), byte(2), byte(3)}};
  }
  static Weights load_weights(const int8_t* from) { return from; }
  static Sums multiply_add(Sums sums, Inputs x, Weights w) {
    for (int i = 0; i < kLanes; ++i, w += 4) {
      sums[i] += static_cast<uint32_t>(x.at[0] * w[0] + x.at[1] * w[1] + x.at[2] * w[2] + x.at[3] * w[3]);
    }
    return sums;
  }

  static constexpr int kBconvBlock = 16;
  static constexpr int kBconvPixels = 2;
  static constexpr int kCountsLimit = 31;  // words: a byte of Counts grows by up to 8 with each
  using Input = Words;
  using Counts = Words;
  static Words load_words(const uint32_t* from) { return read<Words>(from, kLanes); }
  static Input load_input(const uint32_t* from) { return Input{*from, *from, *from, *from}; }
  static Counts no_counts() { return Counts{}; }
  static Counts count(Counts counts, Input input, Words words) {
    Words x = input ^ words;
    x -= (x >> 1) & 0x55555555u;
    x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
    return counts + ((x + (x >> 4)) & 0x0f0f0f0fu);
  }
  static Int total(Int sum, Counts counts) {
    const Counts pairs = (counts & 0x00ff00ffu) + ((counts >> 8) & 0x00ff00ffu);
    return sum + reinterpret_cast<Int>((pairs + (pairs >> 16)) & 0xffffu);
  }

  static constexpr int kFconvBlock = 16;
  static constexpr int kFconvPixels = 2;

 private:
  static Int mask(Int n) { return ~shift_left(set_int(-1), n); }
  static Int below(Int a, Int n) { return a & mask(n); }  // what a shift drops
  static uint32_t bits(Int mask) { return (mask[0] & 1) | (mask[1] & 2) | (mask[2] & 4) | (mask[3] & 8); }
};

}  // namespace

extern const KernelSet kPortableKernels = make_kernel_set<Portable>("portable", "any processor", &cpu_is_any);

}  // namespace hybrid_tf
