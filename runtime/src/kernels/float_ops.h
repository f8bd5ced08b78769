// Float pooling and elementwise work for any instruction set: see kernels/epilogue.h for V.
#pragma once

#include "kernels/epilogue.h"

namespace hybrid_tf {
namespace {

template <class V>
void elementwise(const Elementwise& op, int32_t pixel_begin, int32_t pixel_end) {
  const Finish<V> finish(op.epilogue);
  for (Pixel pixel(pixel_begin, op.out_height, op.out_width); pixel.number < pixel_end; pixel.next()) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * op.channels;
    uint32_t* words = op.epilogue.signs.data ? pixel.of(op.epilogue.signs) : nullptr;
    for (int32_t c = 0; c < op.channels;) {
      // One word's worth of channels.
      const int32_t first = c;
      const int32_t end = smaller(op.channels, first + 32);
      uint32_t bits = 0;
      for (; c < end; c += V::kLanes) {
        const int32_t lanes = end - c;
        bits |= finish(load_lanes<V>(op.input + at + c, lanes), at + c, c, lanes) << (c - first);
      }
      c = end;
      if (words) words[first / 32] = bits;
    }
  }
}

// A pooling filter at one output pixel: its top left corner, and the part of it that is in bounds.
struct PoolFilter {
  int32_t top, left, y_begin, y_end, x_begin, x_end;
  const float* image;
  ptrdiff_t row_stride;

  PoolFilter(const Pool& pool, const Pixel& pixel)
      : top(pixel.y * pool.stride_height - pool.pad_top),
        left(pixel.x * pool.stride_width - pool.pad_left),
        y_begin(larger(top, 0)),
        y_end(smaller(top + pool.filter_height, pool.in_height)),
        x_begin(larger(left, 0)),
        x_end(smaller(left + pool.filter_width, pool.in_width)),
        image(pool.input + static_cast<ptrdiff_t>(pixel.image) * pool.in_height * pool.in_width * pool.channels),
        row_stride(static_cast<ptrdiff_t>(pool.in_width) * pool.channels) {}

  int32_t size() const { return (y_end - y_begin) * (x_end - x_begin); }
};

// Nine pixels of a filter, counted down its columns; null where out of bounds.
struct NineTaps {
  const float* tap[9];

  void find(const Pool& pool, const PoolFilter& filter, int32_t first) {
    for (int32_t i = 0; i < 9; ++i) {
      const int32_t y = filter.top + (first + i) % pool.filter_height;
      const int32_t x = filter.left + (first + i) / pool.filter_height;
      const bool inside = y >= filter.y_begin && y < filter.y_end && x >= filter.x_begin && x < filter.x_end;
      tap[i] = inside ? filter.image + y * filter.row_stride + static_cast<ptrdiff_t>(x) * pool.channels : nullptr;
    }
  }
};

// The order in which XNNPACK sums nine pixels, so that averages are the same to the last bit.
template <class V>
inline typename V::Float sum_nine(const NineTaps& taps, int32_t channel, int32_t lanes) {
  typename V::Float v[9];
#pragma GCC unroll 16
  for (int i = 0; i < 9; ++i) v[i] = taps.tap[i] ? load_lanes<V>(taps.tap[i] + channel, lanes) : V::set(0);
  const typename V::Float middle = V::add(V::add(v[2], v[3]), V::add(v[4], v[5]));
  return V::add(middle, V::add(V::add(V::add(v[0], v[1]), v[8]), V::add(v[6], v[7])));
}

struct AveragePooling {
  const Pool& pool;
  PoolFilter filter;
  float scale;
  bool two_by_two;
  int32_t size;
  NineTaps taps;

  AveragePooling(const Pool& pool, const Pixel& pixel)
      : pool(pool),
        filter(pool, pixel),
        scale(1.0f / static_cast<float>(filter.size())),
        two_by_two(pool.filter_height == 2 && pool.filter_width == 2 && filter.size() == 4),
        size(pool.filter_height * pool.filter_width) {
    if (!two_by_two) taps.find(pool, filter, 0);
  }

  template <class V>
  typename V::Float lanes_at(int32_t channel, int32_t lanes) {
    typename V::Float sum;
    if (two_by_two) {
      const float* at = filter.image + filter.top * filter.row_stride + filter.left * pool.channels + channel;
      const float* below = at + filter.row_stride;
      sum = V::add(V::add(load_lanes<V>(at, lanes), load_lanes<V>(below, lanes)),
                   V::add(load_lanes<V>(at + pool.channels, lanes), load_lanes<V>(below + pool.channels, lanes)));
    } else {
      if (size > 9) taps.find(pool, filter, 0);
      sum = sum_nine<V>(taps, channel, lanes);
      for (int32_t first = 9; first < size; first += 9) {
        taps.find(pool, filter, first);
        sum = V::add(sum, sum_nine<V>(taps, channel, lanes));
      }
    }
    return V::multiply(sum, V::set(scale));
  }
};

struct MaxPooling {
  const Pool& pool;
  PoolFilter filter;

  MaxPooling(const Pool& pool, const Pixel& pixel) : pool(pool), filter(pool, pixel) {}

  template <class V>
  typename V::Float lanes_at(int32_t channel, int32_t lanes) {
    typename V::Float most = V::set(-__builtin_inff());
    for (int32_t y = filter.y_begin; y < filter.y_end; ++y) {
      const float* row = filter.image + y * filter.row_stride + channel;
      for (int32_t x = filter.x_begin; x < filter.x_end; ++x) {
        most = V::max(most, load_lanes<V>(row + static_cast<ptrdiff_t>(x) * pool.channels, lanes));
      }
    }
    return most;
  }
};

template <class V, class Pooling>
inline void pool_pixels(const Pool& pool, int32_t pixel_begin, int32_t pixel_end) {
  const Clamp<V> activation(pool.activation_min, pool.activation_max);
  const Finish<V> finish(pool.epilogue);
  for (Pixel pixel(pixel_begin, pool.out_height, pool.out_width); pixel.number < pixel_end; pixel.next()) {
    Pooling pooling(pool, pixel);
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel.number) * pool.channels;
    uint32_t* words = pool.epilogue.signs.data ? pixel.of(pool.epilogue.signs) : nullptr;
    for (int32_t c = 0; c < pool.channels;) {
      const int32_t first = c;
      const int32_t end = smaller(pool.channels, first + 32);
      uint32_t bits = 0;
      for (; c < end; c += V::kLanes) {
        const int32_t lanes = end - c;
        const typename V::Float value = activation(pooling.template lanes_at<V>(c, lanes));
        bits |= finish(value, at + c, c, lanes) << (c - first);
      }
      c = end;
      if (words) words[first / 32] = bits;
    }
  }
}

template <class V>
void pool(const Pool& pool, int32_t pixel_begin, int32_t pixel_end) {
  if (pool.kind == PoolKind::kAverage) {
    pool_pixels<V, AveragePooling>(pool, pixel_begin, pixel_end);
  } else {
    pool_pixels<V, MaxPooling>(pool, pixel_begin, pixel_end);
  }
}

}  // namespace
}  // namespace hybrid_tf
