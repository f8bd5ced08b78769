#include "check_operators.h"

#include <algorithm>
#include <cstring>

#include "flexbuffer.h"
#include "shapes.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kMaxWindow = 1 << 15;  // of a filter's size, stride and dilation

struct Rule;

// An operator with what it is checked against.
struct Checked {
  const ModelFile& model;
  const FileOperator& op;
  const Rule& rule;
  Message* message;

  // Input `i`, null when it is absent.
  const FileTensor* input(size_t i) const {
    return i < op.inputs.size() && op.inputs[i] >= 0 ? &model.tensors[op.inputs[i]] : nullptr;
  }
  const FileTensor& output() const { return model.tensors[op.outputs[0]]; }

  template <typename... Values>
  bool fail(const char* format, Values... values) const {
    return message->fail(format, values...);
  }
  bool option_is_in(const char* name, int64_t value, int64_t low, int64_t high) const {
    return (value >= low && value <= high) || fail("has %s %lld", name, static_cast<long long>(value));
  }
  bool output_is(const FileShape& shape) const {
    return output().shape == shape || fail("cannot compute the shape of '%.60s'", output().name);
  }
};

// One kind of operator.
struct Rule {
  int32_t code;           // `enum BuiltinOperator` of the schema
  const char* name;
  int options_type;       // `union BuiltinOptions` of the schema; 0 where the interpreter needs none
  size_t least_inputs, most_inputs;
  bool int8;              // also with int8 maps
  bool (*check)(const Checked&);
};

bool is(const FileTensor* tensor, FileType type) { return tensor != nullptr && tensor->type == type; }

FileShape shape_of(std::initializer_list<int64_t> sizes) {
  FileShape shape;
  // A size that does not fit is above what any stored shape may have.
  for (int64_t size : sizes) shape.dims[shape.rank++] = static_cast<int32_t>(std::min<int64_t>(size, INT32_MAX));
  return shape;
}

// A map of floats, or of int8 with one scale.
bool check_map(const Checked& c, const FileTensor* tensor) {
  if (tensor == nullptr) return c.fail("lacks an input");
  if (tensor->type == FileType::kFloat32) return true;
  if (tensor->type != FileType::kInt8 || !c.rule.int8) return c.fail("has '%.60s' of another type", tensor->name);
  return tensor->scales.size() == 1 || c.fail("has '%.60s' of int8 without a scale", tensor->name);
}

// Input 0 and the output: maps of one type.
bool check_maps(const Checked& c) {
  if (!check_map(c, c.input(0)) || !check_map(c, &c.output())) return false;
  return c.input(0)->type == c.output().type || c.fail("turns one type into another");
}

// Kernels turn a ratio of scales into an integer and a shift, and not every ratio has one.
bool check_ratio(const Checked& c, double ratio) {
  return (ratio > 1e-9 && ratio < 1e4) || c.fail("has scales that do not fit each other");
}

bool check_same_shape(const Checked& c) {
  return check_maps(c) && c.output_is(c.input(0)->shape) &&
         (c.output().type == FileType::kFloat32 || check_ratio(c, c.input(0)->scale() / double{c.output().scale()}));
}

bool check_activation(const Checked& c, int field) {
  return c.option_is_in("fused activation", c.op.options.scalar<int8_t>(field, 0), 0, 3);
}

// How a filter slides over a map.
struct Window {
  int64_t padding, height, width, stride_height, stride_width, dilation_height, dilation_width;
};

bool check_window(const Checked& c, const FileTensor& map, const Window& w, int64_t channels) {
  if (!c.option_is_in("padding", w.padding, 0, 1)) return false;
  for (int64_t size : {w.height, w.width, w.stride_height, w.stride_width, w.dilation_height, w.dilation_width}) {
    if (!c.option_is_in("a filter, stride or dilation of", size, 1, kMaxWindow)) return false;
  }
  if (map.shape.rank != 4) return c.fail("reads '%.60s', which is no map", map.name);
  const auto axis = [](int64_t size, int64_t stride, int64_t dilation) {
    return FilterAxis{static_cast<int32_t>(size), static_cast<int32_t>(stride), static_cast<int32_t>(dilation)};
  };
  const FilterAxis vertical = axis(w.height, w.stride_height, w.dilation_height);
  const FilterAxis horizontal = axis(w.width, w.stride_width, w.dilation_width);
  if (vertical.extent() > kMaxWindow || horizontal.extent() > kMaxWindow) return c.fail("has too large a filter");
  WindowAxis rows, columns;
  const bool same = w.padding == 0;
  if (!slide(vertical, map.shape.dims[1], same, &rows) || !slide(horizontal, map.shape.dims[2], same, &columns)) {
    return c.fail("has a filter larger than its map");
  }
  return c.output_is(shape_of({map.shape.dims[0], rows.out, columns.out, channels}));
}

// Constant weights and bias of a convolution or dense layer; `axis` is that of the filter's output channels.
bool check_weights(const Checked& c, int axis) {
  const FileTensor &map = *c.input(0), *filter = c.input(1), *bias = c.input(2);
  const bool floats = map.type == FileType::kFloat32;
  if (filter == nullptr || filter->data == nullptr || filter->type != map.type) return c.fail("lacks constant weights");
  const int32_t channels = filter->shape.dims[axis];
  if (bias != nullptr && (bias->data == nullptr || bias->type != (floats ? FileType::kFloat32 : FileType::kInt32) ||
                          bias->shape.elements() != channels)) {
    return c.fail("has an unfit bias");
  }
  if (floats) return true;
  const size_t scales = filter->scales.size();
  if (scales == 0 || (scales > 1 && filter->scale_axis != axis)) return c.fail("has int8 weights without scales");
  for (size_t i = 0; i < scales; ++i) {
    if (filter->zero_points.at<int64_t>(i) != 0) return c.fail("has int8 weights with a zero point");
    const double product = double{map.scale()} * filter->scales.at<float>(i);
    if (!check_ratio(c, product / c.output().scale())) return false;
  }
  return true;
}

bool check_conv(const Checked& c) {
  const FileTensor* filter = c.input(1);
  if (!check_maps(c) || c.input(2) == nullptr || filter == nullptr || filter->shape.rank != 4) {
    return *c.message->text != '\0' || c.fail("lacks weights or a bias");
  }
  if (!check_weights(c, 0) || !check_activation(c, 3)) return false;
  const FlatTable& options = c.op.options;
  const int32_t* dims = filter->shape.dims;
  const int32_t channels = c.input(0)->shape.last();
  if (channels % dims[3] != 0 || dims[0] % (channels / dims[3]) != 0) return c.fail("has weights for other channels");
  return check_window(c, *c.input(0),
                      {options.scalar<int8_t>(0, 0), dims[1], dims[2], options.scalar<int32_t>(2, 0),
                       options.scalar<int32_t>(1, 0), options.scalar<int32_t>(5, 1), options.scalar<int32_t>(4, 1)},
                      dims[0]);
}

bool check_depthwise(const Checked& c) {
  const FileTensor* filter = c.input(1);
  if (!check_maps(c) || filter == nullptr || filter->shape.rank != 4) {
    return *c.message->text != '\0' || c.fail("lacks weights");
  }
  if (!check_weights(c, 3) || !check_activation(c, 4)) return false;
  const FlatTable& options = c.op.options;
  const int32_t* dims = filter->shape.dims;
  const int64_t channels = int64_t{c.input(0)->shape.last()} * options.scalar<int32_t>(3, 0);
  if (dims[0] != 1 || channels != dims[3]) return c.fail("has weights for other channels");
  return check_window(c, *c.input(0),
                      {options.scalar<int8_t>(0, 0), dims[1], dims[2], options.scalar<int32_t>(2, 0),
                       options.scalar<int32_t>(1, 0), options.scalar<int32_t>(6, 1), options.scalar<int32_t>(5, 1)},
                      dims[3]);
}

bool check_dense(const Checked& c) {
  const FileTensor *map = c.input(0), *filter = c.input(1);
  if (!check_maps(c) || filter == nullptr || filter->shape.rank != 2) {
    return *c.message->text != '\0' || c.fail("lacks weights");
  }
  if (!check_weights(c, 0) || !check_activation(c, 0)) return false;
  if (c.op.options.scalar<int8_t>(1, 0) != 0) return c.fail("has weights in another order");
  const int32_t depth = filter->shape.dims[1], units = filter->shape.dims[0];
  if (map->shape.elements() % depth != 0) return c.fail("has weights for other inputs");
  if (c.op.options.scalar<uint8_t>(2, 0) == 0) return c.output_is(shape_of({map->shape.elements() / depth, units}));
  FileShape shape = map->shape;
  if (shape.rank == 0 || shape.last() != depth) return c.fail("has weights for other inputs");
  shape.dims[shape.rank - 1] = units;
  return c.output_is(shape);
}

bool check_pool(const Checked& c) {
  const FlatTable& options = c.op.options;
  if (!check_maps(c) || !check_activation(c, 5)) return false;
  return check_window(c, *c.input(0),
                      {options.scalar<int8_t>(0, 0), options.scalar<int32_t>(4, 0), options.scalar<int32_t>(3, 0),
                       options.scalar<int32_t>(2, 0), options.scalar<int32_t>(1, 0), 1, 1},
                      c.input(0)->shape.last());
}

bool broadcast(const FileShape& a, const FileShape& b, FileShape* shape) {
  shape->rank = std::max(a.rank, b.rank);
  for (int i = 1; i <= shape->rank; ++i) {
    const int32_t x = i <= a.rank ? a.dims[a.rank - i] : 1, y = i <= b.rank ? b.dims[b.rank - i] : 1;
    if (x != y && x != 1 && y != 1) return false;
    shape->dims[shape->rank - i] = std::max(x, y);
  }
  return true;
}

bool check_binary(const Checked& c) {
  const FileTensor *a = c.input(0), *b = c.input(1), &output = c.output();
  FileShape shape;
  if (!check_maps(c) || !check_map(c, b)) return false;
  if (a->type != b->type) return c.fail("has inputs of two types");
  if (c.rule.options_type != 0 && !check_activation(c, 0)) return false;
  if (output.type == FileType::kInt8) {
    // The sum is made in steps of 2^-20 of twice the larger scale; a product has the scales' product.
    const double larger = std::max(a->scale(), b->scale()), smaller = std::min(a->scale(), b->scale());
    if (!check_ratio(c, larger / output.scale()) || !check_ratio(c, larger * smaller / output.scale()) ||
        !check_ratio(c, smaller / larger)) {
      return false;
    }
  }
  if (a->shape.rank > 4 || b->shape.rank > 4) return c.fail("has inputs of more than 4 dimensions");
  return (broadcast(a->shape, b->shape, &shape) || c.fail("has inputs of unlike shapes")) && c.output_is(shape);
}

bool check_prelu(const Checked& c) {
  FileShape shape;
  if (!check_maps(c) || !check_map(c, c.input(1)) || c.input(0)->shape.rank > 4) return false;
  return (broadcast(c.input(0)->shape, c.input(1)->shape, &shape) || c.fail("has slopes of another shape")) &&
         c.output_is(c.input(0)->shape) && c.output_is(shape);
}

// The int32 values of a constant input, at most `most` of them.
bool read_constant(const Checked& c, size_t input, size_t most, std::vector<int32_t>* values) {
  const FileTensor* tensor = c.input(input);
  if (!is(tensor, FileType::kInt32) || tensor->data == nullptr || tensor->shape.elements() > static_cast<int64_t>(most)) {
    return c.fail("lacks constant numbers");
  }
  values->resize(tensor->shape.elements());
  memcpy(values->data(), tensor->data, values->size() * sizeof(int32_t));
  return true;
}

bool check_mean(const Checked& c) {
  std::vector<int32_t> axes;
  if (!check_maps(c) || !read_constant(c, 1, kMaxRank, &axes)) return false;
  const FileShape& map = c.input(0)->shape;
  if (map.rank > 4 || axes.empty()) return c.fail("reduces another number of axes than 1 to 4");
  if (c.output().type == FileType::kInt8 && !check_ratio(c, c.input(0)->scale() / double{c.output().scale()})) {
    return false;
  }
  bool reduced[kMaxRank] = {};
  for (int32_t axis : axes) {
    if (axis < -map.rank || axis >= map.rank) return c.fail("reduces axis %d", axis);
    reduced[axis < 0 ? axis + map.rank : axis] = true;
  }
  FileShape shape;
  for (int i = 0; i < map.rank; ++i) {
    if (!reduced[i]) shape.dims[shape.rank++] = map.dims[i];
    if (reduced[i] && c.op.options.scalar<uint8_t>(0, 0) != 0) shape.dims[shape.rank++] = 1;
  }
  return c.output_is(shape);
}

bool check_reshape(const Checked& c) {
  if (!check_maps(c)) return false;
  const FileShape& shape = c.output().shape;
  if (c.input(0)->shape.elements() != shape.elements()) return c.fail("changes the number of values");
  // One of the sizes may be left open (-1).
  std::vector<int32_t> sizes;
  if (c.op.inputs.size() > 1) {
    if (!read_constant(c, 1, kMaxRank, &sizes)) return false;
  } else {
    const FlatVector stored = c.op.options.vector(0, 4);
    for (size_t i = 0; i < stored.size(); ++i) sizes.push_back(stored.at<int32_t>(i));
  }
  bool fits = sizes.size() == static_cast<size_t>(shape.rank);
  for (size_t i = 0; fits && i < sizes.size(); ++i) fits = sizes[i] == shape.dims[i] || sizes[i] == -1;
  return (fits && std::count(sizes.begin(), sizes.end(), -1) <= 1) || c.fail("has another shape than its output");
}

bool check_pad(const Checked& c) {
  std::vector<int32_t> padding;
  if (!check_maps(c) || !read_constant(c, 1, 2 * kMaxRank, &padding)) return false;
  const FileTensor& table = *c.input(1);
  FileShape shape = c.input(0)->shape;
  if (shape.rank > 4 || table.shape.rank != 2 || table.shape.dims[0] != shape.rank || table.shape.dims[1] != 2) {
    return c.fail("has padding for another number of dimensions");
  }
  for (int i = 0; i < shape.rank; ++i) {
    for (int side : {0, 1}) {
      if (!c.option_is_in("padding", padding[2 * i + side], 0, kMaxWindow)) return false;
    }
    shape.dims[i] += padding[2 * i] + padding[2 * i + 1];  // below 2^30 + 2^16
  }
  return c.output_is(shape);
}

bool check_concatenation(const Checked& c) {
  if (!check_maps(c) || !c.option_is_in("fused activation", c.op.options.scalar<int8_t>(1, 0), 0, 0)) return false;
  FileShape shape = c.input(0)->shape;
  int32_t axis = c.op.options.scalar<int32_t>(0, 0);
  if (axis < 0) axis += shape.rank;
  if (shape.rank > 4 || axis < 0 || axis >= shape.rank) return c.fail("joins along axis %d", axis);
  int64_t total = 0;
  for (size_t i = 0; i < c.op.inputs.size(); ++i) {
    if (!check_map(c, c.input(i))) return false;
    if (c.input(i)->type != c.output().type) return c.fail("has inputs of two types");
    if (c.output().type == FileType::kInt8 && c.input(i)->scale() != c.output().scale()) {
      return c.fail("joins maps of other scales");
    }
    FileShape other = c.input(i)->shape;
    total += axis < other.rank ? other.dims[axis] : 0;
    other.dims[axis] = shape.dims[axis];
    if (!(other == shape)) return c.fail("joins unlike shapes");
  }
  shape.dims[axis] = static_cast<int32_t>(std::min<int64_t>(total, INT32_MAX));
  return c.output_is(shape);
}

bool check_transpose(const Checked& c) {
  std::vector<int32_t> order;
  if (!check_maps(c) || !read_constant(c, 1, kMaxRank, &order)) return false;
  const FileShape& map = c.input(0)->shape;
  if (map.rank > 4 || order.size() != static_cast<size_t>(map.rank)) return c.fail("orders another number of axes");
  FileShape shape = map;
  bool used[kMaxRank] = {};
  for (int i = 0; i < map.rank; ++i) {
    if (order[i] < 0 || order[i] >= map.rank || used[order[i]]) return c.fail("has no order of axes");
    used[order[i]] = true;
    shape.dims[i] = map.dims[order[i]];
  }
  return c.output_is(shape);
}

// Between float32 and int8.
bool check_conversion(const Checked& c) {
  if (!check_map(c, c.input(0)) || !check_map(c, &c.output())) return false;
  const bool quantize = std::strcmp(c.rule.name, "QUANTIZE") == 0;
  const bool from_int8 = c.input(0)->type == FileType::kInt8, to_int8 = c.output().type == FileType::kInt8;
  if (quantize ? !to_int8 : to_int8 || !from_int8) return c.fail("does not convert between these types");
  if (from_int8 && to_int8 && !check_ratio(c, c.input(0)->scale() / double{c.output().scale()})) return false;
  return c.output_is(c.input(0)->shape);
}

// Operators of LCE's. The delegate reads their options and constants itself; here they must have the right shapes.
bool check_lce_quantize(const Checked& c) {
  const FileTensor& from = *c.input(0);
  const bool known = from.type == FileType::kFloat32 || from.type == FileType::kInt8 || from.type == FileType::kBool;
  if (!known || c.output().type != FileType::kInt32) return c.fail("does not turn values into signs");
  FileShape shape = from.shape;
  if (shape.rank < 1) return c.fail("has no channels");
  shape.dims[shape.rank - 1] = (shape.last() + 31) / 32;
  return c.output_is(shape);
}

bool check_lce_dequantize(const Checked& c) {
  const FileTensor &from = *c.input(0), &to = c.output();
  const bool known = to.type == FileType::kFloat32 || to.type == FileType::kInt8 || to.type == FileType::kBool;
  if (!known || from.type != FileType::kInt32) return c.fail("does not turn signs into values");
  FileShape packed = to.shape;
  if (packed.rank < 1) return c.fail("has no channels");
  packed.dims[packed.rank - 1] = (packed.last() + 31) / 32;
  return packed == from.shape || c.fail("cannot compute the shape of '%.60s'", to.name);
}

template <size_t N>
bool read_options(const Checked& c, const char* const (&names)[N], int64_t (&values)[N]) {
  IntOption options[N];
  for (size_t i = 0; i < N; ++i) options[i] = {names[i], 0, false};
  if (!parse_options(c.op.custom_options.data(), c.op.custom_options.size(), options, N)) {
    return c.fail("has damaged options");
  }
  for (size_t i = 0; i < N; ++i) {
    if (!options[i].found) return c.fail("lacks option '%s'", names[i]);
    values[i] = options[i].value;
  }
  return true;
}

bool check_lce_conv(const Checked& c) {
  const FileTensor &map = *c.input(0), *filter = c.input(1), &output = c.output();
  int64_t values[5];
  const char* const names[5] = {"padding", "stride_height", "stride_width", "dilation_height_factor",
                                "dilation_width_factor"};
  if (!read_options(c, names, values)) return false;
  if (!is(&map, FileType::kInt32) || !is(filter, FileType::kInt32) || filter->data == nullptr ||
      filter->shape.rank != 4) {
    return c.fail("lacks signs or constant weights");
  }
  const bool packed = output.type == FileType::kInt32;
  const int32_t channels = filter->shape.dims[0];
  return check_window(c, map,
                      {values[0], filter->shape.dims[1], filter->shape.dims[2], values[1], values[2], values[3],
                       values[4]},
                      packed ? (channels + 31) / 32 : channels);
}

bool check_lce_pool(const Checked& c) {
  int64_t values[5];
  const char* const names[5] = {"padding", "filter_height", "filter_width", "stride_height", "stride_width"};
  if (!read_options(c, names, values)) return false;
  if (!is(c.input(0), FileType::kInt32) || !is(&c.output(), FileType::kInt32)) return c.fail("does not pool signs");
  return check_window(c, *c.input(0),
                      {values[0], values[1], values[2], values[3], values[4], 1, 1},
                      c.input(0)->shape.last());
}

const Rule kBuiltin[] = {
    {0, "ADD", 11, 2, 2, true, check_binary},
    {1, "AVERAGE_POOL_2D", 5, 1, 1, true, check_pool},
    {2, "CONCATENATION", 10, 1, 64, true, check_concatenation},
    {3, "CONV_2D", 1, 3, 3, true, check_conv},
    {4, "DEPTHWISE_CONV_2D", 2, 3, 3, true, check_depthwise},
    {6, "DEQUANTIZE", 0, 1, 1, true, check_conversion},
    {9, "FULLY_CONNECTED", 8, 2, 3, true, check_dense},
    {14, "LOGISTIC", 0, 1, 1, false, check_same_shape},
    {17, "MAX_POOL_2D", 5, 1, 1, true, check_pool},
    {18, "MUL", 21, 2, 2, true, check_binary},
    {19, "RELU", 0, 1, 1, true, check_same_shape},
    {20, "RELU_N1_TO_1", 0, 1, 1, true, check_same_shape},
    {21, "RELU6", 0, 1, 1, true, check_same_shape},
    {22, "RESHAPE", 0, 1, 2, true, check_reshape},
    {25, "SOFTMAX", 9, 1, 1, false, check_same_shape},
    {28, "TANH", 0, 1, 1, false, check_same_shape},
    {34, "PAD", 0, 2, 2, true, check_pad},
    {39, "TRANSPOSE", 0, 2, 2, true, check_transpose},
    {40, "MEAN", 27, 2, 2, true, check_mean},
    {41, "SUB", 28, 2, 2, true, check_binary},
    {42, "DIV", 29, 2, 2, false, check_binary},
    {54, "PRELU", 0, 2, 2, false, check_prelu},
    {55, "MAXIMUM", 0, 2, 2, false, check_binary},
    {57, "MINIMUM", 0, 2, 2, false, check_binary},
    {98, "LEAKY_RELU", 75, 1, 1, false, check_same_shape},
    {114, "QUANTIZE", 0, 1, 1, true, check_conversion},
    {117, "HARD_SWISH", 0, 1, 1, false, check_same_shape},
};

const Rule kCustom[] = {
    {32, "LceQuantize", 0, 1, 1, true, check_lce_quantize},
    {32, "LceDequantize", 0, 1, 1, true, check_lce_dequantize},
    {32, "LceBconv2d", 0, 5, 5, true, check_lce_conv},
    {32, "LceBMaxPool2d", 0, 1, 1, true, check_lce_pool},
};

const Rule* find_rule(const FileOperator& op) {
  for (const Rule& rule : kBuiltin) {
    if (rule.code == op.code) return &rule;
  }
  for (const Rule& rule : kCustom) {
    if (rule.code == op.code && strcmp(rule.name, op.custom_name) == 0) return &rule;
  }
  return nullptr;
}

}  // namespace

bool check_operator(const ModelFile& model, const FileOperator& op, Message* message) {
  const Rule* rule = find_rule(op);
  if (rule == nullptr) {
    if (*op.custom_name != '\0') return message->fail("(%.60s) is of a kind that networks for LCE do not have", op.custom_name);
    return message->fail("(number %d of TensorFlow Lite's) is of a kind that networks for LCE do not have", op.code);
  }
  const Checked checked = {model, op, *rule, message};
  bool sound = false;
  if (op.inputs.size() < rule->least_inputs || op.inputs.size() > rule->most_inputs || op.outputs.size() != 1) {
    message->fail("has %zu inputs and %zu outputs", op.inputs.size(), op.outputs.size());
  } else if (checked.input(0) == nullptr || checked.input(0)->data != nullptr) {
    message->fail("computes nothing from its inputs");
  } else if (rule->options_type != 0 && (op.options_type != rule->options_type || !op.options.present())) {
    message->fail("lacks options");
  } else {
    sound = rule->check(checked);
  }
  return sound || message->prefix("(%s) ", rule->name);
}

}  // namespace hybrid_tf
