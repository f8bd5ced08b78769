// Operators that compute each value from one, and SOFTMAX, of all values of a row.
#include <algorithm>
#include <cmath>

#include "engine/operators.h"
#include "execution/fixed_point.h"

namespace hybrid_tf {
namespace {

using Function = float (*)(float);

float hard_swish(float x) { return x * std::min(6.0f, std::max(0.0f, x + 3)) / 6; }
float elu(float x) { return x < 0 ? std::expm1(x) : x; }
float sign(float x) { return static_cast<float>((x > 0) - (x < 0)); }
float gelu(float x) { return 0.5f * x * (1 + std::erf(x * 0.70710678f)); }
float gelu_by_tanh(float x) { return 0.5f * x * (1 + std::tanh(0.79788456f * (x + 0.044715f * x * x * x))); }

Function function_of(const OperatorSource& s) {
  switch (s.op.code) {
    case schema::ABS:
      return [](float x) { return std::fabs(x); };
    case schema::CEIL:
      return [](float x) { return std::ceil(x); };
    case schema::COS:
      return [](float x) { return std::cos(x); };
    case schema::ELU:
      return elu;
    case schema::EXP:
      return [](float x) { return std::exp(x); };
    case schema::FLOOR:
      return [](float x) { return std::floor(x); };
    case schema::GELU:
      return s.op.options.scalar<uint8_t>(schema::GeluOptions::approximate, 0) != 0 ? gelu_by_tanh : gelu;
    case schema::HARD_SWISH:
      return hard_swish;
    case schema::LOG:
      return [](float x) { return std::log(x); };
    case schema::LOGISTIC:
      return [](float x) { return 1 / (1 + std::exp(-x)); };
    case schema::NEG:
      return [](float x) { return -x; };
    case schema::RELU:
      return [](float x) { return std::max(x, 0.0f); };
    case schema::RELU6:
      return [](float x) { return std::min(std::max(x, 0.0f), 6.0f); };
    case schema::RELU_0_TO_1:
      return [](float x) { return std::min(std::max(x, 0.0f), 1.0f); };
    case schema::ROUND:  // halves to even: the default way to round
      return [](float x) { return std::nearbyint(x); };
    case schema::RSQRT:
      return [](float x) { return 1 / std::sqrt(x); };
    case schema::SIGN:
      return sign;
    case schema::SIN:
      return [](float x) { return std::sin(x); };
    case schema::SQRT:
      return [](float x) { return std::sqrt(x); };
    case schema::SQUARE:
      return [](float x) { return x * x; };
    case schema::TANH:
      return [](float x) { return std::tanh(x); };
    default:
      return nullptr;
  }
}

template <typename From, typename To, typename Compute>
std::unique_ptr<EngineOperator> make_each(const OperatorSource& s, Compute compute) {
  const int64_t count = s.output().shape.elements();
  return make_running([&in = s.in(0), &out = s.out(), count, compute] {
    const From* from = data_of<const From>(in);
    std::transform(from, from + count, data_of<To>(out), compute);
  });
}

// A function of int8 is a table, as TensorFlow Lite makes it for these.
std::unique_ptr<EngineOperator> make_table(const OperatorSource& s, Function function) {
  const TfLiteQuantizationParams from = s.in(0).params, to = s.out().params;
  std::vector<int8_t> table;
  for (int value = INT8_MIN; value <= INT8_MAX; ++value) {
    const float result =
        std::round(function(from.scale * static_cast<float>(value - from.zero_point)) * (1 / to.scale));
    const float place = std::max(-1e6f, std::min(1e6f, result)) + static_cast<float>(to.zero_point);
    table.push_back(static_cast<int8_t>(std::max(-128.0f, std::min(127.0f, place))));
  }
  return make_each<int8_t, int8_t>(s, [table](int8_t value) { return table[value - INT8_MIN]; });
}

std::unique_ptr<EngineOperator> make_leaky_relu(const OperatorSource& s) {
  const float slope = s.op.options.scalar<float>(schema::LeakyReluOptions::alpha, 0);
  return make_each<float, float>(s, [slope](float x) { return x > 0 ? x : x * slope; });
}

// ---- SOFTMAX

void softmax(const float* in, int32_t count, float beta, float* out) {
  const float most = *std::max_element(in, in + count);
  float sum = 0;
  for (int32_t i = 0; i < count; ++i) sum += out[i] = std::exp((in[i] - most) * beta);
  for (int32_t i = 0; i < count; ++i) out[i] /= sum;
}

void log_softmax(const float* in, int32_t count, float* out) {
  const float most = *std::max_element(in, in + count);
  float sum = 0;
  for (int32_t i = 0; i < count; ++i) sum += std::exp(in[i] - most);
  const float log_sum = std::log(sum);
  for (int32_t i = 0; i < count; ++i) out[i] = in[i] - most - log_sum;
}

// By a table of powers of the differences to the largest value, in single precision.
void softmax_int8(const float* powers, const int8_t* in, int32_t count, int8_t* out) {
  const int32_t most = *std::max_element(in, in + count);
  float sum = 0;
  for (int32_t i = 0; i < count; ++i) sum += powers[most - in[i]];
  const float inverse = 1.0f / (sum * (1.0f / 256));
  for (int32_t i = 0; i < count; ++i) {
    // What files may make of the powers, infinity and NaN, is clamped, too.
    const float steps = std::min(255.0f, std::max(0.0f, powers[most - in[i]] * inverse + 0.5f));
    out[i] = static_cast<int8_t>(static_cast<int32_t>(steps) - 128);
  }
}

std::unique_ptr<EngineOperator> make_softmax(const OperatorSource& s) {
  const float beta = s.op.code == schema::SOFTMAX ? s.op.options.scalar<float>(schema::SoftmaxOptions::beta, 0) : 1.0f;
  const int32_t width = s.output().shape.last();
  const int64_t rows = s.output().shape.elements() / width;
  std::vector<float> powers;
  const bool int8 = s.output().type == FileType::kInt8, log = s.op.code == schema::LOG_SOFTMAX;
  for (int difference = 0; int8 && difference < 256; ++difference) {
    const float exponent = -s.in(0).params.scale * beta * static_cast<float>(difference);
    powers.push_back(static_cast<float>(std::exp(static_cast<double>(exponent))));
  }
  return make_running([=, &in = s.in(0), &out = s.out()] {
    for (int64_t at = 0; at < rows * width; at += width) {
      if (int8) {
        softmax_int8(powers.data(), data_of<int8_t>(in) + at, width, data_of<int8_t>(out) + at);
      } else if (log) {
        log_softmax(data_of<float>(in) + at, width, data_of<float>(out) + at);
      } else {
        softmax(data_of<float>(in) + at, width, beta, data_of<float>(out) + at);
      }
    }
  });
}

// ---- Types

template <typename From>
std::unique_ptr<EngineOperator> make_cast_from(const OperatorSource& s) {
  switch (s.output().type) {
    case FileType::kFloat32:
      return make_each<From, float>(s, [](From x) { return static_cast<float>(x); });
    case FileType::kInt32:
      return make_each<From, int32_t>(s, [](From x) { return static_cast<int32_t>(x); });
    case FileType::kInt64:
      return make_each<From, int64_t>(s, [](From x) { return static_cast<int64_t>(x); });
    case FileType::kUint8:
      return make_each<From, uint8_t>(s, [](From x) { return static_cast<uint8_t>(x); });
    case FileType::kInt8:
      return make_each<From, int8_t>(s, [](From x) { return static_cast<int8_t>(x); });
    case FileType::kBool:
      return make_each<From, bool>(s, [](From x) { return x != 0; });
    case FileType::kFloat16:
      return nullptr;
  }
  return nullptr;
}

// Of integers and truths: what a float beyond the range of an integer becomes is not defined.
std::unique_ptr<EngineOperator> make_cast(const OperatorSource& s) {
  switch (s.input(0).type) {
    case FileType::kInt32:
      return make_cast_from<int32_t>(s);
    case FileType::kInt64:
      return make_cast_from<int64_t>(s);
    case FileType::kUint8:
    case FileType::kBool:
      return make_cast_from<uint8_t>(s);
    case FileType::kInt8:
      return make_cast_from<int8_t>(s);
    case FileType::kFloat32:
      return s.output().type == FileType::kFloat32 ? make_cast_from<float>(s) : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

std::unique_ptr<EngineOperator> make_function(const OperatorSource& s) {
  const bool int8 = s.input(0).type == FileType::kInt8;
  switch (s.op.code) {
    case schema::SOFTMAX:
    case schema::LOG_SOFTMAX:
      return make_softmax(s);
    case schema::CAST:
      return make_cast(s);
    case schema::LEAKY_RELU:
      return int8 ? nullptr : make_leaky_relu(s);
    case schema::ELU:
    case schema::GELU:
    case schema::TANH:
      if (int8) return make_table(s, function_of(s));
      break;
    default:
      break;
  }
  if (s.op.code == schema::LOGICAL_NOT) return make_each<uint8_t, bool>(s, [](uint8_t x) { return x == 0; });
  const Function function = function_of(s);
  return function && !int8 ? make_each<float, float>(s, function) : nullptr;
}

}  // namespace hybrid_tf
