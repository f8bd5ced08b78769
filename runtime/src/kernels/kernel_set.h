// The kernels of an instruction set, made of its vector operations.
#pragma once

#include "kernels/bconv.h"
#include "kernels/combine.h"
#include "kernels/cpu.h"
#include "kernels/depthwise.h"
#include "kernels/fconv.h"
#include "kernels/float_ops.h"
#include "kernels/int8_conv.h"

namespace hybrid_tf {
namespace {

// What every instruction set has in the same way. Who calls it adds bconv, fconv and pool.
template <class V>
constexpr KernelSet start_kernel_set(const char* name, const char* description, bool (*supported)()) {
  KernelSet set{};
  set.name = name;
  set.description = description;
  set.supported = supported;
  set.bconv_block = V::kBconvBlock;
  set.fconv_block = V::kFconvBlock;
  set.elementwise = &elementwise<V>;
  set.depthwise = &depthwise<V>;
  set.combine = &combine<V>;
  set.int8 = make_int8_kernels<V>();
  set.int8.depthwise = &int8_depthwise<V>;
  set.int8.combine = &int8_combine<V>;
  return set;
}

template <class V>
constexpr KernelSet make_kernel_set(const char* name, const char* description, bool (*supported)()) {
  KernelSet set = start_kernel_set<V>(name, description, supported);
  set.bconv = &bconv<V>;
  set.bconv_blocking = &bconv_blocking<V>;
  set.fconv = &fconv<V>;
  set.pool = &pool<V>;
  return set;
}

}  // namespace
}  // namespace hybrid_tf
