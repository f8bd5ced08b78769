// Every kernel set that this processor runs, compared with plain loops on random shapes.
//
//   g++ -std=c++17 -O2 -ffp-contract=off -I runtime/src tests/runtime/kernels_test.cc OBJECTS -o kernels_test
//   ./kernels_test [CASES [SEED [KERNELS]]]
//
// OBJECTS are those of kernel_sources() in runtime/compile_library.py, compiled with their own flags (see there).
// -ffp-contract=off: the expected numbers round products and sums apart. The first case that differs is printed, with
// the seed that repeats it alone, and the exit status is 1.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "int8_kernels_test.h"
#include "kernel_cases.h"
#include "kernels/bits.h"
#include "kernels/kernels.h"
#include "kernels/packing.h"

using namespace hybrid_tf;

namespace {

// An epilogue's inputs and outputs, and what they should be.
struct TestEpilogue {
  int32_t channels;
  bool with_floats, with_signs;
  std::vector<float> residual, slopes, shifts, floats, wanted_floats;
  HaloMap<uint32_t> signs, wanted_signs;
  Epilogue epilogue;

  TestEpilogue(Random& random, int32_t batch, int32_t height, int32_t width, int32_t channels)
      : channels(channels),
        signs(batch, height, width, ceil_div(channels, 32) + random.in(0, 1), random.in(0, 2), kUntouched),
        wanted_signs(signs) {
    const size_t size = static_cast<size_t>(batch) * height * width * channels;
    with_floats = !random.once_in(3);
    with_signs = !with_floats || random.once_in(2);
    if (random.once_in(2)) residual = random.reals(size);
    floats = wanted_floats = guarded(size, -123.0f);
    epilogue.residual = residual.empty() ? nullptr : residual.data();
    slopes = random.reals(random.once_in(3) ? channels : 0);
    shifts = random.reals(random.once_in(3) ? channels : 0);
    epilogue.slopes = slopes.empty() ? nullptr : slopes.data();
    epilogue.shifts = shifts.empty() ? nullptr : shifts.data();
    epilogue.min = random.once_in(2) ? -kInfinity : random.real() - 8;
    epilogue.max = random.once_in(2) ? kInfinity : random.real() + 8;
    epilogue.floats = with_floats ? floats.data() : nullptr;
    epilogue.signs = signs.map<uint32_t>();
    if (!with_signs) epilogue.signs.data = nullptr;
  }
  void want(int32_t pixel, int32_t channel, float value) {
    const size_t at = static_cast<size_t>(pixel) * channels + channel;
    if (!residual.empty()) value = value + residual[at];
    if (!slopes.empty() && value < 0) value *= slopes[channel];
    if (!shifts.empty()) value += shifts[channel];
    value = std::fmin(std::fmax(value, epilogue.min), epilogue.max);
    if (with_floats) wanted_floats[at] = value;
    if (with_signs) want_sign(pixel, channel, value < 0);
  }
  void want_sign(int32_t pixel, int32_t channel, bool bit) {
    uint32_t& word = wanted_signs.pixel(pixel)[channel / 32];
    if (channel % 32 == 0) word = 0;
    word |= static_cast<uint32_t>(bit) << (channel % 32);
  }
  void compare() const {
    expect_same("floats", wanted_floats, floats);
    expect_same("signs", wanted_signs.data, signs.data);
  }
  void print() const {
    std::printf("  %d channels, residual %d, slopes %d, shifts %d, floats %d, signs %d, clamped to [%g, %g]\n",
                channels, !residual.empty(), !slopes.empty(), !shifts.empty(), with_floats, with_signs, epilogue.min,
                epilogue.max);
  }
};

int32_t popcount(uint32_t word) { return __builtin_popcount(word); }

void test_bconv(const KernelSet& set, Random& random) {
  const Geometry g(random, true);
  const int32_t groups = random.once_in(3) ? random.in(2, 4) : 1;
  const bool longest = random.once_in(60);  // some kernels treat windows of more than 4096 words apart
  const int32_t group_words = longest             ? random.in(4000, 5000) / (g.kernel_height * g.kernel_width)
                              : random.once_in(5) ? random.in(6, 60)
                              : random.once_in(4) ? random.in(1, 4) * 4
                                                  : random.in(1, 5);
  // Padding bits are only in the last word, and only of an ungrouped convolution.
  const int32_t group_depth = group_words * 32 - (groups == 1 ? random.in(0, 31) : 0);
  const int32_t group_channels = longest ? random.in(1, 20) : random.channels();
  const int32_t channels = groups * group_channels, words = groups * group_words;
  const int32_t taps = g.kernel_height * g.kernel_width, block = set.bconv_block;
  const int32_t group_blocks = ceil_div(group_channels, block), lanes = groups * group_blocks * block;
  const auto output = static_cast<BconvOutput>(random.in(0, 2));
  const bool zero_padding = output != BconvOutput::kBits && random.once_in(3);

  const uint32_t last = group_depth % 32 ? (1u << group_depth % 32) - 1 : ~0u;
  const bool opposite = random.once_in(5);  // all bits differ: the largest sums
  HaloMap<uint32_t> input(g.batch, g.in_height, g.in_width, words, halo_of(g), 0);
  for (int32_t p = 0; p < g.batch * g.in_height * g.in_width; ++p) {
    for (int32_t w = 0; w < words; ++w) {
      input.pixel(p)[w] = (opposite ? ~0u : random.word()) & (w + 1 == words ? last : ~0u);
    }
  }
  std::vector<uint32_t> filters = random.words(static_cast<size_t>(channels) * taps * group_words);
  if (opposite) filters.assign(filters.size(), 0);
  for (size_t i = group_words - 1; i < filters.size(); i += group_words) filters[i] &= last;
  std::vector<float> multipliers = random.reals(channels), biases = random.reals(channels);
  if (output == BconvOutput::kInt8 && random.once_in(3)) {  // what is hard to round
    multipliers.assign(channels, 0.0f);
    for (float& bias : biases) bias = std::nextafter(random.in(-130, 129) + 0.5f, random.in(-1, 1) * 1000.0f);
  }
  // In steps of 1/64, and not at a half, so that products of 32 bits give the same.
  const bool quick = output == BconvOutput::kInt8 && !zero_padding && taps * group_depth < 3000 && random.once_in(2);
  std::vector<int32_t> quick_factors(channels), quick_offsets(channels);
  for (int32_t c = 0; quick && c < channels; ++c) {
    multipliers[c] = static_cast<float>(random.in(-8, 8)) / 64;
    biases[c] = static_cast<float>(random.in(-100, 100)) + 1.0f / 128;
    quick_factors[c] = static_cast<int32_t>(multipliers[c] * (1 << kQuickBits));
    quick_offsets[c] = static_cast<int32_t>(biases[c] * (1 << kQuickBits));
  }
  std::vector<int32_t> thresholds(channels);
  for (int32_t& threshold : thresholds) threshold = taps * group_depth / 2 + random.in(-20, 20);

  TestWindow window(random, g, input, group_words);
  const BconvTaps shape = {taps, group_words, group_depth};
  std::vector<uint32_t> weights(static_cast<size_t>(lanes) * weight_rows(set, shape));
  std::vector<float> packed_multipliers(lanes), packed_biases(lanes);
  std::vector<int32_t> packed_thresholds(lanes), packed_factors(lanes), packed_offsets(lanes), corrections;
  pack_weights(filters.data(), groups, group_channels, taps, group_words, block, weights.data());
  if (set.prepare_weights) set.prepare_weights(weights.data(), groups * group_blocks, shape);
  pack_channels(multipliers.data(), groups, group_channels, block, 0.0f, packed_multipliers.data());
  pack_channels(biases.data(), groups, group_channels, block, 0.0f, packed_biases.data());
  pack_channels(quick_factors.data(), groups, group_channels, block, 0, packed_factors.data());
  pack_channels(quick_offsets.data(), groups, group_channels, block, 0, packed_offsets.data());
  pack_channels(thresholds.data(), groups, group_channels, block, INT32_MAX, packed_thresholds.data());

  TestEpilogue end(random, g.batch, g.out_height, g.out_width, channels);
  TestInt8Epilogue int8_end(random, g.batch, g.out_height, g.out_width, channels);
  Bconv conv{};
  conv.window = window.window;
  conv.input = input.pixel(0, 0, 0);
  conv.groups = groups, conv.group_words = group_words;
  conv.group_channels = group_channels, conv.group_blocks = group_blocks;
  conv.weights = weights.data();
  conv.tap_rows = g.kernel_height, conv.tap_columns = g.kernel_width, conv.tap_channels = group_depth;
  const std::vector<TapRange> inside_rows = g.inside_rows(), inside_columns = g.inside_columns();
  if (!random.once_in(4)) conv.inside_rows = inside_rows.data(), conv.inside_columns = inside_columns.data();
  conv.depth = taps * group_depth;
  conv.output = output;
  const bool clamped = !quick && random.once_in(2);
  if (quick) conv.quick_factors = packed_factors.data(), conv.quick_offsets = packed_offsets.data();
  conv.quick_shift = kQuickBits - 16;
  conv.activation_min = clamped ? random.in(-20, 0) : -kInfinity;
  conv.activation_max = clamped ? random.in(0, 40) : kInfinity;
  conv.multipliers = packed_multipliers.data(), conv.biases = packed_biases.data();
  conv.thresholds = packed_thresholds.data();
  conv.epilogue = end.epilogue;
  if (output == BconvOutput::kBits) conv.epilogue.signs = end.signs.map<uint32_t>();
  conv.int8_epilogue = int8_end.epilogue;

  std::vector<uint16_t> row_class, column_class;
  if (zero_padding) {
    for (int32_t y = 0; y < g.out_height; ++y) row_class.push_back(static_cast<uint16_t>(g.out_height - 1 - y));
    for (int32_t x = 0; x < g.out_width; ++x) column_class.push_back(static_cast<uint16_t>(x));
    corrections.assign(static_cast<size_t>(g.out_height) * g.out_width * lanes, 0);
    conv.row_class = row_class.data(), conv.column_class = column_class.data();
    conv.column_classes = g.out_width;
  }

  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t c = 0; c < channels; ++c) {
      const int32_t group = c / group_channels;
      int32_t set_bits = 0, outside_sum = 0;
      for (int32_t tap = 0; tap < taps; ++tap) {
        const int32_t iy = g.row(y, tap / g.kernel_width), ix = g.column(x, tap % g.kernel_width);
        const bool inside = g.inside(iy, ix);
        const uint32_t* filter = &filters[(static_cast<size_t>(c) * taps + tap) * group_words];
        int32_t tap_bits = 0;
        for (int32_t w = 0; w < group_words; ++w) {
          const uint32_t word = inside ? input.pixel(b, iy, ix)[group * group_words + w] : 0;
          tap_bits += popcount(word ^ filter[w]);
        }
        set_bits += tap_bits;
        if (!inside) outside_sum += group_depth - 2 * tap_bits;
      }
      if (output == BconvOutput::kBits) {
        end.want_sign(pixel, c, set_bits > thresholds[c]);
        continue;
      }
      int32_t sum = conv.depth - 2 * set_bits;
      if (zero_padding) {
        sum -= outside_sum;
        const int32_t lane = group * group_blocks * block + c % group_channels;
        corrections[static_cast<size_t>(row_class[y] * g.out_width + x) * lanes + lane] = outside_sum;
      }
      float value = std::fmin(std::fmax(static_cast<float>(sum), conv.activation_min), conv.activation_max);
      value = value * multipliers[c];
      value = value + biases[c];
      if (output == BconvOutput::kInt8) {
        const float rounded = std::round(std::fmin(std::fmax(value, -1000.0f), 1000.0f));
        int8_end.want(pixel, c, static_cast<int32_t>(std::fmin(std::fmax(rounded, -128.0f), 127.0f)));
      } else {
        end.want(pixel, c, value);
      }
    }
  }
  if (zero_padding) conv.corrections = corrections.data();

  // Blocks are split where no word of signs is shared.
  const int32_t step = block % 32 ? 32 / block : 1;
  const int32_t blocks = groups * group_blocks;
  const int32_t split = groups == 1 ? random.in(0, blocks / step) * step : 0;
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) {
    set.bconv(conv, from, to, split, blocks);
    if (split) set.bconv(conv, from, to, 0, split);
  });
  end.compare(), int8_end.compare();
  if (!failed) return;
  g.print(), end.print(), int8_end.print();
  std::printf("  groups %d of %d words -> %d channels, depth %d, output %d, zero padding %d, split at block %d of %d\n",
              groups, group_words, group_channels, conv.depth, static_cast<int>(output), zero_padding, split, blocks);
}

void test_fconv(const KernelSet& set, Random& random) {
  const Geometry g(random, true);
  const int32_t depth = random.once_in(5) ? random.in(30, 200) : random.in(1, 20);
  const int32_t channels = random.in(1, random.once_in(4) ? 200 : 70);
  const int32_t taps = g.kernel_height * g.kernel_width, block = set.fconv_block, blocks = ceil_div(channels, block);
  HaloMap<float> input(g.batch, g.in_height, g.in_width, depth, halo_of(g), 0.0f);
  for (int32_t p = 0; p < g.batch * g.in_height * g.in_width; ++p) {
    for (int32_t i = 0; i < depth; ++i) input.pixel(p)[i] = random.real();
  }
  const std::vector<float> filters = random.reals(static_cast<size_t>(channels) * taps * depth);
  const std::vector<float> biases = random.reals(channels);
  std::vector<float> weights(static_cast<size_t>(blocks) * block * taps * depth), packed_biases(blocks * block);
  pack_weights(filters.data(), 1, channels, taps, depth, block, weights.data());
  pack_channels(biases.data(), 1, channels, block, 0.0f, packed_biases.data());

  TestWindow window(random, g, input, depth);
  TestEpilogue end(random, g.batch, g.out_height, g.out_width, channels);
  Fconv conv{};
  conv.window = window.window;
  conv.input = input.pixel(0, 0, 0);
  conv.channels = channels, conv.blocks = blocks;
  conv.weights = weights.data(), conv.biases = packed_biases.data();
  const bool clamped = random.once_in(2);
  conv.activation_min = clamped ? 0.0f : -kInfinity;
  conv.activation_max = clamped ? 6.0f : kInfinity;
  conv.epilogue = end.epilogue;

  // The portable kernels round products and sums apart; the others fuse them.
  const bool fused = std::strcmp(set.name, "portable") != 0;
  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t c = 0; c < channels; ++c) {
      float sum = biases[c];
      for (int32_t tap = 0; tap < taps; ++tap) {
        const int32_t iy = g.row(y, tap / g.kernel_width), ix = g.column(x, tap % g.kernel_width);
        for (int32_t i = 0; i < depth && g.inside(iy, ix); ++i) {
          const float value = input.pixel(b, iy, ix)[i];
          const float weight = filters[(static_cast<size_t>(c) * taps + tap) * depth + i];
          sum = fused ? std::fma(value, weight, sum) : value * weight + sum;
        }
      }
      end.want(pixel, c, std::fmin(std::fmax(sum, conv.activation_min), conv.activation_max));
    }
  }
  const int32_t step = block % 32 ? 32 / block : 1;
  const int32_t split = random.in(0, blocks / step) * step;
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) {
    set.fconv(conv, from, to, split, blocks);
    if (split) set.fconv(conv, from, to, 0, split);
  });
  end.compare();
  if (!failed) return;
  g.print(), end.print();
  std::printf("  depth %d, clamped %d, split at block %d of %d\n", depth, clamped, split, blocks);
}

// The order in which averages are summed: down the columns, nine at a time, pixels out of bounds as zeros.
float nine_sum(const float* v) { return ((v[2] + v[3]) + (v[4] + v[5])) + (((v[0] + v[1]) + v[8]) + (v[6] + v[7])); }

void test_pool(const KernelSet& set, Random& random) {
  const Geometry g = random.once_in(3) ? Geometry::two_by_two(random) : Geometry(random, false);
  const int32_t channels = random.once_in(3) ? 16 * random.in(1, 9) : random.in(1, random.once_in(4) ? 150 : 70);
  const std::vector<float> input = random.reals(static_cast<size_t>(g.batch) * g.in_height * g.in_width * channels);
  TestEpilogue end(random, g.batch, g.out_height, g.out_width, channels);
  const bool clamped = random.once_in(3);
  Pool pool = random_pool(random, g, channels);
  pool.input = input.data();
  pool.activation_min = clamped ? 0.0f : -kInfinity;
  pool.activation_max = clamped ? 6.0f : kInfinity;
  pool.epilogue = end.epilogue;
  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t c = 0; c < channels; ++c) {
      std::vector<float> values;
      float most = -kInfinity;
      int32_t count = 0;
      for (int32_t kx = 0; kx < g.kernel_width; ++kx) {
        for (int32_t ky = 0; ky < g.kernel_height; ++ky) {
          const int32_t iy = g.row(y, ky), ix = g.column(x, kx);
          const bool inside = g.inside(iy, ix);
          const size_t at = ((static_cast<size_t>(b) * g.in_height + iy) * g.in_width + ix) * channels + c;
          values.push_back(inside ? input[at] : 0.0f);
          if (inside) most = std::fmax(most, input[at]);
          count += inside;
        }
      }
      while (values.size() % 9) values.push_back(0.0f);
      float sum = nine_sum(values.data());
      for (size_t i = 9; i < values.size(); i += 9) sum = sum + nine_sum(&values[i]);
      float value = pool.kind == PoolKind::kAverage ? sum * (1.0f / static_cast<float>(count)) : most;
      end.want(pixel, c, std::fmin(std::fmax(value, pool.activation_min), pool.activation_max));
    }
  }
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) { set.pool(pool, from, to); });
  end.compare();
  if (!failed) return;
  g.print(), end.print();
  std::printf("  kind %d, clamped %d\n", static_cast<int>(pool.kind), clamped);
}

void test_elementwise(const KernelSet& set, Random& random) {
  const int32_t batch = random.in(1, 2), height = random.in(1, 5), width = random.in(1, 5);
  const int32_t channels = random.in(1, 150), pixels = batch * height * width;
  const std::vector<float> input = random.reals(static_cast<size_t>(pixels) * channels);
  TestEpilogue end(random, batch, height, width, channels);
  for (int32_t pixel = 0; pixel < pixels; ++pixel) {
    for (int32_t c = 0; c < channels; ++c) {
      end.want(pixel, c, input[static_cast<size_t>(pixel) * channels + c]);
    }
  }
  const Elementwise op{height, width, channels, input.data(), end.epilogue};
  in_parts(random, pixels, [&](int32_t from, int32_t to) { set.elementwise(op, from, to); });
  end.compare();
  if (failed) std::printf("  batch %d, %dx%d\n", batch, height, width), end.print();
}

void test_depthwise(const KernelSet& set, Random& random) {
  const Geometry g(random, true);
  const int32_t channels = random.in(1, random.once_in(4) ? 150 : 70), taps = g.kernel_height * g.kernel_width;
  const std::vector<float> input = random.reals(static_cast<size_t>(g.batch) * g.in_height * g.in_width * channels);
  const std::vector<float> weights = random.reals(static_cast<size_t>(taps) * channels);
  const std::vector<float> biases = random.reals(channels);
  TestEpilogue end(random, g.batch, g.out_height, g.out_width, channels);
  const bool clamped = random.once_in(2);
  const Depthwise conv{
      depthwise_window(g, channels), input.data(), weights.data(), biases.data(), clamped ? 0.0f : -kInfinity,
      clamped ? 6.0f : kInfinity,    end.epilogue};
  // The portable kernels round products and sums apart; the others fuse them.
  const bool fused = std::strcmp(set.name, "portable") != 0;
  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t c = 0; c < channels; ++c) {
      float sum = biases[c];
      for (int32_t tap = 0; tap < taps; ++tap) {
        const int32_t iy = g.row(y, tap / g.kernel_width), ix = g.column(x, tap % g.kernel_width);
        if (!g.inside(iy, ix)) continue;
        const float value = input[((static_cast<size_t>(b) * g.in_height + iy) * g.in_width + ix) * channels + c];
        const float weight = weights[static_cast<size_t>(tap) * channels + c];
        sum = fused ? std::fma(value, weight, sum) : value * weight + sum;
      }
      end.want(pixel, c, std::fmin(std::fmax(sum, conv.activation_min), conv.activation_max));
    }
  }
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) { set.depthwise(conv, from, to); });
  end.compare();
  if (failed) g.print(), end.print();
}

void test_combine(const KernelSet& set, Random& random) {
  const int32_t batch = random.in(1, 2), height = random.in(1, 5), width = random.in(1, 5);
  const int32_t channels = random.in(1, 150), pixels = batch * height * width;
  const std::vector<float> input = random.reals(static_cast<size_t>(pixels) * channels);
  const OtherOperand<float> other(random, batch, height, width, channels, [&] { return random.real(); });
  TestEpilogue end(random, batch, height, width, channels);
  const Combine op{height, width, channels, input.data(), other.map, random.once_in(2), end.epilogue};
  for (int32_t pixel = 0; pixel < pixels; ++pixel) {
    for (int32_t c = 0; c < channels; ++c) {
      const float a = input[static_cast<size_t>(pixel) * channels + c];
      const float b = other.at(pixel / (height * width), pixel / width % height, pixel % width, c);
      end.want(pixel, c, op.multiplies ? a * b : a + b);
    }
  }
  in_parts(random, pixels, [&](int32_t from, int32_t to) { set.combine(op, from, to); });
  end.compare();
  if (failed) std::printf("  batch %d, %dx%d, multiplies %d\n", batch, height, width, op.multiplies), end.print();
}

// bits.h has one version for all kernel sets.
void test_bits(const KernelSet&, Random& random) {
  const int32_t batch = random.in(1, 2), height = random.in(1, 5), width = random.in(1, 5);
  const int32_t channels = random.in(1, 100), pixels = batch * height * width, words = ceil_div(channels, 32);
  const int32_t zero_point = random.in(-128, 127);
  std::vector<int8_t> int8s(static_cast<size_t>(pixels) * channels);
  std::vector<uint8_t> bools(int8s.size());
  HaloMap<uint32_t> from_int8(batch, height, width, words, random.in(0, 2), kUntouched), from_bool = from_int8;
  HaloMap<uint32_t> wanted_int8 = from_int8, wanted_bool = from_int8;
  const std::vector<uint32_t> packed = random.words(static_cast<size_t>(pixels) * words);
  std::vector<float> floats = guarded(int8s.size(), 9.0f), wanted_floats = floats;
  std::vector<int8_t> signed_bytes = guarded<int8_t>(int8s.size(), 9), wanted_signed = signed_bytes;
  std::vector<uint8_t> truths = guarded<uint8_t>(int8s.size(), 9), wanted_truths = truths;
  for (int32_t p = 0; p < pixels; ++p) {
    for (int32_t w = 0; w < words; ++w) wanted_int8.pixel(p)[w] = wanted_bool.pixel(p)[w] = 0;
    for (int32_t c = 0; c < channels; ++c) {
      const size_t at = static_cast<size_t>(p) * channels + c;
      int8s[at] = static_cast<int8_t>(random.once_in(4) ? zero_point : random.in(-128, 127));
      bools[at] = static_cast<uint8_t>(random.in(0, 1));
      wanted_int8.pixel(p)[c / 32] |= static_cast<uint32_t>(int8s[at] < zero_point) << (c % 32);
      wanted_bool.pixel(p)[c / 32] |= static_cast<uint32_t>(!bools[at]) << (c % 32);
      const bool minus = packed[static_cast<size_t>(p) * words + c / 32] >> (c % 32) & 1;
      wanted_floats[at] = minus ? -2.5f : 1.5f;
      wanted_signed[at] = minus ? -100 : 27;
      wanted_truths[at] = !minus;
    }
  }
  in_parts(random, pixels, [&](int32_t from, int32_t to) {
    pack_int8(int8s.data(), channels, zero_point, height, width, from_int8.map<uint32_t>(), from, to);
    pack_bool(bools.data(), channels, height, width, from_bool.map<uint32_t>(), from, to);
    unpack_float(packed.data(), channels, 1.5f, -2.5f, floats.data(), from, to);
    unpack_int8(packed.data(), channels, 27, -100, signed_bytes.data(), from, to);
    unpack_bool(packed.data(), channels, truths.data(), from, to);
  });
  expect_same("pack_int8", wanted_int8.data, from_int8.data);
  expect_same("pack_bool", wanted_bool.data, from_bool.data);
  expect_same("unpack_float", wanted_floats, floats);
  expect_same("unpack_int8", wanted_signed, signed_bytes);
  expect_same("unpack_bool", wanted_truths, truths);
  if (failed) std::printf("  %d pixels, %d channels, zero point %d\n", pixels, channels, zero_point);
}

void test_bmaxpool(const KernelSet&, Random& random) {
  const Geometry g(random, false);
  const int32_t words = random.in(1, 5);
  HaloMap<uint32_t> input(g.batch, g.in_height, g.in_width, words, random.in(0, 2), 0);
  for (uint32_t& word : input.data) word = random.word();
  HaloMap<uint32_t> output(g.batch, g.out_height, g.out_width, words, random.in(0, 2), kUntouched), wanted = output;
  for (int32_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const int32_t b = pixel / (g.out_height * g.out_width), y = pixel / g.out_width % g.out_height;
    const int32_t x = pixel % g.out_width;
    for (int32_t w = 0; w < words; ++w) {
      uint32_t all = ~0u;
      for (int32_t tap = 0; tap < g.kernel_height * g.kernel_width; ++tap) {
        const int32_t iy = g.row(y, tap / g.kernel_width), ix = g.column(x, tap % g.kernel_width);
        if (g.inside(iy, ix)) all &= input.pixel(b, iy, ix)[w];
      }
      wanted.pixel(pixel)[w] = all;
    }
  }
  const BmaxPool pool{input.map<const uint32_t>(),
                      g.in_height,
                      g.in_width,
                      words,
                      g.out_height,
                      g.out_width,
                      g.kernel_height,
                      g.kernel_width,
                      g.stride_height,
                      g.stride_width,
                      g.pad_top,
                      g.pad_left,
                      output.map<uint32_t>()};
  in_parts(random, g.pixels(), [&](int32_t from, int32_t to) { bmaxpool(pool, from, to); });
  expect_same("bmaxpool", wanted.data, output.data);
  if (failed) g.print();
}

struct Test {
  const char* name;
  void (*run)(const KernelSet&, Random&);
};
const Test kTests[] = {{"bconv", test_bconv},
                       {"fconv", test_fconv},
                       {"pool", test_pool},
                       {"elementwise", test_elementwise},
                       {"depthwise", test_depthwise},
                       {"combine", test_combine},
                       {"int8_depthwise", test_int8_depthwise},
                       {"int8_combine", test_int8_combine},
                       {"int8_conv", test_int8_conv},
                       {"int8_pool", test_int8_pool},
                       {"int8_elementwise", test_int8_elementwise},
                       {"bits", test_bits},
                       {"bmaxpool", test_bmaxpool}};

}  // namespace

int main(int argc, char** argv) {
  const int cases = argc > 1 ? std::atoi(argv[1]) : 300;
  const int first_seed = argc > 2 ? std::atoi(argv[2]) : 1;
  const char* only = argc > 3 ? argv[3] : nullptr;
  if (only && !find_kernels(only)) {
    std::printf("%s: no such kernels here\n", only);
    return 1;
  }
  for (const KernelSet* const* set = all_kernels(); *set; ++set) {
    if (only && std::strcmp(only, (*set)->name) != 0) continue;
    if (!(*set)->supported()) {
      std::printf("%s: not supported by this processor\n", (*set)->name);
      continue;
    }
    for (const Test& test : kTests) {
      for (int seed = first_seed; seed < first_seed + cases; ++seed) {
        Random random(static_cast<uint64_t>(seed));
        test.run(**set, random);
        if (failed) {
          std::printf("FAILED: %s of %s; repeat with: kernels_test 1 %d %s\n", test.name, (*set)->name, seed,
                      (*set)->name);
          return 1;
        }
      }
    }
    std::printf("%s: %zu kernels, %d cases each\n", (*set)->name, sizeof(kTests) / sizeof(kTests[0]), cases);
  }
  return 0;
}
