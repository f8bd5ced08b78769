#include "execution/weights.h"

#include <algorithm>
#include <cmath>

#include "execution/fixed_point.h"
#include "execution/int8_quick.h"
#include "graph/operators.h"
#include "kernels/packing.h"

namespace hybrid_tf {
namespace {

// Lanes of all blocks of all groups.
uint64_t lanes(const Operator& op, const Weights& weights) {
  return static_cast<uint64_t>(op.groups) * weights.group_blocks(op) * weights.block;
}

bool allocate(uint64_t bytes, Buffer* buffer, Message* message) {
  return buffer->allocate(bytes) || message->fail("no memory for %llu bytes of weights", (unsigned long long)bytes);
}

int32_t taps_of(const Operator& op) { return op.vertical.size * op.horizontal.size; }

// `rows`: of a block.
template <typename T>
bool pack_filter(const TfLiteContext* context, const Operator& op, int32_t rows, Weights* weights, Message* message) {
  const int32_t taps = taps_of(op);
  const uint64_t bytes = lanes(op, *weights) * rows * sizeof(T);
  if (!allocate(bytes, &weights->filter, message)) return false;
  pack_weights(constant_data<T>(context, op.filter), op.groups, op.group_channels, taps, op.filter_words,
               weights->block, weights->filter.as<T>());
  return true;
}

template <typename T>
bool pack_values(const Operator& op, const T* values, T unused, const Weights& weights, Buffer* packed,
                 Message* message) {
  if (!allocate(lanes(op, weights) * sizeof(T), packed, message)) return false;
  pack_channels(values, op.groups, op.group_channels, weights.block, unused, packed->as<T>());
  return true;
}

// LCE computes (-2 * acc) * multiplier + (bias + depth * multiplier), the parentheses on the right in double precision.
// The kernels get the same numbers (and a depth of 0), so that their results are equal to the last bit.
bool pack_transform(const TfLiteContext* context, const Tensor& output, const Operator& op, bool quick,
                    Weights* weights, Message* message) {
  const float* multipliers = constant_data<float>(context, op.multipliers);
  const float* biases = constant_data<float>(context, op.biases);
  const double scale = output.type == kTfLiteInt8 ? output.scale : 1.0;
  const double zero_point = output.type == kTfLiteInt8 ? output.zero_point : 0.0;
  const double depth = static_cast<double>(op.vertical.size) * op.horizontal.size * op.filter_channels;
  std::vector<float> scaled, shifted;
  for (int32_t c = 0; c < op.channels_out(); ++c) {
    const double multiplier = multipliers[c];
    scaled.push_back(static_cast<float>(multiplier / scale));
    shifted.push_back(static_cast<float>((biases[c] + depth * multiplier) / scale + zero_point));
    // With finite numbers no result is NaN, which no integer stands for: infinities are clamped.
    if (output.type == kTfLiteInt8 && !(std::isfinite(scaled.back()) && std::isfinite(shifted.back()))) {
      return message->fail("its multipliers or biases are not finite numbers");
    }
  }
  QuickConv conv;
  if (quick && output.type == kTfLiteInt8 && conv.make(static_cast<int32_t>(depth), scaled, shifted)) {
    weights->quick_shift = conv.shift;
    if (!pack_values(op, conv.factors.data(), 0, *weights, &weights->quick_factors, message) ||
        !pack_values(op, conv.offsets.data(), 0, *weights, &weights->quick_offsets, message)) {
      return false;
    }
  }
  return pack_values(op, scaled.data(), 0.0f, *weights, &weights->multipliers, message) &&
         pack_values(op, shifted.data(), 0.0f, *weights, &weights->biases, message);
}

bool pack_float_bias(const TfLiteContext* context, const Operator& op, Weights* weights, Message* message) {
  const std::vector<float> zeros(op.biases < 0 ? op.group_channels : 0);
  const float* biases = op.biases < 0 ? zeros.data() : constant_data<float>(context, op.biases);
  return pack_values(op, biases, 0.0f, *weights, &weights->biases, message);
}

// What the offset of the inputs adds to the sums is taken from the biases. All of this wraps at 32 bits, as sums do.
void make_int8_biases(const TfLiteContext* context, const Operator& op, int32_t offset, std::vector<int32_t>* biases) {
  const int64_t depth = int64_t{op.vertical.size} * op.horizontal.size * op.filter_words;
  const int8_t* filter = constant_data<int8_t>(context, op.filter);
  for (int32_t c = 0; c < op.group_channels; ++c, filter += depth) {
    uint32_t sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += static_cast<uint32_t>(int32_t{filter[i]});
    const int32_t bias = op.biases < 0 ? 0 : constant_data<int32_t>(context, op.biases)[c];
    biases->push_back(static_cast<int32_t>(static_cast<uint32_t>(bias) - static_cast<uint32_t>(offset) * sum));
  }
}

// TensorFlow Lite multiplies the scales of a convolution in double precision, those of a dense layer in single.
double filter_ratio(const Operator& op, float input, float filter, float output) {
  const double product = op.kind == OperatorKind::kDense ? double{input * filter} : double{input} * filter;
  return product / output;
}

// What sums of int8 are multiplied by.
bool pack_int8_scales(const TfLiteContext* context, const Graph& graph, const Operator& op, Weights* weights,
                      Message* message) {
  const Tensor &input = graph.tensors[op.input], &output = graph.tensors[op.output];
  const auto& quantization =
      *static_cast<const TfLiteAffineQuantization*>(context->tensors[op.filter].quantization.params);
  std::vector<int32_t> bits, lefts, rights;
  std::vector<float> near;
  for (int32_t c = 0; c < op.group_channels; ++c) {
    const float scale = quantization.scale->data[quantization.scale->size == 1 ? 0 : c];
    const double real = filter_ratio(op, input.scale, scale, output.scale);
    const FixedPoint ratio = make_fixed_point(real);
    near.push_back(static_cast<float>(real));
    bits.push_back(ratio.bits);
    lefts.push_back(ratio.left);
    rights.push_back(ratio.right);
  }
  weights->least_right = *std::min_element(rights.begin(), rights.end());
  return pack_values(op, near.data(), 0.0f, *weights, &weights->near_scales, message) &&
         pack_values(op, bits.data(), 0, *weights, &weights->multipliers, message) &&
         pack_values(op, lefts.data(), 0, *weights, &weights->lefts, message) &&
         pack_values(op, rights.data(), 0, *weights, &weights->rights, message);
}

// Weights [taps][channels] as [taps][lanes].
template <typename T>
bool pack_depthwise(const T* filter, const Operator& op, Weights* weights, Message* message) {
  const size_t row = lanes(op, *weights);
  if (!allocate(taps_of(op) * row * sizeof(T), &weights->filter, message)) return false;
  T* packed = weights->filter.as<T>();
  for (int32_t tap = 0; tap < taps_of(op); ++tap, packed += row, filter += op.group_channels) {
    std::fill(std::copy(filter, filter + op.group_channels, packed), packed + row, T(0));
  }
  return true;
}

bool pack_int8_depthwise(const TfLiteContext* context, const Graph& graph, const Operator& op, Weights* weights,
                         Message* message) {
  weights->block = 64;
  const auto* filter = constant_data<int8_t>(context, op.filter);
  weights->narrow = std::count(filter, filter + taps_of(op) * op.group_channels, INT8_MIN) == 0;
  std::vector<int32_t> biases;
  for (int32_t c = 0; c < op.group_channels; ++c) {
    int32_t sum = 0;
    for (int32_t tap = 0; tap < taps_of(op); ++tap) sum += filter[tap * op.group_channels + c];
    const int32_t bias = op.biases < 0 ? 0 : constant_data<int32_t>(context, op.biases)[c];
    const uint32_t zeros = static_cast<uint32_t>(graph.tensors[op.input].zero_point * sum);
    biases.push_back(static_cast<int32_t>(static_cast<uint32_t>(bias) - zeros));
  }
  return pack_depthwise(filter, op, weights, message) &&
         pack_values(op, biases.data(), 0, *weights, &weights->biases, message) &&
         pack_int8_scales(context, graph, op, weights, message);
}

bool pack_int8(const TfLiteContext* context, const Graph& graph, const Operator& op, const Int8Kernels& kernels,
               Weights* weights, Message* message) {
  const Tensor& input = graph.tensors[op.input];
  const Int8Runs runs(op);
  weights->block = kernels.block;
  const int32_t run_bytes = ceil_div(runs.length, kernels.group) * kernels.group;
  if (!allocate(lanes(op, *weights) * runs.count * run_bytes, &weights->filter, message)) return false;
  weights->narrow = pack_int8_weights(constant_data<int8_t>(context, op.filter), op.group_channels, runs.count,
                                      runs.length, weights->block, kernels.group, weights->filter.as<int8_t>());

  std::vector<int32_t> biases;
  make_int8_biases(context, op, input.zero_point + kernels.input_offset, &biases);
  return pack_values(op, biases.data(), 0, *weights, &weights->biases, message) &&
         pack_int8_scales(context, graph, op, weights, message);
}

// The different ranges, and which of them every output position has.
std::vector<TapRange> classify(const std::vector<TapRange>& inside, std::vector<uint16_t>* classes) {
  std::vector<TapRange> ranges;
  classes->clear();
  for (const TapRange& range : inside) {
    const auto found = std::find(ranges.begin(), ranges.end(), range);
    classes->push_back(static_cast<uint16_t>(found - ranges.begin()));
    if (found == ranges.end()) ranges.push_back(range);
  }
  return ranges;
}

bool any_tap_outside(const std::vector<TapRange>& ranges, const FilterAxis& filter) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const TapRange& range) { return range.first > 0 || range.end < filter.size; });
}

// What one output channel's taps add where the input is 0: sums over all taps above and to the left of each tap, so
// that the sum over a rectangle of taps takes four of them.
class TapSums {
 public:
  TapSums(const Operator& op, const uint32_t* filter)
      : width_(op.horizontal.size + 1), sums_((op.vertical.size + 1) * width_, 0) {
    for (int32_t y = 1; y <= op.vertical.size; ++y) {
      for (int32_t x = 1; x < width_; ++x) {
        int32_t tap = op.filter_channels;
        for (int32_t word = 0; word < op.filter_words; ++word) tap -= 2 * __builtin_popcount(*filter++);
        at(y, x) = tap + at(y - 1, x) + at(y, x - 1) - at(y - 1, x - 1);
      }
    }
  }

  int32_t outside(const TapRange& rows, const TapRange& columns) {
    return sums_.back() - (at(rows.end, columns.end) - at(rows.first, columns.end) - at(rows.end, columns.first) +
                           at(rows.first, columns.first));
  }

 private:
  int32_t& at(int32_t y, int32_t x) { return sums_[y * width_ + x]; }

  int32_t width_;
  std::vector<int32_t> sums_;
};

}  // namespace

bool pack_weights(const TfLiteContext* context, const Graph& graph, const Operator& op, const KernelSet& kernels,
                  Weights* weights, Message* message) {
  switch (op.kind) {
    case OperatorKind::kBconv: {
      const BconvTaps taps = {taps_of(op), op.filter_words, op.filter_channels};
      weights->block = kernels.bconv_block;
      weights->file_filter = constant_data<uint32_t>(context, op.filter);
      if (!pack_filter<uint32_t>(context, op, weight_rows(kernels, taps), weights, message)) {
        return false;
      }
      if (kernels.prepare_weights) {
        kernels.prepare_weights(weights->filter.as<uint32_t>(), op.groups * weights->group_blocks(op), taps);
      }
      if (op.thresholds < 0) {
        return pack_transform(context, graph.tensors[op.output], op, kernels.int8.quick, weights, message);
      }
      return pack_values(op, constant_data<int32_t>(context, op.thresholds), INT32_MAX, *weights, &weights->thresholds,
                         message);
    }
    case OperatorKind::kConv:
    case OperatorKind::kDense:
      if (graph.tensors[op.input].type == kTfLiteInt8) {
        return pack_int8(context, graph, op, kernels.int8, weights, message);
      }
      weights->block = kernels.fconv_block;
      return pack_filter<float>(context, op, taps_of(op) * op.filter_words, weights, message) &&
             pack_float_bias(context, op, weights, message);
    case OperatorKind::kDepthwise:
      if (graph.tensors[op.input].type == kTfLiteInt8) return pack_int8_depthwise(context, graph, op, weights, message);
      weights->block = op.group_channels;  // as in the file
      return pack_depthwise(constant_data<float>(context, op.filter), op, weights, message) &&
             pack_float_bias(context, op, weights, message);
    default:
      return true;
  }
}

Int8Runs::Int8Runs(const Operator& op) {
  const bool rows = op.horizontal.dilation == 1;
  count = op.vertical.size * (rows ? 1 : op.horizontal.size);
  length = op.filter_words * (rows ? op.horizontal.size : 1);
}

std::vector<TapRange> inside_taps(const FilterAxis& filter, const WindowAxis& window, int32_t in) {
  std::vector<TapRange> ranges;
  for (int32_t o = 0; o < window.out; ++o) {
    const int32_t start = o * filter.stride - window.pad_before;
    TapRange range = {start < 0 ? ceil_div(-start, filter.dilation) : 0,
                      std::min(filter.size, ceil_div(in - start, filter.dilation))};
    range.first = std::min(range.first, range.end);
    ranges.push_back(range);
  }
  return ranges;
}

bool make_corrections(const Operator& op, const Weights& weights, const std::vector<TapRange>& inside_rows,
                      const std::vector<TapRange>& inside_columns, Corrections* corrections) {
  const std::vector<TapRange> rows = classify(inside_rows, &corrections->row_class);
  const std::vector<TapRange> columns = classify(inside_columns, &corrections->column_class);
  if (!any_tap_outside(rows, op.vertical) && !any_tap_outside(columns, op.horizontal)) return true;
  corrections->column_classes = static_cast<int32_t>(columns.size());
  const size_t row_lanes = lanes(op, weights);
  if (!corrections->values.allocate(rows.size() * columns.size() * row_lanes * sizeof(int32_t))) return false;

  const int32_t filter_size = op.vertical.size * op.horizontal.size * op.filter_words;
  std::vector<int32_t> values(rows.size() * columns.size() * op.channels_out());
  for (int32_t c = 0; c < op.channels_out(); ++c) {
    TapSums sums(op, weights.file_filter + static_cast<ptrdiff_t>(c) * filter_size);
    int32_t* value = &values[c];
    for (const TapRange& row : rows) {
      for (const TapRange& column : columns) {
        *value = sums.outside(row, column);
        value += op.channels_out();
      }
    }
  }
  const int32_t* value = values.data();
  int32_t* packed = corrections->values.as<int32_t>();
  for (size_t i = 0; i < rows.size() * columns.size(); ++i, value += op.channels_out(), packed += row_lanes) {
    pack_channels(value, op.groups, op.group_channels, weights.block, 0, packed);
  }
  return true;
}

}  // namespace hybrid_tf
