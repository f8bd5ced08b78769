// The inner loop of the binary convolution for NEON, see neon_bconv_impl.h: in assembly, as compilers do not keep all
// of it in the 32 registers.
//
//   v16 to v23  four parities of the input in every lane, of two pixels
//   v24 to v27  four parities of the weights of four channels, which are used for both pixels
//   v28 to v30  intermediate results
//   the others  the falls so far and the last parity, of two pixels x four vectors; for dot products a constant
#pragma once

#include <arm_neon.h>

#include <cstdint>

// One pixel and one vector: x0 to x3 against v24 to v27. ADD(falls) adds v30, bytes, to the falls.
#define HYBRID_TF_WORDS(ADD, x0, x1, x2, x3, falls, parity) \
  "eor v28.16b, " x0 ".16b, v24.16b\n"                      \
  "eor v29.16b, " x1 ".16b, v25.16b\n"                      \
  "eor v30.16b, " x2 ".16b, v26.16b\n"                      \
  "bsl v28.16b, v29.16b, " parity ".16b\n"                  \
  "eor " parity ".16b, " x3 ".16b, v27.16b\n"               \
  "bsl v30.16b, " parity ".16b, v29.16b\n"                  \
  "cnt v28.16b, v28.16b\n"                                  \
  "cnt v30.16b, v30.16b\n"                                  \
  "sub v30.16b, v30.16b, v28.16b\n" ADD(falls)

#define HYBRID_TF_WEIGHTS "ld1 {v24.4s, v25.4s, v26.4s, v27.4s}, [%[weights]], #64\n"
#define HYBRID_TF_FIRST(ADD, c) \
  HYBRID_TF_WORDS(ADD, "v16", "v17", "v18", "v19", "%[falls0" #c "]", "%[parity0" #c "]")
#define HYBRID_TF_SECOND(ADD, c) \
  HYBRID_TF_WORDS(ADD, "v20", "v21", "v22", "v23", "%[falls1" #c "]", "%[parity1" #c "]")
#define HYBRID_TF_LOAD_FIRST "ld4r {v16.4s, v17.4s, v18.4s, v19.4s}, [%[from0]], #16\n"
#define HYBRID_TF_LOAD_SECOND "ld4r {v20.4s, v21.4s, v22.4s, v23.4s}, [%[from1]], #16\n"

#define HYBRID_TF_QUAD_1(ADD)                                                                                  \
  HYBRID_TF_LOAD_FIRST HYBRID_TF_WEIGHTS HYBRID_TF_FIRST(ADD, 0) HYBRID_TF_WEIGHTS HYBRID_TF_FIRST(ADD, 1)     \
      HYBRID_TF_WEIGHTS HYBRID_TF_FIRST(ADD, 2) HYBRID_TF_WEIGHTS HYBRID_TF_FIRST(ADD, 3)
#define HYBRID_TF_QUAD_2(ADD)                                                                      \
  HYBRID_TF_LOAD_FIRST HYBRID_TF_LOAD_SECOND HYBRID_TF_WEIGHTS HYBRID_TF_FIRST(ADD, 0)             \
      HYBRID_TF_SECOND(ADD, 0) HYBRID_TF_WEIGHTS HYBRID_TF_FIRST(ADD, 1) HYBRID_TF_SECOND(ADD, 1)  \
          HYBRID_TF_WEIGHTS HYBRID_TF_FIRST(ADD, 2) HYBRID_TF_SECOND(ADD, 2) HYBRID_TF_WEIGHTS     \
              HYBRID_TF_FIRST(ADD, 3) HYBRID_TF_SECOND(ADD, 3)

#define HYBRID_TF_CLEAR(p, c) "movi %[falls" #p #c "].2d, #0\n movi %[parity" #p #c "].2d, #0\n"
#define HYBRID_TF_CLEAR_PIXEL(p) HYBRID_TF_CLEAR(p, 0) HYBRID_TF_CLEAR(p, 1) HYBRID_TF_CLEAR(p, 2) HYBRID_TF_CLEAR(p, 3)

// Two quads a round. With an odd number of them, the first round is entered in its middle.
#define HYBRID_TF_LOOP(QUAD) \
  "cbz %w[quads], 3f\n"      \
  "tbnz %w[quads], #0, 2f\n" \
  "1:\n" QUAD "2:\n" QUAD    \
  "subs %w[quads], %w[quads], #2\n" \
  "b.gt 1b\n"                \
  "3:\n"

#define HYBRID_TF_SUMS(p, c) [falls##p##c] "=&w"(falls[p][c]), [parity##p##c] "=&w"(parity[p][c])
#define HYBRID_TF_PIXEL_SUMS(p) HYBRID_TF_SUMS(p, 0), HYBRID_TF_SUMS(p, 1), HYBRID_TF_SUMS(p, 2), HYBRID_TF_SUMS(p, 3)
#define HYBRID_TF_POINTERS [weights] "+r"(weights), [quads] "+r"(quads)
#define HYBRID_TF_CLOBBERED \
  "memory", "cc", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v16", "v17", "v18", "v19"

#define HYBRID_TF_SUM_QUADS_1(ADD, CONSTANT)                                                     \
  __asm__(HYBRID_TF_CLEAR_PIXEL(0) HYBRID_TF_LOOP(HYBRID_TF_QUAD_1(ADD))                         \
          : HYBRID_TF_PIXEL_SUMS(0), HYBRID_TF_POINTERS, [from0] "+r"(from[0])                   \
          : CONSTANT                                                                             \
          : HYBRID_TF_CLOBBERED)
#define HYBRID_TF_SUM_QUADS_2(ADD, CONSTANT)                                                               \
  __asm__(HYBRID_TF_CLEAR_PIXEL(0) HYBRID_TF_CLEAR_PIXEL(1) HYBRID_TF_LOOP(HYBRID_TF_QUAD_2(ADD))          \
          : HYBRID_TF_PIXEL_SUMS(0), HYBRID_TF_PIXEL_SUMS(1), HYBRID_TF_POINTERS, [from0] "+r"(from[0]),   \
            [from1] "+r"(from[1])                                                                          \
          : CONSTANT                                                                                       \
          : HYBRID_TF_CLOBBERED, "v20", "v21", "v22", "v23")
