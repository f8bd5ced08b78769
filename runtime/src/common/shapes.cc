#include "common/shapes.h"

#include <algorithm>

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 28;

}  // namespace

int64_t Shape::elements() const {
  int64_t product = 1;
  for (int32_t i = 0; i < rank; ++i) product *= dims[i];
  return product;
}

bool Shape::operator==(const Shape& other) const {
  return rank == other.rank && std::equal(dims, dims + rank, other.dims);
}

Image::Image(const Shape& shape)
    : batches(shape.rank > 3 ? shape.dims[shape.rank - 4] : 1),
      height(shape.rank > 2 ? shape.dims[shape.rank - 3] : 1),
      width(shape.rank > 1 ? shape.dims[shape.rank - 2] : 1),
      channels(shape.dims[shape.rank - 1]) {}

bool make_shape(const int* dims, int rank, Shape* shape, Message* message) {
  if (rank < 1 || rank > 4) return message->fail("has %d dimensions, not 1 to 4", rank);
  shape->rank = rank;
  std::copy(dims, dims + rank, shape->dims);
  return check_shape(*shape, message);
}

bool check_shape(const Shape& shape, Message* message) {
  int64_t product = 1;
  for (int32_t i = 0; i < shape.rank; ++i) {
    if (shape.dims[i] < 1) return message->fail("has a dimension of %d", shape.dims[i]);
    product *= shape.dims[i];  // both below 2^31
    if (product > kMaxElements) return message->fail("has more than %lld elements", (long long)kMaxElements);
  }
  return true;
}

void Halo::cover(const Halo& other) {
  top = std::max(top, other.top);
  bottom = std::max(bottom, other.bottom);
  left = std::max(left, other.left);
  right = std::max(right, other.right);
}

}  // namespace hybrid_tf
