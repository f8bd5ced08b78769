// Every operator that the delegate reads, with each of its inputs and its output in turn replaced by a tensor that is
// not there. Nothing may be read of such a tensor; then the delegate leaves the operator alone or says what is wrong.
//
//   g++ -std=c++17 -I runtime/src -I runtime/fuzz tests/runtime/odd_tensors_test.cc runtime/fuzz/host.cc LIBRARY
#include <climits>
#include <cstdio>
#include <vector>

#include "host.h"

extern "C" {
TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*));
void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate);
}

namespace {

constexpr int kAbsent[] = {-1, INT_MIN, INT_MAX, 1 << 20};
const char* const kLce[] = {"LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d"};

// Inputs 0 and 1: maps. 2: one constant for each channel. 3 and 4: a filter and a dense layer's weights. 5: numbers.
void run(const char* custom, int builtin, const std::vector<int>& inputs, int output, TfLiteType type) {
  TfLiteDelegate* delegate = tflite_plugin_create_delegate(nullptr, nullptr, 0, nullptr);
  {
    hybrid_tf::Host host(1);
    const std::vector<uint8_t> fill = {1, 0, 0, 0}, options(64, 1);
    const float scale = type == kTfLiteInt8 ? 0.5f : 0;
    for (int i = 0; i < 2; ++i) host.add_tensor(type, {1, 4, 4, 8}, nullptr, scale, 0);
    host.add_tensor(type, {8}, &fill, scale, 0);
    host.add_tensor(type, {8, 1, 1, 8}, &fill, scale, 0);
    host.add_tensor(type, {8, 128}, &fill, scale, 0);
    host.add_tensor(kTfLiteInt32, {2}, &fill, 0, 0);
    const int map = host.add_tensor(type, {1, 4, 4, 8}, nullptr, scale, 0);
    const int signs = host.add_tensor(kTfLiteInt32, {1, 4, 4, 1}, nullptr, 0, 0);
    host.add_node(custom, builtin, options, inputs, {output < 0 ? output : map});
    host.add_node("LceQuantize", kTfLiteBuiltinCustom, {}, {0}, {signs});  // so that others are claimed, too
    host.run(delegate);
  }
  tflite_plugin_destroy_delegate(delegate);
}

}  // namespace

int main() {
  int runs = 0;
  const std::vector<std::vector<int>> kinds = {{0},       {0, 1}, {0, 2}, {0, 3, 2},
                                               {0, 4, 2}, {0, 5}, {5, 0}, {0, 3, 2, 2, 5}};
  for (TfLiteType type : {kTfLiteFloat32, kTfLiteInt8}) {
    for (const std::vector<int>& kind : kinds) {
      for (size_t position = 0; position <= kind.size(); ++position) {
        for (int absent : kAbsent) {
          std::vector<int> inputs = kind;
          if (position < kind.size()) inputs[position] = absent;
          const int output = position < kind.size() ? 0 : -1;
          for (int builtin = 0; builtin < 160; ++builtin) run(nullptr, builtin, inputs, output, type), ++runs;
          for (const char* name : kLce) run(name, kTfLiteBuiltinCustom, inputs, output, type), ++runs;
        }
      }
    }
  }
  std::printf("%d runs\n", runs);
  return 0;
}
