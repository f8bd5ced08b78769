// The kernels of both NEON kernel sets. V is NeonVectors with kDot: whether there are dot products.
#pragma once

#include "kernels/arm/bconv.h"
#include "kernels/arm/depthwise.h"
#include "kernels/arm/fconv.h"
#include "kernels/arm/int8_conv.h"
#include "kernels/arm/int8_pool.h"
#include "kernels/arm/pool.h"

namespace hybrid_tf {
namespace {

template <class V>
constexpr KernelSet make_neon_kernel_set(const char* name, const char* description, bool (*supported)()) {
  KernelSet set = start_kernel_set<V>(name, description, supported);
  set.bconv = &neon_bconv<V>;
  set.bconv_blocking = &neon_blocking;
  set.fconv = &neon_fconv<V>;
  set.pool = &neon_pool<V>;
  set.int8.pool = &neon_int8_pool<V>;
  set.int8.group = V::kInt8Group;
  set.int8.conv = &neon_int8_conv<V>;
  set.int8.depthwise = &neon_int8_depthwise<V>;
  set.weight_rows = &neon_weight_rows;
  set.prepare_weights = &neon_prepare_weights;
  return set;
}

}  // namespace
}  // namespace hybrid_tf
