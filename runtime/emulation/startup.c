// Starts a C++ program on a Cortex-M that QEMU emulates, with semihosting for its output and its exit code. QEMU puts
// every section where it runs, so nothing is copied.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern char stack_top, bss_begin, bss_end;
extern int main(void);
extern void initialise_monitor_handles(void);  // of newlib's librdimon
extern void __libc_init_array(void);

void _init(void) {}
void _fini(void) {}

static void reset(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  volatile uint32_t* const coprocessor_access = (volatile uint32_t*)0xe000ed88;
  *coprocessor_access |= 0xfu << 20;  // full access to the FPU and to MVE
  __asm volatile("dsb\n isb");
#endif
  memset(&bss_begin, 0, (size_t)(&bss_end - &bss_begin));
  initialise_monitor_handles();
  __libc_init_array();
  exit(main());
}

// Ends the emulator with an exit code other than 0.
static void fault(void) {
  register uint32_t operation __asm("r0") = 0x18;  // SYS_EXIT
  register uint32_t reason __asm("r1") = 0x20024;  // ADP_Stopped_InternalError
  __asm volatile("bkpt 0xab" ::"r"(operation), "r"(reason));
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static void* const vectors[16] = {
    &stack_top, (void*)reset, (void*)fault, (void*)fault, (void*)fault, (void*)fault, (void*)fault, (void*)fault,
};
