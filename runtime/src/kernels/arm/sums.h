// The inner loop of the binary convolution for NEON, which kernels/arm/bconv.h explains: in assembly, as compilers do
// not keep it in the 32 registers.
#pragma once

#include <arm_neon.h>

#include "kernels/arm/pixels.h"

namespace hybrid_tf {
namespace {

// The sums of products of P pixels (1 to 3) and a block of 16 channels. kDot: with dot products. `inputs` are
// [P][words], in pairs; `runs` says which of the `weights` they belong to. A sum starts with a number for the channel,
// of `starts`, and one for the pixel, of `pixel_starts`. Only a whole window may have words beyond fours.
//
//   v8 to v19   four words of each pixel, each in all lanes
//   v20 to v23  four words of the weights
//   v24, v25    intermediate results
//   v31         with dot products, what bytes are multiplied by: 4
//
// The operands s00 to s23 are the sums. With dot products they are complete at once. Without, they are of 16 bits, and
// multiplied by 4 at the end. kRaw: they stay as they are, two sums of 16 bits for each channel, without a start.
template <bool kDot, int P, bool kRaw = false>
inline void sum_tile(const uint32_t* inputs, int32_t words, const NeonRun* runs, int32_t run_count,
                     const uint32_t* weights, const int32_t* starts, const int32_t* pixel_starts,
                     int32x4_t (&sums)[P][4]) {
  const uint32_t* from0 = inputs;
  const uint32_t* from1 = inputs + words;
  const uint32_t* from2 = inputs + 2 * words;
  const NeonRun* const runs_end = runs + run_count;
  const uint32_t* row;
  int64_t count;
  int32x4_t unused[4];
  int32x4_t(&second)[4] = P > 1 ? sums[P > 1] : unused;
  int32x4_t(&third)[4] = P > 2 ? sums[P > 2 ? 2 : 0] : unused;
  // clang-format off
  __asm__(R"(
.if %c[kind] == 1
  .arch armv8.2-a+dotprod
.endif

.macro htf_start s0, s1, s2, s3
  ld1r {v24.4s}, [%[pixel_starts]], #4
  .if %c[kind] == 1
    add \s0\().4s, v20.4s, v24.4s
    add \s1\().4s, v21.4s, v24.4s
    add \s2\().4s, v22.4s, v24.4s
    add \s3\().4s, v23.4s, v24.4s
  .else
    uaddlp \s0\().4s, \s0\().8h
    uaddlp \s1\().4s, \s1\().8h
    uaddlp \s2\().4s, \s2\().8h
    uaddlp \s3\().4s, \s3\().8h
    shl \s0\().4s, \s0\().4s, #2
    shl \s1\().4s, \s1\().4s, #2
    shl \s2\().4s, \s2\().4s, #2
    shl \s3\().4s, \s3\().4s, #2
    add \s0\().4s, \s0\().4s, v20.4s
    add \s1\().4s, \s1\().4s, v21.4s
    add \s2\().4s, \s2\().4s, v22.4s
    add \s3\().4s, \s3\().4s, v23.4s
    add \s0\().4s, \s0\().4s, v24.4s
    add \s1\().4s, \s1\().4s, v24.4s
    add \s2\().4s, \s2\().4s, v24.4s
    add \s3\().4s, \s3\().4s, v24.4s
  .endif
.endm

.macro htf_start_all
  ld1 {v20.4s, v21.4s, v22.4s, v23.4s}, [%[starts]]
  htf_start %[s00], %[s01], %[s02], %[s03]
  .if %c[pixels] > 1
    htf_start %[s10], %[s11], %[s12], %[s13]
  .endif
  .if %c[pixels] > 2
    htf_start %[s20], %[s21], %[s22], %[s23]
  .endif
.endm

.macro htf_clear s0, s1, s2, s3
  movi \s0\().2d, #0
  movi \s1\().2d, #0
  movi \s2\().2d, #0
  movi \s3\().2d, #0
.endm

.macro htf_add sum, bytes
  .if %c[kind] == 1
    udot \sum\().4s, \bytes\().16b, v31.16b
  .else
    uadalp \sum\().8h, \bytes\().16b
  .endif
.endm

.macro htf_quad x0, x1, x2, x3, sum
  eor v24.16b, \x0\().16b, v20.16b
  eor v25.16b, \x2\().16b, v22.16b
  bsl v24.16b, \x1\().16b, v21.16b
  bsl v25.16b, \x3\().16b, v23.16b
  cnt v24.16b, v24.16b
  cnt v25.16b, v25.16b
  add v24.16b, v24.16b, v25.16b
  htf_add \sum, v24
.endm

.macro htf_quad_of_vector s0, s1, s2
  ld1 {v20.4s, v21.4s, v22.4s, v23.4s}, [%[row]], #64
  htf_quad v8, v9, v10, v11, \s0
  .if %c[pixels] > 1
    htf_quad v12, v13, v14, v15, \s1
  .endif
  .if %c[pixels] > 2
    htf_quad v16, v17, v18, v19, \s2
  .endif
.endm

.macro htf_quad_of_tile
  ld4r {v8.4s, v9.4s, v10.4s, v11.4s}, [%[from0]], #16
  .if %c[pixels] > 1
    ld4r {v12.4s, v13.4s, v14.4s, v15.4s}, [%[from1]], #16
  .endif
  .if %c[pixels] > 2
    ld4r {v16.4s, v17.4s, v18.4s, v19.4s}, [%[from2]], #16
  .endif
  htf_quad_of_vector %[s00], %[s10], %[s20]
  htf_quad_of_vector %[s01], %[s11], %[s21]
  htf_quad_of_vector %[s02], %[s12], %[s22]
  htf_quad_of_vector %[s03], %[s13], %[s23]
.endm

.macro htf_pair x0, x1, w0, w1, sum
  eor v24.16b, \x0\().16b, \w0\().16b
  bsl v24.16b, \x1\().16b, \w1\().16b
  cnt v24.16b, v24.16b
  htf_add \sum, v24
.endm

.macro htf_pair_of_pixel x0, x1, s0, s1, s2, s3
  htf_pair \x0, \x1, v20, v14, \s0
  htf_pair \x0, \x1, v21, v15, \s1
  htf_pair \x0, \x1, v22, v16, \s2
  htf_pair \x0, \x1, v23, v17, \s3
.endm

  .if %c[kind] == 1
    movi v31.16b, #4
    htf_start_all
  .else
    htf_clear %[s00], %[s01], %[s02], %[s03]
    .if %c[pixels] > 1
      htf_clear %[s10], %[s11], %[s12], %[s13]
    .endif
    .if %c[pixels] > 2
      htf_clear %[s20], %[s21], %[s22], %[s23]
    .endif
  .endif
  cmp %[runs], %[runs_end]
  b.eq 5f
1:
  // Two fours of words a round; with an odd number of them, the first round starts in the middle.
  ldrsw %[row], [%[runs]], #4
  ldrsw %[count], [%[runs]], #4
  add %[row], %[weights], %[row], lsl #6
  tbnz %w[count], #2, 3f
  cmp %w[count], #4
  b.lt 4f
2:
  htf_quad_of_tile
3:
  htf_quad_of_tile
  sub %w[count], %w[count], #8
  cmp %w[count], #4
  b.ge 2b
4:
  cmp %[runs], %[runs_end]
  b.ne 1b
  tbz %w[words], #1, 5f
  ld1 {v20.4s, v21.4s, v22.4s, v23.4s}, [%[row]], #64
  ld1 {v14.4s, v15.4s, v16.4s, v17.4s}, [%[row]]
  ld2r {v8.4s, v9.4s}, [%[from0]]
  htf_pair_of_pixel v8, v9, %[s00], %[s01], %[s02], %[s03]
  .if %c[pixels] > 1
    ld2r {v10.4s, v11.4s}, [%[from1]]
    htf_pair_of_pixel v10, v11, %[s10], %[s11], %[s12], %[s13]
  .endif
  .if %c[pixels] > 2
    ld2r {v12.4s, v13.4s}, [%[from2]]
    htf_pair_of_pixel v12, v13, %[s20], %[s21], %[s22], %[s23]
  .endif
5:
  .if %c[kind] == 0
    htf_start_all
  .endif
.irp name, start, start_all, clear, add, quad, quad_of_vector, quad_of_tile, pair, pair_of_pixel
  .purgem htf_\name
.endr
)"
          : [s00] "=&w"(sums[0][0]), [s01] "=&w"(sums[0][1]), [s02] "=&w"(sums[0][2]), [s03] "=&w"(sums[0][3]),
            [s10] "=&w"(second[0]), [s11] "=&w"(second[1]), [s12] "=&w"(second[2]), [s13] "=&w"(second[3]),
            [s20] "=&w"(third[0]), [s21] "=&w"(third[1]), [s22] "=&w"(third[2]), [s23] "=&w"(third[3]),
            [from0] "+r"(from0), [from1] "+r"(from1), [from2] "+r"(from2), [runs] "+r"(runs),
            [row] "=&r"(row), [count] "=&r"(count), [pixel_starts] "+r"(pixel_starts)
          : [runs_end] "r"(runs_end), [words] "r"(words), [weights] "r"(weights), [starts] "r"(starts),
            [kind] "i"(kDot ? 1 : kRaw ? 2 : 0), [pixels] "i"(P)
          : "memory", "cc", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
            "v21", "v22", "v23", "v24", "v25", "v31");
  // clang-format on
}

}  // namespace
}  // namespace hybrid_tf
