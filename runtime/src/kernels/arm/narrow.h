// Windows of the binary convolution for NEON with a word for each tap: the pixels of a row, four at a time.
#pragma once

#include "kernels/arm/neon.h"
#include "kernels/shared_words.h"

namespace hybrid_tf {
namespace {

inline int32_t even(int32_t words) { return words + words % 2; }

// kStep: how far pixels are apart; 0: another distance, `step`.
template <int kStep>
inline uint32x4_t load_pixels(const uint32_t* from, ptrdiff_t step) {
  if (kStep == 1) return vld1q_u32(from);
  if (kStep == 2) {
    const uint32x4_t last = vld1q_u32(from + 3);  // there may be nothing behind the last pixel
    return vuzp1q_u32(vld1q_u32(from), vextq_u32(last, last, 1));
  }
  uint32x4_t words = vld1q_dup_u32(from);
  words = vld1q_lane_u32(from + step, words, 1);
  words = vld1q_lane_u32(from + 2 * step, words, 2);
  return vld1q_lane_u32(from + 3 * step, words, 3);
}

struct NarrowPairs : NarrowWindow {
  int32_t words;  // of a pixel, an even number

  NarrowPairs(const Window& window, const BconvTaps& of) : NarrowWindow(window, of), words(even(shared_words(of))) {}

  // The pairs of `count` pixels of a row from `start` on, as make_pairs() makes them, [count][words]; and what each
  // adds to all its sums, which starts from `depth`.
  void fill(const uint32_t* start, int32_t count, int32_t depth, uint32_t* to, int32_t* starts) const {
    if (shared == 1) return fill_shared<1>(start, count, depth, to, starts);
    if (shared == 2) return fill_shared<2>(start, count, depth, to, starts);
    fill_shared<4>(start, count, depth, to, starts);
  }

 private:
  template <int kShared>
  void fill_shared(const uint32_t* start, int32_t count, int32_t depth, uint32_t* to, int32_t* starts) const {
    if (step == 1) return fill_row<kShared, 1, false>(start, count, depth, to, starts);
    if (step == 2 && two) return fill_row<kShared, 2, true>(start, count, depth, to, starts);
    if (step == 2) return fill_row<kShared, 2, false>(start, count, depth, to, starts);
    if (two) return fill_row<kShared, 0, true>(start, count, depth, to, starts);
    fill_row<kShared, 0, false>(start, count, depth, to, starts);
  }

  template <int kShared, int kStep, bool kTwo>
  void fill_row(const uint32_t* start, int32_t count, int32_t depth, uint32_t* to, int32_t* starts) const {
    if (taps == 9) return fill_row<kShared, kStep, kTwo, 9>(start, count, depth, to, starts);
    fill_row<kShared, kStep, kTwo, 0>(start, count, depth, to, starts);
  }

  // kTaps: how many taps there are, where that is known.
  template <int kShared, int kStep, bool kTwo, int kTaps>
  void fill_row(const uint32_t* start, int32_t count, int32_t depth, uint32_t* to, int32_t* starts) const {
    int32_t i = 0;
    if (count >= 4) {
      for (; i < count; i += 4) {
        i = smaller(i, count - 4);  // the last ones may be made twice
        four_pixels<kShared, kStep, kTwo, kTaps>(start + i * step, depth, to + i * words, starts + i);
      }
    }
    for (; i < count; ++i) one_pixel(start + i * step, depth, to + i * words, starts + i);
  }

  // Word `number` of four pixels; 0 behind the last.
  template <int kShared, int kStep, bool kTwo, int kTaps>
  uint32x4_t word_of_four(const uint32_t* start, int32_t number) const {
    const int32_t taps = kTaps > 0 ? kTaps : this->taps;
    const auto load = [&](int32_t tap, int32_t word) { return load_pixels<kStep>(start + offsets[tap] + word, step); };
    if (kTwo && number < taps) return load(number, 0);
    const int32_t tap = (number - (kTwo ? taps : 0)) * kShared;
    if (tap >= taps) return vdupq_n_u32(0);
    uint32x4_t word = load(tap, kTwo);
    if (kShared == 2 && tap + 1 < taps) word = vsliq_n_u32(word, load(tap + 1, kTwo), 16);
    if (kShared == 4) {
      if (tap + 1 < taps) word = vsliq_n_u32(word, load(tap + 1, kTwo), 8);
      if (tap + 2 < taps) word = vsliq_n_u32(word, load(tap + 2, kTwo), 16);
      if (tap + 3 < taps) word = vsliq_n_u32(word, load(tap + 3, kTwo), 24);
    }
    return word;
  }

  template <int kShared, int kStep, bool kTwo, int kTaps>
  void four_pixels(const uint32_t* start, int32_t depth, uint32_t* to, int32_t* starts) const {
    const ptrdiff_t words = kTaps > 0 ? even((kTwo ? kTaps : 0) + ceil_div(kTaps, kShared)) : this->words;
    uint8x16_t bits = vdupq_n_u8(0);
#pragma GCC unroll 16
    for (int32_t number = 0; number < words; number += 2, to += 2) {
      const uint32x4_t first = word_of_four<kShared, kStep, kTwo, kTaps>(start, number);
      const uint32x4_t second = word_of_four<kShared, kStep, kTwo, kTaps>(start, number + 1);
      const uint32x4_t changes = veorq_u32(first, second);
      bits = vaddq_u8(bits, vcntq_u8(vreinterpretq_u8_u32(changes)));
      const uint32x4_t low = vzip1q_u32(second, changes), high = vzip2q_u32(second, changes);
      vst1_u32(to, vget_low_u32(low));
      vst1_u32(to + words, vget_high_u32(low));
      vst1_u32(to + 2 * words, vget_low_u32(high));
      vst1_u32(to + 3 * words, vget_high_u32(high));
    }
    const int32x4_t counts = vreinterpretq_s32_u32(vpaddlq_u16(vpaddlq_u8(bits)));
    vst1q_s32(starts, vmlsq_n_s32(vdupq_n_s32(depth), counts, 2));
  }

  void one_pixel(const uint32_t* start, int32_t depth, uint32_t* to, int32_t* starts) const {
    to[words - 1] = 0;
    gather(start, to);
    *starts = depth;
    for (int32_t i = 0; i < words; i += 2) {
      const uint32_t changes = to[i] ^ to[i + 1];
      to[i] = to[i + 1], to[i + 1] = changes;
      *starts -= 2 * __builtin_popcount(changes);
    }
  }
};

}  // namespace
}  // namespace hybrid_tf
