#include "execution/int8_quick.h"

#include <algorithm>
#include <cmath>

#include "execution/fixed_point.h"

namespace hybrid_tf {
namespace {

constexpr double kOne = 1 << kQuickBits;
constexpr int64_t kTooFar = (int64_t{1} << 31) - (1 << kQuickBits);  // beyond, 32 bits may wrap
// What is tried in place of the nearest factors and offset, in their last places.
constexpr int32_t kNudges[] = {0, 1, -1, 2, -2, 3, -3};
constexpr int32_t kOffsetNudges[] = {0, 8, -8, 16, -16, 32, -32, 64, -64, 128, -128};

bool fits(double value) { return std::fabs(value) < kTooFar; }

// What the kernels do to a number with so many places; more than an int8 where they would wrap.
int32_t rounded(int64_t value, int32_t places = kQuickBits) {
  if (value < -kTooFar || value >= kTooFar) return 1 << 30;
  const int64_t whole = (value + (int64_t{1} << (places - 1))) >> places;
  return static_cast<int32_t>(std::max<int64_t>(-128, std::min<int64_t>(127, whole)));
}

// The exact sums of all values and residuals, [residual][value], from -128 on.
std::vector<int8_t> exact_sums(const Int8Epilogue& sum) {
  int32_t own[256];
  for (int32_t v = -128; v < 128; ++v) own[v + 128] = multiply_away(v - sum.zero_point, sum.scale);
  std::vector<int8_t> sums;
  sums.reserve(1 << 16);
  for (int32_t r = -128; r < 128; ++r) {
    const int32_t other = multiply_away(r - sum.residual_zero_point, sum.residual_scale);
    for (const int32_t value : own) {
      const int32_t whole = multiply_away(value + other, sum.sum_scale) + sum.sum_zero_point;
      sums.push_back(static_cast<int8_t>(std::max(sum.sum_min, std::min(sum.sum_max, whole))));
    }
  }
  return sums;
}

constexpr int32_t kMostTried = 2048;  // sums of a channel

int32_t exact_result(int32_t sum, float multiplier, float bias) {
  const float scaled = static_cast<float>(sum) * multiplier;
  return static_cast<int32_t>(std::round(std::max(-128.0f, std::min(127.0f, scaled + bias))));
}

}  // namespace

bool QuickConv::make(int32_t depth, const std::vector<float>& multipliers, const std::vector<float>& biases) {
  if (depth > kMostTried) return false;
  double largest = 0;
  for (size_t c = 0; c < multipliers.size(); ++c) {
    largest = std::max({largest, std::fabs(double{biases[c]}), std::fabs(biases[c] - 2.0 * depth * multipliers[c])});
  }
  shift = kQuickBits - 16;
  while (shift > 0 && std::ldexp(largest + 2, 16 + shift) >= static_cast<double>(kTooFar)) --shift;
  if (shift == 0) return false;
  const double one = std::ldexp(1.0, 16 + shift);
  std::vector<int32_t> exact(depth + 1);
  // Exact in the middle, where `nudge` is 0.
  const auto find = [&](size_t c) {
    for (int32_t i = 0; i <= depth; ++i) exact[i] = exact_result(-2 * i, multipliers[c], biases[c]);
    for (const int32_t nudge : kNudges) {
      const int64_t factor = std::llround(multipliers[c] * one) + nudge;
      const int64_t middle = std::llround((biases[c] - double{multipliers[c]} * depth) * one) + factor * depth;
      for (const int32_t offset_nudge : kOffsetNudges) {
        const int64_t offset = middle + offset_nudge;
        int32_t i = 0;
        while (i <= depth && rounded(-2 * i * factor + offset, 16 + shift) == exact[i]) ++i;
        if (i <= depth) continue;
        factors.push_back(static_cast<int32_t>(factor));
        offsets.push_back(static_cast<int32_t>(static_cast<uint32_t>(offset)));
        return true;
      }
    }
    return false;
  };
  for (size_t c = 0; c < multipliers.size(); ++c) {
    if (!(std::fabs(multipliers[c] * one) < 1 << 30) || !find(c)) return false;
  }
  return true;
}

bool QuickEnd::add_sum(const Int8Epilogue& sum, double scale, double residual_scale) {
  const double offset = sum.sum_zero_point - sum.zero_point * scale - sum.residual_zero_point * residual_scale;
  if (!fits(scale * kOne) || !fits(residual_scale * kOne) || !fits(offset * kOne)) return false;
  const std::vector<int8_t> exact = exact_sums(sum);
  std::vector<int32_t> failed;  // pairs of operands that others did not get right: they are tried first
  for (const int32_t own : kNudges) {
    for (const int32_t other : kNudges) {
      const int64_t factor = std::llround(scale * kOne) + own;
      const int64_t residual_factor = std::llround(residual_scale * kOne) + other;
      for (const int32_t nudge : kOffsetNudges) {
        const int64_t constant = std::llround(offset * kOne) + nudge;
        const auto is_right = [&](int32_t pair) {
          const int32_t value = pair % 256 - 128, residual = pair / 256 - 128;
          return rounded(value * factor + residual * residual_factor + constant) == exact[pair];
        };
        if (!std::all_of(failed.begin(), failed.end(), is_right)) continue;
        int32_t pair = 0;
        while (pair < 1 << 16 && is_right(pair)) ++pair;
        if (pair < 1 << 16) {
          failed.push_back(pair);
          continue;
        }
        quick_.has_sum = true;
        quick_.factor = static_cast<int32_t>(factor);
        quick_.residual_factor = static_cast<int32_t>(residual_factor);
        quick_.sum_offset = static_cast<int32_t>(constant);
        return true;
      }
    }
  }
  return false;
}

bool QuickEnd::add_slopes(const std::vector<int8_t>& table, int32_t zero_point, int32_t out_zero_point, double positive,
                          int32_t positive_places, const std::vector<double>& negative, int32_t negative_places) {
  const auto half_a_place = [](int32_t places) {
    return places == 0 ? 0 : std::llround(std::ldexp(kOne, -places - 1));
  };
  const int64_t offset = (out_zero_point * int64_t{1 << kQuickBits}) + half_a_place(positive_places);
  const auto gives = [&](const int8_t* exact, int64_t factor, int64_t from, int32_t begin, int32_t end) {
    for (int32_t v = begin; v < end; ++v) {
      if (rounded((v - zero_point) * factor + from) != exact[v + 128]) return false;
    }
    return true;
  };
  const auto find = [&](const int8_t* exact, double real, int64_t from, int32_t begin, int32_t end, int64_t* factor) {
    if (!fits(real * kOne)) return false;
    for (int32_t nudge = 0; nudge <= 256; nudge = nudge > 0 ? -nudge : 1 - nudge) {
      *factor = std::llround(real * kOne) + nudge;
      if (gives(exact, *factor, from, begin, end)) return true;
    }
    return false;
  };
  int64_t above, below;
  if (!find(table.data(), positive, offset, zero_point, 128, &above)) return false;
  for (size_t c = 0; c < negative.size(); ++c) {
    const int8_t* exact = &table[256 * c];
    const int64_t away = negative[c] < 0 ? half_a_place(negative_places) : -half_a_place(negative_places);
    const int64_t from = (out_zero_point * int64_t{1 << kQuickBits}) + away;
    if (!gives(exact, above, offset, zero_point, 128) || !find(exact, negative[c], from, -128, zero_point, &below)) {
      return false;
    }
    negative_factors_.push_back(static_cast<int32_t>(below));
    negative_offsets_.push_back(static_cast<int32_t>(from));
  }
  quick_.has_slopes = true;
  quick_.slope_zero_point = zero_point;
  quick_.positive_factor = static_cast<int32_t>(above);
  quick_.slope_offset = static_cast<int32_t>(offset);
  return true;
}

bool QuickEnd::add_shifts(const std::vector<int8_t>& table, double factor, const std::vector<double>& offsets) {
  if (!fits(factor * kOne)) return false;
  const int64_t whole = std::llround(factor * kOne);
  for (size_t c = 0; c < offsets.size(); ++c) {
    if (!fits(offsets[c] * kOne)) return false;
    const int8_t* exact = &table[256 * c];
    bool found = false;
    for (int32_t nudge = 0; nudge <= 1024 && !found; nudge = nudge > 0 ? -nudge : 16 - nudge) {
      const int64_t offset = std::llround(offsets[c] * kOne) + nudge;
      found = true;
      for (int32_t v = -128; v < 128 && found; ++v) found = rounded(v * whole + offset) == exact[v + 128];
      if (found) shift_offsets_.push_back(static_cast<int32_t>(offset));
    }
    if (!found) return false;
  }
  quick_.has_shifts = true;
  quick_.shift_factor = static_cast<int32_t>(whole);
  return true;
}

const Int8Quick* QuickEnd::get() {
  for (std::vector<int32_t>* numbers : {&negative_factors_, &negative_offsets_, &shift_offsets_}) {
    numbers->resize(numbers->size() + 16);
  }
  quick_.negative_factors = negative_factors_.data();
  quick_.negative_offsets = negative_offsets_.data();
  quick_.shift_offsets = shift_offsets_.data();
  return &quick_;
}

}  // namespace hybrid_tf
