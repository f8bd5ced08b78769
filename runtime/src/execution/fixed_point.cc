#include "execution/fixed_point.h"

#include <algorithm>
#include <cmath>

namespace hybrid_tf {
namespace {

// The high half of the product; what a shift to the right drops of it, and half of that at most.
struct Product {
  int32_t high, rest, half;

  Product(int32_t value, const FixedPoint& by) {
    const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(value) << by.left);
    high = static_cast<int32_t>((int64_t{shifted} * by.bits + (int64_t{1} << 30)) >> 31);
    const uint32_t mask = (1u << by.right) - 1;
    rest = static_cast<int32_t>(high & mask);
    half = static_cast<int32_t>(mask >> 1);
  }
};

}  // namespace

FixedPoint make_fixed_point(double real) {
  int exponent;
  int64_t bits = static_cast<int64_t>(std::round(std::frexp(real, &exponent) * 2147483648.0));
  if (bits == int64_t{1} << 31) {
    bits /= 2;
    ++exponent;
  }
  if (exponent < -31) return {0, 0, 0};
  return {static_cast<int32_t>(bits), std::max(exponent, 0), std::max(-exponent, 0)};
}

int32_t multiply_up(int32_t value, const FixedPoint& by) {
  const Product product(value, by);
  return (product.high >> by.right) + (product.rest > product.half);
}

int32_t multiply_away(int32_t value, const FixedPoint& by) {
  const Product product(value, by);
  return (product.high >> by.right) + (product.rest > product.half + (product.high < 0));
}

float near_limit(double error) {
  const double most = 0.5 - error - 1.0 / (1 << 20);  // the square is rounded, too
  return static_cast<float>(most > 0 ? most * most : -1);
}

Int8Range activation_range(const Operator& op, const Tensor& output) {
  const auto quantized = [&](float limit) {
    // Infinite and very large ones are no limit.
    const float steps = std::round(std::max(-1e6f, std::min(1e6f, limit / output.scale)));
    return std::max(-128, std::min(127, output.zero_point + static_cast<int32_t>(steps)));
  };
  return {quantized(op.activation_min), quantized(op.activation_max)};
}

}  // namespace hybrid_tf
