// The int8 results of a binary convolution by products of 32 bits, from counts to signs: see Bconv::quick_factors and
// Int8Quick in kernels.h. For any instruction set with kQuick.
#pragma once

#include "kernels/int8_epilogue.h"

namespace hybrid_tf {
namespace {

// Numbers of C vectors of channels, read once for a tile; each offset has a half, so that dropping places rounds.
template <class V, int C>
struct QuickChannels {
  using Int = typename V::Int;
  Int factors[C], offsets[C], negative_factors[C], negative_offsets[C], shift_offsets[C];

  QuickChannels(const Bconv& conv, ptrdiff_t packed, int32_t first) {
    const Int8Quick& quick = *conv.int8_epilogue.quick;
    const Int half = V::set_int(1 << (kQuickBits - 1)), depth = V::set_int(conv.depth);
    for (int c = 0; c < C; ++c) {
      const int32_t lane = c * V::kLanes;
      const Int factor = V::load_int(conv.quick_factors + packed + lane);
      const Int offset = V::add_int(V::load_int(conv.quick_offsets + packed + lane), half);
      factors[c] = V::multiply_int(factor, V::set_int(-2));  // of a count
      offsets[c] = V::add_int(offset, V::multiply_int(factor, depth));
      if (quick.has_slopes) {
        negative_factors[c] = V::load_int(quick.negative_factors + first + lane);
        negative_offsets[c] = V::add_int(V::load_int(quick.negative_offsets + first + lane), half);
      }
      if (quick.has_shifts) shift_offsets[c] = V::add_int(V::load_int(quick.shift_offsets + first + lane), half);
    }
  }
};

// `counts` of a tile that is C whole vectors, and starts at a whole byte of signs. Not inlined: other layers would wait
// for what it needs.
template <class V, int C>
__attribute__((noinline)) void finish_quick(const Bconv& conv, const Tile& tile, ptrdiff_t packed,
                                            const typename V::Int* counts) {
  using Int = typename V::Int;
  constexpr int32_t kBytes = C * V::kLanes / 8;
  const Int8Epilogue& epilogue = conv.int8_epilogue;
  const Int8Quick quick = *epilogue.quick;
  const QuickChannels<V, C> channels(conv, packed, tile.first);
  const Int half = V::set_int(1 << (kQuickBits - 1)), least = V::set_int(-128), most = V::set_int(127);
  const Int factor = V::set_int(quick.factor), residual_factor = V::set_int(quick.residual_factor);
  const Int sum_offset = V::add_int(V::set_int(quick.sum_offset), half);
  const Int zero_point = V::set_int(quick.slope_zero_point), positive_factor = V::set_int(quick.positive_factor);
  const Int slope_offset = V::add_int(V::set_int(quick.slope_offset), half);
  const Int shift_factor = V::set_int(quick.shift_factor), sign_limit = V::set_int(epilogue.sign_limit);
  const auto whole = [&](Int product, Int offset) {
    const Int shifted = V::template shift_right<kQuickBits>(V::add_int(product, offset));
    return V::min_int(most, V::max_int(least, shifted));
  };
  const int8_t* residual = epilogue.residual ? epilogue.residual + tile.at() : nullptr;
  int8_t* int8s = epilogue.int8s ? epilogue.int8s + tile.at() : nullptr;
  const Map<uint32_t> signs = epilogue.signs;
  const int32_t unused_bytes = tile.first + tile.count == tile.channels ? (-tile.channels & 31) / 8 : 0;
  Pixel pixel(tile.pixel, tile.height, tile.width);
  for (int32_t p = 0; p < tile.pixels; ++p, pixel.next(), counts += C) {
    uint64_t bits = 0;
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      const int32_t lane = c * V::kLanes;
      Int value = whole(V::multiply_int(counts[c], channels.factors[c]), channels.offsets[c]);
      if (quick.has_sum) {
        const Int other = V::multiply_int(V::load_int8(residual + lane, V::kLanes), residual_factor);
        value = whole(V::add_int(V::multiply_int(value, factor), other), sum_offset);
      }
      if (quick.has_slopes) {
        value = V::subtract_int(value, zero_point);
        const Int chosen = V::choose(value, channels.negative_factors[c], positive_factor);
        const Int offset = V::choose(value, channels.negative_offsets[c], slope_offset);
        value = whole(V::multiply_int(value, chosen), offset);
      }
      if (quick.has_shifts) value = whole(V::multiply_int(value, shift_factor), channels.shift_offsets[c]);
      if (int8s) V::store_int8(int8s + lane, value, V::kLanes);
      bits |= static_cast<uint64_t>(V::greater(sign_limit, value)) << lane;
    }
    if (residual) residual += tile.channels;
    if (int8s) int8s += tile.channels;
    if (!signs.data) continue;
    char* bytes = reinterpret_cast<char*>(pixel.of(signs)) + tile.first / 8;
    __builtin_memcpy(bytes, &bits, kBytes);  // little-endian
    for (int32_t byte = 0; byte < unused_bytes; ++byte) bytes[kBytes + byte] = 0;
  }
}

// False where this is not the way.
template <class V, int C>
inline bool finish_quick_tile(const Bconv& conv, const Tile& tile, ptrdiff_t packed, const typename V::Int* counts) {
  if constexpr (C * V::kLanes % 8 == 0) {
    if (tile.count == C * V::kLanes && tile.first % 8 == 0) {
      finish_quick<V, C>(conv, tile, packed, counts);
      return true;
    }
  }
  if constexpr (C > 1) return finish_quick_tile<V, C / 2>(conv, tile, packed, counts);
  return false;
}

inline bool all_is_quick(const Bconv& conv) {
  return conv.quick_factors && conv.int8_epilogue.quick && conv.quick_shift == kQuickBits - 16 && !conv.corrections &&
         conv.activation_min == -__builtin_inff() && conv.activation_max == __builtin_inff();
}

}  // namespace
}  // namespace hybrid_tf
