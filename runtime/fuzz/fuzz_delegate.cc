// Fuzzes the delegate: the bytes describe a graph, mostly a plausible one, that the delegate claims, prepares and runs.
// What it refuses, it refuses with a message.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "host.h"

extern "C" {
TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*));
void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate);
}

namespace {

using Bytes = std::vector<uint8_t>;

// Takes choices from the bytes; when they have run out, the first of each.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  int byte() { return size_ == 0 ? 0 : (--size_, *data_++); }
  int below(int count) { return byte() % count; }
  // Nearly always `usual`.
  int mostly(int usual) {
    static constexpr int kOdd[] = {0, -1, 1, 2, 3, 33, 127, 4096, 65536, INT32_MAX, INT32_MIN};
    const int choice = byte();
    return choice < 240 ? usual : kOdd[choice % 11];
  }
  int64_t mostly(int64_t usual) {
    static constexpr int64_t kOdd[] = {INT64_MAX, INT64_MIN, int64_t{1} << 62, int64_t{1} << 32, -(int64_t{1} << 32)};
    const int choice = byte();
    return choice < 250 ? mostly(static_cast<int>(usual)) : kOdd[choice % 5];
  }
  Bytes some() {
    Bytes bytes(below(16));
    for (uint8_t& value : bytes) value = static_cast<uint8_t>(byte());
    return bytes;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

// A FlexBuffer map of 8-byte integers; `keys` in alphabetical order.
Bytes flexbuffer(const std::vector<const char*>& keys, const std::vector<int64_t>& values) {
  Bytes bytes;
  std::vector<size_t> starts;
  const auto append = [&](uint64_t word) {
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(word >> 8 * i));
  };
  for (const char* key : keys) {
    starts.push_back(bytes.size());
    bytes.insert(bytes.end(), key, key + strlen(key) + 1);
  }
  append(keys.size());
  const size_t key_vector = bytes.size();
  for (size_t start : starts) append(bytes.size() - start);
  append(bytes.size() - key_vector);
  append(8);  // width of the offsets to keys
  append(keys.size());
  const size_t map = bytes.size();
  for (int64_t value : values) append(static_cast<uint64_t>(value));
  bytes.insert(bytes.end(), keys.size(), 1 << 2 | 3);  // type: integer of 8 bytes
  const size_t root = bytes.size();
  bytes.push_back(static_cast<uint8_t>(root - map));
  bytes.push_back(9 << 2 | 3);  // type: map, its values of 8 bytes
  bytes.push_back(1);           // width of the root
  return bytes;
}

template <typename T>
Bytes struct_bytes(const T& options) {
  const auto* begin = reinterpret_cast<const uint8_t*>(&options);
  return {begin, begin + sizeof(T)};
}

class GraphMaker {
 public:
  GraphMaker(const uint8_t* data, size_t size, hybrid_tf::Host* host) : choices_(data, size), host_(host) {}

  void make() {
    const Map first = {
        choices_.below(2) ? kTfLiteFloat32 : kTfLiteInt8,
        {choices_.below(2) + 1, choices_.below(7) + 1, choices_.below(7) + 1, kChannels[choices_.below(8)]}};
    add_map(first);
    for (int nodes = choices_.below(6) + 1; nodes > 0; --nodes) add_operator();
  }

 private:
  // A tensor, with the channels that it has unpacked.
  struct Map {
    TfLiteType type;
    std::vector<int> dims;
    int tensor = -1;
  };
  static constexpr int kChannels[] = {1, 3, 8, 31, 32, 33, 64, 70};

  int add_map(Map map) {
    std::vector<int> stored = map.dims;
    if (map.type == kTfLiteInt32) stored.back() = (stored.back() + 31) / 32;
    for (int& size : stored) size = choices_.mostly(size);
    const float scale = map.type == kTfLiteInt8 ? 0.5f : 0.0f;
    map.tensor = host_->add_tensor(map.type, stored, nullptr, scale, choices_.mostly(0));
    maps_.push_back(map);
    return map.tensor;
  }
  int constant(TfLiteType type, std::vector<int> dims) {
    for (int& size : dims) size = choices_.mostly(size);
    const Bytes fill = choices_.some();
    return host_->add_tensor(type, dims, choices_.byte() < 250 ? &fill : nullptr, 0, 0);
  }
  TfLiteType type(TfLiteType usual) {
    static constexpr TfLiteType kTypes[] = {kTfLiteFloat32, kTfLiteInt32, kTfLiteInt8, kTfLiteBool, kTfLiteNoType};
    const int choice = choices_.byte();
    return choice < 230 ? usual : kTypes[choice % 5];
  }
  // A map of this type if there is one, the latest of them most often.
  Map choose(TfLiteType wanted) {
    const int skip = choices_.byte() < 180 ? 0 : choices_.below(4);
    for (int i = static_cast<int>(maps_.size()) - 1 - skip; i >= 0; --i) {
      if (maps_[i].type == wanted) return maps_[i];
    }
    return maps_.back();
  }
  void add_node(const char* custom, int builtin, const Bytes& options, std::vector<int> inputs, int output) {
    if (choices_.byte() > 250) inputs.push_back(choices_.mostly(0));
    if (choices_.byte() > 250 && !inputs.empty()) {
      inputs[choices_.below(static_cast<int>(inputs.size()))] = choices_.mostly(-1);
    }
    if (choices_.byte() > 252) output = choices_.mostly(0);
    host_->add_node(custom, builtin, options, inputs, {output});
  }
  Bytes custom(const std::vector<const char*>& keys, std::vector<int64_t> values) {
    for (int64_t& value : values) value = choices_.mostly(value);
    Bytes bytes = flexbuffer(keys, values);
    if (choices_.byte() > 240) bytes[choices_.byte() % bytes.size()] = static_cast<uint8_t>(choices_.byte());
    if (choices_.byte() > 250) bytes.resize(choices_.byte() % bytes.size());
    return bytes;
  }

  struct Filter {
    int height, width, stride_height, stride_width, padding;
  };
  Filter filter() {
    return {choices_.below(4) + 1, choices_.below(4) + 1, choices_.below(3) + 1, choices_.below(3) + 1,
            choices_.below(2)};
  }
  // The shape after a filter: right when padding is SAME and there is no dilation; the delegate computes its own.
  static std::vector<int> slid(const std::vector<int>& dims, const Filter& f, int channels) {
    if (dims.size() != 4) return dims;
    return {dims[0], (dims[1] - 1) / f.stride_height + 1, (dims[2] - 1) / f.stride_width + 1, channels};
  }

  void add_operator() {
    switch (choices_.below(15)) {
      case 0:
        return quantize();
      case 1:
        return dequantize();
      case 2:
        return bmaxpool();
      case 3:
        return add();
      case 4:
        return pool();
      case 5:
        return convolution();
      case 6:
        return head();
      case 7:
        return depthwise();
      case 8:
        return pair(choices_.below(2) ? kTfLiteBuiltinMul : kTfLiteBuiltinAdd);
      case 9:
        return concatenate();
      case 10:
        return split();
      case 11:
        return alike(choices_.below(2) ? kTfLiteBuiltinLogistic : kTfLiteBuiltinReshape);
      default:
        return bconv();
    }
  }

  void quantize() {
    const Map from = choose(kTfLiteFloat32);
    const int input = from.tensor;
    add_node("LceQuantize", kTfLiteBuiltinCustom, {}, {input}, add_map({type(kTfLiteInt32), from.dims}));
  }
  void dequantize() {
    const Map from = choose(kTfLiteInt32);
    add_node("LceDequantize", kTfLiteBuiltinCustom, {}, {from.tensor}, add_map({type(kTfLiteFloat32), from.dims}));
  }
  void bmaxpool() {
    const Map from = choose(kTfLiteInt32);
    const Filter f = filter();
    const Bytes options = custom({"filter_height", "filter_width", "padding", "stride_height", "stride_width"},
                                 {f.height, f.width, f.padding, f.stride_height, f.stride_width});
    add_node("LceBMaxPool2d", kTfLiteBuiltinCustom, options, {from.tensor},
             add_map({kTfLiteInt32, slid(from.dims, f, from.dims.back())}));
  }
  void bconv() {
    const Map from = choose(kTfLiteInt32);
    const Filter f = filter();
    const int groups = choices_.byte() < 200 ? 1 : 2, in = from.dims.back();
    const int channels = groups * kChannels[choices_.below(8)];
    const TfLiteType to = type(choices_.below(3) == 0 ? kTfLiteInt32
                               : choices_.below(2)    ? kTfLiteFloat32
                                                      : kTfLiteInt8);
    const Bytes options =
        custom({"channels_in", "dilation_height_factor", "dilation_width_factor", "fused_activation_function",
                "pad_values", "padding", "stride_height", "stride_width"},
               {in, choices_.below(3) + 1, choices_.below(2) + 1, choices_.below(4),
                to == kTfLiteInt32 || choices_.below(2), f.padding, f.stride_height, f.stride_width});
    const int weights = constant(kTfLiteInt32, {channels, f.height, f.width, ((in + 31) / 32 - 1) / groups + 1});
    int affine[2] = {-1, -1}, thresholds = -1;
    if (to == kTfLiteInt32) {
      thresholds = constant(kTfLiteInt32, {channels});
    } else {
      for (int& tensor : affine) tensor = constant(kTfLiteFloat32, {channels});
    }
    add_node("LceBconv2d", kTfLiteBuiltinCustom, options, {from.tensor, weights, affine[0], affine[1], thresholds},
             add_map({to, slid(from.dims, f, channels)}));
  }
  void add() {
    const Map a = choose(kTfLiteFloat32), b = choose(kTfLiteFloat32);
    const TfLiteAddParams options = {static_cast<TfLiteFusedActivation>(choices_.mostly(choices_.below(4)))};
    add_node(nullptr, kTfLiteBuiltinAdd, struct_bytes(options), {a.tensor, b.tensor},
             add_map({kTfLiteFloat32, a.dims}));
  }
  void pool() {
    const Map from = choose(kTfLiteFloat32);
    const Filter f = filter();
    const TfLitePoolParams options = {static_cast<TfLitePadding>(choices_.mostly(f.padding + 1)),
                                      choices_.mostly(f.stride_width),
                                      choices_.mostly(f.stride_height),
                                      choices_.mostly(f.width),
                                      choices_.mostly(f.height),
                                      static_cast<TfLiteFusedActivation>(choices_.mostly(choices_.below(4)))};
    add_node(nullptr, choices_.below(2) ? kTfLiteBuiltinMaxPool2d : kTfLiteBuiltinAveragePool2d, struct_bytes(options),
             {from.tensor}, add_map({kTfLiteFloat32, slid(from.dims, f, from.dims.back())}));
  }
  void convolution() {
    const Map from = choose(kTfLiteFloat32);
    const Filter f = filter();
    const int channels = kChannels[choices_.below(8)];
    const TfLiteConvParams options = {static_cast<TfLitePadding>(choices_.mostly(f.padding + 1)),
                                      choices_.mostly(f.stride_width),
                                      choices_.mostly(f.stride_height),
                                      static_cast<TfLiteFusedActivation>(choices_.mostly(choices_.below(4))),
                                      choices_.mostly(1),
                                      choices_.mostly(1)};
    const int weights = constant(kTfLiteFloat32, {channels, f.height, f.width, from.dims.back()});
    add_node(nullptr, kTfLiteBuiltinConv2d, struct_bytes(options),
             {from.tensor, weights, constant(kTfLiteFloat32, {channels})},
             add_map({kTfLiteFloat32, slid(from.dims, f, channels)}));
  }
  void depthwise() {
    const Map from = choose(choices_.below(2) ? kTfLiteFloat32 : kTfLiteInt8);
    const Filter f = filter();
    const TfLiteDepthwiseConvParams options = {static_cast<TfLitePadding>(choices_.mostly(f.padding + 1)),
                                               choices_.mostly(f.stride_width),
                                               choices_.mostly(f.stride_height),
                                               choices_.mostly(1),
                                               static_cast<TfLiteFusedActivation>(choices_.mostly(choices_.below(4))),
                                               choices_.mostly(1),
                                               choices_.mostly(1)};
    const int weights = constant(from.type, {1, f.height, f.width, from.dims.back()});
    const TfLiteType bias = from.type == kTfLiteInt8 ? kTfLiteInt32 : kTfLiteFloat32;
    add_node(nullptr, kTfLiteBuiltinDepthwiseConv2d, struct_bytes(options),
             {from.tensor, weights, constant(bias, {from.dims.back()})},
             add_map({from.type, slid(from.dims, f, from.dims.back())}));
  }
  // MUL or ADD of a map and a constant, a pixel, or another map.
  void pair(int builtin) {
    const Map a = choose(choices_.below(2) ? kTfLiteFloat32 : kTfLiteInt8);
    const int kind = choices_.below(3);
    int b = a.tensor;
    if (kind == 0) b = constant(a.type, {a.dims.back()});
    if (kind == 1) b = add_map({a.type, {a.dims[0], 1, 1, a.dims.back()}});
    const TfLiteMulParams options = {static_cast<TfLiteFusedActivation>(choices_.mostly(choices_.below(4)))};
    std::vector<int> inputs = {a.tensor, b};
    if (choices_.below(2)) inputs = {b, a.tensor};
    add_node(nullptr, builtin, struct_bytes(options), inputs, add_map({a.type, a.dims}));
  }
  void concatenate() {
    const Map a = choose(choices_.below(2) ? kTfLiteFloat32 : kTfLiteInt8);
    std::vector<int> inputs = {a.tensor}, dims = a.dims;
    for (int more = choices_.below(4) + 1; more > 0; --more) {
      const Map b = choose(a.type);
      inputs.push_back(b.tensor);
      dims.back() += b.dims.back();
    }
    const TfLiteConcatenationParams options = {choices_.mostly(choices_.below(2) ? 3 : -1), kTfLiteActNone};
    add_node(nullptr, kTfLiteBuiltinConcatenation, struct_bytes(options), inputs, add_map({a.type, dims}));
  }
  void split() {
    const Map from = choose(choices_.below(2) ? kTfLiteFloat32 : kTfLiteInt8);
    const int parts = choices_.below(4) + 1;
    const Bytes last = {3, 0, 0, 0};
    std::vector<int> outputs, dims = from.dims;
    dims.back() = (dims.back() + parts - 1) / parts;
    for (int part = 0; part < parts; ++part) outputs.push_back(add_map({from.type, dims}));
    if (choices_.byte() > 250) outputs[0] = choices_.mostly(0);
    host_->add_node(nullptr, kTfLiteBuiltinSplit, struct_bytes(TfLiteSplitParams{choices_.mostly(parts)}),
                    {host_->add_tensor(kTfLiteInt32, {}, &last, 0, 0), choices_.mostly(from.tensor)}, outputs);
  }
  // Of one shape as well as of another.
  void alike(int builtin) {
    const Map from = choose(choices_.below(2) ? kTfLiteFloat32 : kTfLiteInt8);
    add_node(nullptr, builtin, {0}, {from.tensor, constant(kTfLiteInt32, {4})}, add_map({from.type, from.dims}));
  }
  void head() {
    const Map from = choose(kTfLiteFloat32);
    if (choices_.below(3) == 0) {
      add_node(nullptr, kTfLiteBuiltinRelu, {}, {from.tensor}, add_map({kTfLiteFloat32, from.dims}));
    } else if (choices_.below(2)) {
      const TfLiteReducerParams options = {choices_.below(2) == 1};
      add_node(nullptr, kTfLiteBuiltinMean, struct_bytes(options), {from.tensor, constant(kTfLiteInt32, {2})},
               add_map({kTfLiteFloat32, {from.dims[0], from.dims.back()}}));
    } else {
      const TfLiteFullyConnectedParams options = {kTfLiteActNone, choices_.mostly(0), choices_.below(2) == 1};
      const int units = kChannels[choices_.below(8)];
      int depth = 1;
      for (size_t i = 1; i < from.dims.size(); ++i) depth *= from.dims[i];
      add_node(nullptr, kTfLiteBuiltinFullyConnected, struct_bytes(options),
               {from.tensor, constant(kTfLiteFloat32, {units, depth}), constant(kTfLiteFloat32, {units})},
               add_map({kTfLiteFloat32, {from.dims[0], units}}));
    }
  }

  Choices choices_;
  hybrid_tf::Host* const host_;
  std::vector<Map> maps_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  char fusion[] = "fusion", kernels[] = "kernels", off[] = "0", on[] = "1", portable[] = "portable";
  char* keys[] = {fusion, kernels};
  char* values[] = {data[0] % 2 ? on : off, portable};
  // The fastest kernels half of the time.
  TfLiteDelegate* delegate = tflite_plugin_create_delegate(keys, values, data[0] / 2 % 2 + 1, nullptr);
  if (delegate == nullptr) abort();
  {
    hybrid_tf::Host host(data[1] % 16 == 0 ? 2 : 1);  // threads take their time to start
    GraphMaker(data + 2, size - 2, &host).make();
    host.run(delegate);
    if (!host.succeeded() && host.reports().empty()) abort();
  }
  tflite_plugin_destroy_delegate(delegate);
  return 0;
}
