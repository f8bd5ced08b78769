// The kernels of an instruction set, made of its vector operations.
#pragma once

#include "bconv_impl.h"
#include "cpu.h"
#include "fconv_impl.h"
#include "float_ops_impl.h"
#include "int8_conv_impl.h"

namespace hybrid_tf {
namespace {

template <class V>
constexpr KernelSet make_kernel_set(const char* name, const char* description, bool (*supported)()) {
  return {name,      description, supported, V::kBconvBlock,  V::kFconvBlock,
          &bconv<V>, &fconv<V>,   &pool<V>,  &elementwise<V>, make_int8_kernels<V>()};
}

}  // namespace
}  // namespace hybrid_tf
