// Starts a C program on a 32-bit RISC-V in QEMU's user mode, which has loaded it, cleared its memory and made a stack.
extern int main(void);

__attribute__((naked, used)) void _start(void) {
  __asm volatile(
      ".option push\n"
      ".option norelax\n"
      "la gp, __global_pointer$\n"
      ".option pop\n"
      "call main\n"
      "li a7, 93\n"  // Linux's exit
      "ecall\n");
}
