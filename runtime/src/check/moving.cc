// Operators that give values another shape or another order.
#include <algorithm>
#include <cstring>

#include "check/checks.h"

namespace hybrid_tf {
namespace {

// The last dimensions of maps are where a loop runs, and some kernels have loops for four.
bool check_rank(const OperatorCheck& c, const FileShape& shape) {
  return shape.rank <= 4 || c.message->fail("has an input of more than 4 dimensions");
}

bool check_shape(const OperatorCheck& c) {
  const FileShape& shape = c.input(0)->shape;
  if (c.output().type != FileType::kInt32 ||
      c.op.options.scalar<int8_t>(schema::ShapeOptions::out_type, 0) != static_cast<int8_t>(FileType::kInt32)) {
    return c.message->fail("has an output of another type");
  }
  c.learn({shape.dims, shape.dims + shape.rank});
  return c.output_is(make_file_shape({shape.rank}));
}

bool check_reshape(const OperatorCheck& c) {
  if (!check_moved(c, c.input(0), c.output())) return false;
  const FileShape& shape = c.output().shape;
  if (c.input(0)->shape.elements() != shape.elements()) return c.message->fail("changes the number of values");
  std::vector<int32_t> sizes;
  if (c.op.inputs.size() > 1) {
    if (!read_constant(c, 1, kMaxRank, &sizes)) return false;
  } else {
    const FlatVector stored = c.op.options.vector(schema::ReshapeOptions::new_shape, 4);
    for (size_t i = 0; i < std::min<size_t>(stored.size(), kMaxRank + 1); ++i) sizes.push_back(stored.at<int32_t>(i));
  }
  // One of the sizes may be left open (-1).
  bool fits = sizes.size() == static_cast<size_t>(shape.rank) && std::count(sizes.begin(), sizes.end(), -1) <= 1;
  for (size_t i = 0; fits && i < sizes.size(); ++i) fits = sizes[i] == shape.dims[i] || sizes[i] == -1;
  return fits || c.message->fail("has another shape than its output");
}

// Leaves out dimensions of 1.
bool check_squeeze(const OperatorCheck& c) {
  const FileShape& map = c.input(0)->shape;
  const FlatVector stored = c.op.options.vector(schema::SqueezeOptions::squeeze_dims, 4);
  if (!check_moved(c, c.input(0), c.output()) || !c.is_in("axes", stored.size(), 0, kMaxRank)) return false;
  bool out[kMaxRank] = {};
  for (int i = 0; i < map.rank; ++i) out[i] = stored.size() == 0 && map.dims[i] == 1;
  for (size_t i = 0; i < stored.size(); ++i) {
    int32_t axis = stored.at<int32_t>(i);
    if (!resolve_axis(c, map.rank, &axis) || !c.is_in("a squeezed dimension of", map.dims[axis], 1, 1)) return false;
    out[axis] = true;
  }
  FileShape shape;
  for (int i = 0; i < map.rank; ++i) {
    if (!out[i]) shape.dims[shape.rank++] = map.dims[i];
  }
  return c.output_is(shape);
}

// A new dimension of `size` in front of `axis`.
FileShape insert(const FileShape& shape, int32_t axis, int32_t size) {
  FileShape longer;
  longer.rank = shape.rank + 1;
  std::copy(shape.dims, shape.dims + axis, longer.dims);
  longer.dims[axis] = size;
  std::copy(shape.dims + axis, shape.dims + shape.rank, longer.dims + axis + 1);
  return longer;
}

bool check_expand_dims(const OperatorCheck& c) {
  const FileShape& map = c.input(0)->shape;
  int32_t axis;
  return check_moved(c, c.input(0), c.output()) && check_rank(c, map) && read_axis(c, 1, map.rank + 1, &axis) &&
         c.output_is(insert(map, axis, 1));
}

// Single numbers that are known side by side, or maps.
bool check_pack(const OperatorCheck& c) {
  using Options = schema::PackOptions;
  const FileShape& part = c.input(0)->shape;
  const auto count = static_cast<int32_t>(c.op.inputs.size());
  int32_t axis = c.op.options.scalar<int32_t>(Options::axis, 0);
  if (!c.is_in("values", c.op.options.scalar<int32_t>(Options::values_count, 0), count, count) ||
      !check_rank(c, part) || !resolve_axis(c, part.rank + 1, &axis)) {
    return false;
  }
  std::vector<int32_t> known;
  for (size_t i = 0; i < c.op.inputs.size(); ++i) {
    if (!check_moved(c, c.input(i), c.output()) || !check_same_scale(c, *c.input(i), c.output())) return false;
    if (!(c.input(i)->shape == part)) return c.message->fail("joins unlike shapes");
    int32_t value;
    if (part.rank == 0 && c.input(i)->read(&value, 1)) known.push_back(value);
  }
  if (known.size() == c.op.inputs.size()) c.learn(known);
  return c.output_is(insert(part, axis, count));
}

bool check_unpack(const OperatorCheck& c) {
  using Options = schema::UnpackOptions;
  FileShape shape = c.input(0)->shape;
  const auto count = static_cast<int32_t>(c.op.outputs.size());
  int32_t axis = c.op.options.scalar<int32_t>(Options::axis, 0);
  if (!check_rank(c, shape) || !resolve_axis(c, shape.rank, &axis)) return false;
  if (c.op.options.scalar<int32_t>(Options::num, 0) != count || shape.dims[axis] != count) {
    return c.message->fail("does not make %d parts", count);
  }
  std::copy(shape.dims + axis + 1, shape.dims + shape.rank, shape.dims + axis);
  --shape.rank;
  for (size_t i = 0; i < c.op.outputs.size(); ++i) {
    if (!check_moved(c, c.input(0), c.output(i)) || !check_same_scale(c, *c.input(0), c.output(i)) ||
        !c.output_is(shape, i)) {
      return false;
    }
  }
  return true;
}

bool check_concatenation(const OperatorCheck& c) {
  using Options = schema::ConcatenationOptions;
  const int64_t activation = c.op.options.scalar<int8_t>(Options::fused_activation_function, 0);
  if (!check_maps(c) || !c.is_in("fused activation", activation, 0, 0)) return false;
  FileShape shape = c.input(0)->shape;
  int32_t axis = c.op.options.scalar<int32_t>(Options::axis, 0);
  if (axis < 0) axis += shape.rank;
  if (shape.rank > 4 || axis < 0 || axis >= shape.rank) return c.message->fail("joins along axis %d", axis);
  int64_t total = 0;
  for (size_t i = 0; i < c.op.inputs.size(); ++i) {
    const FileTensor* part = c.input(i);
    if (!check_map(c, part)) return false;
    if (part->type != c.output().type || (part->type == FileType::kInt8 && part->scale() != c.output().scale())) {
      return c.message->fail("joins maps of other types or scales");
    }
    FileShape other = part->shape;
    total += axis < other.rank ? other.dims[axis] : 0;
    other.dims[axis] = shape.dims[axis];
    if (!(other == shape)) return c.message->fail("joins unlike shapes");
  }
  shape.dims[axis] = static_cast<int32_t>(std::min<int64_t>(total, INT32_MAX));
  return c.output_is(shape);
}

bool check_transpose(const OperatorCheck& c) {
  std::vector<int32_t> order;
  if (!check_moved(c, c.input(0), c.output()) || !read_constant(c, 1, kMaxRank, &order)) return false;
  FileShape shape = c.input(0)->shape;
  if (shape.rank > 4 || order.size() != static_cast<size_t>(shape.rank)) {
    return c.message->fail("orders another number of axes");
  }
  bool used[kMaxRank] = {};
  for (int i = 0; i < shape.rank; ++i) {
    if (order[i] < 0 || order[i] >= shape.rank || used[order[i]]) return c.message->fail("has no order of axes");
    used[order[i]] = true;
    shape.dims[i] = c.input(0)->shape.dims[order[i]];
  }
  return c.output_is(shape);
}

// Even parts along an axis, which is input 0.
bool check_split(const OperatorCheck& c) {
  std::vector<int32_t> axes;
  const FileTensor* map = c.input(1);
  if (!check_map(c, map) || !read_constant(c, 0, 1, &axes)) return false;
  const auto parts = static_cast<int32_t>(c.op.outputs.size());
  FileShape shape = map->shape;
  if (axes.size() != 1 || shape.rank > 4 || axes[0] < -shape.rank || axes[0] >= shape.rank) {
    return c.message->fail("splits no axis");
  }
  const int axis = axes[0] < 0 ? axes[0] + shape.rank : axes[0];
  if (c.op.options.scalar<int32_t>(schema::SplitOptions::num_splits, 0) != parts || shape.dims[axis] % parts != 0) {
    return c.message->fail("does not make %d even parts", parts);
  }
  shape.dims[axis] /= parts;
  for (int32_t output : c.op.outputs) {
    const FileTensor& part = c.model.tensors[output];
    if (!check_map(c, &part) || part.type != map->type) return c.message->fail("turns one type into another");
    if (!(part.shape == shape)) return c.message->fail("cannot compute the shape of '%.60s'", part.name);
  }
  return true;
}

// Parts of any sizes along an axis.
bool check_split_v(const OperatorCheck& c) {
  const FileTensor& map = *c.input(0);
  const size_t parts = c.op.outputs.size();
  std::vector<int32_t> sizes;
  int32_t axis;
  if (!check_map(c, &map) || !check_rank(c, map.shape) || !read_constant(c, 1, 64, &sizes) ||
      !read_axis(c, 2, map.shape.rank, &axis)) {
    return false;
  }
  if (sizes.size() != parts || c.op.options.scalar<int32_t>(schema::SplitVOptions::num_splits, 0) != int64_t(parts)) {
    return c.message->fail("does not make %zu parts", parts);
  }
  int64_t total = 0;
  for (size_t i = 0; i < parts; ++i) {
    FileShape shape = map.shape;
    total += shape.dims[axis] = sizes[i];
    if (!check_map(c, &c.output(i)) || !check_same_scale(c, map, c.output(i)) || !c.output_is(shape, i)) return false;
  }
  return c.is_in("parts of together", total, map.shape.dims[axis], map.shape.dims[axis]);
}

// Between pixels and channels, by squares of pixels.
bool check_block(const OperatorCheck& c) {
  static_assert(int{schema::DepthToSpaceOptions::block_size} == int{schema::SpaceToDepthOptions::block_size},
                "read at once");
  const int64_t block = c.op.options.scalar<int32_t>(schema::DepthToSpaceOptions::block_size, 0);
  if (!check_maps(c) || !c.is_in("block", block, 1, kMaxExtent)) return false;
  const FileShape& map = c.input(0)->shape;
  if (map.rank != 4) return c.message->fail("reads '%.60s', which is no map", c.input(0)->name);
  const int64_t batch = map.dims[0], height = map.dims[1], width = map.dims[2], channels = map.dims[3];
  if (c.rule.code == schema::DEPTH_TO_SPACE) {
    if (channels % (block * block) != 0) return c.message->fail("does not divide %d channels", map.dims[3]);
    return c.output_is(make_file_shape({batch, height * block, width * block, channels / (block * block)}));
  }
  if (height % block != 0 || width % block != 0) return c.message->fail("does not divide such a map");
  return c.output_is(make_file_shape({batch, height / block, width / block, channels * block * block}));
}

}  // namespace

constexpr OperatorRule kMovingRules[] = {
    make_rule(schema::CONCATENATION, check_concatenation).inputs(1, 64).options<schema::ConcatenationOptions>(),
    make_rule(schema::DEPTH_TO_SPACE, check_block).options<schema::DepthToSpaceOptions>(),
    make_rule(schema::EXPAND_DIMS, check_expand_dims).inputs(2, 2),
    make_rule(schema::PACK, check_pack).inputs(1, 64).options<schema::PackOptions>(),
    make_rule(schema::RESHAPE, check_reshape).inputs(1, 2),
    make_rule(schema::SHAPE, check_shape).options<schema::ShapeOptions>(),
    make_rule(schema::SPACE_TO_DEPTH, check_block).options<schema::SpaceToDepthOptions>(),
    make_rule(schema::SPLIT, check_split).inputs(2, 2).outputs(64).options<schema::SplitOptions>(),
    make_rule(schema::SPLIT_V, check_split_v).inputs(3, 3).outputs(64).options<schema::SplitVOptions>(),
    make_rule(schema::SQUEEZE, check_squeeze).options<schema::SqueezeOptions>(),
    make_rule(schema::TRANSPOSE, check_transpose).inputs(2, 2),
    make_rule(schema::UNPACK, check_unpack).outputs(64).options<schema::UnpackOptions>(),
    {},
};

}  // namespace hybrid_tf
