// Operators that make one number of all along some axes.
#include "check/checks.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kTypeInt32 = static_cast<int32_t>(FileType::kInt32);
constexpr int32_t kTypeInt64 = static_cast<int32_t>(FileType::kInt64);

bool check_reduced(const OperatorCheck& c) {
  using Options = schema::ReducerOptions;
  std::vector<int32_t> axes;
  if (!check_maps(c) || !check_rescaled(c) || !read_constant(c, 1, kMaxRank, &axes)) return false;
  const FileShape& map = c.input(0)->shape;
  if (map.rank > 4) return c.message->fail("has an input of more than 4 dimensions");
  bool reduced[kMaxRank] = {};
  for (int32_t axis : axes) {
    if (axis < -map.rank || axis >= map.rank) return c.message->fail("reduces axis %d", axis);
    reduced[axis < 0 ? axis + map.rank : axis] = true;
  }
  FileShape shape;
  for (int i = 0; i < map.rank; ++i) {
    if (!reduced[i]) shape.dims[shape.rank++] = map.dims[i];
    if (reduced[i] && c.op.options.scalar<uint8_t>(Options::keep_dims, 0) != 0) shape.dims[shape.rank++] = 1;
  }
  return c.output_is(shape);
}

// The place of the largest or smallest number along an axis.
bool check_place(const OperatorCheck& c) {
  const FileTensor& map = *c.input(0);
  int32_t axis;
  if (!check_map(c, &map) || !read_axis(c, 1, map.shape.rank, &axis)) return false;
  const int32_t type = static_cast<int32_t>(c.output().type);
  static_assert(int{schema::ArgMaxOptions::output_type} == int{schema::ArgMinOptions::output_type},
                "both are read at once");
  if ((type != kTypeInt32 && type != kTypeInt64) ||
      c.op.options.scalar<int8_t>(schema::ArgMaxOptions::output_type, 0) != type) {
    return c.message->fail("has an output of another type");
  }
  FileShape shape;
  for (int i = 0; i < map.shape.rank; ++i) {
    if (i != axis) shape.dims[shape.rank++] = map.shape.dims[i];
  }
  return c.output_is(shape);
}

}  // namespace

constexpr OperatorRule kReducingRules[] = {
    make_rule(schema::ARG_MAX, check_place).inputs(2, 2).options<schema::ArgMaxOptions>(),
    make_rule(schema::ARG_MIN, check_place).inputs(2, 2).options<schema::ArgMinOptions>(),
    make_rule(schema::MEAN, check_reduced).inputs(2, 2).options<schema::ReducerOptions>(),
    make_rule(schema::REDUCE_MAX, check_reduced).inputs(2, 2).options<schema::ReducerOptions>().only_floats(),
    make_rule(schema::REDUCE_MIN, check_reduced).inputs(2, 2).options<schema::ReducerOptions>().only_floats(),
    make_rule(schema::REDUCE_PROD, check_reduced).inputs(2, 2).options<schema::ReducerOptions>().only_floats(),
    make_rule(schema::SUM, check_reduced).inputs(2, 2).options<schema::ReducerOptions>(),
    {},
};

}  // namespace hybrid_tf
