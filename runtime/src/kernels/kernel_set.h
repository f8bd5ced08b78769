// The kernels of an instruction set, made of its vector operations.
#pragma once

#include "kernels/bconv.h"
#include "kernels/cpu.h"
#include "kernels/fconv.h"
#include "kernels/float_ops.h"
#include "kernels/int8_conv.h"

namespace hybrid_tf {
namespace {

template <class V>
constexpr KernelSet make_kernel_set(const char* name, const char* description, bool (*supported)()) {
  return {name,      description, supported, V::kBconvBlock,  V::kFconvBlock,
          &bconv<V>, &fconv<V>,   &pool<V>,  &elementwise<V>, make_int8_kernels<V>()};
}

}  // namespace
}  // namespace hybrid_tf
