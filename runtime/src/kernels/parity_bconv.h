// Binary convolution that counts the bits of half of the words, or of a quarter.
//
// Take one bit of the differences of a window, u_k = input_k XOR weight_k, and their parities p_k = u_1 ^ ... ^ u_k.
// A set u_k is a change in the sequence p_0 = 0, p_1, p_2, ... Of its changes as many are falls (from 1 to 0) as rises,
// or one fewer if the sequence ends with 1. So the sum of all u_k is 2 * falls + p_n. Two steps p, p', p'' hold at most
// one fall, and there is one if (p' ? ~p'' : p): one vector to count for two words.
//
// Parities cost no more than differences: p_k = X_k ^ W_k, where X_k and W_k are the parities of the first k words of
// the input and of the weights. W_k is made once (prepare_weights), X_k once for all output channels of a pixel.
//
// Where counting is dear, the falls of four words and a carried one are added first: one vector for four words.
//
// What V needs besides what kernels/epilogue.h says:
//   kBconvBlock    output channels in a block, a multiple of kLanes
//   kTilePixels    output pixels that are computed together, with a whole block, in registers
//   Words          a vector of words: zeros(), load_words(const uint32_t*), and differ(const uint32_t* input, Words),
//                  the exclusive or with one word of the input
//   Counts         sums of set bits: no_counts(), count(Counts, Words), total(Counts), which is an Int
//   kCountsLimit   how often count() can be called before total(); INT32_MAX: any number of times
//   kCarries       whether falls are carried, so that a count is worth four words and not two
//   add_one, add_two, add_four<kStep>(Words& parity, Words& carried, Counts&, const uint32_t* input, const uint32_t*
//                  weights)  as many words of a window; those of the input are kStep apart, of the weights kBconvBlock
//   load_some_words(const uint32_t*, n), store_words(uint32_t*, Words), differ(Words, Words), and join<bits>(Words a,
//                  Words b), a with b above its lowest bits
//
// Windows with a word for each tap, or less (see shared_words.h), are gathered for kLanes pixels of a row at once.
#pragma once

#include "kernels/kernel_set.h"
#include "kernels/shared_words.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kParityWords = 4096;  // words of input parities at a time: a third of the first cache

// Windows that are gathered for several pixels at once.
inline bool is_gathered(const BconvTaps& taps) { return taps.words == 1 && is_narrow(taps); }

// Turns weights, [blocks][words][kBconvBlock], into parities. Windows that are too long for them stay as they are.
template <class V>
void prepare_weights(uint32_t* weights, int32_t blocks, const BconvTaps& taps) {
  const int32_t file_words = taps.count * taps.words, words = is_gathered(taps) ? shared_words(taps) : file_words;
  if (file_words > kParityWords) return;
  for (; blocks > 0; --blocks, weights += static_cast<ptrdiff_t>(file_words) * V::kBconvBlock) {
    if (is_gathered(taps)) order_words(weights, taps, V::kBconvBlock);
    uint32_t* row = weights;
    for (int32_t w = 1; w < words; ++w, row += V::kBconvBlock) {
      for (int32_t lane = 0; lane < V::kBconvBlock; ++lane) row[V::kBconvBlock + lane] ^= row[lane];
    }
  }
}

// Of narrow windows, parities lie as [words][kNarrowPitch] of so many pixels; vectors may be stored behind the last.
constexpr int32_t kNarrowPixels = 64, kNarrowPitch = kNarrowPixels + 16;

template <class V, int kShared>
inline typename V::Words load_shared(const NarrowWindow& window, const uint32_t* from, int32_t tap, int32_t n) {
  const auto load = [&](int32_t at) { return V::load_some_words(from + window.offsets[at], n); };
  typename V::Words word = load(tap);
  if (kShared > 1 && tap + 1 < window.taps) word = V::template join<32 / kShared>(word, load(tap + 1));
  if (kShared > 2 && tap + 2 < window.taps) word = V::template join<16>(word, load(tap + 2));
  if (kShared > 2 && tap + 3 < window.taps) word = V::template join<24>(word, load(tap + 3));
  return word;
}

// `count` pixels of a row from `start` on.
template <class V, int kShared>
inline void store_row_parities(const NarrowWindow& window, const uint32_t* start, int32_t count, uint32_t* to) {
  if (window.step == 1) {
    for (int32_t i = 0; i < count; i += V::kLanes) {
      typename V::Words parity = V::zeros();
      uint32_t* at = to + i;
      for (int32_t tap = 0; tap < window.taps; tap += kShared, at += kNarrowPitch) {
        parity = V::differ(parity, load_shared<V, kShared>(window, start + i, tap, smaller(V::kLanes, count - i)));
        V::store_words(at, parity);
      }
    }
    return;
  }
  uint32_t words[kMostNarrowWords];
  for (int32_t i = 0; i < count; ++i) {
    window.gather(start + i * window.step, words);
    uint32_t parity = 0;
    for (int32_t w = 0; w * kShared < window.taps; ++w) to[w * kNarrowPitch + i] = parity ^= words[w];
  }
}

// The parities of `count` pixels from number `first` on.
template <class V>
inline void store_narrow_parities(const Bconv& conv, const NarrowWindow& window, const uint32_t* input, int32_t first,
                                  int32_t count, uint32_t* to) {
  while (count > 0) {
    const Pixel pixel(first, conv.window.out_height, conv.window.out_width);
    const int32_t run = smaller(count, conv.window.out_width - pixel.x);
    const uint32_t* start = pixel.of(conv.window, input);
    if (window.shared == 1) {
      store_row_parities<V, 1>(window, start, run, to);
    } else if (window.shared == 2) {
      store_row_parities<V, 2>(window, start, run, to);
    } else {
      store_row_parities<V, 4>(window, start, run, to);
    }
    first += run, count -= run, to += run;
  }
}

// The parities of the words of P pixels' windows, [P][words]. Several pixels at a time: each parity waits for the last.
template <int P>
inline void store_parities(const Bconv& conv, const uint32_t* input, Pixel& pixel, uint32_t* to) {
  const Window& window = conv.window;
  const ptrdiff_t words = static_cast<ptrdiff_t>(window.segments) * window.segment_length;
  const uint32_t* inputs[P];
  for (int p = 0; p < P; ++p, pixel.next()) inputs[p] = pixel.of(window, input);
  uint32_t parity[P] = {};
  for (int32_t s = 0; s < window.segments; ++s) {
    const uint32_t* from[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) from[p] = inputs[p] + window.segment_offsets[s];
    for (int32_t i = 0; i < window.segment_length; ++i, ++to) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) to[p * words] = parity[p] ^= from[p][i];
    }
  }
}

// 2 * sum + the set bits.
template <class V>
inline typename V::Int twice_and(typename V::Int sum, typename V::Words bits) {
  return V::add_int(V::add_int(sum, sum), V::total(V::count(V::no_counts(), bits)));
}

// popcount(input ^ weights) of P pixels and C vectors of channels. Words of a pixel are kStep apart, pixels `pitch`.
template <class V, int P, int C, int kStep>
inline void count_tile(const uint32_t* parities, ptrdiff_t pitch, int32_t words, const uint32_t* weights,
                       typename V::Int (&totals)[P][C]) {
  constexpr int32_t kRow = V::kBconvBlock;
  constexpr int32_t kAhead = 512;  // weights are prefetched 2 KB ahead: few pixels take them faster than they come
  typename V::Words parity[P][C], carried[P][C];
  typename V::Counts counts[P][C];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      parity[p][c] = carried[p][c] = V::zeros();
      counts[p][c] = V::no_counts();
      if (V::kCountsLimit < INT32_MAX) totals[p][c] = V::set_int(0);
    }
  }
  const uint32_t* from = parities;
  int32_t room = V::kCountsLimit - 2;  // the last words, one to three, are counted twice
  for (int32_t left = words / 4; left > 0; --left, from += 4 * kStep, weights += 4 * kRow) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      const uint32_t* rows = weights + c * V::kLanes;
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        if (c * V::kLanes % 16 == 0) __builtin_prefetch(rows + k * kRow + kAhead);  // once for a cache line
      }
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        V::template add_four<kStep>(parity[p][c], carried[p][c], counts[p][c], from + p * pitch, rows);
      }
    }
    if (V::kCountsLimit == INT32_MAX || --room > 0) continue;
    room = V::kCountsLimit - 2;
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        totals[p][c] = V::add_int(totals[p][c], V::total(counts[p][c]));
        counts[p][c] = V::no_counts();
      }
    }
  }
  if (words & 2) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        V::template add_two<kStep>(parity[p][c], carried[p][c], counts[p][c], from + p * pitch,
                                   weights + c * V::kLanes);
      }
    }
    from += 2 * kStep, weights += 2 * kRow;
  }
  if (words & 1) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        V::template add_one<kStep>(parity[p][c], carried[p][c], counts[p][c], from + p * pitch,
                                   weights + c * V::kLanes);
      }
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      typename V::Int total = V::total(counts[p][c]);
      if (V::kCountsLimit < INT32_MAX) total = V::add_int(total, totals[p][c]);
      if (V::kCarries) total = twice_and<V>(total, carried[p][c]);
      totals[p][c] = twice_and<V>(total, parity[p][c]);
    }
  }
}

// A tile of P pixels: prefetches what the end of it will read and write, counts, and finishes.
template <class V, int P, int C, int kStep>
__attribute__((noinline)) void parity_tile(const Bconv& conv, const BconvBlock& block, int32_t words, int32_t pixel,
                                           const uint32_t* parities) {
  const int32_t channels = conv.groups * conv.group_channels;
  const ptrdiff_t at = static_cast<ptrdiff_t>(pixel) * channels + block.first;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int c = 0; c < C; c += 16 / V::kLanes) {
      const ptrdiff_t line = at + p * channels + c * V::kLanes;
      if (conv.epilogue.residual) __builtin_prefetch(conv.epilogue.residual + line);
      if (conv.epilogue.floats) __builtin_prefetch(conv.epilogue.floats + line, 1);
    }
  }
  typename V::Int counts[P][C];
  count_tile<V, P, C, kStep>(parities, kStep == 1 ? words : 1, words, block.weights, counts);
  finish_bconv<V>(conv, block, pixel, P, C, counts[0]);
}

// Tiles of P pixels, then of fewer.
template <class V, int P, int C, int kStep>
inline void parity_tiles(const Bconv& conv, const BconvBlock& block, int32_t words, int32_t pixel,
                         const uint32_t* parities, int32_t pixels) {
  const int32_t pitch = kStep == 1 ? words : 1;
  for (; pixels >= P; pixels -= P, pixel += P, parities += P * pitch) {
    // Rather twice two pixels than three and one.
    if (P == 3 && pixels == 4) break;
    parity_tile<V, P, C, kStep>(conv, block, words, pixel, parities);
  }
  if constexpr (P > 1) {
    if (pixels > 0) parity_tiles<V, P == 3 ? 2 : P / 2, C, kStep>(conv, block, words, pixel, parities, pixels);
  }
}

// As many pixels as registers hold.
template <class V>
constexpr int32_t tile_pixels(int32_t vectors) {
  return V::kTilePixels * (V::kBconvBlock / V::kLanes) / vectors;
}

template <class V>
BconvBlocking parity_blocking(const BconvTaps& taps, int32_t group_channels) {
  const int32_t vectors = ceil_div(smaller(group_channels, V::kBconvBlock), V::kLanes);
  const bool parities = taps.count * taps.words <= kParityWords;
  return {parities ? tile_pixels<V>(vectors) : 1, vectors * V::kLanes, is_gathered(taps) ? taps_in_word(taps) : 1};
}

// A block with channels in C vectors.
template <class V, int C, int kStep>
inline void parity_block(const Bconv& conv, const BconvBlock& block, int32_t words, int32_t pixel,
                         const uint32_t* parities, int32_t pixels) {
  if constexpr (C > 1) {
    if (block.channels <= (C - 1) * V::kLanes) {
      return parity_block<V, C - 1, kStep>(conv, block, words, pixel, parities, pixels);
    }
  }
  parity_tiles<V, tile_pixels<V>(C), C, kStep>(conv, block, words, pixel, parities, pixels);
}

// Without parities, for windows that are too long for them: one pixel at a time.
template <class V>
struct Longest : V {
  static constexpr int kBconvPixels = 1;
  using Input = const uint32_t*;
  static Input load_input(const uint32_t* from) { return from; }
  static typename V::Counts count(typename V::Counts counts, Input input, typename V::Words words) {
    return V::count(counts, V::differ(input, words));
  }
  static typename V::Int total(typename V::Int sum, typename V::Counts counts) {
    return V::add_int(sum, V::total(counts));
  }
};

// Pixels outside, as many as there is room for; then blocks, whose weights stay in the first cache; then tiles.
template <class V>
void parity_bconv(const Bconv& conv, int32_t pixel_begin, int32_t pixel_end, int32_t block_begin, int32_t block_end) {
  const int32_t words = conv.window.segments * conv.window.segment_length;
  if (words > kParityWords) return bconv<Longest<V>>(conv, pixel_begin, pixel_end, block_begin, block_end);
  const BconvTaps taps = taps_of(conv);
  const bool narrow = is_gathered(taps);
  uint32_t parities[kMostNarrowWords * kNarrowPitch > kParityWords ? kMostNarrowWords * kNarrowPitch : kParityWords];
  const int32_t at_once = narrow ? kNarrowPixels : larger(kParityWords / words / V::kTilePixels * V::kTilePixels, 1);
  while (block_begin < block_end) {
    // The blocks of a group read the same input.
    const int32_t end = smaller(block_end, (block_begin / conv.group_blocks + 1) * conv.group_blocks);
    const uint32_t* input = bconv_block<V>(conv, block_begin).input;
    for (int32_t first = pixel_begin; first < pixel_end; first += at_once) {
      const int32_t pixels = smaller(at_once, pixel_end - first);
      constexpr int kVectors = V::kBconvBlock / V::kLanes;
      if (narrow) {
        store_narrow_parities<V>(conv, NarrowWindow(conv.window, taps), input, first, pixels, parities);
        for (int32_t b = block_begin; b < end; ++b) {
          parity_block<V, kVectors, kNarrowPitch>(conv, bconv_block<V>(conv, b), shared_words(taps), first, parities,
                                                  pixels);
        }
        continue;
      }
      Pixel pixel(first, conv.window.out_height, conv.window.out_width);
      uint32_t* to = parities;
      for (; first + pixels - pixel.number >= 4; to += 4 * words) store_parities<4>(conv, input, pixel, to);
      for (; first + pixels > pixel.number; to += words) store_parities<1>(conv, input, pixel, to);
      for (int32_t b = block_begin; b < end; ++b) {
        parity_block<V, kVectors, 1>(conv, bconv_block<V>(conv, b), words, first, parities, pixels);
      }
    }
    block_begin = end;
  }
}

template <class V>
constexpr KernelSet make_parity_kernel_set(const char* name, const char* description, bool (*supported)()) {
  KernelSet set = start_kernel_set<V>(name, description, supported);
  set.bconv = &parity_bconv<V>;
  set.bconv_blocking = &parity_blocking<V>;
  set.fconv = &fconv<V>;
  set.pool = &pool<V>;
  set.prepare_weights = &prepare_weights<V>;
  return set;
}

}  // namespace
}  // namespace hybrid_tf
