// The inner loop of the binary convolution for NEON, which neon_bconv_impl.h explains: in assembly, as compilers do not
// keep it in the 32 registers.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace hybrid_tf {
namespace {

// start - 2 * (sum of the differences of the words) - 64, for one or two pixels (P) and a block of 16 channels.
// kDot: with dot products. `parities` are [P][words]; `weights` are as prepare_weights() leaves them. Where zeros are
// counted instead of falls, `start` must make up for them: for every 4 words and for a single word, 128.
//
//   v8 to v15   the parity so far, of two pixels x four vectors; the operands s00 to s13 are their sums
//   v16 to v23  parities of the input, each in all lanes
//   v24 to v27  parities of the weights
//   v28 to v30  intermediate results
//   v31         with dot products what bytes are multiplied by, else `start`
//
// With dot products, sums are complete at once. Without, they are of 16 bits, and multiplied by 4 at the end.
template <bool kDot, int P>
inline void sum_tile(const uint32_t* parities, int32_t words, const uint32_t* weights, int32_t start,
                     int32x4_t (&sums)[P][4]) {
  const uint32_t* from0 = parities;
  const uint32_t* from1 = parities + words;
  int32_t quads = words / 4;
  int32x4_t unused[4];
  int32x4_t(&second)[4] = P == 2 ? sums[P - 1] : unused;
  __asm__(R"(
.if %c[dot]
  .arch armv8.2-a+dotprod
.endif

.macro htf_clear sum, parity
  .if %c[dot]
    dup \sum\().4s, %w[start]
  .else
    movi \sum\().2d, #0
  .endif
  movi \parity\().2d, #0
.endm

.macro htf_add sum, bytes
  .if %c[dot]
    sdot \sum\().4s, \bytes\().16b, v31.16b
  .else
    sadalp \sum\().8h, \bytes\().16b
  .endif
.endm

.macro htf_add_last sum, bytes
  .if %c[dot]
    sdot \sum\().4s, \bytes\().16b, v31.16b
  .else
    add \sum\().8h, \sum\().8h, \sum\().8h
    sadalp \sum\().8h, \bytes\().16b
    add \sum\().8h, \sum\().8h, \sum\().8h
    saddlp \sum\().4s, \sum\().8h
    add \sum\().4s, \sum\().4s, v31.4s
  .endif
.endm

// Four words. The second parity of the weights is inverted, and so are the falls of the last two words.
.macro htf_quad x0, x1, x2, x3, sum, parity
  eor v28.16b, \x0\().16b, v24.16b
  eor v29.16b, \x1\().16b, v25.16b
  eor v30.16b, \x2\().16b, v26.16b
  bsl v28.16b, v29.16b, \parity\().16b
  eor \parity\().16b, \x3\().16b, v27.16b
  bsl v30.16b, \parity\().16b, v29.16b
  cnt v28.16b, v28.16b
  cnt v30.16b, v30.16b
  sub v30.16b, v30.16b, v28.16b
  htf_add \sum, v30
.endm

// One word, its falls inverted.
.macro htf_word x, w, sum, parity
  eor v28.16b, \x\().16b, \w\().16b
  orn v29.16b, v28.16b, \parity\().16b
  eor \parity\().16b, \x\().16b, \w\().16b
  cnt v29.16b, v29.16b
  htf_add \sum, v29
.endm

// The last two words, of which the second parity is inverted, and the end.
.macro htf_pair x0, x1, w0, w1, sum, parity
  eor v28.16b, \x0\().16b, \w0\().16b
  eor v29.16b, \x1\().16b, \w1\().16b
  bsl v28.16b, v29.16b, \parity\().16b
  cnt v29.16b, v29.16b
  cnt v28.16b, v28.16b
  sub v29.16b, v29.16b, v28.16b
  sub v29.16b, v29.16b, v28.16b
  htf_add_last \sum, v29
.endm

.macro htf_last sum, parity
  mvn \parity\().16b, \parity\().16b
  cnt \parity\().16b, \parity\().16b
  htf_add_last \sum, \parity
.endm

.macro htf_quad_of_vector s0, s1, parity0, parity1
  ld1 {v24.4s, v25.4s, v26.4s, v27.4s}, [%[weights]], #64
  htf_quad v16, v17, v18, v19, \s0, \parity0
  .if %c[pixels] == 2
    htf_quad v20, v21, v22, v23, \s1, \parity1
  .endif
.endm

.macro htf_quad_of_tile
  ld4r {v16.4s, v17.4s, v18.4s, v19.4s}, [%[from0]], #16
  .if %c[pixels] == 2
    ld4r {v20.4s, v21.4s, v22.4s, v23.4s}, [%[from1]], #16
  .endif
  htf_quad_of_vector %[s00], %[s10], v8, v12
  htf_quad_of_vector %[s01], %[s11], v9, v13
  htf_quad_of_vector %[s02], %[s12], v10, v14
  htf_quad_of_vector %[s03], %[s13], v11, v15
.endm

  htf_clear %[s00], v8
  htf_clear %[s01], v9
  htf_clear %[s02], v10
  htf_clear %[s03], v11
  .if %c[pixels] == 2
    htf_clear %[s10], v12
    htf_clear %[s11], v13
    htf_clear %[s12], v14
    htf_clear %[s13], v15
  .endif
  .if %c[dot]
    movi v31.16b, #4
  .else
    dup v31.4s, %w[start]
  .endif

  // Two quads a round; with an odd number of them, the first round starts in the middle.
  cbz %w[quads], 3f
  tbnz %w[quads], #0, 2f
1:
  htf_quad_of_tile
2:
  htf_quad_of_tile
  subs %w[quads], %w[quads], #2
  b.gt 1b
3:
  tbz %w[words], #0, 4f
  ld1 {v24.4s, v25.4s, v26.4s, v27.4s}, [%[weights]], #64
  ld1r {v16.4s}, [%[from0]], #4
  htf_word v16, v24, %[s00], v8
  htf_word v16, v25, %[s01], v9
  htf_word v16, v26, %[s02], v10
  htf_word v16, v27, %[s03], v11
  .if %c[pixels] == 2
    ld1r {v17.4s}, [%[from1]], #4
    htf_word v17, v24, %[s10], v12
    htf_word v17, v25, %[s11], v13
    htf_word v17, v26, %[s12], v14
    htf_word v17, v27, %[s13], v15
  .endif
4:
  .if %c[dot]
    movi v31.16b, #2
  .endif
  tbz %w[words], #1, 5f
  ld1 {v24.4s, v25.4s, v26.4s, v27.4s}, [%[weights]], #64
  ld1 {v20.4s, v21.4s, v22.4s, v23.4s}, [%[weights]]
  ld2r {v16.4s, v17.4s}, [%[from0]]
  htf_pair v16, v17, v24, v20, %[s00], v8
  htf_pair v16, v17, v25, v21, %[s01], v9
  htf_pair v16, v17, v26, v22, %[s02], v10
  htf_pair v16, v17, v27, v23, %[s03], v11
  .if %c[pixels] == 2
    ld2r {v18.4s, v19.4s}, [%[from1]]
    htf_pair v18, v19, v24, v20, %[s10], v12
    htf_pair v18, v19, v25, v21, %[s11], v13
    htf_pair v18, v19, v26, v22, %[s12], v14
    htf_pair v18, v19, v27, v23, %[s13], v15
  .endif
  b 6f
5:
  htf_last %[s00], v8
  htf_last %[s01], v9
  htf_last %[s02], v10
  htf_last %[s03], v11
  .if %c[pixels] == 2
    htf_last %[s10], v12
    htf_last %[s11], v13
    htf_last %[s12], v14
    htf_last %[s13], v15
  .endif
6:
.purgem htf_clear
.purgem htf_add
.purgem htf_add_last
.purgem htf_quad
.purgem htf_word
.purgem htf_pair
.purgem htf_last
.purgem htf_quad_of_vector
.purgem htf_quad_of_tile
)"
          : [s00] "=&w"(sums[0][0]), [s01] "=&w"(sums[0][1]), [s02] "=&w"(sums[0][2]), [s03] "=&w"(sums[0][3]),
            [s10] "=&w"(second[0]), [s11] "=&w"(second[1]), [s12] "=&w"(second[2]), [s13] "=&w"(second[3]),
            [from0] "+r"(from0), [from1] "+r"(from1), [weights] "+r"(weights), [quads] "+r"(quads)
          : [words] "r"(words), [start] "r"(start), [dot] "i"(kDot), [pixels] "i"(P)
          : "memory", "cc", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
            "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

}  // namespace
}  // namespace hybrid_tf
