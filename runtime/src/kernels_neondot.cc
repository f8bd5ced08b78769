// Kernels for 64-bit ARM processors with dot products (ARMv8.2-A and later): Cortex-A76 and most newer ones.
#if defined(__aarch64__)

#include "neon_bconv_impl.h"

#define ADD_COUNTS(falls) ".arch armv8.2-a+dotprod\n sdot " falls ".4s, v30.16b, %[four].16b\n"

namespace hybrid_tf {
namespace {

struct NeonDot : NeonVectors {
  using Falls = int32x4_t;
  static void sum_quads(const uint32_t* (&from)[1], const uint32_t*& weights, int32_t quads, Falls (&falls)[1][4],
                        uint8x16_t (&parity)[1][4]) {
    HYBRID_TF_SUM_QUADS_1(ADD_COUNTS, [four] "w"(vdupq_n_s8(4)));
  }
  static void sum_quads(const uint32_t* (&from)[2], const uint32_t*& weights, int32_t quads, Falls (&falls)[2][4],
                        uint8x16_t (&parity)[2][4]) {
    HYBRID_TF_SUM_QUADS_2(ADD_COUNTS, [four] "w"(vdupq_n_s8(4)));
  }
  static Falls add_counts(Falls falls, int8x16_t counts) { return dot(falls, counts, vdupq_n_s8(4)); }
  static Int sum(int32_t start, Falls falls, int8x16_t zeros) {
    return vaddq_s32(vdupq_n_s32(start), dot(falls, zeros, vdupq_n_s8(2)));
  }

 private:
  // Four products are added to each lane. In assembly, so that this file needs no flags of its own, which compilers do
  // not agree on.
  static int32x4_t dot(int32x4_t sums, int8x16_t a, int8x16_t b) {
    __asm__(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b" : "+w"(sums) : "w"(a), "w"(b));
    return sums;
  }
};

}  // namespace

extern const KernelSet kNeonDotKernels =
    make_neon_kernel_set<NeonDot>("neondot", "64-bit ARM with dot products", &cpu_has_neon_dot);

}  // namespace hybrid_tf

#endif
