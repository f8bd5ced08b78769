// Operators that make one value of all along some axes.
#include <algorithm>

#include "engine/operators.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxReduced = 1 << 24;  // values, since there is a list of their places

// The places of the values that become one: `kept` has the first of each, `reduced` those behind it.
struct Reduction {
  std::vector<int64_t> kept = {0}, reduced = {0};

  Reduction(const FileShape& shape, const std::vector<int32_t>& axes) {
    bool is_reduced[kMaxRank] = {};
    for (const int32_t axis : axes) is_reduced[axis < 0 ? axis + shape.rank : axis] = true;
    int64_t stride = shape.elements();
    for (int i = 0; i < shape.rank; ++i) {
      stride /= shape.dims[i];
      std::vector<int64_t>& places = is_reduced[i] ? reduced : kept;
      std::vector<int64_t> longer;
      for (const int64_t place : places) {
        for (int32_t k = 0; k < shape.dims[i]; ++k) longer.push_back(place + k * stride);
      }
      places = std::move(longer);
    }
  }
};

template <typename Combine>
std::unique_ptr<EngineOperator> make_reduced(const OperatorSource& s, bool mean, Combine combine) {
  return make_running(
      [reduction = Reduction(s.input(0).shape, s.constants(1)), mean, combine, &in = s.in(0), &out = s.out()] {
        float* result = data_of<float>(out);
        for (const int64_t first : reduction.kept) {
          const float* values = data_of<const float>(in) + first;
          float all = values[0];
          for (size_t i = 1; i < reduction.reduced.size(); ++i) all = combine(all, values[reduction.reduced[i]]);
          *result++ = mean ? all / static_cast<float>(reduction.reduced.size()) : all;
        }
      });
}

// The place of the first largest value along an axis, or of the smallest.
template <typename In, typename Out>
std::unique_ptr<EngineOperator> make_place(const OperatorSource& s) {
  const bool largest = s.op.code == schema::ARG_MAX;
  return make_running(
      [reduction = Reduction(s.input(0).shape, s.constants(1)), largest, &in = s.in(0), &out = s.out()] {
        Out* result = data_of<Out>(out);
        for (const int64_t first : reduction.kept) {
          const In* values = data_of<const In>(in) + first;
          size_t best = 0;
          for (size_t i = 1; i < reduction.reduced.size(); ++i) {
            const In value = values[reduction.reduced[i]], most = values[reduction.reduced[best]];
            if (largest ? value > most : value < most) best = i;
          }
          *result++ = static_cast<Out>(best);
        }
      });
}

template <typename In>
std::unique_ptr<EngineOperator> make_place_of(const OperatorSource& s) {
  return s.output().type == FileType::kInt32 ? make_place<In, int32_t>(s) : make_place<In, int64_t>(s);
}

}  // namespace

std::unique_ptr<EngineOperator> make_reduction(const OperatorSource& s) {
  const bool int8 = s.input(0).type == FileType::kInt8;
  if (s.input(0).shape.elements() > kMaxReduced) return nullptr;
  if (s.op.code == schema::ARG_MAX || s.op.code == schema::ARG_MIN) {
    return int8 ? make_place_of<int8_t>(s) : make_place_of<float>(s);
  }
  if (int8) return nullptr;
  const auto add = [](float a, float b) { return a + b; };
  switch (s.op.code) {
    case schema::MEAN:
      return make_reduced(s, true, add);
    case schema::SUM:
      return make_reduced(s, false, add);
    case schema::REDUCE_MAX:
      return make_reduced(s, false, [](float a, float b) { return std::max(a, b); });
    case schema::REDUCE_MIN:
      return make_reduced(s, false, [](float a, float b) { return std::min(a, b); });
    case schema::REDUCE_PROD:
      return make_reduced(s, false, [](float a, float b) { return a * b; });
    default:
      return nullptr;
  }
}

}  // namespace hybrid_tf
