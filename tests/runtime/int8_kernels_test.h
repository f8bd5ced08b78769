// The int8 kernels, part of kernels_test.cc: what they compute, in plain loops.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "kernel_cases.h"
#include "kernels/packing.h"

namespace hybrid_tf {
namespace {

struct RealScale {
  double real;
  FixedPoint fixed;

  // From 2^-(right + 1) on, below 2^-right.
  RealScale(Random& random, int32_t right) {
    fixed = {static_cast<int32_t>((1u << 30) + random.word() % (1u << 30)), 0, right};
    if (random.once_in(4)) fixed.bits = 1 << 30;  // halves
    real = std::ldexp(fixed.bits, -31 - right);
  }
};

int32_t multiplied(int32_t value, const FixedPoint& by, bool up) {
  const int64_t shifted = static_cast<int64_t>(value) * (int64_t{1} << by.left);
  const int64_t high = (shifted * by.bits + (int64_t{1} << 30)) >> 31, half = (int64_t{1} << by.right) / 2;
  if (up || high >= 0) return static_cast<int32_t>((high + half) >> by.right);
  return static_cast<int32_t>(-((half - high) >> by.right));
}

int32_t clamped(int64_t value, int32_t min, int32_t max) {
  return static_cast<int32_t>(value < min ? min : value > max ? max : value);
}

// A half without what float32 may round off.
constexpr float kNearLimit = 0.49f * 0.49f;

// Random products of 32 bits, none of which wraps, and the exact numbers that give the same.
struct TestQuick {
  std::vector<int32_t> factors, negative_offsets, offsets;
  Int8Quick quick = {};

  TestQuick(Random& random, int32_t channels) {
    const auto real = [&](int32_t least, int32_t most) { return random.in(least * (1 << 16), most * (1 << 16)) * 64; };
    quick.has_slopes = random.once_in(2), quick.has_shifts = random.once_in(2);
    for (int32_t c = 0; c < channels + 16; ++c) {
      factors.push_back(real(-1, 1));
      negative_offsets.push_back(real(-100, 100));
      offsets.push_back(real(-100, 100));
    }
    quick.slope_zero_point = random.in(-128, 127);
    quick.positive_factor = real(0, 1), quick.slope_offset = random.in(-128, 127) * (1 << kQuickBits);
    quick.negative_factors = factors.data(), quick.negative_offsets = negative_offsets.data();
    quick.shift_factor = real(0, 2), quick.shift_offsets = offsets.data();
  }
  // One int8 by its 22 binary places.
  static int32_t whole(int64_t value) { return clamped((value + (1 << 21)) >> 22, -128, 127); }
  int8_t operator()(int32_t value, int32_t c) const {
    if (quick.has_slopes) {
      const int64_t moved = value - quick.slope_zero_point;
      const int64_t product = moved * (moved < 0 ? factors[c] : quick.positive_factor);
      value = whole(product + (moved < 0 ? negative_offsets[c] : quick.slope_offset));
    }
    if (quick.has_shifts) value = whole(int64_t{value} * quick.shift_factor + offsets[c]);
    return static_cast<int8_t>(value);
  }
  // A sum of operands as they are, whose exact scales are ones.
  void add(Int8Epilogue* epilogue) {
    epilogue->scale = epilogue->residual_scale = {1 << 30, 20, 0};
    epilogue->sum_scale = {1 << 30, 0, 18};
    for (int32_t* point : {&epilogue->zero_point, &epilogue->residual_zero_point, &epilogue->sum_zero_point})
      *point /= 2;
    epilogue->sum_min = -128, epilogue->sum_max = 127;
    epilogue->near_limit = -1.0f;
    quick.has_sum = epilogue->residual;
    quick.factor = quick.residual_factor = 1 << kQuickBits;
    quick.sum_offset =
        (epilogue->sum_zero_point - epilogue->zero_point - epilogue->residual_zero_point) * (1 << kQuickBits);
  }
};

// An epilogue's inputs and outputs, and what they should be.
struct TestInt8Epilogue {
  int32_t channels;
  bool with_values, with_signs;
  std::vector<int8_t> residual, table, values, wanted_values;
  HaloMap<uint32_t> signs, wanted_signs;
  TestQuick quick;
  Int8Epilogue epilogue = {};

  TestInt8Epilogue(const TestInt8Epilogue&) = delete;
  TestInt8Epilogue(Random& random, int32_t batch, int32_t height, int32_t width, int32_t channels)
      : channels(channels),
        signs(batch, height, width, ceil_div(channels, 32) + random.in(0, 1), random.in(0, 2), kUntouched),
        wanted_signs(signs),
        quick(random, channels) {
    const size_t size = static_cast<size_t>(batch) * height * width * channels;
    with_values = !random.once_in(3);
    with_signs = !with_values || random.once_in(2);
    if (random.once_in(2)) residual.resize(size);
    for (int8_t& value : residual) value = static_cast<int8_t>(random.in(-128, 127));
    if (random.once_in(3)) table.resize(256 * channels);
    for (int8_t& value : table) value = static_cast<int8_t>(random.in(-128, 127));
    values = wanted_values = guarded<int8_t>(size, 77);
    const RealScale one(random, random.in(0, 4)), two(random, random.in(0, 4)), sum(random, random.in(17, 19));
    Int8Epilogue& e = epilogue;
    e.residual = residual.empty() ? nullptr : residual.data();
    e.zero_point = random.in(-128, 127), e.residual_zero_point = random.in(-128, 127);
    e.sum_zero_point = random.in(-128, 127);
    e.sum_min = random.once_in(3) ? random.in(-128, 0) : -128, e.sum_max = random.once_in(3) ? random.in(1, 127) : 127;
    e.scale = one.fixed, e.residual_scale = two.fixed, e.sum_scale = sum.fixed;
    e.scale.left = e.residual_scale.left = 20;
    const double scale = std::ldexp(one.real * sum.real, 20), other = std::ldexp(two.real * sum.real, 20);
    e.near_scale = static_cast<float>(scale), e.near_residual_scale = static_cast<float>(other);
    e.near_offset = static_cast<float>(e.sum_zero_point - e.zero_point * scale - e.residual_zero_point * other);
    e.near_limit = random.once_in(3) ? -1.0f : kNearLimit;
    if (random.once_in(3)) {
      quick.add(&e);
      table.clear();
      for (int32_t i = 0; i < 256 * channels; ++i) table.push_back(quick(i % 256 - 128, i / 256));
      e.quick = &quick.quick;
    }
    e.table = table.empty() ? nullptr : table.data();
    e.int8s = with_values ? values.data() : nullptr;
    e.signs = signs.map<uint32_t>();
    if (!with_signs) e.signs.data = nullptr;
    e.sign_limit = random.in(-128, 127);
  }
  // For an operator that takes none.
  void drop_residual() {
    residual.clear();
    epilogue.residual = nullptr;
    quick.quick.has_sum = false;
  }
  void want(int32_t pixel, int32_t channel, int32_t value) {
    const size_t at = static_cast<size_t>(pixel) * channels + channel;
    const Int8Epilogue& e = epilogue;
    if (!residual.empty()) {
      const int32_t own = multiplied(value - e.zero_point, e.scale, false);
      const int32_t other = multiplied(residual[at] - e.residual_zero_point, e.residual_scale, false);
      value = clamped(multiplied(own + other, e.sum_scale, false) + e.sum_zero_point, e.sum_min, e.sum_max);
    }
    if (!table.empty()) value = table[256 * channel + value + 128];
    if (with_values) wanted_values[at] = static_cast<int8_t>(value);
    if (!with_signs) return;
    uint32_t& word = wanted_signs.pixel(pixel)[channel / 32];
    if (channel % 32 == 0) word = 0;
    word |= static_cast<uint32_t>(value < e.sign_limit) << (channel % 32);
  }
  void compare() const {
    expect_same("int8s", wanted_values, values);
    expect_same("signs", wanted_signs.data, signs.data);
  }
  void print() const {
    std::printf("  %d channels, residual %d, table %d, int8s %d, signs %d, near limit %g\n", channels,
                !residual.empty(), !table.empty(), with_values, with_signs, epilogue.near_limit);
  }
};

void test_int8_conv(const KernelSet& set, Random& random) {
  const Geometry g(random, true);
  const int32_t depth = random.in(1, random.once_in(4) ? 200 : 40);
  const int32_t channels = random.in(1, random.once_in(4) ? 200 : 70);
  const int32_t block = set.int8.block, blocks = ceil_div(channels, block), lanes = blocks * block;
  const int32_t taps = g.kernel_height * g.kernel_width, zero_point = random.in(-128, 127);
  HaloMap<int8_t> input(g.batch, g.in_height, g.in_width, depth, halo_of(g), static_cast<int8_t>(zero_point));
  const bool extreme = random.once_in(5);  // the largest products
  for (int32_t p = 0; p < g.batch * g.in_height * g.in_width; ++p) {
    for (int32_t c = 0; c < depth; ++c) input.pixel(p)[c] = static_cast<int8_t>(extreme ? -128 : random.in(-128, 127));
  }
  std::vector<int8_t> filters(static_cast<size_t>(channels) * taps * depth);
  const int32_t least = random.once_in(3) ? -128 : -127;
  for (int8_t& weight : filters) weight = static_cast<int8_t>(extreme ? least : random.in(least, 127));
  TestWindow window(random, g, input, depth);
  const int32_t runs = window.window.segments, length = window.window.segment_length;
  const int32_t group = set.int8.group;
  std::vector<int8_t> weights(static_cast<size_t>(lanes) * runs * ceil_div(length, group) * group);
  const bool narrow = pack_int8_weights(filters.data(), channels, runs, length, block, group, weights.data());

  std::vector<int32_t> biases(lanes), folded(lanes), bits(lanes), lefts(lanes), rights(lanes);
  std::vector<float> near(lanes);
  for (int32_t c = 0; c < channels; ++c) {
    int32_t sum = 0;
    for (int32_t i = 0; i < taps * depth; ++i) sum += filters[static_cast<size_t>(c) * taps * depth + i];
    const RealScale scale(random, random.in(6, 12));
    biases[c] = random.in(-100000, 100000);
    folded[c] = biases[c] - (zero_point + set.int8.input_offset) * sum;
    bits[c] = scale.fixed.bits, rights[c] = scale.fixed.right;
    near[c] = static_cast<float>(scale.real);
    if (random.once_in(50)) lefts[c] = 1, rights[c] = 0, near[c] = static_cast<float>(std::ldexp(bits[c], -30));
  }
  TestInt8Epilogue end(random, g.batch, g.out_height, g.out_width, channels);
  Int8Conv conv{};
  conv.window = window.window;
  conv.input = input.pixel(0, 0, 0);
  conv.channels = channels, conv.blocks = blocks;
  conv.weights = weights.data(), conv.biases = folded.data();
  conv.narrow = narrow;
  conv.scale_bits = bits.data(), conv.scale_lefts = lefts.data(), conv.scale_rights = rights.data();
  conv.near_scales = near.data();
  conv.near_limit = random.once_in(3) ? -1.0f : 0.48f * 0.48f;
  conv.zero_point = random.in(-128, 127), conv.min = random.in(-128, 0), conv.max = random.in(1, 127);
  conv.epilogue = end.epilogue;
  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t c = 0; c < channels; ++c) {
      int32_t sum = biases[c];
      for (int32_t tap = 0; tap < taps; ++tap) {
        const int32_t iy = g.row(y, tap / g.kernel_width), ix = g.column(x, tap % g.kernel_width);
        if (!g.inside(iy, ix)) continue;
        const int8_t* weight = &filters[(static_cast<size_t>(c) * taps + tap) * depth];
        for (int32_t i = 0; i < depth; ++i) sum += (input.pixel(b, iy, ix)[i] - zero_point) * weight[i];
      }
      const int64_t scaled = multiplied(sum, {bits[c], lefts[c], rights[c]}, true);
      end.want(pixel, c, clamped(scaled + conv.zero_point, conv.min, conv.max));
    }
  }
  const int32_t step = block % 32 ? 32 / block : 1, split = random.in(0, blocks / step) * step;
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) {
    set.int8.conv(conv, from, to, split, blocks);
    if (split) set.int8.conv(conv, from, to, 0, split);
  });
  end.compare();
  if (!failed) return;
  g.print(), end.print();
  std::printf("  depth %d, zero point %d, narrow %d, split at block %d of %d, near limit %g\n", depth, zero_point,
              narrow, split, blocks, conv.near_limit);
}

void test_int8_pool(const KernelSet& set, Random& random) {
  const Geometry g = random.once_in(3) ? Geometry::two_by_two(random) : Geometry(random, false);
  const int32_t channels = random.channels();
  std::vector<int8_t> input(static_cast<size_t>(g.batch) * g.in_height * g.in_width * channels);
  const int32_t range = random.once_in(2) ? 128 : 3;  // small numbers have more halves
  for (int8_t& value : input) value = static_cast<int8_t>(random.in(-range, range - 1));
  TestInt8Epilogue end(random, g.batch, g.out_height, g.out_width, channels);
  Int8Pool pool{};
  pool.window = random_pool(random, g, channels);
  pool.input = input.data();
  pool.min = random.in(-128, 0), pool.max = random.in(1, 127);
  pool.epilogue = end.epilogue;
  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t c = 0; c < channels; ++c) {
      int32_t sum = 0, most = -128, count = 0;
      for (int32_t tap = 0; tap < g.kernel_height * g.kernel_width; ++tap) {
        const int32_t iy = g.row(y, tap / g.kernel_width), ix = g.column(x, tap % g.kernel_width);
        if (!g.inside(iy, ix)) continue;
        const int32_t value = input[((static_cast<size_t>(b) * g.in_height + iy) * g.in_width + ix) * channels + c];
        sum += value, most = value > most ? value : most, ++count;
      }
      const int32_t average = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
      end.want(pixel, c, clamped(pool.window.kind == PoolKind::kAverage ? average : most, pool.min, pool.max));
    }
  }
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) { set.int8.pool(pool, from, to); });
  end.compare();
  if (!failed) return;
  g.print(), end.print();
  std::printf("  kind %d\n", static_cast<int>(pool.window.kind));
}

void test_int8_elementwise(const KernelSet& set, Random& random) {
  const int32_t batch = random.in(1, 2), height = random.in(1, 5), width = random.in(1, 5);
  const int32_t channels = random.in(1, 150), pixels = batch * height * width;
  std::vector<int8_t> input(static_cast<size_t>(pixels) * channels);
  for (int8_t& value : input) value = static_cast<int8_t>(random.in(-128, 127));
  TestInt8Epilogue end(random, batch, height, width, channels);
  for (int32_t pixel = 0; pixel < pixels; ++pixel) {
    for (int32_t c = 0; c < channels; ++c) {
      end.want(pixel, c, input[static_cast<size_t>(pixel) * channels + c]);
    }
  }
  const Int8Elementwise op{height, width, channels, input.data(), end.epilogue};
  in_parts(random, pixels, [&](int32_t from, int32_t to) { set.int8.elementwise(op, from, to); });
  end.compare();
  if (failed) std::printf("  batch %d, %dx%d\n", batch, height, width), end.print();
}

void test_int8_depthwise(const KernelSet& set, Random& random) {
  const Geometry g(random, true);
  const int32_t channels = random.in(1, random.once_in(4) ? 150 : 70), taps = g.kernel_height * g.kernel_width;
  const int32_t lanes = ceil_div(channels, 64) * 64, zero_point = random.in(-128, 127);
  const bool extreme = random.once_in(5);  // the largest products
  std::vector<int8_t> input(static_cast<size_t>(g.batch) * g.in_height * g.in_width * channels);
  for (int8_t& value : input) value = static_cast<int8_t>(extreme ? -128 : random.in(-128, 127));
  const int32_t least = random.once_in(3) ? -128 : -127;
  const std::vector<int8_t> outside(lanes, static_cast<int8_t>(zero_point));
  std::vector<int8_t> weights(static_cast<size_t>(taps) * lanes);
  std::vector<float> near(lanes);
  std::vector<int32_t> biases(lanes), folded(lanes), bits(lanes), lefts(lanes), rights(lanes);
  for (int32_t c = 0; c < channels; ++c) {
    int32_t sum = 0;
    for (int32_t tap = 0; tap < taps; ++tap) {
      const int32_t weight = extreme ? least : random.in(least, 127);
      sum += weight, weights[static_cast<size_t>(tap) * lanes + c] = static_cast<int8_t>(weight);
    }
    const RealScale scale(random, random.in(4, 10));
    biases[c] = random.in(-20000, 20000), folded[c] = biases[c] - zero_point * sum;
    bits[c] = scale.fixed.bits, rights[c] = scale.fixed.right, near[c] = static_cast<float>(scale.real);
    if (random.once_in(50)) lefts[c] = 1, rights[c] = 0, near[c] = static_cast<float>(std::ldexp(bits[c], -30));
  }
  TestInt8Epilogue end(random, g.batch, g.out_height, g.out_width, channels);
  Int8Depthwise conv{};
  conv.window = depthwise_window(g, channels);
  conv.input = input.data(), conv.lanes = lanes;
  end.drop_residual();
  conv.weights = weights.data(), conv.biases = folded.data();
  conv.up = random.in(0, channels / 8) * 8;
  conv.narrow = least > -128, conv.outside = outside.data();
  conv.scale_bits = bits.data(), conv.scale_lefts = lefts.data(), conv.scale_rights = rights.data();
  conv.near_scales = near.data();
  conv.near_limit = random.once_in(3) ? -1.0f : 0.46f * 0.46f;
  conv.zero_point = random.in(-128, 127);
  conv.min = random.in(-128, 0), conv.max = random.in(1, 127);
  conv.epilogue = end.epilogue;
  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t c = 0; c < channels; ++c) {
      int32_t sum = biases[c];
      for (int32_t tap = 0; tap < taps; ++tap) {
        const int32_t iy = g.row(y, tap / g.kernel_width), ix = g.column(x, tap % g.kernel_width);
        if (!g.inside(iy, ix)) continue;
        const int32_t value = input[((static_cast<size_t>(b) * g.in_height + iy) * g.in_width + ix) * channels + c];
        sum += (value - zero_point) * weights[static_cast<size_t>(tap) * lanes + c];
      }
      const int64_t scaled = multiplied(sum, {bits[c], lefts[c], rights[c]}, c < conv.up);
      end.want(pixel, c, clamped(scaled + conv.zero_point, conv.min, conv.max));
    }
  }
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) { set.int8.depthwise(conv, from, to); });
  end.compare();
  if (!failed) return;
  g.print(), end.print();
  std::printf("  zero point %d, near limit %g\n", zero_point, conv.near_limit);
}

void test_int8_combine(const KernelSet& set, Random& random) {
  const int32_t batch = random.in(1, 2), height = random.in(1, 5), width = random.in(1, 5);
  const int32_t channels = random.in(1, 150), pixels = batch * height * width;
  std::vector<int8_t> input(static_cast<size_t>(pixels) * channels);
  for (int8_t& value : input) value = static_cast<int8_t>(random.in(-128, 127));
  const OtherOperand<int8_t> other(random, batch, height, width, channels,
                                   [&] { return static_cast<int8_t>(random.in(-128, 127)); });
  TestInt8Epilogue end(random, batch, height, width, channels);
  end.drop_residual();
  Int8Combine op{};
  op.out_height = height, op.out_width = width, op.channels = channels;
  op.input = input.data(), op.other = other.map;
  op.multiplies = random.once_in(2);
  op.input_zero_point = random.in(-128, 127), op.other_zero_point = random.in(-128, 127);
  op.zero_point = random.in(-128, 127), op.min = random.in(-128, 0), op.max = random.in(1, 127);
  op.scale = RealScale(random, random.in(3, 9)).fixed;
  op.epilogue = end.epilogue;
  const Int8Epilogue& e = end.epilogue;
  for (int32_t pixel = 0; pixel < pixels; ++pixel) {
    for (int32_t c = 0; c < channels; ++c) {
      const int32_t a = input[static_cast<size_t>(pixel) * channels + c];
      const int32_t b = other.at(pixel / (height * width), pixel / width % height, pixel % width, c);
      if (op.multiplies) {
        const int32_t product = multiplied((a - op.input_zero_point) * (b - op.other_zero_point), op.scale, false);
        end.want(pixel, c, clamped(product + op.zero_point, op.min, op.max));
      } else {
        const int32_t one = multiplied(a - e.zero_point, e.scale, false);
        const int32_t two = multiplied(b - e.residual_zero_point, e.residual_scale, false);
        end.want(pixel, c, clamped(multiplied(one + two, e.sum_scale, false) + e.sum_zero_point, e.sum_min, e.sum_max));
      }
    }
  }
  in_parts(random, pixels, [&](int32_t from, int32_t to) { set.int8.combine(op, from, to); });
  end.compare();
  if (failed) std::printf("  batch %d, %dx%d, multiplies %d\n", batch, height, width, op.multiplies), end.print();
}

}  // namespace
}  // namespace hybrid_tf
