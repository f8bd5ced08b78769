// Words of binary weights and inputs that several taps share.
//
// Taps of at most 16 channels leave half of a word empty, or more; so the channels of two taps share one, or of four.
#pragma once

#include "common/ceil_div.h"
#include "kernels/kernels.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kMostNarrowTaps = 49;

// A word for each tap, or less.
inline bool is_narrow(const BconvTaps& taps) { return taps.words == 1 && taps.count <= kMostNarrowTaps; }

// How many taps share a word.
inline int32_t taps_in_word(const BconvTaps& taps) {
  return !is_narrow(taps) || taps.channels > 16 ? 1 : taps.channels > 8 ? 2 : 4;
}

// The words of a window.
inline int32_t shared_words(const BconvTaps& taps) { return ceil_div(taps.count * taps.words, taps_in_word(taps)); }

// Brings the words of taps, rows of `lanes` weights, into those that they share, in place.
inline void share_words(uint32_t* weights, const BconvTaps& taps, int32_t lanes) {
  const int32_t shared = taps_in_word(taps), bits = 32 / shared;
  if (shared == 1) return;
  for (int32_t tap = 0; tap < taps.count; ++tap) {
    for (int32_t lane = 0; lane < lanes; ++lane) {
      uint32_t& word = weights[tap / shared * lanes + lane];
      const uint32_t mine = weights[tap * lanes + lane] << (tap % shared * bits);
      word = tap % shared ? word | mine : mine;
    }
  }
}

inline BconvTaps taps_of(const Bconv& conv) {
  const int32_t count = conv.tap_rows * conv.tap_columns;
  return {count, conv.window.segments * conv.window.segment_length / count, conv.tap_channels};
}

// What a narrow window reads.
struct NarrowWindow {
  BconvTaps of;
  int32_t taps, shared;
  ptrdiff_t step;  // from pixel to pixel
  ptrdiff_t offsets[kMostNarrowTaps];

  // `is_narrow(of)`.
  NarrowWindow(const Window& window, const BconvTaps& of)
      : of(of), taps(of.count), shared(taps_in_word(of)), step(window.pixel_step) {
    for (int32_t tap = 0; tap < taps; ++tap) {
      offsets[tap] = window.segment_offsets[tap / window.segment_length] + tap % window.segment_length;
    }
  }

  // The words of one pixel, whose window starts at `start`.
  void gather(const uint32_t* start, uint32_t* words) const {
    const int32_t bits = 32 / shared;
    for (int32_t tap = 0; tap < taps; ++tap) {
      const uint32_t mine = start[offsets[tap]] << (tap % shared * bits);
      words[tap / shared] = tap % shared ? words[tap / shared] | mine : mine;
    }
  }
};

}  // namespace
}  // namespace hybrid_tf
