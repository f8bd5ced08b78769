#include "execution/int8_ops.h"

#include <algorithm>
#include <cmath>

namespace hybrid_tf {
namespace {

constexpr int64_t kFloatVector = 8;  // values
constexpr int32_t kChannelsAtOnce = 64;

int8_t saturated(double value) { return static_cast<int8_t>(std::max(-128.0, std::min(127.0, value))); }

}  // namespace

void floats_to_int8(const Int8Conversion& conversion, const float* from, int8_t* to, int64_t begin, int64_t end) {
  constexpr float kFar = 1024.0f, kWhole = 12582912.0f;  // adding 1.5 * 2^23 rounds to whole numbers, halves to even
  const float inverse = 1.0f / conversion.scale;
  const int64_t whole = std::min(end, conversion.count / kFloatVector * kFloatVector);
  for (int64_t i = begin; i < whole; ++i) {
    const float scaled = from[i] * inverse;
    const float near = scaled < kFar ? (scaled > -kFar ? scaled : -kFar) : kFar;  // NaN is far, too
    const int32_t value = static_cast<int32_t>((near + kWhole) - kWhole) + conversion.zero_point;
    to[i] = static_cast<int8_t>(value < -128 ? -128 : value > 127 ? 127 : value);
  }
  for (int64_t i = std::max(begin, whole); i < end; ++i) {
    const double scaled = std::round(from[i] / double{conversion.scale});
    to[i] = std::isnan(scaled) ? 127 : saturated(scaled + conversion.zero_point);
  }
}

void int8_to_floats(const Int8Conversion& conversion, const int8_t* from, float* to, int64_t begin, int64_t end) {
  const float scale = conversion.scale, zero_point = static_cast<float>(conversion.zero_point);
  const float shift = -zero_point * scale;
  const int64_t whole = std::min(end, conversion.count / kFloatVector * kFloatVector);
  for (int64_t i = begin; i < whole; ++i) to[i] = static_cast<float>(from[i]) * scale + shift;
  for (int64_t i = std::max(begin, whole); i < end; ++i) to[i] = (static_cast<float>(from[i]) - zero_point) * scale;
}

void rescale_int8(const Int8Rescale& rescale, const int8_t* from, int8_t* to, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const int32_t value = from[i] - rescale.in_zero_point;
    const int32_t scaled = (i < rescale.up ? multiply_up(value, rescale.scale) : multiply_away(value, rescale.scale)) +
                           rescale.out_zero_point;
    to[i] = static_cast<int8_t>(std::max(rescale.range.min, std::min(rescale.range.max, scaled)));
  }
}

void mean_int8(const Int8Mean& mean, int32_t image_begin, int32_t image_end) {
  for (int32_t image = image_begin; image < image_end; ++image) {
    const int8_t* from = mean.input + static_cast<ptrdiff_t>(image) * mean.pixels * mean.channels;
    int8_t* to = mean.output + static_cast<ptrdiff_t>(image) * mean.channels;
    for (int32_t first = 0; first < mean.channels; first += kChannelsAtOnce) {
      const int32_t count = std::min(kChannelsAtOnce, mean.channels - first);
      uint32_t sums[kChannelsAtOnce];  // wrap at 32 bits
      std::fill(sums, sums + count, -static_cast<uint32_t>(mean.in_zero_point) * mean.pixels);
      for (int32_t p = 0; p < mean.pixels; ++p) {
        const int8_t* pixel = from + static_cast<ptrdiff_t>(p) * mean.channels + first;
        for (int32_t c = 0; c < count; ++c) sums[c] += static_cast<uint32_t>(int32_t{pixel[c]});
      }
      for (int32_t c = 0; c < count; ++c) {
        const auto sum = static_cast<int32_t>(sums[c]);
        const int64_t scaled = first + c < mean.up ? multiply_up(sum, mean.scale) : multiply_away(sum, mean.scale);
        to[first + c] = static_cast<int8_t>(std::max<int64_t>(-128, std::min<int64_t>(127, scaled + mean.bias)));
      }
    }
  }
}

}  // namespace hybrid_tf
