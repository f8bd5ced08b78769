// LceBconv2d on any processor. With the instructions of Armv7E-M and up (Cortex-M4, M7, ...) sums of bytes take one.
#include "bconv2d_blocks.h"

#if defined(__ARM_FEATURE_DSP) && !defined(HYBRID_TF_MICRO_PORTABLE)
#define HYBRID_TF_MICRO_DSP
#include <arm_acle.h>
#endif

namespace hybrid_tf {
namespace micro {
namespace {

struct Sum {
  HYBRID_TF_INLINE void add(uint32_t bytes) {
#if defined(HYBRID_TF_MICRO_DSP)
    value = __usada8(bytes, 0, value);
#else
    const uint32_t pairs = (bytes & 0x00ff00ffu) + ((bytes >> 8) & 0x00ff00ffu);
    value += (pairs + (pairs << 16)) >> 16;
#endif
  }
  uint32_t value = 0;
};

// Adds to `counts` how many bits of the window differ from those of each of `outputs` filters.
template <int kWords>
struct Pass {
  static constexpr bool kUsed = true;
  static __attribute__((noinline)) void run(int32_t at, int32_t repeats, const uint32_t* window,
                                            const uint32_t* filters, int32_t filter_words, int32_t outputs,
                                            int32_t* counts) {
    window += at;
    filters += at;
    for (const int32_t* end = counts + outputs; counts < end; filters += filter_words) {
      const uint32_t *a = window, *b = filters;
      Sum sum;
      for (int32_t left = repeats; left > 0; --left, a += kWords, b += kWords) {
        sum.add(count_bytes<uint32_t, kWords>([&](int32_t i) __attribute__((always_inline)) { return a[i] ^ b[i]; }));
      }
      *counts++ += static_cast<int32_t>(sum.value);
    }
  }
};

inline int8_t to_int8(float value) {
  if (value >= 127.0f) return 127;
  if (value <= -128.0f) return -128;
  const int32_t whole = static_cast<int32_t>(value);
  const float rest = value - static_cast<float>(whole);
  return static_cast<int8_t>(whole + (rest >= 0.5f) - (rest <= -0.5f));
}

void finish(const Bconv& conv, const int32_t* counts, int32_t missing, int32_t first, int32_t outputs, void* pixel) {
  if (conv.output == BconvOutput::kBits) {
    const int32_t* thresholds = conv.thresholds + first;
    uint32_t word = 0;
    for (int32_t i = 0; i < outputs; ++i) word |= static_cast<uint32_t>(counts[i] > thresholds[i]) << i;
    uint32_t* words = static_cast<uint32_t*>(pixel) + first / kBlock;
    const int32_t at = first % kBlock;
    *words = at == 0 ? word : *words | word << at;
    return;
  }
  const float* multipliers = conv.multipliers + first;
  const float* offsets = conv.offsets + first;
  const bool floats = conv.output == BconvOutput::kFloat;
  for (int32_t i = 0; i < outputs; ++i) {
    int32_t different = 2 * counts[i] + missing;
    if (different < conv.low) different = conv.low;
    if (different > conv.high) different = conv.high;
    const float value = static_cast<float>(different) * multipliers[i] + offsets[i];
    if (floats) {
      static_cast<float*>(pixel)[first + i] = value;
    } else {
      static_cast<int8_t*>(pixel)[first + i] = to_int8(value);
    }
  }
}

}  // namespace

void eval_pixel(const Bconv& conv, const uint32_t* window, const Span& span, void* pixel) {
  eval_blocks<Pass, finish>(conv, window, span, pixel);
}

}  // namespace micro
}  // namespace hybrid_tf
