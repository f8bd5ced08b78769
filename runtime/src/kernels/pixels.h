// Walking over output pixels, and writing sign bits: what the kernel templates share.
//
// Everything here is in an anonymous namespace, like all code that is compiled once for each instruction set: one
// file's copy, built with newer instructions, must never stand in for another's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace hybrid_tf {
namespace {

// The image, row and column of an output pixel; steps in the order of pixel numbers.
struct Pixel {
  int32_t number, image, y, x, height, width;

  Pixel(int32_t number, int32_t height, int32_t width)
      : number(number),
        image(number / (height * width)),
        y(number / width % height),
        x(number % width),
        height(height),
        width(width) {}

  void next() {
    ++number;
    if (++x < width) return;
    x = 0;
    if (++y < height) return;
    y = 0;
    ++image;
  }

  template <typename T>
  T* of(const Map<T>& map) const {
    return map.data + image * map.batch_stride + y * map.row_stride + x * map.pixel_stride;
  }

  // The first element of the pixel's window.
  template <typename T>
  const T* of(const Window& window, const T* input) const {
    return input + image * window.batch_step + y * window.row_step + x * window.pixel_step;
  }
};

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

// Writes `count` (1 to 64) sign bits of the channels from `first` on into a pixel's words. `bits` is 0 above them.
// Bits of other channels keep their value, but the bits above the last channel are cleared with the last channel.
inline void store_signs(uint32_t* words, int32_t first, int32_t count, uint64_t bits, int32_t channels) {
  words += first / 32;
  int32_t at = first % 32;
  const bool last = first + count == channels;
  while (count > 0) {
    const int32_t here = smaller(count, 32 - at);
    const bool rest_is_unused = last && here == count;
    const uint32_t below = (1u << at) - 1;
    const uint32_t above = rest_is_unused || at + here == 32 ? 0 : ~0u << (at + here);
    const uint32_t kept = below | above;
    const uint32_t value = static_cast<uint32_t>(bits) << at;
    const uint32_t mine = here == 32 ? value : value & ~kept;
    *words = kept ? (*words & kept) | mine : mine;
    ++words;
    bits >>= here;
    count -= here;
    at = 0;
  }
}

}  // namespace
}  // namespace hybrid_tf
