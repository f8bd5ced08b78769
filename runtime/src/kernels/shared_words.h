// Words of binary weights and inputs that several taps share.
//
// Taps of at most 16 channels leave half of a word empty, or more; so the channels of two taps share one, or of four.
#pragma once

#include "common/ceil_div.h"
#include "kernels/kernels.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kMostNarrowWords = 50;

// A word for each tap, or two, and not too many.
inline bool is_narrow(const BconvTaps& taps) { return taps.words <= 2 && taps.count * taps.words <= kMostNarrowWords; }

// How many taps share a word, the last one of each.
inline int32_t taps_in_word(const BconvTaps& taps) {
  const int32_t channels = taps.channels - 32 * (taps.words - 1);
  return !is_narrow(taps) || channels > 16 ? 1 : channels > 8 ? 2 : 4;
}

// The words of a window.
inline int32_t shared_words(const BconvTaps& taps) {
  return taps.count * (taps.words - 1) + ceil_div(taps.count, taps_in_word(taps));
}

// Brings the words of the taps of a narrow window, rows of `lanes` weights, into the order in which windows are
// gathered, in place: first words of two, then the others, which are shared.
inline void order_words(uint32_t* weights, const BconvTaps& taps, int32_t lanes) {
  if (!is_narrow(taps)) return;
  const int32_t shared = taps_in_word(taps), bits = 32 / shared, firsts = taps.words == 2 ? taps.count : 0;
  for (int32_t lane = 0; lane < lanes; ++lane) {
    uint32_t last[kMostNarrowWords] = {};
    for (int32_t tap = 0; tap < taps.count; ++tap) {
      last[tap / shared] |= weights[(tap * taps.words + taps.words - 1) * lanes + lane] << (tap % shared * bits);
      if (firsts) weights[tap * lanes + lane] = weights[2 * tap * lanes + lane];
    }
    for (int32_t i = 0; i * shared < taps.count; ++i) weights[(firsts + i) * lanes + lane] = last[i];
  }
}

inline BconvTaps taps_of(const Bconv& conv) {
  const int32_t count = conv.tap_rows * conv.tap_columns;
  return {count, conv.window.segments * conv.window.segment_length / count, conv.tap_channels};
}

// What a narrow window reads.
struct NarrowWindow {
  int32_t taps, shared;
  bool two;        // words for each tap
  ptrdiff_t step;  // from pixel to pixel
  ptrdiff_t offsets[kMostNarrowWords];

  // `is_narrow(of)`.
  NarrowWindow(const Window& window, const BconvTaps& of)
      : taps(of.count), shared(taps_in_word(of)), two(of.words == 2), step(window.pixel_step) {
    for (int32_t tap = 0; tap < taps; ++tap) {
      const int32_t word = tap * of.words;
      offsets[tap] = window.segment_offsets[word / window.segment_length] + word % window.segment_length;
    }
  }

  // The words of one pixel, whose window starts at `start`.
  void gather(const uint32_t* start, uint32_t* words) const {
    const int32_t bits = 32 / shared;
    for (int32_t tap = 0; two && tap < taps; ++tap) *words++ = start[offsets[tap]];
    for (int32_t tap = 0; tap < taps; ++tap) {
      const uint32_t mine = start[offsets[tap] + two] << (tap % shared * bits);
      words[tap / shared] = tap % shared ? words[tap / shared] | mine : mine;
    }
  }
};

}  // namespace
}  // namespace hybrid_tf
