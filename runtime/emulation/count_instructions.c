// A plugin of QEMU that counts the instructions that an emulated program executes.
//
// A program under Linux makes the system call number 32343, which Linux does not have, with a tag. One without Linux,
// on a Cortex-M, executes the hint number 15 (`.inst.n 0xbff0`), which does nothing; its tags are 0, 1, 2 and so on.
// The plugin then prints "instructions TAG COUNT" on standard error, the instructions since the last time. When the
// program reads the clock, which is a system call in this version of QEMU, it prints "clock COUNT", those since the
// last reading or mark: a runtime that times its steps thus counts them. One thread is counted right; several would
// write over each other's counts.
//
//   gcc -O2 -fPIC -shared count_instructions.c -o count_instructions.so
//   qemu-aarch64 -plugin count_instructions.so -d plugin PROGRAM
//   qemu-system-arm -plugin count_instructions.so -d plugin -machine mps2-an386 ... -kernel PROGRAM
//
// Debian has no header for plugins: these are the parts of QEMU's interface (version 1, of QEMU 7.2) used here.
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { kMark = 32343, kHint = 0xbff0, kReadClock = 113, kAddToU64 = 0, kReadsNoRegisters = 0 };

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void translated(uint64_t plugin, struct qemu_plugin_tb* block);
typedef void called(uint64_t plugin, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                    uint64_t e, uint64_t f, uint64_t g, uint64_t h);

typedef void executed_one(unsigned cpu, void* data);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* instruction);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* instruction, executed_one* callback, int flags,
                                            void* data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn* instruction, int operation, void* to,
                                                uint64_t value);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, translated* callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation, void* to, uint64_t value);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t plugin, called* callback);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t executed, at_last_mark, at_last_event;

static void mark(uint64_t tag) {
  fprintf(stderr, "instructions %" PRIu64 " %" PRIu64 "\n", tag, executed - at_last_mark);
  at_last_mark = at_last_event = executed;
}

static int is_hint(const struct qemu_plugin_insn* instruction) {
  const uint8_t* bytes = qemu_plugin_insn_data(instruction);
  return qemu_plugin_insn_size(instruction) == 2 && (bytes[0] | bytes[1] << 8) == kHint;
}

static void on_hint(unsigned cpu, void* data) {
  static uint64_t tag;
  (void)cpu, (void)data;
  mark(tag++);
}

static void on_translated(uint64_t plugin, struct qemu_plugin_tb* block) {
  (void)plugin;
  const size_t count = qemu_plugin_tb_n_insns(block);
  int has_hint = 0;
  for (size_t i = 0; i < count; ++i) has_hint |= is_hint(qemu_plugin_tb_get_insn(block, i));
  if (!has_hint) {
    qemu_plugin_register_vcpu_tb_exec_inline(block, kAddToU64, &executed, count);
    return;
  }
  for (size_t i = 0; i < count; ++i) {  // so that instructions behind the hint are not counted yet
    struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    if (is_hint(instruction)) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_hint, kReadsNoRegisters, NULL);
    } else {
      qemu_plugin_register_vcpu_insn_exec_inline(instruction, kAddToU64, &executed, 1);
    }
  }
}

static void on_called(uint64_t plugin, unsigned cpu, int64_t number, uint64_t tag, uint64_t b, uint64_t c, uint64_t d,
                      uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)plugin, (void)cpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number == kReadClock) {
    fprintf(stderr, "clock %" PRIu64 "\n", executed - at_last_event);
    at_last_event = executed;
  } else if (number == kMark) {
    mark(tag);
  }
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t plugin, const void* info, int argc,
                                                               char** argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, on_translated);
  qemu_plugin_register_vcpu_syscall_cb(plugin, on_called);
  return 0;
}
