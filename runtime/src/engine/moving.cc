// Operators whose every output value is one value of an input, or a filling.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/operators.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kOutside = -1;       // a place that is filled
constexpr int32_t kMaxSide = 1 << 24;  // of a map, since there is a list of its places

bool has_long_side(const FileShape& shape) {
  return std::any_of(shape.dims, shape.dims + shape.rank, [](int32_t size) { return size > kMaxSide; });
}

// What makes one output: the value at place (i, j, ...) is that at `first` + places[0][i] + places[1][j] + ... of the
// input, and the filling where one of them is outside.
struct Gathering {
  const TfLiteTensor* from;
  const TfLiteTensor* to;
  int64_t first = 0;
  std::vector<std::vector<int32_t>> places;
  uint8_t filling[8] = {};
};

template <typename T>
class Gatherer {
 public:
  explicit Gatherer(const Gathering& gathering)
      : g_(gathering), in_(data_of<T>(*gathering.from) + gathering.first), out_(data_of<T>(*gathering.to)) {
    memcpy(&filling_, gathering.filling, sizeof(T));
  }

  void run() { axis(0, 0, true); }

 private:
  void axis(size_t number, int64_t base, bool inside) {
    const std::vector<int32_t>& places = g_.places[number];
    if (number + 1 < g_.places.size()) {
      for (const int32_t place : places) axis(number + 1, base + place, inside && place != kOutside);
      return;
    }
    for (const int32_t place : places) *out_++ = inside && place != kOutside ? in_[base + place] : filling_;
  }

  const Gathering& g_;
  const T* const in_;
  T* out_;
  T filling_;
};

void gather(const Gathering& gathering) {
  switch (value_bytes(*gathering.to)) {
    case 1:
      return Gatherer<uint8_t>(gathering).run();
    case 2:
      return Gatherer<uint16_t>(gathering).run();
    case 4:
      return Gatherer<uint32_t>(gathering).run();
    default:
      return Gatherer<uint64_t>(gathering).run();
  }
}

std::unique_ptr<EngineOperator> make_gathering(std::vector<Gathering> gatherings) {
  return make_running(
      [gatherings = std::move(gatherings)] { std::for_each(gatherings.begin(), gatherings.end(), gather); });
}

std::unique_ptr<EngineOperator> make_gathering(Gathering gathering) {
  return make_gathering(std::vector<Gathering>{std::move(gathering)});
}

// Values that lie side by side along an axis: each part is `bytes` long, and there are `count` of each.
struct Piece {
  const TfLiteTensor* tensor;
  size_t bytes;
};

std::unique_ptr<EngineOperator> make_joining(const TfLiteTensor& to, std::vector<Piece> pieces, int64_t count) {
  return make_running([&to, pieces = std::move(pieces), count] {
    char* out = data_of<char>(to);
    for (int64_t i = 0; i < count; ++i) {
      for (const Piece& piece : pieces) {
        memcpy(out, data_of<char>(*piece.tensor) + i * piece.bytes, piece.bytes);
        out += piece.bytes;
      }
    }
  });
}

std::unique_ptr<EngineOperator> make_copy(const OperatorSource& s) {
  return make_joining(s.out(), {{&s.in(0), s.in(0).bytes}}, 1);
}

std::vector<int64_t> strides_of(const FileShape& shape) {
  std::vector<int64_t> strides(shape.rank, 1);
  for (int i = shape.rank - 2; i >= 0; --i) strides[i] = strides[i + 1] * shape.dims[i + 1];
  return strides;
}

// Every `step`th place of an axis.
std::vector<int32_t> steps(int64_t count, int64_t step) {
  std::vector<int32_t> places;
  for (int64_t i = 0; i < count; ++i) places.push_back(static_cast<int32_t>(i * step));
  return places;
}

// All of an input, as it is.
Gathering whole(const OperatorSource& s, size_t input, size_t output = 0) {
  Gathering gathering = {&s.in(input), &s.out(output), 0, {}, {}};
  const FileShape& shape = s.input(input).shape;
  const std::vector<int64_t> strides = strides_of(shape);
  for (int i = 0; i < shape.rank; ++i) gathering.places.push_back(steps(shape.dims[i], strides[i]));
  if (shape.rank == 0) gathering.places = {{0}};
  return gathering;
}

std::vector<int32_t> part_of(const std::vector<int32_t>& places, int32_t begin, int32_t size) {
  return {places.begin() + begin, places.begin() + begin + size};
}

int32_t resolve(int32_t axis, int32_t rank) { return axis < 0 ? axis + rank : axis; }

std::unique_ptr<EngineOperator> make_transpose(const OperatorSource& s) {
  Gathering gathering = whole(s, 0);
  const auto places = gathering.places;
  const std::vector<int32_t> order = s.constants(1);
  for (size_t i = 0; i < order.size(); ++i) gathering.places[i] = places[order[i]];
  return make_gathering(std::move(gathering));
}

void set_filling(const OperatorSource& s, Gathering* gathering) {
  if (s.op.code == schema::PADV2) {
    if (s.in(2).data) memcpy(gathering->filling, s.in(2).data, value_bytes(s.in(2)));
  } else if (s.output().type == FileType::kInt8) {
    gathering->filling[0] = static_cast<uint8_t>(s.out().params.zero_point);
  }
}

std::unique_ptr<EngineOperator> make_pad(const OperatorSource& s) {
  if (s.op.code == schema::PADV2 && !s.in(2).data) return nullptr;  // a filling that is computed
  Gathering gathering = whole(s, 0);
  const std::vector<int32_t> padding = s.constants(1);
  for (size_t i = 0; 2 * i < padding.size(); ++i) {
    std::vector<int32_t>& places = gathering.places[i];
    places.insert(places.begin(), padding[2 * i], kOutside);
    places.insert(places.end(), padding[2 * i + 1], kOutside);
  }
  set_filling(s, &gathering);
  return make_gathering(std::move(gathering));
}

std::unique_ptr<EngineOperator> make_mirror_pad(const OperatorSource& s) {
  Gathering gathering = whole(s, 0);
  const std::vector<int32_t> padding = s.constants(1);
  const bool symmetric = s.op.options.scalar<int8_t>(schema::MirrorPadOptions::mode, 0) != 0;
  for (size_t i = 0; 2 * i < padding.size(); ++i) {
    const std::vector<int32_t> from = gathering.places[i];
    const auto size = static_cast<int32_t>(from.size()), border = symmetric ? 0 : 1;
    std::vector<int32_t> places;
    for (int32_t k = -padding[2 * i]; k < size + padding[2 * i + 1]; ++k) {
      places.push_back(from[k < 0 ? -k - 1 + border : k < size ? k : 2 * size - 1 - k - border]);
    }
    gathering.places[i] = places;
  }
  return make_gathering(std::move(gathering));
}

std::unique_ptr<EngineOperator> make_slice(const OperatorSource& s) {
  Gathering gathering = whole(s, 0);
  const std::vector<int32_t> begin = s.constants(1);
  for (size_t i = 0; i < begin.size(); ++i) {
    std::vector<int32_t>& places = gathering.places[i];
    places = part_of(places, begin[i], s.output().shape.dims[i]);
  }
  return make_gathering(std::move(gathering));
}

std::unique_ptr<EngineOperator> make_strided_slice(const OperatorSource& s) {
  using Options = schema::StridedSliceOptions;
  Gathering gathering = whole(s, 0);
  const std::vector<int32_t> begin = s.constants(1), stride = s.constants(3);
  const auto mask = [&](Options::Field field) { return s.op.options.scalar<int32_t>(field, 0); };
  int kept = 0;
  for (size_t i = 0; i < begin.size(); ++i) {
    const std::vector<int32_t> places = gathering.places[i];
    const auto size = static_cast<int32_t>(places.size()), last = size - 1;
    const bool from_first = (mask(Options::begin_mask) & 1 << i) != 0;
    const bool single = (mask(Options::shrink_axis_mask) & 1 << i) != 0;
    int32_t at = resolve(begin[i], size);
    if (from_first) at = stride[i] > 0 ? 0 : last;
    at = std::max(0, std::min(last, at));
    gathering.places[i].clear();
    for (int32_t k = 0; k < (single ? 1 : s.output().shape.dims[kept]); ++k) {
      gathering.places[i].push_back(places[at + k * stride[i]]);
    }
    kept += single ? 0 : 1;
  }
  return make_gathering(std::move(gathering));
}

std::unique_ptr<EngineOperator> make_split(const OperatorSource& s) {
  const size_t map = s.op.code == schema::SPLIT ? 1 : 0;
  const int32_t rank = s.input(map).shape.rank;
  const int32_t axis = s.op.code == schema::UNPACK ? s.op.options.scalar<int32_t>(schema::UnpackOptions::axis, 0)
                                                   : s.constants(map == 1 ? 0 : 2)[0];
  std::vector<Gathering> parts;
  int32_t begin = 0;
  for (size_t i = 0; i < s.op.outputs.size(); ++i) {
    Gathering part = whole(s, map, i);
    std::vector<int32_t>& places = part.places[resolve(axis, rank)];
    const int32_t size = s.op.code == schema::UNPACK ? 1 : s.output(i).shape.dims[resolve(axis, rank)];
    places = part_of(places, begin, size);
    begin += size;
    parts.push_back(std::move(part));
  }
  return make_gathering(std::move(parts));
}

// CONCATENATION and PACK.
std::unique_ptr<EngineOperator> make_joined(const OperatorSource& s) {
  static_assert(int{schema::ConcatenationOptions::axis} == 0 && int{schema::PackOptions::axis} == 1, "read below");
  const int field = s.op.code == schema::PACK ? 1 : 0;
  const int32_t axis = resolve(s.op.options.scalar<int32_t>(field, 0), s.output().shape.rank);
  int64_t count = 1;
  for (int i = 0; i < axis; ++i) count *= s.output().shape.dims[i];
  std::vector<Piece> pieces;
  for (size_t i = 0; i < s.op.inputs.size(); ++i) {
    if (s.in(i).params.zero_point != s.out().params.zero_point) return nullptr;
    pieces.push_back({&s.in(i), s.in(i).bytes / static_cast<size_t>(count)});
  }
  return make_joining(s.out(), std::move(pieces), count);
}

// Blocks of pixels beside channels: axes are batch, rows, columns and channels of the output, with rows and columns
// divided where it has blocks.
std::unique_ptr<EngineOperator> make_blocks(const OperatorSource& s) {
  const auto block = s.op.options.scalar<int32_t>(schema::SpaceToDepthOptions::block_size, 0);
  const int32_t *in = s.input(0).shape.dims, *out = s.output().shape.dims;
  const std::vector<int64_t> stride = strides_of(s.input(0).shape);
  Gathering gathering = {&s.in(0), &s.out(), 0, {}, {}};
  if (s.op.code == schema::SPACE_TO_DEPTH) {
    gathering.places = {steps(in[0], stride[0]), steps(out[1], block * stride[1]), steps(out[2], block * stride[2]),
                        steps(block, stride[1]), steps(block, stride[2]),          steps(in[3], 1)};
  } else {
    gathering.places = {steps(in[0], stride[0]), steps(in[1], stride[1]),       steps(block, int64_t{block} * out[3]),
                        steps(in[2], stride[2]), steps(block, int64_t{out[3]}), steps(out[3], 1)};
  }
  return make_gathering(std::move(gathering));
}

// TILE and BROADCAST_TO: an axis of the input again and again. The output may have more axes, which come first.
std::unique_ptr<EngineOperator> make_repeated(const OperatorSource& s) {
  Gathering gathering = whole(s, 0);
  const FileShape& shape = s.output().shape;
  if (s.input(0).shape.rank == 0) gathering.places.clear();
  while (gathering.places.size() < static_cast<size_t>(shape.rank))
    gathering.places.insert(gathering.places.begin(), {0});
  for (int i = 0; i < shape.rank; ++i) {
    const std::vector<int32_t> from = gathering.places[i];
    gathering.places[i].clear();
    for (int32_t k = 0; k < shape.dims[i]; ++k) gathering.places[i].push_back(from[k % from.size()]);
  }
  if (shape.rank == 0) gathering.places = {{0}};
  return make_gathering(std::move(gathering));
}

std::unique_ptr<EngineOperator> make_gather(const OperatorSource& s) {
  Gathering gathering = whole(s, 0);
  const int32_t axis = resolve(s.op.options.scalar<int32_t>(schema::GatherOptions::axis, 0), s.input(0).shape.rank);
  const std::vector<int32_t> from = gathering.places[axis];
  gathering.places[axis].clear();
  for (const int32_t place : s.constants(1)) gathering.places[axis].push_back(from[place]);
  return make_gathering(std::move(gathering));
}

// The nearest pixels. Single precision, as TensorFlow Lite computes them.
std::unique_ptr<EngineOperator> make_nearest(const OperatorSource& s) {
  using Options = schema::ResizeNearestNeighborOptions;
  const bool corners = s.op.options.scalar<uint8_t>(Options::align_corners, 0) != 0;
  const bool centers = s.op.options.scalar<uint8_t>(Options::half_pixel_centers, 0) != 0;
  Gathering gathering = whole(s, 0);
  for (int axis : {1, 2}) {
    const std::vector<int32_t> from = gathering.places[axis];
    const auto in = static_cast<int32_t>(from.size());
    const int32_t out = s.output().shape.dims[axis];
    const float scale = corners && out > 1 ? (in - 1) / static_cast<float>(out - 1) : in / static_cast<float>(out);
    gathering.places[axis].clear();
    for (int32_t i = 0; i < out; ++i) {
      const float place = (i + (centers ? 0.5f : 0.0f)) * scale;
      const auto nearest = static_cast<int32_t>(corners ? std::round(place) : std::floor(place));
      gathering.places[axis].push_back(from[std::max(0, std::min(in - 1, nearest))]);
    }
  }
  return make_gathering(std::move(gathering));
}

}  // namespace

std::unique_ptr<EngineOperator> make_moving(const OperatorSource& source) {
  for (const auto* tensors : {&source.op.inputs, &source.op.outputs}) {
    for (const int32_t tensor : *tensors) {
      if (tensor >= 0 && has_long_side(source.model.tensors[tensor].shape)) return nullptr;
    }
  }
  switch (source.op.code) {
    case schema::RESHAPE:
    case schema::SQUEEZE:
    case schema::EXPAND_DIMS:
      return make_copy(source);
    case schema::TRANSPOSE:
      return make_transpose(source);
    case schema::PAD:
    case schema::PADV2:
      return make_pad(source);
    case schema::MIRROR_PAD:
      return make_mirror_pad(source);
    case schema::SLICE:
      return make_slice(source);
    case schema::STRIDED_SLICE:
      return make_strided_slice(source);
    case schema::SPLIT:
    case schema::SPLIT_V:
    case schema::UNPACK:
      return make_split(source);
    case schema::CONCATENATION:
    case schema::PACK:
      return make_joined(source);
    case schema::SPACE_TO_DEPTH:
    case schema::DEPTH_TO_SPACE:
      return make_blocks(source);
    case schema::TILE:
    case schema::BROADCAST_TO:
      return make_repeated(source);
    case schema::GATHER:
      return make_gather(source);
    case schema::RESIZE_NEAREST_NEIGHBOR:
      return make_nearest(source);
    default:
      return nullptr;
  }
}

}  // namespace hybrid_tf
