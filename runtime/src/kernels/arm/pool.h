// Pools of 2x2 pixels for NEON, as kernels/float_ops.h computes them: the others are left to it.
#pragma once

#include "kernels/arm/finish.h"
#include "kernels/float_ops.h"

namespace hybrid_tf {
namespace {

struct PoolPixels {
  int32_t count;
  int32_t numbers[kPixelsAtOnce];
  const float* inputs[kPixelsAtOnce];  // of their top left pixels
  uint32_t* signs[kPixelsAtOnce];      // their words, if any are written
};

inline void start_pixels(const Pool& pool, int32_t first, PoolPixels* pixels) {
  const Map<uint32_t> signs = pool.epilogue.signs;
  Pixel pixel(first, pool.out_height, pool.out_width);
  for (int32_t i = 0; i < pixels->count; ++i, pixel.next()) {
    const ptrdiff_t row = static_cast<ptrdiff_t>(pixel.image) * pool.in_height + pixel.y * pool.stride_height;
    pixels->numbers[i] = pixel.number;
    pixels->inputs[i] = pool.input + (row * pool.in_width + pixel.x * pool.stride_width) * pool.channels;
    pixels->signs[i] = signs.data ? pixel.of(signs) : nullptr;
  }
}

template <bool kAverage>
inline float32x4_t pooled(float32x4_t top_left, float32x4_t bottom_left, float32x4_t top_right,
                          float32x4_t bottom_right) {
  if (!kAverage) return vmaxq_f32(vmaxq_f32(top_left, bottom_left), vmaxq_f32(top_right, bottom_right));
  return vmulq_n_f32(vaddq_f32(vaddq_f32(top_left, bottom_left), vaddq_f32(top_right, bottom_right)), 0.25f);
}

// P pixels from number `i` of `pixels` on, at a time. Returns the number after them.
template <int P, bool kAverage>
inline int32_t pool_tiles(const Pool& pool, int32_t first_channel, const PoolPixels& pixels, int32_t i) {
  const NeonEnd end(pool.epilogue, first_channel, pool.channels);
  const ptrdiff_t right = pool.channels, down = right * pool.in_width;
  for (; i + P <= pixels.count; i += P) {
    float32x4_t values[P][kVectors];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const float* at = pixels.inputs[i + p] + first_channel;
      const float32x4x4_t a = vld1q_f32_x4(at), b = vld1q_f32_x4(at + down);
      const float32x4x4_t c = vld1q_f32_x4(at + right), d = vld1q_f32_x4(at + right + down);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) values[p][v] = pooled<kAverage>(a.val[v], b.val[v], c.val[v], d.val[v]);
    }
    end.finish(pixels.numbers + i, values, pixels.signs + i);
  }
  return i;
}

template <bool kAverage>
inline void pool_two_by_two(const Pool& pool, int32_t pixel_begin, int32_t pixel_end) {
  PoolPixels pixels;
  for (int32_t first = pixel_begin; first < pixel_end; first += kPixelsAtOnce) {
    pixels.count = smaller(kPixelsAtOnce, pixel_end - first);
    start_pixels(pool, first, &pixels);
    for (int32_t c = 0; c < pool.channels; c += kBlock) {
      const int32_t done = pool_tiles<2, kAverage>(pool, c, pixels, 0);
      pool_tiles<1, kAverage>(pool, c, pixels, done);
    }
  }
}

// Whether all that there is are whole 2x2 squares.
inline bool is_two_by_two(const Pool& pool) {
  return pool.filter_height == 2 && pool.filter_width == 2 && pool.pad_top == 0 && pool.pad_left == 0 &&
         (pool.out_height - 1) * pool.stride_height + 2 <= pool.in_height &&
         (pool.out_width - 1) * pool.stride_width + 2 <= pool.in_width && pool.channels % kBlock == 0 &&
         is_unlimited(pool.activation_min, pool.activation_max) && is_unlimited(pool.epilogue.min, pool.epilogue.max);
}

template <class V>
void neon_pool(const Pool& op, int32_t pixel_begin, int32_t pixel_end) {
  if (!is_two_by_two(op)) {
    pool<V>(op, pixel_begin, pixel_end);
  } else if (op.kind == PoolKind::kAverage) {
    pool_two_by_two<true>(op, pixel_begin, pixel_end);
  } else {
    pool_two_by_two<false>(op, pixel_begin, pixel_end);
  }
}

}  // namespace
}  // namespace hybrid_tf
