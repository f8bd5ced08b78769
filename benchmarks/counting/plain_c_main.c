// One inference of an exported network between two marks for count_instructions.c.
#include "network.h"

static void mark(void) {
#if defined(__riscv)
  __asm volatile("li a7, 32343\n ecall" ::: "a0", "a7", "memory");
#else
  // The hint stands alone in its block of code: QEMU 7.2 shows plugins wrong bytes of blocks that cross a page.
  __asm volatile(
      "b 1f\n"
      ".balign 64\n"
      "1: .inst.n 0xbff0\n"
      "b 2f\n"
      "2:" ::
          : "memory");
#endif
}

int main(void) {
  static int8_t image[NETWORK_IMAGE_BYTES], scores[NETWORK_CLASSES];
  uint32_t state = 1;
  int i;
  for (i = 0; i < NETWORK_IMAGE_BYTES; ++i) {
    state = state * 1664525u + 1013904223u;
    image[i] = (int8_t)((int32_t)(state >> 24) - 128);
  }
  mark();
  network_run(image, scores);
  mark();
  return 0;
}
