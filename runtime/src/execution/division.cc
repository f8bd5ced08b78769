#include "execution/division.h"

#include <algorithm>

namespace hybrid_tf {
namespace {

// A part of a step should take longer than it takes to hand it over. These rates only tell small steps from large ones.
constexpr double kMinPartNanoseconds = 3000;
constexpr double kBinaryMacsPerNanosecond = 500, kFloatMacsPerNanosecond = 30, kBytesPerNanosecond = 20;
constexpr int kPartsPerThread = 2;  // more than one, since threads wake late and are disturbed

double estimated_nanoseconds(const Work& work) {
  return work.binary_macs / kBinaryMacsPerNanosecond + work.float_macs / kFloatMacsPerNanosecond +
         (work.input_bytes + work.weight_bytes + work.output_bytes) / kBytesPerNanosecond;
}

// Part `part` of `parts` of `count`, in multiples of `unit`.
Range share(int32_t count, int32_t unit, int32_t part, int32_t parts) {
  const int64_t units = (count + unit - 1) / unit;
  const auto bound = [&](int32_t index) {
    return static_cast<int32_t>(std::min<int64_t>(count, units * index / parts * unit));
  };
  return {bound(part), bound(part + 1)};
}

}  // namespace

Division divide(const Work& work, int threads) {
  if (threads == 1) return {1, false};
  // Dividing pixels makes every thread read all weights, dividing blocks the whole input.
  const bool by_blocks = work.block_unit > 0 && (work.weight_bytes > work.input_bytes || work.pixels < threads);
  const int divisible = by_blocks ? work.blocks / work.block_unit : work.pixels;
  const int worthwhile = static_cast<int>(std::min(1e6, estimated_nanoseconds(work) / kMinPartNanoseconds));
  return {std::max(1, std::min({divisible, worthwhile, threads * kPartsPerThread})), by_blocks};
}

Part part_of(const Work& work, const Division& division, int part) {
  const Range pixels = {0, work.pixels}, blocks = {0, work.blocks};
  if (division.by_blocks) return {pixels, share(work.blocks, work.block_unit, part, division.parts)};
  return {share(work.pixels, 1, part, division.parts), blocks};
}

}  // namespace hybrid_tf
