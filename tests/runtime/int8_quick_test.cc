// Products of 32 bits against the exact int8 results, for all operands; and how often such products are found.
//
//   int8_quick_test [planted]      planted: with a rounding error, which must be found
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>

#include "execution/fixed_point.h"
#include "execution/int8_quick.h"

using namespace hybrid_tf;

namespace {

std::mt19937 generator(7);

double real(double least, double most) { return std::uniform_real_distribution<>(least, most)(generator); }
int32_t whole(int32_t least, int32_t most) { return std::uniform_int_distribution<>(least, most)(generator); }

int32_t clamped(int64_t value) { return static_cast<int32_t>(std::max<int64_t>(-128, std::min<int64_t>(127, value))); }

// What kernels compute: sums that wrap, of which the high half is kept, then rounded.
int32_t narrowed(int64_t value) {
  const auto wrapped = static_cast<int32_t>(static_cast<uint32_t>(value));
  return clamped(((wrapped >> 16) + 32) >> 6);
}

int failures = 0;
int32_t planted = 0;

void expect(const char* what, int32_t got, int32_t wanted, int32_t a, int32_t b) {
  if (got == wanted) return;
  if (failures++ == 0) std::printf("%s of %d and %d is %d, not %d\n", what, a, b, got, wanted);
}

bool test_sum() {
  const double own = std::exp2(real(-6, 0)), other = own * std::exp2(real(-2, 2));
  const double result = std::max(own, other) * std::exp2(real(-0.7, 1));
  const double common = 2 * std::max(own, other);
  Int8Epilogue sum = {};
  sum.zero_point = whole(-128, 127), sum.residual_zero_point = whole(-128, 127), sum.sum_zero_point = whole(-128, 127);
  sum.scale = make_fixed_point(own / common), sum.residual_scale = make_fixed_point(other / common);
  sum.scale.left = sum.residual_scale.left = 20;
  sum.sum_scale = make_fixed_point(common / ((1 << 20) * result));
  sum.sum_min = -128, sum.sum_max = 127;
  QuickEnd end;
  if (!end.add_sum(sum, own / result, other / result)) return false;
  const Int8Quick& quick = *end.get();
  for (int32_t a = -128; a < 128; ++a) {
    for (int32_t b = -128; b < 128; ++b) {
      const int32_t added =
          multiply_away(a - sum.zero_point, sum.scale) + multiply_away(b - sum.residual_zero_point, sum.residual_scale);
      const int64_t products = int64_t{a} * quick.factor + int64_t{b} * quick.residual_factor;
      expect("sum", narrowed(products + quick.sum_offset + planted),
             clamped(multiply_away(added, sum.sum_scale) + sum.sum_zero_point), a, b);
    }
  }
  return true;
}

// PRELU's results as TensorFlow Lite makes them: two roundings, the first to few binary places.
bool test_slopes() {
  const float in = static_cast<float>(std::exp2(real(-6, 0))),
              out = in * static_cast<float>(std::exp2(real(-0.6, 0.6)));
  const float of_slopes = static_cast<float>(real(0.001, 0.01));
  const int32_t zero_point = whole(-100, 100), out_zero_point = whole(-128, 127);
  const FixedPoint scale = make_fixed_point(in / out), negative = make_fixed_point(in * of_slopes / out);
  std::vector<int8_t> table;
  std::vector<double> slopes;
  for (int32_t c = 0; c < 64; ++c) {
    const int32_t slope = whole(-128, 127);
    slopes.push_back(slope * double{in} * of_slopes / out);
    for (int32_t v = -128; v < 128; ++v) {
      const int32_t value = v - zero_point;
      const int32_t scaled = value >= 0 ? multiply_away(value, scale) : multiply_away(value * slope, negative);
      table.push_back(static_cast<int8_t>(clamped(int64_t{scaled} + out_zero_point)));
    }
  }
  QuickEnd end;
  if (!end.add_slopes(table, zero_point, out_zero_point, in / out, scale.right, slopes, negative.right)) return false;
  const Int8Quick& quick = *end.get();
  for (int32_t c = 0; c < 64; ++c) {
    for (int32_t v = -128; v < 128; ++v) {
      const int64_t value = v - zero_point;
      const int64_t number = value < 0 ? value * quick.negative_factors[c] + quick.negative_offsets[c]
                                       : value * quick.positive_factor + quick.slope_offset;
      expect("slope", narrowed(number + planted), table[256 * c + v + 128], v, c);
    }
  }
  return true;
}

bool test_shifts() {
  const double factor = std::exp2(real(-0.3, 0.3));
  std::vector<int8_t> table;
  std::vector<double> offsets;
  for (int32_t c = 0; c < 64; ++c) {
    offsets.push_back(real(-60, 60));
    for (int32_t v = -128; v < 128; ++v) {
      table.push_back(static_cast<int8_t>(clamped(std::llround(v * factor + offsets.back()))));
    }
  }
  QuickEnd end;
  if (!end.add_shifts(table, factor, offsets)) return false;
  const Int8Quick& quick = *end.get();
  for (int32_t c = 0; c < 64; ++c) {
    for (int32_t v = -128; v < 128; ++v) {
      const int64_t product = int64_t{v} * quick.shift_factor;
      expect("shift", narrowed(product + quick.shift_offsets[c] + planted), table[256 * c + v + 128], v, c);
    }
  }
  return true;
}

// Binary convolutions as LCE finishes them, in single precision.
bool test_convolutions() {
  const int32_t depth = whole(1, 1200), channels = 32;
  std::vector<float> multipliers, biases;
  for (int32_t c = 0; c < channels; ++c) {
    const double range = real(20, 400) * (whole(0, 1) ? 1 : -1);
    multipliers.push_back(static_cast<float>(range / depth));
    biases.push_back(static_cast<float>(range + real(-100, 100)));
  }
  QuickConv conv;
  if (!conv.make(depth, multipliers, biases)) return false;
  for (int32_t c = 0; c < channels; ++c) {
    for (int32_t sum = 0; sum >= -2 * depth; sum -= 2) {
      const float scaled = static_cast<float>(sum) * multipliers[c];
      const float clipped = std::max(-128.0f, std::min(127.0f, scaled + biases[c]));
      const int64_t product = int64_t{sum} * conv.factors[c] + conv.offsets[c] + (int64_t{planted} << conv.shift >> 6);
      const auto wrapped = static_cast<int32_t>(static_cast<uint32_t>(product));
      const int32_t got = clamped(((wrapped >> 16) + (1 << conv.shift >> 1)) >> conv.shift);
      expect("convolution", got, static_cast<int32_t>(std::round(clipped)), sum, c);
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "planted") == 0) planted = 1 << 14;  // of 2^22
  constexpr int kTries = 60;
  int sums = 0, slopes = 0, shifts = 0, convolutions = 0;
  for (int i = 0; i < kTries; ++i) {
    sums += test_sum(), slopes += test_slopes(), shifts += test_shifts(), convolutions += test_convolutions();
  }
  std::printf("of %d: %d sums, %d slopes, %d shifts, %d convolutions\n", kTries, sums, slopes, shifts, convolutions);
  return failures > 0 || std::min({sums, slopes, shifts, convolutions}) < kTries / 2;
}
