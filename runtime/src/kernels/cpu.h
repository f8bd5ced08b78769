// What this processor can do: asked of the processor (x86-64) or of the kernel (aarch64), once for each kernel set.
#pragma once

namespace hybrid_tf {

bool cpu_is_any();  // what the portable kernels need
bool cpu_has_avx2();
bool cpu_has_avx_vnni();
bool cpu_has_avx512();
bool cpu_has_avx512_vpopcnt();
bool cpu_has_neon();
bool cpu_has_neon_dot();

}  // namespace hybrid_tf
