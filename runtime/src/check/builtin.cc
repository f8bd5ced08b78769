// The operators of TensorFlow Lite that networks for LCE have: what their kernels take on trust.
#include <algorithm>
#include <cstring>

#include "check/operator_check.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kMaxPadding = 1 << 15;  // before or after one axis

// A map of float32, or of int8 with one scale.
bool check_map(const OperatorCheck& c, const FileTensor* tensor) {
  if (tensor == nullptr) return c.message->fail("lacks an input");
  if (tensor->type == FileType::kFloat32) return true;
  if (tensor->type != FileType::kInt8 || !c.rule.int8) {
    return c.message->fail("has '%.60s' of a type that it cannot have", tensor->name);
  }
  return tensor->scales.size() == 1 || c.message->fail("has '%.60s' of int8 without a scale", tensor->name);
}

// Input 0 and the output: maps of one type.
bool check_maps(const OperatorCheck& c) {
  if (!check_map(c, c.input(0)) || !check_map(c, &c.output())) return false;
  return c.input(0)->type == c.output().type || c.message->fail("turns one type into another");
}

// int8 kernels turn a ratio of scales into an integer and a shift, and not every ratio has one.
bool check_ratio(const OperatorCheck& c, double ratio) {
  return (ratio > 1e-9 && ratio < 1e4) || c.message->fail("has scales that do not fit each other");
}

// A `fused_activation_function`: none, or one of the three RELUs.
bool check_activation(const OperatorCheck& c, int field) {
  return c.is_in("fused activation", c.op.options.scalar<int8_t>(field, 0), 0, 3);
}

// From one map to another by one scale.
bool check_rescaled(const OperatorCheck& c) {
  return c.output().type == FileType::kFloat32 || check_ratio(c, c.input(0)->scale() / double{c.output().scale()});
}

bool check_same_shape(const OperatorCheck& c) {
  return check_maps(c) && check_rescaled(c) && c.output_is(c.input(0)->shape);
}

// int8 outputs of functions into [0, 1] have one scale that kernels insist on.
bool check_probability(const OperatorCheck& c) {
  if (!check_same_shape(c)) return false;
  if (c.output().type == FileType::kFloat32) return true;
  return (c.output().scale() == 1.0f / 256 && c.output().zero_points.at<int64_t>(0) == -128) ||
         c.message->fail("has another scale of int8 than 1/256");
}

// Constant weights and bias of a convolution or dense layer; `axis` is that of the filter's output channels.
bool check_weights(const OperatorCheck& c, int rank, int axis) {
  if (!check_maps(c)) return false;
  const FileTensor &map = *c.input(0), *filter = c.input(1), *bias = c.input(2);
  const bool floats = map.type == FileType::kFloat32;
  if (filter == nullptr || filter->data == nullptr || filter->type != map.type || filter->shape.rank != rank) {
    return c.message->fail("lacks constant weights of the map's type");
  }
  const FileType bias_type = floats ? FileType::kFloat32 : FileType::kInt32;
  if (bias != nullptr &&
      (bias->data == nullptr || bias->type != bias_type || bias->shape.elements() != filter->shape.dims[axis])) {
    return c.message->fail("has a bias that does not fit");
  }
  if (floats) return true;
  const size_t scales = filter->scales.size();
  if (scales == 0 || (scales > 1 && filter->scale_axis != axis)) {
    return c.message->fail("has int8 weights without scales of their channels");
  }
  for (size_t i = 0; i < scales; ++i) {
    if (filter->zero_points.at<int64_t>(i) != 0) return c.message->fail("has int8 weights with a zero point");
    if (!check_ratio(c, double{map.scale()} * filter->scales.at<float>(i) / c.output().scale())) return false;
  }
  return true;
}

// How a filter of this size slides, as all tables with strides say it.
template <class Options>
FileWindow strided(const FlatTable& options, int64_t height, int64_t width) {
  FileWindow window;
  window.padding = options.scalar<int8_t>(Options::padding, 0);
  window.height = height;
  window.width = width;
  window.stride_height = options.scalar<int32_t>(Options::stride_h, 0);
  window.stride_width = options.scalar<int32_t>(Options::stride_w, 0);
  return window;
}

// The same of tables with dilations.
template <class Options>
FileWindow dilated(const FlatTable& options, int64_t height, int64_t width) {
  FileWindow window = strided<Options>(options, height, width);
  window.dilation_height = options.scalar<int32_t>(Options::dilation_h_factor, 1);
  window.dilation_width = options.scalar<int32_t>(Options::dilation_w_factor, 1);
  return window;
}

bool check_conv(const OperatorCheck& c) {
  using Options = schema::Conv2DOptions;
  if (!check_weights(c, 4, 0) || !check_activation(c, Options::fused_activation_function)) return false;
  if (c.input(2) == nullptr) return c.message->fail("lacks a bias");
  const int32_t *dims = c.input(1)->shape.dims, channels = c.input(0)->shape.last();
  if (channels % dims[3] != 0 || dims[0] % (channels / dims[3]) != 0) {
    return c.message->fail("has weights for other channels");
  }
  return check_window(c, *c.input(0), dilated<Options>(c.op.options, dims[1], dims[2]), dims[0]);
}

bool check_depthwise(const OperatorCheck& c) {
  using Options = schema::DepthwiseConv2DOptions;
  if (!check_weights(c, 4, 3) || !check_activation(c, Options::fused_activation_function)) return false;
  const int32_t multiplier = c.op.options.scalar<int32_t>(Options::depth_multiplier, 0);
  const int32_t* dims = c.input(1)->shape.dims;
  if (dims[0] != 1 || int64_t{c.input(0)->shape.last()} * multiplier != dims[3]) {
    return c.message->fail("has weights for other channels");
  }
  return check_window(c, *c.input(0), dilated<Options>(c.op.options, dims[1], dims[2]), dims[3]);
}

bool check_dense(const OperatorCheck& c) {
  using Options = schema::FullyConnectedOptions;
  if (!check_weights(c, 2, 0) || !check_activation(c, Options::fused_activation_function)) return false;
  if (c.op.options.scalar<int8_t>(Options::weights_format, 0) != 0)
    return c.message->fail("has weights in another order");
  const FileShape& map = c.input(0)->shape;
  const int32_t units = c.input(1)->shape.dims[0], depth = c.input(1)->shape.dims[1];
  const bool keeps_rank = c.op.options.scalar<uint8_t>(Options::keep_num_dims, 0) != 0;
  if (keeps_rank ? map.rank == 0 || map.last() != depth : map.elements() % depth != 0) {
    return c.message->fail("has weights for other inputs");
  }
  if (!keeps_rank) return c.output_is(make_file_shape({map.elements() / depth, units}));
  FileShape shape = map;
  shape.dims[shape.rank - 1] = units;
  return c.output_is(shape);
}

bool check_pool(const OperatorCheck& c) {
  using Options = schema::Pool2DOptions;
  if (!check_maps(c) || !check_activation(c, Options::fused_activation_function)) return false;
  const int32_t height = c.op.options.scalar<int32_t>(Options::filter_height, 0);
  const int32_t width = c.op.options.scalar<int32_t>(Options::filter_width, 0);
  return check_window(c, *c.input(0), strided<Options>(c.op.options, height, width), c.input(0)->shape.last());
}

// Sizes of 1 stretch to those of the other operand.
bool check_broadcast(const OperatorCheck& c) {
  const FileShape &a = c.input(0)->shape, &b = c.input(1)->shape;
  FileShape shape;
  shape.rank = std::max(a.rank, b.rank);
  if (shape.rank > 4) return c.message->fail("has inputs of more than 4 dimensions");
  for (int i = 1; i <= shape.rank; ++i) {
    const int32_t x = i <= a.rank ? a.dims[a.rank - i] : 1, y = i <= b.rank ? b.dims[b.rank - i] : 1;
    if (x != y && x != 1 && y != 1) return c.message->fail("has inputs of unlike shapes");
    shape.dims[shape.rank - i] = std::max(x, y);
  }
  return c.output_is(shape);
}

bool check_binary(const OperatorCheck& c) {
  const FileTensor *a = c.input(0), *b = c.input(1), &output = c.output();
  if (!check_maps(c) || !check_map(c, b)) return false;
  if (a->type != b->type) return c.message->fail("has inputs of two types");
  // ADD, MUL, SUB and DIV have their own tables, with one field in the same place.
  if (c.rule.options_type != 0 && !check_activation(c, schema::AddOptions::fused_activation_function)) return false;
  if (output.type == FileType::kInt8) {
    const double larger = std::max(a->scale(), b->scale()), smaller = std::min(a->scale(), b->scale());
    const bool fits = c.rule.code == schema::MUL
                          ? check_ratio(c, larger * smaller / output.scale())
                          : check_ratio(c, larger / output.scale()) && check_ratio(c, smaller / larger);
    if (!fits) return false;
  }
  return check_broadcast(c);
}

bool check_prelu(const OperatorCheck& c) {
  const FileTensor *map = c.input(0), *slopes = c.input(1);
  if (!check_maps(c) || !check_map(c, slopes) || !check_rescaled(c)) return false;
  if (map->type != slopes->type) return c.message->fail("has inputs of two types");
  if (map->type == FileType::kInt8 && !check_ratio(c, map->scale() * double{slopes->scale()} / c.output().scale())) {
    return false;
  }
  return check_broadcast(c) && c.output_is(map->shape);
}

// The values of a constant int32 input, at most `most` of them.
bool read_constant(const OperatorCheck& c, size_t input, int64_t most, std::vector<int32_t>* values) {
  const FileTensor* tensor = c.input(input);
  if (tensor == nullptr || tensor->type != FileType::kInt32 || tensor->data == nullptr ||
      tensor->shape.elements() > most) {
    return c.message->fail("lacks constant numbers");
  }
  values->resize(tensor->shape.elements());
  memcpy(values->data(), tensor->data, values->size() * sizeof(int32_t));
  return true;
}

bool check_mean(const OperatorCheck& c) {
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

bool check_reshape(const OperatorCheck& c) {
  if (!check_maps(c)) return false;
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

bool check_pad(const OperatorCheck& c) {
  std::vector<int32_t> padding;
  if (!check_maps(c) || !read_constant(c, 1, 2 * kMaxRank, &padding)) return false;
  const FileShape& table = c.input(1)->shape;
  FileShape shape = c.input(0)->shape;
  if (shape.rank > 4 || table.rank != 2 || table.dims[0] != shape.rank || table.dims[1] != 2) {
    return c.message->fail("has padding for another number of dimensions");
  }
  for (int i = 0; i < 2 * shape.rank; ++i) {
    if (!c.is_in("padding", padding[i], 0, kMaxPadding)) return false;
    shape.dims[i / 2] += padding[i];  // a stored size is at most 2^30
  }
  return c.output_is(shape);
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
  if (!check_maps(c) || !read_constant(c, 1, kMaxRank, &order)) return false;
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

// Between float32 and int8, or from one scale to another.
bool check_conversion(const OperatorCheck& c) {
  const FileTensor &from = *c.input(0), &to = c.output();
  if (!check_map(c, &from) || !check_map(c, &to)) return false;
  const bool to_int8 = to.type == FileType::kInt8, from_int8 = from.type == FileType::kInt8;
  if (to_int8 != (c.rule.code == schema::QUANTIZE) || (!to_int8 && !from_int8)) {
    return c.message->fail("does not convert between these types");
  }
  return (!from_int8 || check_rescaled(c)) && c.output_is(from.shape);
}

}  // namespace

constexpr OperatorRule kBuiltinRules[] = {
    make_rule(schema::ADD, "ADD", check_binary).inputs(2, 2).options<schema::AddOptions>(),
    make_rule(schema::AVERAGE_POOL_2D, "AVERAGE_POOL_2D", check_pool).options<schema::Pool2DOptions>(),
    make_rule(schema::CONCATENATION, "CONCATENATION", check_concatenation)
        .inputs(1, 64)
        .options<schema::ConcatenationOptions>(),
    make_rule(schema::CONV_2D, "CONV_2D", check_conv).inputs(3, 3).options<schema::Conv2DOptions>(),
    make_rule(schema::DEPTHWISE_CONV_2D, "DEPTHWISE_CONV_2D", check_depthwise)
        .inputs(2, 3)
        .options<schema::DepthwiseConv2DOptions>(),
    make_rule(schema::DEQUANTIZE, "DEQUANTIZE", check_conversion),
    make_rule(schema::FULLY_CONNECTED, "FULLY_CONNECTED", check_dense)
        .inputs(2, 3)
        .options<schema::FullyConnectedOptions>(),
    make_rule(schema::LOGISTIC, "LOGISTIC", check_probability),
    make_rule(schema::MAX_POOL_2D, "MAX_POOL_2D", check_pool).options<schema::Pool2DOptions>(),
    make_rule(schema::MUL, "MUL", check_binary).inputs(2, 2).options<schema::MulOptions>(),
    make_rule(schema::RELU, "RELU", check_same_shape),
    make_rule(schema::RELU_N1_TO_1, "RELU_N1_TO_1", check_same_shape),
    make_rule(schema::RELU6, "RELU6", check_same_shape),
    make_rule(schema::RESHAPE, "RESHAPE", check_reshape).inputs(1, 2),
    make_rule(schema::SOFTMAX, "SOFTMAX", check_probability).options<schema::SoftmaxOptions>(),
    make_rule(schema::TANH, "TANH", check_same_shape).only_floats(),
    make_rule(schema::PAD, "PAD", check_pad).inputs(2, 2),
    make_rule(schema::TRANSPOSE, "TRANSPOSE", check_transpose).inputs(2, 2),
    make_rule(schema::MEAN, "MEAN", check_mean).inputs(2, 2).options<schema::ReducerOptions>(),
    make_rule(schema::SPLIT, "SPLIT", check_split).inputs(2, 2).outputs(64).options<schema::SplitOptions>(),
    make_rule(schema::SUB, "SUB", check_binary).inputs(2, 2).options<schema::SubOptions>(),
    make_rule(schema::DIV, "DIV", check_binary).inputs(2, 2).options<schema::DivOptions>().only_floats(),
    make_rule(schema::PRELU, "PRELU", check_prelu).inputs(2, 2),
    make_rule(schema::MAXIMUM, "MAXIMUM", check_binary).inputs(2, 2).only_floats(),
    make_rule(schema::MINIMUM, "MINIMUM", check_binary).inputs(2, 2).only_floats(),
    make_rule(schema::LEAKY_RELU, "LEAKY_RELU", check_same_shape).options<schema::LeakyReluOptions>().only_floats(),
    make_rule(schema::QUANTIZE, "QUANTIZE", check_conversion),
    make_rule(schema::HARD_SWISH, "HARD_SWISH", check_same_shape).only_floats(),
    {},
};

}  // namespace hybrid_tf
