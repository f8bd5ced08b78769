// A plugin of QEMU that counts the instructions that an emulated program executes.
//
// The program makes the system call number 32343, which Linux does not have, with a tag: the plugin then prints
// "instructions TAG COUNT" on standard error, the instructions since the last such call. When the program reads the
// clock, which is a system call in this version of QEMU, it prints "clock COUNT", those since the last reading or call:
// a runtime that times its steps thus counts them. One thread is counted right; several would write over each other's
// counts.
//
//   gcc -O2 -fPIC -shared count_instructions.c -o count_instructions.so
//   qemu-aarch64 -plugin count_instructions.so -d plugin PROGRAM
//
// Debian has no header for plugins: these are the parts of QEMU's interface (version 1, of QEMU 7.2) used here.
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { kMark = 32343, kReadClock = 113, kAddToU64 = 0 };

struct qemu_plugin_tb;
typedef void translated(uint64_t plugin, struct qemu_plugin_tb* block);
typedef void called(uint64_t plugin, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                    uint64_t e, uint64_t f, uint64_t g, uint64_t h);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, translated* callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation, void* to, uint64_t value);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t plugin, called* callback);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t executed, at_last_mark, at_last_event;

static void on_translated(uint64_t plugin, struct qemu_plugin_tb* block) {
  (void)plugin;
  qemu_plugin_register_vcpu_tb_exec_inline(block, kAddToU64, &executed, qemu_plugin_tb_n_insns(block));
}

static void on_called(uint64_t plugin, unsigned cpu, int64_t number, uint64_t tag, uint64_t b, uint64_t c, uint64_t d,
                      uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)plugin, (void)cpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number == kReadClock) {
    fprintf(stderr, "clock %" PRIu64 "\n", executed - at_last_event);
  } else if (number == kMark) {
    fprintf(stderr, "instructions %" PRIu64 " %" PRIu64 "\n", tag, executed - at_last_mark);
    at_last_mark = executed;
  } else {
    return;
  }
  at_last_event = executed;
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t plugin, const void* info, int argc,
                                                               char** argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, on_translated);
  qemu_plugin_register_vcpu_syscall_cb(plugin, on_called);
  return 0;
}
