#include "check/checks.h"

#include <algorithm>

#include "common/window_axis.h"

namespace hybrid_tf {

FileShape make_file_shape(std::initializer_list<int64_t> sizes) {
  FileShape shape;
  for (int64_t size : sizes) shape.dims[shape.rank++] = static_cast<int32_t>(std::min<int64_t>(size, INT32_MAX));
  return shape;
}

bool check_map(const OperatorCheck& c, const FileTensor* tensor) {
  if (tensor == nullptr) return c.message->fail("lacks an input");
  if (tensor->type == FileType::kFloat32) return true;
  if (tensor->type != FileType::kInt8 || !c.rule.int8) {
    return c.message->fail("has '%.60s' of a type that it cannot have", tensor->name);
  }
  return tensor->scales.size() == 1 || c.message->fail("has '%.60s' of int8 without a scale", tensor->name);
}

bool check_maps(const OperatorCheck& c) {
  if (!check_map(c, c.input(0)) || !check_map(c, &c.output())) return false;
  return c.input(0)->type == c.output().type || c.message->fail("turns one type into another");
}

bool check_moved(const OperatorCheck& c, const FileTensor* from, const FileTensor& to) {
  if (from == nullptr) return c.message->fail("lacks an input");
  if (from->type != to.type) return c.message->fail("turns one type into another");
  if (from->type == FileType::kInt8) return check_map(c, from) && check_map(c, &to);
  return from->type != FileType::kFloat16 || c.message->fail("has '%.60s' of a type that it cannot have", from->name);
}

bool check_same_scale(const OperatorCheck& c, const FileTensor& a, const FileTensor& b) {
  const bool same =
      a.type == b.type && (a.type != FileType::kInt8 ||
                           (a.scale() == b.scale() && a.zero_points.at<int64_t>(0) == b.zero_points.at<int64_t>(0)));
  return same || c.message->fail("has maps of other types or scales");
}

bool check_ratio(const OperatorCheck& c, double ratio) {
  return (ratio > 1e-9 && ratio < 1e4) || c.message->fail("has scales that do not fit each other");
}

bool check_rescaled(const OperatorCheck& c) {
  return c.output().type == FileType::kFloat32 || check_ratio(c, c.input(0)->scale() / double{c.output().scale()});
}

bool check_same_shape(const OperatorCheck& c) {
  return check_maps(c) && check_rescaled(c) && c.output_is(c.input(0)->shape);
}

bool check_activation(const OperatorCheck& c, int field) {
  return c.is_in("fused activation", c.op.options.scalar<int8_t>(field, 0), 0, 3);
}

bool check_broadcast(const OperatorCheck& c, size_t count) {
  FileShape shape;
  for (size_t k = 0; k < count; ++k) shape.rank = std::max(shape.rank, c.input(k)->shape.rank);
  if (shape.rank > 4) return c.message->fail("has inputs of more than 4 dimensions");
  std::fill(shape.dims, shape.dims + shape.rank, 1);
  for (size_t k = 0; k < count; ++k) {
    const FileShape& one = c.input(k)->shape;
    for (int i = 1; i <= one.rank; ++i) {
      int32_t &whole = shape.dims[shape.rank - i], size = one.dims[one.rank - i];
      if (size != whole && size != 1 && whole != 1) return c.message->fail("has inputs of unlike shapes");
      whole = std::max(whole, size);
    }
  }
  return c.output_is(shape);
}

bool read_constant(const OperatorCheck& c, size_t input, int64_t most, std::vector<int32_t>* values) {
  const FileTensor* tensor = c.input(input);
  if (tensor != nullptr && tensor->shape.elements() <= most) {
    values->resize(tensor->shape.elements());
    if (tensor->read(values->data(), values->size())) return true;
  }
  return c.message->fail("lacks constant numbers");
}

bool resolve_axis(const OperatorCheck& c, int32_t rank, int32_t* axis) {
  const int32_t resolved = *axis < 0 ? *axis + rank : *axis;
  if (!c.is_in("axis", resolved, 0, rank - 1)) return false;
  *axis = resolved;
  return true;
}

bool read_axis(const OperatorCheck& c, size_t input, int32_t rank, int32_t* axis) {
  std::vector<int32_t> values;
  if (!read_constant(c, input, 1, &values)) return false;
  *axis = values[0];
  return resolve_axis(c, rank, axis);
}

bool slide_window(const OperatorCheck& c, const FileTensor& map, const FileWindow& w, int64_t channels,
                  FileShape* shape) {
  if (!c.is_in("padding", w.padding, 0, 1)) return false;
  for (int64_t size : {w.height, w.width, w.stride_height, w.stride_width, w.dilation_height, w.dilation_width}) {
    if (!c.is_in("a filter, stride or dilation of", size, 1, kMaxExtent)) return false;
  }
  if (map.shape.rank != 4) return c.message->fail("reads '%.60s', which is no map", map.name);
  const auto axis = [](int64_t size, int64_t stride, int64_t dilation) {
    return FilterAxis{static_cast<int32_t>(size), static_cast<int32_t>(stride), static_cast<int32_t>(dilation)};
  };
  const FilterAxis vertical = axis(w.height, w.stride_height, w.dilation_height);
  const FilterAxis horizontal = axis(w.width, w.stride_width, w.dilation_width);
  if (vertical.extent() > kMaxExtent || horizontal.extent() > kMaxExtent) {
    return c.message->fail("has too large a filter");
  }
  WindowAxis rows, columns;
  const bool same = w.padding == 0;
  if (!slide(vertical, map.shape.dims[1], same, &rows) || !slide(horizontal, map.shape.dims[2], same, &columns)) {
    return c.message->fail("has a filter larger than its map");
  }
  *shape = make_file_shape({map.shape.dims[0], rows.out, columns.out, channels});
  return true;
}

bool check_window(const OperatorCheck& c, const FileTensor& map, const FileWindow& window, int64_t channels) {
  FileShape shape;
  return slide_window(c, map, window, channels, &shape) && c.output_is(shape);
}

}  // namespace hybrid_tf
