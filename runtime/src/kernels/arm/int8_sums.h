// The inner loops of the int8 convolution for NEON, without dot products and with them, in assembly for the same reason
// as kernels/arm/sums.h.
#pragma once

#include <arm_neon.h>

#include "kernels/kernels.h"

namespace hybrid_tf {
namespace {

// The sums of C vectors of channels, 2 or 4, for P pixels, whose windows start at `starts`: 1, 4, or 8 for 2 vectors.
// Two inputs are multiplied with the weights of eight channels; two such products are added as shorts if kNarrow, where
// they fit. The last two inputs of a run of odd length begin with one that had its turn, and whose weights there are 0.
// Of runs of one input the next one is read, too.
//
//   x8 to x15    the inputs of each pixel
//   x16, x17     how many inputs are left in the run; how far the second two lie from the first
//   v16 to v19   weights: of the first two, and of the second two
//   v20 to v25   inputs and their products
//
// The operands s0 to s15 are the sums, [P][C].
template <int P, int C, bool kNarrow>
__attribute__((always_inline)) inline void int8_sum_tile(const Window& window, const int8_t* const* starts,
                                                         const int8_t* weights, const int32_t* biases,
                                                         int32x4_t (&sums)[P][C]) {
  const ptrdiff_t* offset = window.segment_offsets;
  const ptrdiff_t* const end = offset + window.segments;
  constexpr int kSums = P * C;
  int32x4_t s[16];
  // clang-format off
  __asm__(R"(
.macro htf_start s0, s1, s2, s3
  mov \s0\().16b, v16.16b
  mov \s1\().16b, v17.16b
  .if %c[vectors] > 2
    mov \s2\().16b, v18.16b
    mov \s3\().16b, v19.16b
  .else
    mov \s2\().16b, v16.16b
    mov \s3\().16b, v17.16b
  .endif
.endm

.macro htf_products in, weights, s0, s1
  smull v22.8h, \in\().8b, \weights\().8b
  smull2 v23.8h, \in\().16b, \weights\().16b
  sadalp \s0\().4s, v22.8h
  sadalp \s1\().4s, v23.8h
.endm

.macro htf_two_products first, second, s0, s1
  .if %c[narrow]
    smull v22.8h, v20.8b, \first\().8b
    smull2 v23.8h, v20.16b, \first\().16b
    smlal v22.8h, v21.8b, \second\().8b
    smlal2 v23.8h, v21.16b, \second\().16b
    sadalp \s0\().4s, v22.8h
    sadalp \s1\().4s, v23.8h
  .else
    htf_products v20, \first, \s0, \s1
    htf_products v21, \second, \s0, \s1
  .endif
.endm

.macro htf_two from, s0, s1, s2=none, s3=none
  ld1r {v20.8h}, [\from], x17
  ld1r {v21.8h}, [\from], #2
  htf_two_products v16, v18, \s0, \s1
  .if %c[vectors] > 2
    htf_two_products v17, v19, \s2, \s3
  .endif
.endm

.macro htf_one from, s0, s1, s2=none, s3=none
  ld1r {v20.8h}, [\from]
  htf_products v20, v16, \s0, \s1
  .if %c[vectors] > 2
    htf_products v20, v17, \s2, \s3
  .endif
.endm

.macro htf_pixels step
  .if %c[vectors] > 2
    \step x8, %[s0], %[s1], %[s2], %[s3]
    .if %c[pixels] > 1
      \step x9, %[s4], %[s5], %[s6], %[s7]
      \step x10, %[s8], %[s9], %[s10], %[s11]
      \step x11, %[s12], %[s13], %[s14], %[s15]
    .endif
  .else
    \step x8, %[s0], %[s1]
    .if %c[pixels] > 1
      \step x9, %[s2], %[s3]
      \step x10, %[s4], %[s5]
      \step x11, %[s6], %[s7]
      \step x12, %[s8], %[s9]
      \step x13, %[s10], %[s11]
      \step x14, %[s12], %[s13]
      \step x15, %[s14], %[s15]
    .endif
  .endif
.endm

.macro htf_move register
  add \register, \register, x16
.endm

.macro htf_twos
  .if %c[vectors] > 2
    ldp q16, q17, [%[weights]], #32
    ldp q18, q19, [%[weights]], #32
  .else
    ldr q16, [%[weights]], #32
    ldr q18, [%[weights]], #32
  .endif
  htf_pixels htf_two
.endm

  ldp q16, q17, [%[biases]]
  .if %c[vectors] > 2
    ldp q18, q19, [%[biases], #32]
  .endif
  htf_start %[s0], %[s1], %[s2], %[s3]
  .if %c[pixels] > 1
    htf_start %[s4], %[s5], %[s6], %[s7]
    htf_start %[s8], %[s9], %[s10], %[s11]
    htf_start %[s12], %[s13], %[s14], %[s15]
  .endif
1:
  ldr x16, [%[offset]], #8
  .if %c[pixels] > 1
    ldp x8, x9, [%[starts]]
    ldp x10, x11, [%[starts], #16]
    .irp register, x8, x9, x10, x11
      htf_move \register
    .endr
    .if %c[pixels] > 4
      ldp x12, x13, [%[starts], #32]
      ldp x14, x15, [%[starts], #48]
      .irp register, x12, x13, x14, x15
        htf_move \register
      .endr
    .endif
  .else
    ldr x8, [%[starts]]
    htf_move x8
  .endif
  mov x17, #2
  subs w16, %w[length], #4
  b.lt 3f
2:
  htf_twos
  subs w16, w16, #4
  b.ge 2b
3:
  adds w16, w16, #4
  b.eq 5f
  cmp w16, #2
  b.le 4f
  mov x17, #1
  htf_twos
  b 5f
4:
  b.eq 6f
  cmp %w[length], #1
  b.eq 6f
  .irp register, x8, x9, x10, x11, x12, x13, x14, x15
    sub \register, \register, #1
  .endr
6:
  ldp q16, q17, [%[weights]], #32
  htf_pixels htf_one
5:
  cmp %[offset], %[end]
  b.ne 1b
.irp name, start, products, two_products, two, one, pixels, move, twos
  .purgem htf_\name
.endr
)"
          : [s0] "=&w"(s[0]), [s1] "=&w"(s[1]), [s2] "=&w"(s[2]), [s3] "=&w"(s[3]), [s4] "=&w"(s[4]),
            [s5] "=&w"(s[5]), [s6] "=&w"(s[6]), [s7] "=&w"(s[7]), [s8] "=&w"(s[8]), [s9] "=&w"(s[9]),
            [s10] "=&w"(s[10]), [s11] "=&w"(s[11]), [s12] "=&w"(s[12]), [s13] "=&w"(s[13]), [s14] "=&w"(s[14]),
            [s15] "=&w"(s[15]), [offset] "+r"(offset), [weights] "+r"(weights)
          : [starts] "r"(starts), [end] "r"(end), [length] "r"(window.segment_length), [biases] "r"(biases),
            [pixels] "i"(P), [vectors] "i"(C), [narrow] "i"(kNarrow)
          : "memory", "cc", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "v16", "v17", "v18",
            "v19", "v20", "v21", "v22", "v23", "v24", "v25");
  // clang-format on
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) sums[i / C][i % C] = s[i];
}

// The same with dot products of four inputs; the last four of a run begin with some that had their turn, if its length
// is no multiple of four. Of runs shorter than four what follows is read, too.
//
//   x8 to x15, x16  as above
//   v16 to v19      weights
//   v20 to v27      inputs
template <int P, int C>
__attribute__((always_inline)) inline void int8_dot_tile(const Window& window, const int8_t* const* starts,
                                                         const int8_t* weights, const int32_t* biases,
                                                         int32x4_t (&sums)[P][C]) {
  const ptrdiff_t* offset = window.segment_offsets;
  const ptrdiff_t* const end = offset + window.segments;
  constexpr int kSums = P * C;
  int32x4_t s[16];
  // clang-format off
  __asm__(R"(
.arch armv8.2-a+dotprod
.macro htf_start s0, s1, s2, s3
  mov \s0\().16b, v16.16b
  mov \s1\().16b, v17.16b
  .if %c[vectors] > 2
    mov \s2\().16b, v18.16b
    mov \s3\().16b, v19.16b
  .else
    mov \s2\().16b, v16.16b
    mov \s3\().16b, v17.16b
  .endif
.endm

.macro htf_dot in, four, s0, s1, s2=none, s3=none
  sdot \s0\().4s, v16.16b, \in\().4b[\four]
  sdot \s1\().4s, v17.16b, \in\().4b[\four]
  .if %c[vectors] > 2
    sdot \s2\().4s, v18.16b, \in\().4b[\four]
    sdot \s3\().4s, v19.16b, \in\().4b[\four]
  .endif
.endm

.macro htf_four four
  .if %c[vectors] > 2
    ldp q16, q17, [%[weights]], #32
    ldp q18, q19, [%[weights]], #32
    htf_dot v20, \four, %[s0], %[s1], %[s2], %[s3]
    .if %c[pixels] > 1
      htf_dot v21, \four, %[s4], %[s5], %[s6], %[s7]
      htf_dot v22, \four, %[s8], %[s9], %[s10], %[s11]
      htf_dot v23, \four, %[s12], %[s13], %[s14], %[s15]
    .endif
  .else
    ldp q16, q17, [%[weights]], #64
    htf_dot v20, \four, %[s0], %[s1]
    .if %c[pixels] > 1
      htf_dot v21, \four, %[s2], %[s3]
      htf_dot v22, \four, %[s4], %[s5]
      htf_dot v23, \four, %[s6], %[s7]
      htf_dot v24, \four, %[s8], %[s9]
      htf_dot v25, \four, %[s10], %[s11]
      htf_dot v26, \four, %[s12], %[s13]
      htf_dot v27, \four, %[s14], %[s15]
    .endif
  .endif
.endm

.macro htf_load kind, bytes
  ldr \kind\()20, [x8], \bytes
  .if %c[pixels] > 1
    ldr \kind\()21, [x9], \bytes
    ldr \kind\()22, [x10], \bytes
    ldr \kind\()23, [x11], \bytes
    .if %c[pixels] > 4
      ldr \kind\()24, [x12], \bytes
      ldr \kind\()25, [x13], \bytes
      ldr \kind\()26, [x14], \bytes
      ldr \kind\()27, [x15], \bytes
    .endif
  .endif
.endm

.macro htf_move by
  add x8, x8, \by
  .if %c[pixels] > 1
    .irp register, x9, x10, x11
      add \register, \register, \by
    .endr
    .if %c[pixels] > 4
      .irp register, x12, x13, x14, x15
        add \register, \register, \by
      .endr
    .endif
  .endif
.endm

  ldp q16, q17, [%[biases]]
  .if %c[vectors] > 2
    ldp q18, q19, [%[biases], #32]
  .endif
  htf_start %[s0], %[s1], %[s2], %[s3]
  .if %c[pixels] > 1
    htf_start %[s4], %[s5], %[s6], %[s7]
    htf_start %[s8], %[s9], %[s10], %[s11]
    htf_start %[s12], %[s13], %[s14], %[s15]
  .endif
1:
  ldr x16, [%[offset]], #8
  .if %c[pixels] > 1
    ldp x8, x9, [%[starts]]
    ldp x10, x11, [%[starts], #16]
    .if %c[pixels] > 4
      ldp x12, x13, [%[starts], #32]
      ldp x14, x15, [%[starts], #48]
    .endif
  .else
    ldr x8, [%[starts]]
  .endif
  htf_move x16
  subs w16, %w[length], #16
  b.lt 3f
2:
  htf_load q, #16
  htf_four 0
  htf_four 1
  htf_four 2
  htf_four 3
  subs w16, w16, #16
  b.ge 2b
3:
  adds w16, w16, #12
  b.lt 5f
4:
  htf_load s, #4
  htf_four 0
  subs w16, w16, #4
  b.ge 4b
5:
  adds w16, w16, #4
  b.eq 7f
  cmp %w[length], #4
  b.lt 6f
  sub x16, x16, #4
  htf_move x16
6:
  htf_load s, #4
  htf_four 0
7:
  cmp %[offset], %[end]
  b.ne 1b
.irp name, start, dot, four, load, move
  .purgem htf_\name
.endr
)"
          : [s0] "=&w"(s[0]), [s1] "=&w"(s[1]), [s2] "=&w"(s[2]), [s3] "=&w"(s[3]), [s4] "=&w"(s[4]),
            [s5] "=&w"(s[5]), [s6] "=&w"(s[6]), [s7] "=&w"(s[7]), [s8] "=&w"(s[8]), [s9] "=&w"(s[9]),
            [s10] "=&w"(s[10]), [s11] "=&w"(s[11]), [s12] "=&w"(s[12]), [s13] "=&w"(s[13]), [s14] "=&w"(s[14]),
            [s15] "=&w"(s[15]), [offset] "+r"(offset), [weights] "+r"(weights)
          : [starts] "r"(starts), [end] "r"(end), [length] "r"(window.segment_length), [biases] "r"(biases),
            [pixels] "i"(P), [vectors] "i"(C)
          : "memory", "cc", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "v16", "v17", "v18", "v19",
            "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27");
  // clang-format on
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) sums[i / C][i % C] = s[i];
}

// The sums of one pixel for runs shorter than a group of weights, of whose inputs nothing else may be read.
template <int kGroup, int C>
inline void int8_short_runs(const Window& window, const int8_t* start, const int8_t* weights, const int32_t* biases,
                            int32x4_t (&sums)[1][C]) {
  for (int c = 0; c < C; ++c) {
    int32_t lanes[4];
    for (int lane = 0; lane < 4; ++lane) {
      lanes[lane] = biases[4 * c + lane];
      for (int32_t s = 0; s < window.segments; ++s) {
        const int8_t* weight = weights + (s * 16 + 4 * c + lane) * kGroup;
        const int8_t* input = start + window.segment_offsets[s];
        for (int32_t i = 0; i < window.segment_length; ++i) lanes[lane] += input[i] * weight[i];
      }
    }
    sums[0][c] = vld1q_s32(lanes);
  }
}

}  // namespace
}  // namespace hybrid_tf
