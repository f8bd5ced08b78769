// What every version of LceBconv2d's `eval_pixel` shares: the walk over output channels. In a header, so that it is
// compiled together with what it calls.
#pragma once

#include "bconv2d.h"
#include "counting.h"

// Products and sums must be rounded apart.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace hybrid_tf {
namespace micro {

constexpr int32_t kBlock = 32;  // output channels at a time, those of one word

// Writes channels `first` to `first + outputs` of a pixel, which lie in one word of signs.
using Finish = void(const Bconv& conv, const int32_t* counts, int32_t missing, int32_t first, int32_t outputs,
                    void* pixel);

// Computes a pixel: `Pass` counts, see `count_run`, and `finish` writes.
template <template <int> class Pass, Finish finish>
HYBRID_TF_INLINE void eval_blocks(const Bconv& conv, const uint32_t* window, const Span& span, void* pixel) {
  const int32_t words = conv.window_words();
  int32_t c = 0;
  for (int32_t group = 0; group < conv.groups; ++group) {
    const int32_t end = c + conv.group_outputs;
    while (c < end) {
      const int32_t to_next_word = kBlock - c % kBlock, outputs = end - c < to_next_word ? end - c : to_next_word;
      int32_t counts[kBlock] = {};
      for (int32_t row = 0, at = span.first; row < span.rows; ++row, at += span.stride) {
        count_run<Pass>(span.words, window + group * words + at, conv.filters + c * words + at, words, outputs,
                        &counts[0]);
      }
      finish(conv, counts, span.missing, c, outputs, pixel);
      c += outputs;
    }
  }
}

}  // namespace micro
}  // namespace hybrid_tf
