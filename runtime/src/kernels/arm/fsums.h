// The inner loop of the full-precision convolution for NEON, in assembly for the same reason as kernels/arm/sums.h.
#pragma once

#include <arm_neon.h>

#include "kernels/kernels.h"

namespace hybrid_tf {
namespace {

// The sums of a block of 16 channels for P pixels, 1 or 4, whose windows start at `starts`: from the biases on in the
// window's order, each step fused.
//
//   v8 to v15   eight inputs of each pixel
//   v16 to v19  weights
//
// The operands s00 to s33 are the sums.
template <int P>
inline void fsum_tile(const Window& window, const float* const* starts, const float* weights, const float* biases,
                      float32x4_t (&sums)[P][4]) {
  const ptrdiff_t* offset = window.segment_offsets;
  const ptrdiff_t* const end = offset + window.segments;
  const float *from0, *from1, *from2, *from3;
  int64_t left;
  float32x4_t unused[4];
  float32x4_t(&second)[4] = P > 1 ? sums[P > 1] : unused;
  float32x4_t(&third)[4] = P > 1 ? sums[P > 1 ? 2 : 0] : unused;
  float32x4_t(&fourth)[4] = P > 1 ? sums[P > 1 ? 3 : 0] : unused;
  // clang-format off
  __asm__(R"(
.macro htf_step_of_pixel x, lane, s0, s1, s2, s3
  fmla \s0\().4s, v16.4s, \x\().s[\lane]
  fmla \s1\().4s, v17.4s, \x\().s[\lane]
  fmla \s2\().4s, v18.4s, \x\().s[\lane]
  fmla \s3\().4s, v19.4s, \x\().s[\lane]
.endm

.macro htf_step x0, x1, x2, x3, lane
  ld1 {v16.4s, v17.4s, v18.4s, v19.4s}, [%[weights]], #64
  htf_step_of_pixel \x0, \lane, %[s00], %[s01], %[s02], %[s03]
  .if %c[pixels] > 1
    htf_step_of_pixel \x1, \lane, %[s10], %[s11], %[s12], %[s13]
    htf_step_of_pixel \x2, \lane, %[s20], %[s21], %[s22], %[s23]
    htf_step_of_pixel \x3, \lane, %[s30], %[s31], %[s32], %[s33]
  .endif
.endm

.macro htf_four_steps x0, x1, x2, x3
  htf_step \x0, \x1, \x2, \x3, 0
  htf_step \x0, \x1, \x2, \x3, 1
  htf_step \x0, \x1, \x2, \x3, 2
  htf_step \x0, \x1, \x2, \x3, 3
.endm

.macro htf_copy to, from
  mov \to\().16b, \from\().16b
.endm

.macro htf_copy_all s0, s1, s2, s3
  htf_copy \s0, %[s00]
  htf_copy \s1, %[s01]
  htf_copy \s2, %[s02]
  htf_copy \s3, %[s03]
.endm

  ld1 {v16.4s, v17.4s, v18.4s, v19.4s}, [%[biases]]
  htf_copy %[s00], v16
  htf_copy %[s01], v17
  htf_copy %[s02], v18
  htf_copy %[s03], v19
  .if %c[pixels] > 1
    htf_copy_all %[s10], %[s11], %[s12], %[s13]
    htf_copy_all %[s20], %[s21], %[s22], %[s23]
    htf_copy_all %[s30], %[s31], %[s32], %[s33]
  .endif
1:
  .if %c[pixels] > 1
    ldp %[from0], %[from1], [%[starts]]
    ldp %[from2], %[from3], [%[starts], #16]
    ldr %[left], [%[offset]], #8
    add %[from1], %[from1], %[left], lsl #2
    add %[from2], %[from2], %[left], lsl #2
    add %[from3], %[from3], %[left], lsl #2
  .else
    ldr %[from0], [%[starts]]
    ldr %[left], [%[offset]], #8
  .endif
  add %[from0], %[from0], %[left], lsl #2
  subs %w[left], %w[length], #8
  b.lt 3f
2:
  ldp q8, q9, [%[from0]], #32
  .if %c[pixels] > 1
    ldp q10, q11, [%[from1]], #32
    ldp q12, q13, [%[from2]], #32
    ldp q14, q15, [%[from3]], #32
  .endif
  htf_four_steps v8, v10, v12, v14
  htf_four_steps v9, v11, v13, v15
  subs %w[left], %w[left], #8
  b.ge 2b
3:
  tbz %w[left], #2, 4f
  ldr q8, [%[from0]], #16
  .if %c[pixels] > 1
    ldr q10, [%[from1]], #16
    ldr q12, [%[from2]], #16
    ldr q14, [%[from3]], #16
  .endif
  htf_four_steps v8, v10, v12, v14
4:
  ands %w[left], %w[left], #3
  b.eq 6f
5:
  ldr s8, [%[from0]], #4
  .if %c[pixels] > 1
    ldr s10, [%[from1]], #4
    ldr s12, [%[from2]], #4
    ldr s14, [%[from3]], #4
  .endif
  htf_step v8, v10, v12, v14, 0
  subs %w[left], %w[left], #1
  b.gt 5b
6:
  cmp %[offset], %[end]
  b.ne 1b
.irp name, step_of_pixel, step, four_steps, copy, copy_all
  .purgem htf_\name
.endr
)"
          : [s00] "=&w"(sums[0][0]), [s01] "=&w"(sums[0][1]), [s02] "=&w"(sums[0][2]), [s03] "=&w"(sums[0][3]),
            [s10] "=&w"(second[0]), [s11] "=&w"(second[1]), [s12] "=&w"(second[2]), [s13] "=&w"(second[3]),
            [s20] "=&w"(third[0]), [s21] "=&w"(third[1]), [s22] "=&w"(third[2]), [s23] "=&w"(third[3]),
            [s30] "=&w"(fourth[0]), [s31] "=&w"(fourth[1]), [s32] "=&w"(fourth[2]), [s33] "=&w"(fourth[3]),
            [offset] "+r"(offset), [weights] "+r"(weights), [from0] "=&r"(from0), [from1] "=&r"(from1),
            [from2] "=&r"(from2), [from3] "=&r"(from3), [left] "=&r"(left)
          : [starts] "r"(starts), [end] "r"(end), [length] "r"(window.segment_length), [biases] "r"(biases),
            [pixels] "i"(P)
          : "memory", "cc", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19");
  // clang-format on
}

}  // namespace
}  // namespace hybrid_tf
