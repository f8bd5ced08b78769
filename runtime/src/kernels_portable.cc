// Kernels for any processor: the reference that the others are compared with. The compiler's generic vectors of 16
// bytes become whatever the target's base instruction set has.
#include "kernel_set_impl.h"

namespace hybrid_tf {
namespace {

struct Portable {
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
  static void store_int8(int8_t* to, Float a, int n) {
    for (int i = 0; i < n; ++i) {
      const int32_t whole = static_cast<int32_t>(a[i]);
      const float rest = a[i] - static_cast<float>(whole);
      to[i] = static_cast<int8_t>(whole + (rest >= 0.5f) - (rest <= -0.5f));
    }
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
  static uint32_t bits(Int mask) {
    return (mask[0] & 1) | (mask[1] & 2) | (mask[2] & 4) | (mask[3] & 8);
  }
};

}  // namespace

extern const KernelSet kPortableKernels =
    make_kernel_set<Portable>("portable", "any processor", &cpu_is_any);

}  // namespace hybrid_tf
