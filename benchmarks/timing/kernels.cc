// Times the kernels on the convolutions of whole networks, next to what the instruction set could do at best.
//
//   kernels [ROUNDS [KERNELS]]
//
// kernels.py compiles and runs this. A round goes through every kernel set: first its ceilings, then the layers of each
// network in order, so that weights come from the caches they would come from in an inference. Prints one JSON object
// a line: the median nanoseconds over the rounds of each layer and, for 2^20 MACs, of each ceiling.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <time.h>

#include "kernels/kernels.h"
#include "kernels/packing.h"

using namespace hybrid_tf;

// From ceilings.cc: how many products a call made.
int64_t popcount_ceiling(const char* kernels, const uint32_t* words);
int64_t fma_ceiling(const char* kernels, const float* values);

namespace {

struct Layer {
  const char* network;
  const char* name;
  bool binary;
  int32_t size, inputs, outputs, kernel, stride;  // size: height and width of the output
  int32_t times;                                  // layers of this shape in a row
};

const Layer kLayers[] = {
    {"vgg19", "3x3x3->64 @32", false, 32, 3, 64, 3, 1, 1},
    {"vgg19", "3x3x64->64 @32", true, 32, 64, 64, 3, 1, 1},
    {"vgg19", "1x1x64->128 @16", false, 16, 64, 128, 1, 1, 1},
    {"vgg19", "3x3x64->128 @16", true, 16, 64, 128, 3, 1, 1},
    {"vgg19", "3x3x128->128 @16", true, 16, 128, 128, 3, 1, 1},
    {"vgg19", "1x1x128->256 @8", false, 8, 128, 256, 1, 1, 1},
    {"vgg19", "3x3x128->256 @8", true, 8, 128, 256, 3, 1, 1},
    {"vgg19", "3x3x256->256 @8", true, 8, 256, 256, 3, 1, 3},
    {"vgg19", "1x1x256->512 @4", false, 4, 256, 512, 1, 1, 1},
    {"vgg19", "3x3x256->512 @4", true, 4, 256, 512, 3, 1, 1},
    {"vgg19", "3x3x512->512 @4", true, 4, 512, 512, 3, 1, 3},
    {"vgg19", "3x3x512->512 @2", true, 2, 512, 512, 3, 1, 4},
    {"vgg19", "dense 512->4096", true, 1, 512, 4096, 1, 1, 1},
    {"vgg19", "dense 4096->4096", true, 1, 4096, 4096, 1, 1, 1},
    {"vgg19", "dense 4096->100", false, 1, 4096, 100, 1, 1, 1},
    {"resnet18", "7x7x3->64/2 @112", false, 112, 3, 64, 7, 2, 1},
    {"resnet18", "3x3x64->64 @56", true, 56, 64, 64, 3, 1, 4},
    {"resnet18", "1x1x64->128 @28", false, 28, 64, 128, 1, 1, 1},
    {"resnet18", "3x3x64->128/2 @28", true, 28, 64, 128, 3, 2, 1},
    {"resnet18", "3x3x128->128 @28", true, 28, 128, 128, 3, 1, 3},
    {"resnet18", "1x1x128->256 @14", false, 14, 128, 256, 1, 1, 1},
    {"resnet18", "3x3x128->256/2 @14", true, 14, 128, 256, 3, 2, 1},
    {"resnet18", "3x3x256->256 @14", true, 14, 256, 256, 3, 1, 3},
    {"resnet18", "1x1x256->512 @7", false, 7, 256, 512, 1, 1, 1},
    {"resnet18", "3x3x256->512/2 @7", true, 7, 256, 512, 3, 2, 1},
    {"resnet18", "3x3x512->512 @7", true, 7, 512, 512, 3, 1, 3},
    {"resnet18", "dense 512->1000", false, 1, 512, 1000, 1, 1, 1},
};

const char* const kNetworks[] = {"vgg19", "resnet18"};

uint32_t random_word() {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<uint32_t>(state >> 16);
}

float random_float() { return static_cast<float>(static_cast<int32_t>(random_word() % 2001) - 1000) / 1000.0f; }

double nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Memory that starts at a cache line, as the runtime's does.
template <typename T>
struct Buffer {
  std::vector<T> storage;
  T* data;
  explicit Buffer(size_t n) : storage(n + 64 / sizeof(T)) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(storage.data());
    data = storage.data() + (64 - at % 64) % 64 / sizeof(T);
  }
};

// The maps between layers, shared by all of them as in an inference: a layer finds its input where the last one left
// it, in a cache or not.
struct Maps {
  static constexpr size_t kLargest = size_t{230} * 230 * 64;
  Buffer<uint32_t> words, signs;
  Buffer<float> floats[2];

  Maps() : words(kLargest / 32), signs(kLargest / 32), floats{Buffer<float>(kLargest), Buffer<float>(kLargest)} {
    for (size_t i = 0; i < kLargest / 32; ++i) words.data[i] = random_word();
    for (size_t i = 0; i < kLargest; ++i) floats[0].data[i] = random_float(), floats[1].data[i] = random_float();
  }
};

// A convolution that is ready to run: a residual is added, and floats and signs are written, as in a hybrid network.
struct Conv {
  const KernelSet& set;
  const Layer& layer;
  int32_t pad, depth, block, blocks;  // depth: words or floats of an input pixel
  std::vector<ptrdiff_t> offsets;
  Buffer<uint32_t> word_weights;
  Buffer<float> weights, biases, multipliers;
  Bconv bconv{};
  Fconv fconv{};

  // `input` is the one of the maps of floats that the layer reads; it writes the other.
  Conv(const KernelSet& set, const Layer& layer, const Maps& maps, int input)
      : set(set),
        layer(layer),
        pad(layer.kernel / 2),
        depth(layer.binary ? layer.inputs / 32 : layer.inputs),
        block(layer.binary ? set.bconv_block : set.fconv_block),
        blocks(ceil_div(layer.outputs, block)),
        word_weights(layer.binary ? weights_size() : 0),
        weights(layer.binary ? 0 : weights_size()),
        biases(static_cast<size_t>(blocks) * block),
        multipliers(static_cast<size_t>(blocks) * block) {
    if (layer.binary) {
      for (size_t i = 0; i < weights_size(); ++i) word_weights.data[i] = random_word();
      if (set.prepare_weights)
        set.prepare_weights(word_weights.data, blocks, {layer.kernel * layer.kernel, depth, 32 * depth});
    } else {
      for (size_t i = 0; i < weights_size(); ++i) weights.data[i] = random_float();
    }
    for (int32_t i = 0; i < blocks * block; ++i) biases.data[i] = random_float(), multipliers.data[i] = random_float();

    const ptrdiff_t row = static_cast<ptrdiff_t>(width()) * depth;
    for (int32_t y = 0; y < layer.kernel; ++y) offsets.push_back((y - pad) * row - pad * depth);
    const Window window{
        layer.size,   layer.size,           row * width(), layer.stride * row, layer.stride * ptrdiff_t{depth},
        layer.kernel, layer.kernel * depth, offsets.data()};
    const ptrdiff_t first = pad * row + pad * depth;
    const float infinity = std::numeric_limits<float>::infinity();
    const ptrdiff_t sign_words = ceil_div(layer.outputs, 32);
    const Epilogue epilogue{maps.floats[input].data,
                            nullptr,
                            nullptr,
                            -infinity,
                            infinity,
                            maps.floats[1 - input].data,
                            {maps.signs.data, pixels() * sign_words, layer.size * sign_words, sign_words}};
    bconv.window = fconv.window = window;
    bconv.epilogue = fconv.epilogue = epilogue;
    bconv.activation_min = fconv.activation_min = -infinity;
    bconv.activation_max = fconv.activation_max = infinity;
    bconv.input = maps.words.data + first;
    bconv.groups = 1;
    bconv.group_words = depth;
    bconv.group_channels = layer.outputs;
    bconv.group_blocks = blocks;
    bconv.weights = word_weights.data;
    bconv.tap_rows = bconv.tap_columns = layer.kernel;
    bconv.tap_channels = 32 * depth;
    bconv.depth = layer.kernel * layer.kernel * layer.inputs;
    bconv.output = BconvOutput::kFloat;
    bconv.multipliers = multipliers.data;
    bconv.biases = fconv.biases = biases.data;
    fconv.input = maps.floats[input].data + first;
    fconv.epilogue.residual = nullptr;
    fconv.channels = layer.outputs;
    fconv.blocks = blocks;
    fconv.weights = weights.data;
  }
  int32_t width() const { return (layer.size - 1) * layer.stride + layer.kernel; }
  int32_t pixels() const { return layer.size * layer.size; }
  size_t weights_size() const {
    const int32_t taps = layer.kernel * layer.kernel;
    return static_cast<size_t>(blocks) * block *
           (layer.binary ? weight_rows(set, {taps, depth, 32 * depth}) : taps * depth);
  }
  int64_t macs() const { return int64_t{1} * pixels() * layer.kernel * layer.kernel * layer.inputs * layer.outputs; }
  void run() const {
    if (layer.binary) {
      set.bconv(bconv, 0, pixels(), 0, blocks);
    } else {
      set.fconv(fconv, 0, pixels(), 0, blocks);
    }
  }
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

struct Timing {
  std::string kernels, network, name, kind;
  int64_t macs;
  std::vector<double> rounds;
};

template <typename T>
double time_ceiling(int64_t (*ceiling)(const char*, const T*), const char* kernels, const T* data, int64_t macs) {
  const double begin = nanoseconds();
  int64_t done = 0;
  while (done < 256 * macs) done += ceiling(kernels, data);
  return (nanoseconds() - begin) * static_cast<double>(macs) / static_cast<double>(done);
}

void print(const Timing& timing) {
  std::printf("{\"kernels\": \"%s\", \"network\": \"%s\", \"name\": \"%s\", ", timing.kernels.c_str(),
              timing.network.c_str(), timing.name.c_str());
  std::printf("\"kind\": \"%s\", \"macs\": %lld, \"ns\": %.1f}\n", timing.kind.c_str(),
              static_cast<long long>(timing.macs), median(timing.rounds));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  const char* only = argc > 2 && *argv[2] ? argv[2] : nullptr;
  Buffer<uint32_t> words(4096);
  for (int i = 0; i < 4096; ++i) words.data[i] = random_word();
  Buffer<float> values(4096);
  for (int i = 0; i < 4096; ++i) values.data[i] = random_float();
  const int64_t ceiling_macs = 1 << 20;
  const Maps maps;

  for (const KernelSet* const* entry = all_kernels(); *entry; ++entry) {
    const KernelSet& set = **entry;
    if (!set.supported() || (only && std::strcmp(only, set.name))) continue;
    std::vector<Conv*> convs;
    std::vector<Timing> timings = {{set.name, "", "popcount", "ceiling", ceiling_macs, {}},
                                   {set.name, "", "fma", "ceiling", ceiling_macs, {}}};
    for (const Layer& layer : kLayers) {
      for (int i = 0; i < layer.times; ++i) convs.push_back(new Conv(set, layer, maps, convs.size() % 2));
      const Conv& conv = *convs.back();
      timings.push_back(
          {set.name, layer.network, layer.name, layer.binary ? "binary" : "float", conv.macs() * layer.times, {}});
    }
    for (int round = 0; round < rounds; ++round) {
      timings[0].rounds.push_back(time_ceiling(popcount_ceiling, set.name, words.data, ceiling_macs));
      timings[1].rounds.push_back(time_ceiling(fma_ceiling, set.name, values.data, ceiling_macs));
      for (const char* network : kNetworks) {
        for (const bool measured : {false, true}) {  // the first run brings what fits into the caches
          size_t next = 0, row = 2;
          for (const Layer& layer : kLayers) {
            const bool here = std::strcmp(network, layer.network) == 0;
            const double begin = nanoseconds();
            for (int i = 0; i < layer.times; ++i, ++next) {
              if (here) convs[next]->run();
            }
            if (here && measured) timings[row].rounds.push_back(nanoseconds() - begin);
            ++row;
          }
        }
      }
    }
    for (const Timing& timing : timings) print(timing);
    for (Conv* conv : convs) delete conv;
  }
  return 0;
}
