// Operators that cut values out of a map, put values around it, or repeat them.
#include <algorithm>

#include "check/checks.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kMaxStrided = 1 << 24;  // float32 has every integer below, and the interpreter divides with it

// What PAD, PADV2 and MIRROR_PAD make: the padding of each dimension, before and after it.
bool check_padding(const OperatorCheck& c, std::vector<int32_t>* padding) {
  if (!check_maps(c) || !read_constant(c, 1, 2 * kMaxRank, padding)) return false;
  const FileShape& table = c.input(1)->shape;
  FileShape shape = c.input(0)->shape;
  if (shape.rank > 4 || table.rank != 2 || table.dims[0] != shape.rank || table.dims[1] != 2) {
    return c.message->fail("has padding for another number of dimensions");
  }
  for (int i = 0; i < 2 * shape.rank; ++i) {
    if (!c.is_in("padding", (*padding)[i], 0, kMaxExtent)) return false;
    shape.dims[i / 2] += (*padding)[i];  // a stored size is at most 2^30
  }
  return c.output_is(shape);
}

// With zeros, or with a value that is input 2.
bool check_pad(const OperatorCheck& c) {
  std::vector<int32_t> padding;
  if (!check_padding(c, &padding)) return false;
  if (c.rule.code == schema::PAD) return true;
  const FileTensor* value = c.input(2);
  return check_map(c, value) && check_same_scale(c, *value, *c.input(0)) &&
         c.is_in("padding values", value->shape.elements(), 1, 1);
}

bool check_mirror_pad(const OperatorCheck& c) {
  std::vector<int32_t> padding;
  const int64_t mode = c.op.options.scalar<int8_t>(schema::MirrorPadOptions::mode, 0);
  if (!check_padding(c, &padding) || !c.is_in("mode", mode, 0, 1)) return false;
  for (size_t i = 0; i < padding.size(); ++i) {  // REFLECT (0) leaves out the border itself
    const int32_t most = c.input(0)->shape.dims[i / 2] - (mode == 0 ? 1 : 0);
    if (!c.is_in("padding", padding[i], 0, most)) return false;
  }
  return true;
}

bool check_slice(const OperatorCheck& c) {
  std::vector<int32_t> begin, size;
  FileShape shape = c.input(0)->shape;
  if (!check_moved(c, c.input(0), c.output()) || !read_constant(c, 1, 4, &begin) || !read_constant(c, 2, 4, &size)) {
    return false;
  }
  const auto rank = static_cast<size_t>(shape.rank);
  if (begin.size() != rank || size.size() != rank) return c.message->fail("cuts another number of dimensions");
  for (int i = 0; i < shape.rank; ++i) {
    const int32_t most = shape.dims[i] - 1;
    if (!c.is_in("a first place of", begin[i], 0, most)) return false;
    shape.dims[i] = size[i] == -1 ? shape.dims[i] - begin[i] : size[i];
    if (!c.is_in("a slice of", shape.dims[i], 1, most + 1 - begin[i])) return false;
  }
  return c.output_is(shape);
}

// Every `stride`th place of a dimension from one on, up to another.
struct Strided {
  int64_t begin, end, stride;
  int64_t size() const {
    return stride > 0 ? (end - begin + stride - 1) / stride : (begin - end - stride - 1) / -stride;
  }
};

Strided place_strided(int64_t begin, int64_t end, int64_t stride, int64_t size, bool from_first, bool to_last) {
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
  const auto place = [=](int64_t at) { return std::min(std::max(at < 0 ? at + size : at, low), high); };
  begin = from_first ? (stride > 0 ? low : high) : place(begin);
  end = to_last ? (stride > 0 ? high : low) : place(end);
  return {begin, end, stride};
}

bool check_strided_slice(const OperatorCheck& c) {
  using Options = schema::StridedSliceOptions;
  std::vector<int32_t> begin, end, stride;
  const FileTensor& map = *c.input(0);
  if (!check_moved(c, &map, c.output()) || !read_constant(c, 1, 4, &begin) || !read_constant(c, 2, 4, &end) ||
      !read_constant(c, 3, 4, &stride)) {
    return false;
  }
  const auto mask = [&](Options::Field field) { return c.op.options.scalar<int32_t>(field, 0); };
  if (mask(Options::ellipsis_mask) != 0 || mask(Options::new_axis_mask) != 0 ||
      c.op.options.scalar<uint8_t>(Options::offset, 0) != 0) {
    return c.message->fail("cuts in a way that is not checked");
  }
  const auto rank = static_cast<size_t>(map.shape.rank);
  if (begin.size() != rank || end.size() != rank || stride.size() != rank) {
    return c.message->fail("cuts another number of dimensions");
  }
  FileShape shape;
  std::vector<int32_t> known;
  for (int i = 0; i < map.shape.rank; ++i) {
    const int32_t size = map.shape.dims[i], bit = 1 << i;
    if (stride[i] == 0 || size > kMaxStrided) return c.message->fail("has a stride of 0, or too large a map");
    const Strided cut = place_strided(begin[i], end[i], stride[i], size, (mask(Options::begin_mask) & bit) != 0,
                                      (mask(Options::end_mask) & bit) != 0);
    const bool single = (mask(Options::shrink_axis_mask) & bit) != 0;
    if (single ? cut.begin < 0 || cut.begin >= size || stride[i] < 0 : cut.size() < 1) {
      return c.message->fail("cuts nothing of dimension %d", i);
    }
    if (!single) shape.dims[shape.rank++] = static_cast<int32_t>(cut.size());
    int32_t values[kMaxRank];
    if (map.shape.rank == 1 && size <= kMaxRank && map.read(values, size)) {
      for (int64_t k = 0; k < (single ? 1 : cut.size()); ++k) known.push_back(values[cut.begin + k * cut.stride]);
    }
  }
  c.learn(known);
  return c.output_is(shape);
}

// Constant places along an axis.
bool check_gather(const OperatorCheck& c) {
  using Options = schema::GatherOptions;
  const FileTensor &map = *c.input(0), *places = c.input(1);
  int32_t axis = c.op.options.scalar<int32_t>(Options::axis, 0);
  std::vector<int32_t> values;
  if (!check_moved(c, &map, c.output()) || !resolve_axis(c, map.shape.rank, &axis) ||
      !read_constant(c, 1, kMaxStrided, &values) ||
      !c.is_in("dimensions of batches", c.op.options.scalar<int32_t>(Options::batch_dims, 0), 0, 0)) {
    return false;
  }
  for (int32_t value : values) {
    if (!c.is_in("place", value, 0, map.shape.dims[axis] - 1)) return false;
  }
  FileShape shape;
  if (map.shape.rank + places->shape.rank - 1 > kMaxRank) return c.message->fail("has too many dimensions");
  const auto append = [&](const int32_t* first, const int32_t* last) {
    shape.rank = static_cast<int32_t>(std::copy(first, last, shape.dims + shape.rank) - shape.dims);
  };
  append(map.shape.dims, map.shape.dims + axis);
  append(places->shape.dims, places->shape.dims + places->shape.rank);
  append(map.shape.dims + axis + 1, map.shape.dims + map.shape.rank);
  return c.output_is(shape);
}

// So many times along each dimension.
bool check_tile(const OperatorCheck& c) {
  std::vector<int32_t> times;
  FileShape shape = c.input(0)->shape;
  if (!check_maps(c) || !read_constant(c, 1, kMaxRank, &times)) return false;
  if (times.size() != static_cast<size_t>(shape.rank) || shape.rank == 0) {
    return c.message->fail("repeats another number of dimensions");
  }
  for (int i = 0; i < shape.rank; ++i) {
    if (!c.is_in("repetitions", times[i], 1, INT32_MAX / shape.dims[i])) return false;
    shape.dims[i] *= times[i];
  }
  return c.output_is(shape);
}

bool check_broadcast_to(const OperatorCheck& c) {
  std::vector<int32_t> sizes;
  const FileShape &map = c.input(0)->shape, &whole = c.output().shape;
  if (!check_maps(c) || !read_constant(c, 1, kMaxRank, &sizes)) return false;
  bool fits = sizes.size() == static_cast<size_t>(whole.rank) && c.input(1)->shape.rank == 1 &&
              map.rank <= whole.rank && std::equal(sizes.begin(), sizes.end(), whole.dims);
  for (int i = 1; fits && i <= map.rank; ++i) {
    fits = map.dims[map.rank - i] == 1 || map.dims[map.rank - i] == whole.dims[whole.rank - i];
  }
  return fits || c.message->fail("cannot compute the shape of '%.60s'", c.output().name);
}

bool check_resize(const OperatorCheck& c) {
  std::vector<int32_t> size;
  if (!check_maps(c) || !read_constant(c, 1, 2, &size)) return false;
  const FileShape& map = c.input(0)->shape;
  if (map.rank != 4 || c.input(1)->shape.rank != 1 || size.size() != 2) return c.message->fail("resizes no map");
  for (int64_t side : {map.dims[1], map.dims[2], size[0], size[1]}) {
    if (!c.is_in("a side of", side, 1, kMaxExtent - 1)) return false;
  }
  return c.output_is(make_file_shape({map.dims[0], size[0], size[1], map.dims[3]}));
}

}  // namespace

constexpr OperatorRule kSlicingRules[] = {
    make_rule(schema::BROADCAST_TO, check_broadcast_to).inputs(2, 2),
    make_rule(schema::GATHER, check_gather).inputs(2, 2).options<schema::GatherOptions>(),
    make_rule(schema::MIRROR_PAD, check_mirror_pad).inputs(2, 2).options<schema::MirrorPadOptions>(),
    make_rule(schema::PAD, check_pad).inputs(2, 2),
    make_rule(schema::PADV2, check_pad).inputs(3, 3),
    make_rule(schema::RESIZE_BILINEAR, check_resize).inputs(2, 2).options<schema::ResizeBilinearOptions>(),
    make_rule(schema::RESIZE_NEAREST_NEIGHBOR, check_resize)
        .inputs(2, 2)
        .options<schema::ResizeNearestNeighborOptions>(),
    make_rule(schema::SLICE, check_slice).inputs(3, 3),
    make_rule(schema::STRIDED_SLICE, check_strided_slice).inputs(4, 4).options<schema::StridedSliceOptions>(),
    make_rule(schema::TILE, check_tile).inputs(2, 2),
    {},
};

}  // namespace hybrid_tf
