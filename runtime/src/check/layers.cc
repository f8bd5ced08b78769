// The layers of networks: convolutions, dense layers, pools, products of matrices.
#include "check/checks.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxColumns = int64_t{1} << 28;  // numbers that a transposed convolution adds up

// Where an operator has map, weights and bias among its inputs.
struct Places {
  size_t map, weights, bias;
};

// Constant weights and bias of a convolution or dense layer; `axis` is that of the filter's output channels.
bool check_weights(const OperatorCheck& c, Places places, int rank, int axis) {
  if (!check_map(c, c.input(places.map)) || !check_map(c, &c.output())) return false;
  const FileTensor &map = *c.input(places.map), *filter = c.input(places.weights), *bias = c.input(places.bias);
  if (map.type != c.output().type) return c.message->fail("turns one type into another");
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

// A window of tables with dilations.
template <class Options>
FileWindow dilated(const FlatTable& options, int64_t height, int64_t width) {
  FileWindow window = strided<Options>(options, height, width);
  window.dilation_height = options.scalar<int32_t>(Options::dilation_h_factor, 1);
  window.dilation_width = options.scalar<int32_t>(Options::dilation_w_factor, 1);
  return window;
}

bool check_conv(const OperatorCheck& c) {
  using Options = schema::Conv2DOptions;
  if (!check_weights(c, {0, 1, 2}, 4, 0) || !check_activation(c, Options::fused_activation_function)) return false;
  if (c.input(2) == nullptr) return c.message->fail("lacks a bias");
  const int32_t *dims = c.input(1)->shape.dims, channels = c.input(0)->shape.last();
  if (channels % dims[3] != 0 || dims[0] % (channels / dims[3]) != 0) {
    return c.message->fail("has weights for other channels");
  }
  return check_window(c, *c.input(0), dilated<Options>(c.op.options, dims[1], dims[2]), dims[0]);
}

bool check_depthwise(const OperatorCheck& c) {
  using Options = schema::DepthwiseConv2DOptions;
  if (!check_weights(c, {0, 1, 2}, 4, 3) || !check_activation(c, Options::fused_activation_function)) return false;
  if (c.input(2) == nullptr) return c.message->fail("lacks a bias");  // the interpreter reads one all the same
  const int32_t multiplier = c.op.options.scalar<int32_t>(Options::depth_multiplier, 0);
  const int32_t* dims = c.input(1)->shape.dims;
  if (dims[0] != 1 || int64_t{c.input(0)->shape.last()} * multiplier != dims[3]) {
    return c.message->fail("has weights for other channels");
  }
  return check_window(c, *c.input(0), dilated<Options>(c.op.options, dims[1], dims[2]), dims[3]);
}

// The shape of the output, weights [outputs, height, width, inputs], map and perhaps a bias.
bool check_transpose_conv(const OperatorCheck& c) {
  using Options = schema::TransposeConvOptions;
  std::vector<int32_t> sizes;
  if (!check_weights(c, {2, 1, 3}, 4, 0) || !check_activation(c, Options::fused_activation_function) ||
      !read_constant(c, 0, 4, &sizes)) {
    return false;
  }
  const FileTensor &map = *c.input(2), &output = c.output();
  const int32_t* dims = c.input(1)->shape.dims;
  if (map.shape.rank != 4 || dims[3] != map.shape.last()) return c.message->fail("has weights for other channels");
  if (sizes.size() != 4) return c.message->fail("lacks the shape of its output");
  if (!c.output_is(make_file_shape({sizes[0], sizes[1], sizes[2], dims[0]})) ||
      !c.is_in("channels", sizes[3], dims[0], dims[0])) {
    return false;
  }
  // A convolution of the output with the same window would make the map.
  FileShape shape;
  if (!slide_window(c, output, strided<Options>(c.op.options, dims[1], dims[2]), dims[3], &shape)) return false;
  if (!(shape == map.shape)) return c.message->fail("makes '%.60s' of another shape", output.name);
  return map.shape.elements() / dims[3] * dims[0] * dims[1] * dims[2] <= kMaxColumns ||
         c.message->fail("takes too much memory");
}

bool check_dense(const OperatorCheck& c) {
  using Options = schema::FullyConnectedOptions;
  if (!check_weights(c, {0, 1, 2}, 2, 0) || !check_activation(c, Options::fused_activation_function)) return false;
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

// Matrices in the last two dimensions, each of them transposed or not; those before them are one to one.
bool check_batch_matmul(const OperatorCheck& c) {
  using Options = schema::BatchMatMulOptions;
  const FileTensor* second = c.input(1);
  if (!check_maps(c) || !check_map(c, second)) return false;
  const FileShape &a = c.input(0)->shape, &b = second->shape;
  if (a.rank < 2 || a.rank > 4 || a.rank != b.rank) return c.message->fail("does not multiply such matrices");
  const bool turned_a = c.op.options.scalar<uint8_t>(Options::adj_x, 0) != 0;
  const bool turned_b = c.op.options.scalar<uint8_t>(Options::adj_y, 0) != 0;
  const int32_t *rows = a.dims + a.rank - 2, *columns = b.dims + b.rank - 2;
  FileShape shape = a;
  for (int i = 0; i + 2 < a.rank; ++i) {
    if (a.dims[i] != b.dims[i]) return c.message->fail("has inputs of unlike shapes");
  }
  if (rows[turned_a ? 0 : 1] != columns[turned_b ? 1 : 0]) return c.message->fail("does not multiply such matrices");
  shape.dims[a.rank - 2] = rows[turned_a ? 1 : 0];
  shape.dims[a.rank - 1] = columns[turned_b ? 0 : 1];
  return c.output_is(shape);
}

}  // namespace

constexpr OperatorRule kLayerRules[] = {
    make_rule(schema::AVERAGE_POOL_2D, check_pool).options<schema::Pool2DOptions>(),
    make_rule(schema::BATCH_MATMUL, check_batch_matmul)
        .inputs(2, 2)
        .options<schema::BatchMatMulOptions>()
        .only_floats(),
    make_rule(schema::CONV_2D, check_conv).inputs(3, 3).options<schema::Conv2DOptions>(),
    make_rule(schema::DEPTHWISE_CONV_2D, check_depthwise).inputs(3, 3).options<schema::DepthwiseConv2DOptions>(),
    make_rule(schema::FULLY_CONNECTED, check_dense).inputs(2, 3).options<schema::FullyConnectedOptions>(),
    make_rule(schema::MAX_POOL_2D, check_pool).options<schema::Pool2DOptions>(),
    make_rule(schema::TRANSPOSE_CONV, check_transpose_conv).inputs(3, 4).options<schema::TransposeConvOptions>(),
    {},
};

}  // namespace hybrid_tf
