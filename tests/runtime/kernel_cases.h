// What the tests of the kernels share: random shapes, and maps and windows as kernels take them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "common/ceil_div.h"
#include "kernels/kernels.h"

namespace hybrid_tf {
namespace {

constexpr uint32_t kUntouched = 0xa5c3e19bu;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Random {
  uint64_t state;
  explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15u + 0x1234567) { word(), word(); }
  uint32_t word() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<uint32_t>(state >> 16);
  }
  int32_t in(int32_t least, int32_t most) { return least + static_cast<int32_t>(word() % (most - least + 1u)); }
  bool once_in(int32_t n) { return in(1, n) == 1; }
  // Any number, or one for which there are kernels of their own.
  int32_t channels() { return once_in(2) ? 8 * in(1, 9) : in(1, once_in(4) ? 200 : 70); }
  float real() { return static_cast<float>(in(-4000, 4000)) / 512.0f + static_cast<float>(in(-99, 99)) * 1e-5f; }
  std::vector<float> reals(size_t n) {
    std::vector<float> values(n);
    for (float& value : values) value = once_in(20) ? 0.0f : real();
    return values;
  }
  std::vector<uint32_t> words(size_t n) {
    std::vector<uint32_t> values(n);
    for (uint32_t& value : values) value = word();
    return values;
  }
};

bool failed = false;

template <typename T>
void expect_same(const char* what, const std::vector<T>& wanted, const std::vector<T>& got) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == got[i]) continue;
    std::printf("  %s: element %zu of %zu is %.9g, not %.9g\n", what, i, wanted.size(), static_cast<double>(got[i]),
                static_cast<double>(wanted[i]));
    failed = true;
    return;
  }
}

// Where a convolution or a pool reads and writes.
struct Geometry {
  int32_t batch, in_height, in_width, kernel_height, kernel_width, stride_height, stride_width;
  int32_t dilation_height, dilation_width, pad_top, pad_left, out_height, out_width;

  Geometry(Random& random, bool dilated) {
    batch = random.in(1, 2);
    kernel_height = random.in(1, 4), kernel_width = random.in(1, 4);
    stride_height = random.in(1, 3), stride_width = random.in(1, 3);
    dilation_height = dilated ? random.in(1, 2) : 1, dilation_width = dilated ? random.in(1, 2) : 1;
    const int32_t reach_y = (kernel_height - 1) * dilation_height, reach_x = (kernel_width - 1) * dilation_width;
    in_height = random.in(reach_y + 1, reach_y + 8), in_width = random.in(reach_x + 1, reach_x + 8);
    if (random.once_in(2)) {  // SAME
      out_height = ceil_div(in_height, stride_height), out_width = ceil_div(in_width, stride_width);
      const int32_t pad_y = (out_height - 1) * stride_height + reach_y + 1 - in_height;
      const int32_t pad_x = (out_width - 1) * stride_width + reach_x + 1 - in_width;
      pad_top = pad_y > 0 ? pad_y / 2 : 0, pad_left = pad_x > 0 ? pad_x / 2 : 0;
    } else {
      out_height = (in_height - reach_y - 1) / stride_height + 1;
      out_width = (in_width - reach_x - 1) / stride_width + 1;
      pad_top = pad_left = 0;
    }
  }
  // Whole squares of 2x2, which have kernels of their own.
  static Geometry two_by_two(Random& random) {
    Geometry g(random, false);
    g.kernel_height = g.kernel_width = 2;
    g.in_height = random.in(2, 9), g.in_width = random.in(2, 9);
    g.pad_top = g.pad_left = 0;
    g.out_height = (g.in_height - 2) / g.stride_height + 1, g.out_width = (g.in_width - 2) / g.stride_width + 1;
    return g;
  }
  int32_t pixels() const { return batch * out_height * out_width; }
  int32_t row(int32_t y, int32_t tap) const { return y * stride_height - pad_top + tap * dilation_height; }
  int32_t column(int32_t x, int32_t tap) const { return x * stride_width - pad_left + tap * dilation_width; }
  bool inside(int32_t y, int32_t x) const { return y >= 0 && y < in_height && x >= 0 && x < in_width; }
  std::vector<TapRange> inside_rows() const {
    return inside(out_height, kernel_height, [&](int32_t y, int32_t tap) { return inside(row(y, tap), 0); });
  }
  std::vector<TapRange> inside_columns() const {
    return inside(out_width, kernel_width, [&](int32_t x, int32_t tap) { return inside(0, column(x, tap)); });
  }
  void print() const {
    std::printf("  batch %d, %dx%d -> %dx%d, kernel %dx%d, stride %dx%d, dilation %dx%d, padding %d,%d\n", batch,
                in_height, in_width, out_height, out_width, kernel_height, kernel_width, stride_height, stride_width,
                dilation_height, dilation_width, pad_top, pad_left);
  }

 private:
  template <typename Inside>
  static std::vector<TapRange> inside(int32_t size, int32_t taps, Inside is_inside) {
    std::vector<TapRange> ranges(size);
    for (int32_t o = 0; o < size; ++o) {
      TapRange& range = ranges[o];
      while (range.first < taps && !is_inside(o, range.first)) ++range.first;
      for (range.end = range.first; range.end < taps && is_inside(o, range.end);) ++range.end;
    }
    return ranges;
  }
};

// A map with a halo; what is around the pixels keeps its value.
template <typename T>
struct HaloMap {
  int32_t batch, height, width, depth, halo;
  std::vector<T> data;

  HaloMap(int32_t batch, int32_t height, int32_t width, int32_t depth, int32_t halo, T around)
      : batch(batch),
        height(height),
        width(width),
        depth(depth),
        halo(halo),
        data(static_cast<size_t>(batch) * (height + 2 * halo) * (width + 2 * halo) * depth, around) {}
  ptrdiff_t row_stride() const { return static_cast<ptrdiff_t>(width + 2 * halo) * depth; }
  ptrdiff_t batch_stride() const { return row_stride() * (height + 2 * halo); }
  T* pixel(int32_t b, int32_t y, int32_t x) {
    return data.data() + b * batch_stride() + (y + halo) * row_stride() + static_cast<ptrdiff_t>(x + halo) * depth;
  }
  T* pixel(int32_t number) { return pixel(number / (height * width), number / width % height, number % width); }
  template <typename U>
  Map<U> map() {
    return {pixel(0, 0, 0), batch_stride(), row_stride(), depth};
  }
};

// The window of a convolution that reads `input`; runs of whole rows where that is possible, at random.
struct TestWindow {
  std::vector<ptrdiff_t> offsets;
  Window window;

  template <typename T>
  TestWindow(Random& random, const Geometry& g, const HaloMap<T>& input, int32_t tap_length) {
    const bool rows = g.dilation_width == 1 && tap_length == input.depth && random.once_in(2);
    for (int32_t ky = 0; ky < g.kernel_height; ++ky) {
      for (int32_t kx = 0; kx < (rows ? 1 : g.kernel_width); ++kx) {
        offsets.push_back((ky * g.dilation_height - g.pad_top) * input.row_stride() +
                          (kx * g.dilation_width - g.pad_left) * static_cast<ptrdiff_t>(input.depth));
      }
    }
    window = {g.out_height,
              g.out_width,
              input.batch_stride(),
              g.stride_height * input.row_stride(),
              g.stride_width * static_cast<ptrdiff_t>(input.depth),
              static_cast<int32_t>(offsets.size()),
              rows ? tap_length * g.kernel_width : tap_length,
              offsets.data()};
  }
};

int32_t halo_of(const Geometry& g) {
  return 4 + g.stride_height + g.stride_width + (g.kernel_height + g.kernel_width) * 2;
}

// Results with an element more, which must not be written.
template <typename T>
std::vector<T> guarded(size_t n, T around) {
  return std::vector<T>(n + 16, around);
}

// The pool of a geometry: what is not its input, limits and epilogue.
Pool random_pool(Random& random, const Geometry& g, int32_t channels) {
  Pool pool{};
  pool.kind = random.once_in(2) ? PoolKind::kAverage : PoolKind::kMax;
  pool.batches = g.batch, pool.channels = channels;
  pool.in_height = g.in_height, pool.in_width = g.in_width;
  pool.out_height = g.out_height, pool.out_width = g.out_width;
  pool.filter_height = g.kernel_height, pool.filter_width = g.kernel_width;
  pool.stride_height = g.stride_height, pool.stride_width = g.stride_width;
  pool.pad_top = g.pad_top, pool.pad_left = g.pad_left;
  return pool;
}

DepthwiseWindow depthwise_window(const Geometry& g, int32_t channels) {
  return {g.in_height,      g.in_width,     channels,        g.out_height,   g.out_width,
          g.kernel_height,  g.kernel_width, g.stride_height, g.stride_width, g.dilation_height,
          g.dilation_width, g.pad_top,      g.pad_left};
}

// The second operand of a combination: a map, a pixel for each image, or one for all.
template <typename T>
struct OtherOperand {
  std::vector<T> values;
  Map<const T> map;

  template <typename Draw>
  OtherOperand(Random& random, int32_t batch, int32_t height, int32_t width, int32_t channels, Draw draw) {
    const int32_t kind = random.in(0, 2);
    const int32_t pixels = kind == 0 ? batch * height * width : kind == 1 ? batch : 1;
    values.resize(static_cast<size_t>(pixels) * channels);
    for (T& value : values) value = draw();
    const ptrdiff_t pixel = channels;
    map = {values.data(),
           kind == 0   ? pixel * height * width
           : kind == 1 ? pixel
                       : 0,
           kind == 0 ? pixel * width : 0, kind == 0 ? pixel : 0};
  }
  T at(int32_t b, int32_t y, int32_t x, int32_t c) const {
    return map.data[b * map.batch_stride + y * map.row_stride + x * map.pixel_stride + c];
  }
};

// Runs pixels in parts, as threads would.
template <typename Run>
void in_parts(Random& random, int32_t pixels, Run run) {
  for (int32_t begin = 0; begin < pixels;) {
    const int32_t end = random.once_in(2) ? pixels : random.in(begin + 1, pixels);
    run(begin, end);
    begin = end;
  }
}

}  // namespace
}  // namespace hybrid_tf
