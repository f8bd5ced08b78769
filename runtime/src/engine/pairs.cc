// Operators of two or three maps, each of whose dimensions is that of the output or 1.
#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/operators.h"
#include "execution/fixed_point.h"

namespace hybrid_tf {
namespace {

constexpr int kSumShift = 20;  // TensorFlow Lite's: int8 operands of a sum, before they are scaled

constexpr size_t kOperands = 3;

// Of one dimension of the output, how far apart values of each operand lie.
struct Places {
  int32_t count = 1;
  int64_t step[kOperands] = {};
};

class Broadcast {
 public:
  explicit Broadcast(const OperatorSource& s) {
    const FileShape& out = s.output().shape;
    int64_t strides[kOperands] = {1, 1, 1};
    for (int i = 1; i <= out.rank; ++i) {
      Places& places = places_[4 - i];
      places.count = out.dims[out.rank - i];
      for (size_t k = 0; k < s.op.inputs.size(); ++k) {
        const FileShape& shape = s.input(k).shape;
        const int32_t size = i <= shape.rank ? shape.dims[shape.rank - i] : 1;
        places.step[k] = size == 1 ? 0 : strides[k];
        strides[k] *= size;
      }
    }
  }

  // Calls `visit` with the places of the operands of each value of the output.
  template <typename Visit>
  void each(const Visit& visit) const {
    const auto &p = places_[0], &q = places_[1], &r = places_[2], &s = places_[3];
    for (int32_t i = 0; i < p.count; ++i) {
      for (int32_t j = 0; j < q.count; ++j) {
        for (int32_t k = 0; k < r.count; ++k) {
          const auto first = [&](int n) { return i * p.step[n] + j * q.step[n] + k * r.step[n]; };
          const int64_t a = first(0), b = first(1), c = first(2);
          for (int32_t l = 0; l < s.count; ++l) visit(a + l * s.step[0], b + l * s.step[1], c + l * s.step[2]);
        }
      }
    }
  }

 private:
  Places places_[4];  // the last dimension last
};

template <typename In, typename Out, typename Compute>
std::unique_ptr<EngineOperator> make_each_pair(const OperatorSource& s, Compute compute) {
  return make_running([broadcast = Broadcast(s), compute, &a = s.in(0), &b = s.in(1), &out = s.out()] {
    const In *first = data_of<const In>(a), *second = data_of<const In>(b);
    Out* result = data_of<Out>(out);
    broadcast.each([&](int64_t i, int64_t j, int64_t) { *result++ = compute(first[i], second[j]); });
  });
}

// SELECT: a truth, and the values of both cases.
template <typename T>
std::unique_ptr<EngineOperator> make_choice(const OperatorSource& s) {
  return make_running([broadcast = Broadcast(s), &which = s.in(0), &yes = s.in(1), &no = s.in(2), &out = s.out()] {
    const uint8_t* truth = data_of<const uint8_t>(which);
    const T *first = data_of<const T>(yes), *second = data_of<const T>(no);
    T* result = data_of<T>(out);
    broadcast.each([&](int64_t i, int64_t j, int64_t k) { *result++ = truth[i] ? first[j] : second[k]; });
  });
}

// Functions by pointers, so that there is one loop for each type, not for each operator.
template <typename In>
std::unique_ptr<EngineOperator> make_comparison(const OperatorSource& s) {
  const auto make = [&](bool (*compare)(In, In)) { return make_each_pair<In, bool>(s, compare); };
  switch (s.op.code) {
    case schema::EQUAL:
      return make([](In a, In b) { return a == b; });
    case schema::NOT_EQUAL:
      return make([](In a, In b) { return a != b; });
    case schema::LESS:
      return make([](In a, In b) { return a < b; });
    case schema::LESS_EQUAL:
      return make([](In a, In b) { return a <= b; });
    case schema::GREATER:
      return make([](In a, In b) { return a > b; });
    case schema::GREATER_EQUAL:
      return make([](In a, In b) { return a >= b; });
    default:
      return nullptr;
  }
}

Limits limits_of(const OperatorSource& s) {
  static_assert(int{schema::AddOptions::fused_activation_function} == 0, "ADD, SUB, MUL and DIV have it there");
  const bool limited =
      s.op.code == schema::ADD || s.op.code == schema::SUB || s.op.code == schema::MUL || s.op.code == schema::DIV;
  return limited ? Limits(s, 0) : Limits();
}

std::unique_ptr<EngineOperator> make_floats(const OperatorSource& s, const Limits& limits,
                                            float (*compute)(float, float)) {
  return make_each_pair<float, float>(s, [=](float a, float b) { return limits.clamp(compute(a, b)); });
}

// ADD and SUB: `sign` is that of the second operand.
std::unique_ptr<EngineOperator> make_int8_sum(const OperatorSource& s, int32_t sign) {
  const TfLiteQuantizationParams a = s.in(0).params, b = s.in(1).params, out = s.out().params;
  const double twice = 2.0 * std::max(a.scale, b.scale);
  const FixedPoint by_a = make_fixed_point(a.scale / twice), by_b = make_fixed_point(b.scale / twice);
  const FixedPoint by_sum = make_fixed_point(twice / ((1 << kSumShift) * double{out.scale}));
  const Int8Range range = limits_of(s).int8(s.out());
  return make_each_pair<int8_t, int8_t>(s, [=](int32_t x, int32_t y) {
    const int32_t first = multiply_away((x - a.zero_point) * (1 << kSumShift), by_a);
    const int32_t second = multiply_away((y - b.zero_point) * (1 << kSumShift), by_b);
    const int32_t sum = multiply_away(first + sign * second, by_sum) + out.zero_point;
    return static_cast<int8_t>(std::max(range.min, std::min(range.max, sum)));
  });
}

std::unique_ptr<EngineOperator> make_int8_product(const OperatorSource& s) {
  const TfLiteQuantizationParams a = s.in(0).params, b = s.in(1).params, out = s.out().params;
  const float product = a.scale * b.scale;  // single precision, as TensorFlow Lite's
  const FixedPoint by = make_fixed_point(double{product / out.scale});
  const Int8Range range = limits_of(s).int8(s.out());
  return make_each_pair<int8_t, int8_t>(s, [=](int32_t x, int32_t y) {
    const int32_t value = multiply_away((x - a.zero_point) * (y - b.zero_point), by) + out.zero_point;
    return static_cast<int8_t>(std::max(range.min, std::min(range.max, value)));
  });
}

std::unique_ptr<EngineOperator> make_int8_pair(const OperatorSource& s) {
  switch (s.op.code) {
    case schema::ADD:
      return make_int8_sum(s, 1);
    case schema::SUB:
      return make_int8_sum(s, -1);
    case schema::MUL:
      return make_int8_product(s);
    case schema::MAXIMUM:
      return make_each_pair<int8_t, int8_t>(s, [](int8_t a, int8_t b) { return std::max(a, b); });
    case schema::MINIMUM:
      return make_each_pair<int8_t, int8_t>(s, [](int8_t a, int8_t b) { return std::min(a, b); });
    default:
      return nullptr;
  }
}

}  // namespace

std::unique_ptr<EngineOperator> make_pair(const OperatorSource& s) {
  const FileType type = s.input(0).type;
  if (s.output().shape.rank > 4) return nullptr;
  if (s.op.code == schema::SELECT || s.op.code == schema::SELECT_V2) {
    return s.output().type == FileType::kInt8 ? make_choice<int8_t>(s) : make_choice<float>(s);
  }
  if (s.op.inputs.size() != 2 || s.op.inputs[1] < 0) return nullptr;
  if (type == FileType::kInt8) return make_int8_pair(s);
  if (type == FileType::kInt32) return make_comparison<int32_t>(s);
  if (type == FileType::kInt64) return make_comparison<int64_t>(s);
  if (type == FileType::kBool) {
    if (s.op.code == schema::LOGICAL_AND) return make_each_pair<uint8_t, bool>(s, std::bit_and<bool>());
    if (s.op.code == schema::LOGICAL_OR) return make_each_pair<uint8_t, bool>(s, std::bit_or<bool>());
  }
  if (type != FileType::kFloat32) return nullptr;
  const auto make = [&](float (*compute)(float, float)) { return make_floats(s, limits_of(s), compute); };
  switch (s.op.code) {
    case schema::ADD:
      return make([](float a, float b) { return a + b; });
    case schema::SUB:
      return make([](float a, float b) { return a - b; });
    case schema::MUL:
      return make([](float a, float b) { return a * b; });
    case schema::DIV:
      return make([](float a, float b) { return a / b; });
    case schema::MAXIMUM:
      return make([](float a, float b) { return std::max(a, b); });
    case schema::MINIMUM:
      return make([](float a, float b) { return std::min(a, b); });
    case schema::SQUARED_DIFFERENCE:
      return make([](float a, float b) { return (a - b) * (a - b); });
    case schema::POW:
      return make([](float a, float b) { return std::pow(a, b); });
    case schema::PRELU:
      return make([](float a, float slope) { return a >= 0 ? a : a * slope; });
    default:
      return make_comparison<float>(s);
  }
}

}  // namespace hybrid_tf
