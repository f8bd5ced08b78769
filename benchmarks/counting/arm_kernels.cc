// Runs binary convolutions once each, between marks for count_instructions.c: see arm_instructions.py. The mark after
// the first convolution is number 1, and so on; before each there is a mark 0.
//
//   arm_kernels KERNELS [SIZE INPUTS OUTPUTS KERNEL]...
//
// A convolution has SIZE x SIZE pixels, stride 1 and SAME padding; it writes floats, as in a network with the runtime.
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

#include <unistd.h>

#include "kernels/kernels.h"
#include "kernels/packing.h"

using namespace hybrid_tf;

namespace {

constexpr long kMark = 32343;

std::vector<uint32_t> random_words(size_t count) {
  static uint64_t state = 88172645463325252u;
  std::vector<uint32_t> words(count);
  for (uint32_t& word : words) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    word = static_cast<uint32_t>(state >> 16);
  }
  return words;
}

void count(const KernelSet& set, long tag, int32_t size, int32_t inputs, int32_t outputs, int32_t kernel) {
  const int32_t depth = ceil_div(inputs, 32), pad = kernel / 2, width = size + 2 * pad;
  const int32_t blocks = ceil_div(outputs, set.bconv_block), lanes = blocks * set.bconv_block;
  const ptrdiff_t row = static_cast<ptrdiff_t>(width) * depth;
  std::vector<ptrdiff_t> offsets;
  for (int32_t y = 0; y < kernel; ++y) offsets.push_back(y * row);

  const int32_t taps = kernel * kernel;
  const std::vector<uint32_t> input = random_words(static_cast<size_t>(row) * width);
  std::vector<uint32_t> weights = random_words(static_cast<size_t>(lanes) * weight_rows(set, {taps, depth, inputs}));
  if (set.prepare_weights) set.prepare_weights(weights.data(), blocks, {taps, depth, inputs});
  std::vector<TapRange> inside(size, {0, kernel});
  for (int32_t i = 0; i < pad; ++i) inside[i].first += pad - i, inside[size - 1 - i].end -= pad - i;
  const std::vector<float> multipliers(lanes, 0.25f), biases(lanes, 1.0f);
  std::vector<float> floats(static_cast<size_t>(size) * size * outputs);

  const float infinity = std::numeric_limits<float>::infinity();
  Bconv conv{};
  conv.window = {size, size, row * width, row, depth, kernel, kernel * depth, offsets.data()};
  conv.input = input.data();
  conv.groups = 1, conv.group_words = depth, conv.group_channels = outputs, conv.group_blocks = blocks;
  conv.weights = weights.data();
  conv.tap_rows = conv.tap_columns = kernel;
  conv.tap_channels = inputs;
  conv.inside_rows = conv.inside_columns = inside.data();
  conv.output = BconvOutput::kFloat;
  conv.activation_min = -infinity, conv.activation_max = infinity;
  conv.multipliers = multipliers.data(), conv.biases = biases.data();
  conv.epilogue.min = -infinity, conv.epilogue.max = infinity;
  conv.epilogue.floats = floats.data();
  syscall(kMark, 0L);
  set.bconv(conv, 0, size * size, 0, blocks);
  syscall(kMark, tag);
}

}  // namespace

int main(int argc, char** argv) {
  const KernelSet* set = argc > 1 ? find_kernels(argv[1]) : nullptr;
  if (!set || argc % 4 != 2) {
    std::fprintf(stderr, "%s\n", set ? "a convolution has four numbers" : "this processor has no such kernels");
    return 1;
  }
  for (int i = 2; i < argc; i += 4) {
    count(*set, i / 4 + 1, std::atoi(argv[i]), std::atoi(argv[i + 1]), std::atoi(argv[i + 2]), std::atoi(argv[i + 3]));
  }
  return 0;
}
