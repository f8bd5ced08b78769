// Which kernel sets there are, and which this processor runs.
#include <string>

#include "kernels/cpu.h"
#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace hybrid_tf {

extern const KernelSet kPortableKernels, kAvx2Kernels, kAvxVnniKernels, kAvx512Kernels, kAvx512VpopcntKernels,
    kNeonKernels, kNeonDotKernels;

bool cpu_is_any() { return true; }

#if defined(__x86_64__)

namespace {

// Bits of the registers that CPUID leaves, and of XCR0: which registers the operating system saves.
constexpr uint32_t kFma = 1u << 12, kOsxsave = 1u << 27;                         // leaf 1, ecx
constexpr uint32_t kAvx2 = 1u << 5;                                              // leaf 7, ebx
constexpr uint32_t kAvx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL    leaf 7, ebx
constexpr uint32_t kVnniVpopcntdq = (1u << 11) | (1u << 14);                     // leaf 7, ecx
constexpr uint32_t kAvxVnni = 1u << 4;                                           // leaf 7, 1, eax
constexpr uint64_t kYmmSaved = 0x06, kZmmSaved = 0xe6;

struct Cpu {
  bool fma = false;
  uint32_t leaf7_ebx = 0, leaf7_ecx = 0, leaf7_1_eax = 0;
  uint64_t saved = 0;

  Cpu() {
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & kOsxsave)) return;
    fma = ecx & kFma;
    __asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    saved = static_cast<uint64_t>(edx) << 32 | eax;
    __get_cpuid_count(7, 0, &eax, &leaf7_ebx, &leaf7_ecx, &edx);
    __get_cpuid_count(7, 1, &leaf7_1_eax, &ebx, &ecx, &edx);  // zeros where there is no such leaf
  }
};

}  // namespace

bool cpu_has_avx2() {
  const Cpu cpu;
  return (cpu.saved & kYmmSaved) == kYmmSaved && cpu.fma && (cpu.leaf7_ebx & kAvx2);
}

bool cpu_has_avx_vnni() { return cpu_has_avx2() && (Cpu().leaf7_1_eax & kAvxVnni); }

bool cpu_has_avx512() {
  const Cpu cpu;
  return (cpu.saved & kZmmSaved) == kZmmSaved && cpu.fma && (cpu.leaf7_ebx & kAvx512) == kAvx512;
}

bool cpu_has_avx512_vpopcnt() { return cpu_has_avx512() && (Cpu().leaf7_ecx & kVnniVpopcntdq) == kVnniVpopcntdq; }

#elif defined(__aarch64__)

namespace {

constexpr unsigned long kAsimd = 1ul << 1, kAsimdDp = 1ul << 20;

unsigned long hwcap() {
#if defined(__linux__)
  return getauxval(AT_HWCAP);
#else
  return kAsimd;  // part of the architecture's base
#endif
}

}  // namespace

bool cpu_has_neon() { return hwcap() & kAsimd; }
bool cpu_has_neon_dot() { return hwcap() & kAsimdDp; }

#endif

namespace {

const KernelSet* const kSets[] = {
#if defined(__x86_64__)
    &kAvx512VpopcntKernels, &kAvx512Kernels, &kAvxVnniKernels, &kAvx2Kernels,
#elif defined(__aarch64__)
    &kNeonDotKernels, &kNeonKernels,
#endif
    &kPortableKernels,      nullptr};

bool same(const char* a, const char* b) {
  for (; *a && *a == *b; ++a, ++b) {
  }
  return *a == *b;
}

}  // namespace

const KernelSet* const* all_kernels() { return kSets; }

const KernelSet* find_kernels(const char* name) {
  for (const KernelSet* const* set = kSets; *set; ++set) {
    const bool wanted = !name || !*name || same(name, (*set)->name);
    if (wanted && (*set)->supported()) return *set;
  }
  return nullptr;
}

const char* supported_kernels() {
  static const std::string names = [] {
    std::string text;
    for (const KernelSet* const* set = kSets; *set; ++set) {
      if ((*set)->supported()) text += (text.empty() ? "" : ",") + std::string((*set)->name);
    }
    return text;
  }();
  return names.c_str();
}

}  // namespace hybrid_tf
