// Kernels for every 64-bit ARM processor.
#if defined(__aarch64__)

#include "kernels/arm/kernel_set.h"

namespace hybrid_tf {
namespace {

struct Neon : NeonVectors, NeonProducts {
  static constexpr bool kDot = false;
};

}  // namespace

extern const KernelSet kNeonKernels = make_neon_kernel_set<Neon>("neon", "64-bit ARM", &cpu_has_neon);

}  // namespace hybrid_tf

#endif
