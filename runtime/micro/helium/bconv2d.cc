// LceBconv2d for Armv8.1-M with vectors of integers and floats (Helium; Cortex-M55, M85): four output channels at once,
// so that sums stay in their lanes. It takes the place of ../bconv2d.cc.
#include <arm_mve.h>

#define HYBRID_TF_MICRO_VECTORS
#include "../bconv2d_blocks.h"

#if !defined(__ARM_FEATURE_MVE) || !(__ARM_FEATURE_MVE & 2)
#error "this file is for processors with MVE for floats: -mcpu=cortex-m55"
#endif

namespace hybrid_tf {
namespace micro {
namespace {

constexpr int32_t kLanes = 4;         // output channels at once
constexpr int32_t kMostRepeats = 10;  // of three words or one, before bytes overflow

// Adds to `counts` how many bits of the window differ from those of each of `outputs` filters, and, where outputs is no
// multiple of 4, of the last one again. Nine words at a time do not fit into the eight registers.
template <int kWords>
struct Pass {
  static constexpr bool kUsed = kWords != 9;
  static __attribute__((noinline)) void run(int32_t at, int32_t repeats, const uint32_t* window,
                                            const uint32_t* filters, int32_t filter_words, int32_t outputs,
                                            int32_t* counts) {
    window += at;
    filters += at;
    const uint32x4_t lane = vidupq_n_u32(0, 1);
    for (; outputs > 0; outputs -= kLanes, filters += kLanes * filter_words, counts += kLanes) {
      const uint32x4_t last = vdupq_n_u32(outputs < kLanes ? outputs - 1 : kLanes - 1);
      const uint32x4_t offsets = vminq_u32(lane, last) * static_cast<uint32_t>(filter_words);
      const uint32_t *a = window, *b = filters;
      uint32x4_t sums = vldrwq_u32(reinterpret_cast<const uint32_t*>(counts));
      for (int32_t left = repeats; left > 0;) {
        int32_t here = left < kMostRepeats ? left : kMostRepeats;
        left -= here;
        uint32x4_t bytes = vdupq_n_u32(0);
        for (; here > 0; --here, a += kWords, b += kWords) {
          bytes = bytes + count_bytes<uint32x4_t, kWords>([&](int32_t i) __attribute__((always_inline)) {
                    return vdupq_n_u32(a[i]) ^ vldrwq_gather_shifted_offset_u32(b + i, offsets);
                  });
        }
        const uint32x4_t pairs = (bytes & 0x00ff00ffu) + ((bytes >> 8) & 0x00ff00ffu);
        sums = sums + ((pairs + (pairs << 16)) >> 16);
      }
      vstrwq_u32(reinterpret_cast<uint32_t*>(counts), sums);
    }
  }
};

void finish(const Bconv& conv, const int32_t* counts, int32_t missing, int32_t first, int32_t outputs, void* pixel) {
  const int32_t end = first + outputs;
  uint32x4_t places = vshlq_u32(vdupq_n_u32(1), vreinterpretq_s32_u32(vidupq_n_u32(0, 1) + (first % kBlock)));
  uint32_t word = 0;
  for (int32_t c = first; c < end; c += kLanes, counts += kLanes) {
    const mve_pred16_t live = vctp32q(end - c);
    const int32x4_t count = vldrwq_s32(counts);
    if (conv.output == BconvOutput::kBits) {
      const mve_pred16_t above = vcmpgtq_m_s32(count, vldrwq_z_s32(conv.thresholds + c, live), live);
      word = vaddvaq_p_u32(word, places, above);
      places = places << kLanes;
      continue;
    }
    int32x4_t different = count + count + missing;
    different = vminq_s32(vmaxq_s32(different, vdupq_n_s32(conv.low)), vdupq_n_s32(conv.high));
    const float32x4_t product = vmulq_f32(vcvtq_f32_s32(different), vldrwq_z_f32(conv.multipliers + c, live));
    const float32x4_t value = vaddq_f32(product, vldrwq_z_f32(conv.offsets + c, live));
    if (conv.output == BconvOutput::kFloat) {
      vstrwq_p_f32(static_cast<float*>(pixel) + c, value, live);
    } else {
      const int32x4_t rounded = vcvtaq_s32_f32(value);  // half away from zero, saturated
      const int32x4_t limited = vminq_s32(vmaxq_s32(rounded, vdupq_n_s32(-128)), vdupq_n_s32(127));
      vstrbq_p_s32(static_cast<int8_t*>(pixel) + c, limited, live);
    }
  }
  if (conv.output == BconvOutput::kBits) {
    uint32_t* words = static_cast<uint32_t*>(pixel) + first / kBlock;
    *words = first % kBlock == 0 ? word : *words | word;
  }
}

}  // namespace

void eval_pixel(const Bconv& conv, const uint32_t* window, const Span& span, void* pixel) {
  eval_blocks<Pass, finish>(conv, window, span, pixel);
}

}  // namespace micro
}  // namespace hybrid_tf
