// The kernels of both NEON kernel sets. V is NeonVectors with kDot: whether there are dot products.
#pragma once

#include "kernels/arm/bconv.h"
#include "kernels/arm/fconv.h"
#include "kernels/arm/pool.h"

namespace hybrid_tf {
namespace {

template <class V>
constexpr KernelSet make_neon_kernel_set(const char* name, const char* description, bool (*supported)()) {
  return {
      name,           description,   supported,       V::kBconvBlock,         V::kFconvBlock,    &neon_bconv<V>,
      &neon_fconv<V>, &neon_pool<V>, &elementwise<V>, make_int8_kernels<V>(), &neon_weight_rows, &neon_prepare_weights};
}

}  // namespace
}  // namespace hybrid_tf
