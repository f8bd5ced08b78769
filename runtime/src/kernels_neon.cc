// Kernels for every 64-bit ARM processor.
#if defined(__aarch64__)

#include "neon_bconv_impl.h"

#define ADD_COUNTS(falls) "sadalp " falls ".8h, v30.16b\n"

namespace hybrid_tf {
namespace {

struct Neon : NeonVectors {
  using Falls = int16x8_t;
  static void sum_quads(const uint32_t* (&from)[1], const uint32_t*& weights, int32_t quads, Falls (&falls)[1][4],
                        uint8x16_t (&parity)[1][4]) {
    HYBRID_TF_SUM_QUADS_1(ADD_COUNTS, );
  }
  static void sum_quads(const uint32_t* (&from)[2], const uint32_t*& weights, int32_t quads, Falls (&falls)[2][4],
                        uint8x16_t (&parity)[2][4]) {
    HYBRID_TF_SUM_QUADS_2(ADD_COUNTS, );
  }
  static Falls add_counts(Falls falls, int8x16_t counts) { return vpadalq_s8(falls, counts); }
  static Int sum(int32_t start, Falls falls, int8x16_t zeros) {
    const int16x8_t twice = vpadalq_s8(vaddq_s16(falls, falls), zeros);
    return vpadalq_s16(vdupq_n_s32(start), vaddq_s16(twice, twice));
  }
};

}  // namespace

extern const KernelSet kNeonKernels = make_neon_kernel_set<Neon>("neon", "64-bit ARM", &cpu_has_neon);

}  // namespace hybrid_tf

#endif
