// Convolutions that the kernels do not have: in groups, or several filters for each channel.
#include <algorithm>
#include <cmath>

#include "common/window_axis.h"
#include "engine/operators.h"
#include "execution/fixed_point.h"

namespace hybrid_tf {
namespace {

// Output channel `o` reads `depth` channels from `first(o)` on. Weights lie as [outputs, height, width, depth], or, of
// depthwise ones, as [1, height, width, outputs].
struct Convolution {
  int32_t batches, in_height, in_width, in_channels, out_height, out_width, outputs, depth, per_group;
  FilterAxis vertical, horizontal;
  WindowAxis rows, columns;
  bool depthwise;

  int32_t first_channel(int32_t output) const { return output / per_group * depth; }
  int64_t weight(int32_t output, int32_t y, int32_t x) const {
    const int64_t tap = int64_t{y} * horizontal.size + x;
    return depthwise ? tap * outputs + output : (int64_t{output} * vertical.size * horizontal.size + tap) * depth;
  }

  // `sum` adds the products of `depth` inputs and weights; `finish` gets the sum of each output and its channel.
  template <typename Sum, typename Add, typename Finish>
  void run(const Add& add, const Finish& finish) const {
    for (int64_t pixel = 0; pixel < int64_t{batches} * out_height * out_width; ++pixel) {
      const auto image = static_cast<int32_t>(pixel / (out_height * out_width));
      const int32_t top = static_cast<int32_t>(pixel / out_width % out_height) * vertical.stride - rows.pad_before;
      const int32_t left = static_cast<int32_t>(pixel % out_width) * horizontal.stride - columns.pad_before;
      for (int32_t output = 0; output < outputs; ++output) {
        Sum sum = 0;
        for (int32_t y = 0; y < vertical.size; ++y) {
          const int32_t row = top + y * vertical.dilation;
          if (row < 0 || row >= in_height) continue;
          for (int32_t x = 0; x < horizontal.size; ++x) {
            const int32_t column = left + x * horizontal.dilation;
            if (column < 0 || column >= in_width) continue;
            const int64_t place = (int64_t{image} * in_height + row) * in_width + column;
            add(&sum, place * in_channels + first_channel(output), weight(output, y, x), depth);
          }
        }
        finish(pixel * outputs + output, output, sum);
      }
    }
  }
};

template <class Options>
Convolution convolution_of(const OperatorSource& s, bool depthwise) {
  const int32_t *in = s.input(0).shape.dims, *filter = s.input(1).shape.dims, *out = s.output().shape.dims;
  const FlatTable& options = s.op.options;
  Convolution c = {};
  c.batches = in[0], c.in_height = in[1], c.in_width = in[2], c.in_channels = in[3];
  c.out_height = out[1], c.out_width = out[2], c.outputs = out[3];
  c.depth = depthwise ? 1 : filter[3];
  c.per_group = c.outputs / (c.in_channels / c.depth);
  c.vertical = {filter[1], options.scalar<int32_t>(Options::stride_h, 0),
                options.scalar<int32_t>(Options::dilation_h_factor, 1)};
  c.horizontal = {filter[2], options.scalar<int32_t>(Options::stride_w, 0),
                  options.scalar<int32_t>(Options::dilation_w_factor, 1)};
  const bool same = options.scalar<int8_t>(Options::padding, 0) == 0;
  slide(c.vertical, c.in_height, same, &c.rows);
  slide(c.horizontal, c.in_width, same, &c.columns);
  c.depthwise = depthwise;
  return c;
}

std::unique_ptr<EngineOperator> make_floats(const OperatorSource& s, const Convolution& c, const Limits& limits) {
  return make_running([c, limits, &in = s.in(0), &filter = s.in(1), &bias = s.in(2), &out = s.out()] {
    const float *inputs = data_of<const float>(in), *weights = data_of<const float>(filter);
    const auto add = [&](float* sum, int64_t input, int64_t weight, int32_t depth) {
      for (int32_t i = 0; i < depth; ++i) *sum += inputs[input + i] * weights[weight + i];
    };
    c.run<float>(add, [&](int64_t place, int32_t output, float sum) {
      data_of<float>(out)[place] = limits.clamp(sum + data_of<const float>(bias)[output]);
    });
  });
}

std::unique_ptr<EngineOperator> make_int8(const OperatorSource& s, const Convolution& c, const Limits& limits) {
  const FlatVector& scales = s.input(1).scales;
  const TfLiteQuantizationParams from = s.in(0).params, to = s.out().params;
  std::vector<FixedPoint> ratios;
  for (int32_t output = 0; output < c.outputs; ++output) {
    const float scale = scales.at<float>(scales.size() == 1 ? 0 : static_cast<size_t>(output));
    ratios.push_back(make_fixed_point(double{from.scale} * scale / to.scale));
  }
  const Int8Range range = limits.int8(s.out());
  return make_running([=, &in = s.in(0), &filter = s.in(1), &bias = s.in(2), &out = s.out()] {
    const int8_t *inputs = data_of<const int8_t>(in), *weights = data_of<const int8_t>(filter);
    const auto add = [&](uint32_t* sum, int64_t input, int64_t weight, int32_t depth) {
      for (int32_t i = 0; i < depth; ++i) {
        *sum += static_cast<uint32_t>((inputs[input + i] - from.zero_point) * weights[weight + i]);
      }
    };
    c.run<uint32_t>(add, [&](int64_t place, int32_t output, uint32_t sum) {
      const auto whole = static_cast<int32_t>(sum + static_cast<uint32_t>(data_of<const int32_t>(bias)[output]));
      const int32_t value = multiply_away(whole, ratios[output]) + to.zero_point;
      data_of<int8_t>(out)[place] = static_cast<int8_t>(std::max(range.min, std::min(range.max, value)));
    });
  });
}

}  // namespace

std::unique_ptr<EngineOperator> make_convolution(const OperatorSource& s) {
  const bool depthwise = s.op.code == schema::DEPTHWISE_CONV_2D;
  if (!depthwise && s.op.code != schema::CONV_2D) return nullptr;
  const Convolution c = depthwise ? convolution_of<schema::DepthwiseConv2DOptions>(s, true)
                                  : convolution_of<schema::Conv2DOptions>(s, false);
  const Limits limits(s, depthwise ? int{schema::DepthwiseConv2DOptions::fused_activation_function}
                                   : int{schema::Conv2DOptions::fused_activation_function});
  return s.input(0).type == FileType::kInt8 ? make_int8(s, c, limits) : make_floats(s, c, limits);
}

}  // namespace hybrid_tf
