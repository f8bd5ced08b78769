// Kernels for 64-bit ARM processors with dot products (ARMv8.2-A and later): Cortex-A76 and most newer ones.
#if defined(__aarch64__)

#include "kernels/arm/kernel_set.h"

namespace hybrid_tf {
namespace {

struct NeonDot : NeonVectors, NeonDotProducts {
  static constexpr bool kDot = true;
};

}  // namespace

extern const KernelSet kNeonDotKernels =
    make_neon_kernel_set<NeonDot>("neondot", "64-bit ARM with dot products", &cpu_has_neon_dot);

}  // namespace hybrid_tf

#endif
