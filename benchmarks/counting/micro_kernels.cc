// Binary convolutions on a Cortex-M, one after the other, with a mark for count_instructions.c before and behind each.
//
// LAYERS, defined on the command line, is a list of {size, input channels, output channels, kernel}.
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "bconv2d.h"

namespace {

using hybrid_tf::micro::Bconv;
using hybrid_tf::micro::BconvOutput;

struct Layer {
  int size, inputs, outputs, kernel;
};
constexpr Layer kLayers[] = {LAYERS};

// The hint stands alone in its block of code: QEMU 7.2 shows plugins wrong bytes of blocks that cross a page.
inline void mark() {
  __asm volatile(
      "b 1f\n"
      ".balign 64\n"
      "1: .inst.n 0xbff0\n"
      "b 2f\n"
      "2:"
      :
      :
      : "memory");
}

uint32_t random_word() {
  static uint32_t state = 1;
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

uint32_t* random_words(int count) {
  auto* words = static_cast<uint32_t*>(malloc(count * sizeof(uint32_t)));
  for (int i = 0; i < count; ++i) words[i] = random_word();
  return words;
}

uint32_t run(const Layer& layer, BconvOutput output) {
  Bconv conv = {};
  const int words = (layer.inputs + 31) / 32, taps = layer.kernel * layer.kernel, depth = taps * layer.inputs;
  conv.batches = 1;
  conv.in_height = conv.in_width = layer.size;
  conv.in_words = conv.group_words = words;
  conv.vertical = conv.horizontal = {layer.kernel, 1, 1};
  hybrid_tf::slide(conv.vertical, layer.size, true, &conv.rows);
  conv.columns = conv.rows;
  conv.groups = 1;
  conv.group_outputs = layer.outputs;
  conv.tap_depth = layer.inputs;
  conv.output = output;
  conv.high = 2 * depth;
  float multipliers[256], offsets[256];
  int32_t thresholds[256];
  for (int c = 0; c < layer.outputs; ++c) {
    multipliers[c] = 0.25f;
    offsets[c] = -0.25f * static_cast<float>(depth);
    thresholds[c] = depth / 2;
  }
  conv.multipliers = multipliers;
  conv.offsets = offsets;
  conv.thresholds = thresholds;
  uint32_t* filters = random_words(layer.outputs * conv.window_words());
  uint32_t* input = random_words(layer.size * layer.size * words);
  uint32_t* window = random_words(conv.window_words());
  const int bytes = layer.size * layer.size * conv.pixel_bytes();
  auto* result = static_cast<uint8_t*>(malloc(bytes));
  conv.filters = filters;
  mark();
  eval_bconv(conv, input, window, result);
  mark();
  uint32_t sum = 0;
  for (int i = 0; i < bytes; ++i) sum = sum * 31 + result[i];
  free(filters), free(input), free(window), free(result);
  return sum;
}

}  // namespace

int main() {
  for (const Layer& layer : kLayers) {
    for (const BconvOutput output : {BconvOutput::kBits, BconvOutput::kInt8, BconvOutput::kFloat}) {
      printf("%lx\n", static_cast<unsigned long>(run(layer, output)));
    }
  }
}
