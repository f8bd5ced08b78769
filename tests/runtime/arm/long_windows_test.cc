// Sums of binary convolutions where they are largest, for every kernel set that this processor runs: windows of few and
// of very many words, whose words all differ from the weights, none, every second one, or at random.
//
//   long_windows_test
//
// Prints the first sum that is wrong and exits with 1. Build it as kernels_test.cc.
#include <cstdio>
#include <limits>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/packing.h"

using namespace hybrid_tf;

namespace {

constexpr int32_t kPixels = 3, kChannels = 36;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
const char* const kPatterns[] = {"all differ", "none differs", "every second differs", "random"};

uint32_t random_word() {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<uint32_t>(state >> 16);
}

bool is_right(const KernelSet& set, int32_t words, int pattern) {
  std::vector<uint32_t> input(kPixels * words), filters(kChannels * words);
  for (uint32_t& word : input) word = pattern == 3 ? random_word() : 0x5a5a5a5au;
  for (int32_t i = 0; i < kChannels * words; ++i) {
    const bool differs = pattern == 0 || (pattern == 2 && i % words % 2);
    filters[i] = pattern == 3 ? random_word() : 0x5a5a5a5au ^ (differs ? ~0u : 0u);
  }
  const int32_t blocks = ceil_div(kChannels, set.bconv_block), lanes = blocks * set.bconv_block;
  std::vector<uint32_t> weights(lanes * weight_rows(set, {1, words, 32 * words}));
  pack_weights(filters.data(), 1, kChannels, 1, words, set.bconv_block, weights.data());
  if (set.prepare_weights) set.prepare_weights(weights.data(), blocks, {1, words, 32 * words});
  const std::vector<float> ones(lanes, 1.0f), zeros(lanes, 0.0f);
  std::vector<float> got(kPixels * kChannels);
  const ptrdiff_t offset = 0;
  Bconv conv{};
  conv.window = {1, kPixels, 0, 0, words, 1, words, &offset};
  conv.input = input.data();
  conv.groups = 1, conv.group_words = words, conv.group_channels = kChannels, conv.group_blocks = blocks;
  conv.weights = weights.data();
  conv.tap_rows = conv.tap_columns = 1;
  conv.tap_channels = 32 * words;
  conv.depth = 32 * words;
  conv.output = BconvOutput::kFloat;
  conv.activation_min = conv.epilogue.min = -kInfinity, conv.activation_max = conv.epilogue.max = kInfinity;
  conv.multipliers = ones.data(), conv.biases = zeros.data();
  conv.epilogue.floats = got.data();
  set.bconv(conv, 0, kPixels, 0, blocks);
  for (int32_t p = 0; p < kPixels; ++p) {
    for (int32_t c = 0; c < kChannels; ++c) {
      int32_t sum = 32 * words;
      for (int32_t w = 0; w < words; ++w) sum -= 2 * __builtin_popcount(input[p * words + w] ^ filters[c * words + w]);
      const float value = got[p * kChannels + c];
      if (value == static_cast<float>(sum)) continue;
      std::printf("%s, %d words, %s: pixel %d, channel %d is %.0f, not %d\n", set.name, words, kPatterns[pattern], p, c,
                  static_cast<double>(value), sum);
      return false;
    }
  }
  return true;
}

}  // namespace

int main() {
  std::vector<int32_t> lengths = {255, 256, 511, 512, 1000, 1999, 2000, 2001, 2002, 2003, 4095, 4096, 5000};
  for (int32_t words = 1; words <= 40; ++words) lengths.push_back(words);
  for (const KernelSet* const* set = all_kernels(); *set; ++set) {
    if (!(*set)->supported()) continue;
    for (const int32_t words : lengths) {
      for (int pattern = 0; pattern < 4; ++pattern) {
        if (!is_right(**set, words, pattern)) return 1;
      }
    }
    std::printf("%s: %zu lengths\n", (*set)->name, lengths.size());
  }
  return 0;
}
