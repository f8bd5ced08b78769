#include "execution/layout.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxMapBytes = int64_t{1} << 30;

int element_size(TfLiteType type) { return type == kTfLiteFloat32 || type == kTfLiteInt32 ? 4 : 1; }

bool reads_halo(const StepPlan& step) {
  return step.op->kind == OperatorKind::kBconv || step.op->kind == OperatorKind::kConv;
}

// Bits that we make ourselves get the halo that convolutions want right away. All other maps are dense, as are bits
// that LceDequantize reads, and are copied for convolutions.
std::vector<bool> can_have_halo(const Graph& graph, const std::vector<Value>& values) {
  std::vector<bool> can(values.size());
  for (size_t i = 0; i < can.size(); ++i) can[i] = graph.tensors[i].type == kTfLiteInt32 && !values[i].external;
  for (const Operator& op : graph.operators) {
    if (op.kind == OperatorKind::kDequantize) can[op.input] = false;
  }
  return can;
}

// Gives every convolution an input with a halo wide enough for it.
void add_halos(const Graph& graph, const std::vector<StepPlan>& steps, Layout* layout) {
  std::vector<Value>& values = layout->values;
  const std::vector<bool> can = can_have_halo(graph, values);
  std::vector<Halo> wanted(values.size());
  for (const StepPlan& step : steps) {
    if (reads_halo(step)) wanted[step.input].cover(sliding(*step.op, values[step.input].image).halo());
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (can[i]) values[i].halo = wanted[i];
  }
  std::vector<int> copies(values.size(), -1);
  for (StepPlan step : steps) {
    const int input = step.input;
    if (reads_halo(step) && !can[input] && !sliding(*step.op, values[input].image).halo().empty()) {
      if (copies[input] < 0) {
        copies[input] = static_cast<int>(values.size());
        Value copy = values[input];
        copy.external = false;
        copy.halo = wanted[input];
        const Tensor& tensor = graph.tensors[copy.tensor];
        if (tensor.type == kTfLiteInt8) copy.halo_byte = tensor.zero_point;
        values.push_back(copy);
        StepPlan pad = {};
        pad.input = input;
        pad.output = copies[input];
        pad.named_after = copy.tensor;
        pad.names.push_back("pad");
        layout->steps.push_back(pad);
      }
      step.input = copies[input];
    }
    layout->steps.push_back(step);
  }
}

// What a step reads. The numbers of an operator's tensors are those of their values.
std::array<int, 4> inputs_of(const StepPlan& step) {
  return {step.input, step.residual, step.op ? step.op->others[0] : -1, step.op ? step.op->others[1] : -1};
}

// The lifetime of every value in the arena, and the blocks that hold them.
class Arena {
 public:
  explicit Arena(Layout* layout) : layout_(*layout), block_of_(layout->values.size(), -1) {}

  void place() {
    for (size_t i = 0; i < layout_.steps.size(); ++i) {
      const StepPlan& step = layout_.steps[i];
      for (int value : inputs_of(step)) {
        if (value >= 0 && block_of_[value] >= 0) blocks_[block_of_[value]].last = static_cast<int>(i);
      }
      if (step.output >= 0) make(step.output, i);
      if (step.signs >= 0) make(step.signs, i);
    }
    layout_.arena_bytes = place_blocks(&blocks_);
    for (size_t i = 0; i < block_of_.size(); ++i) {
      if (block_of_[i] >= 0) layout_.values[i].offset = blocks_[block_of_[i]].offset;
    }
  }

 private:
  void make(int value, size_t index) {
    if (layout_.values[value].external) return;
    if (value == layout_.steps[index].output && takes_place_of_residual(index)) {
      block_of_[value] = block_of_[layout_.steps[index].residual];
      return;
    }
    block_of_[value] = static_cast<int>(blocks_.size());
    const int time = static_cast<int>(index);
    blocks_.push_back({static_cast<uint64_t>(layout_.values[value].bytes()), time, time, 0});
  }

  // Sums may be written over the operand that nobody reads any more: the same memory stays in the cache. (Each result
  // is written after its own operand was read. The input of a convolution is read for more than one result.)
  bool takes_place_of_residual(size_t index) const {
    const StepPlan& step = layout_.steps[index];
    if (step.residual < 0 || step.residual == step.input || block_of_[step.residual] < 0) return false;
    if (layout_.values[step.residual].bytes() != layout_.values[step.output].bytes()) return false;
    for (size_t i = index + 1; i < layout_.steps.size(); ++i) {
      for (int value : inputs_of(layout_.steps[i])) {
        if (value == step.residual) return false;
      }
    }
    return true;
  }

  Layout& layout_;
  std::vector<int> block_of_;  // of each value, -1 where it has none
  std::vector<Block> blocks_;
};

}  // namespace

ptrdiff_t Value::row_stride() const {
  return static_cast<ptrdiff_t>(halo.left + image.width + halo.right) * image.channels;
}

ptrdiff_t Value::batch_stride() const { return (halo.top + image.height + halo.bottom) * row_stride(); }

ptrdiff_t Value::origin() const { return halo.top * row_stride() + static_cast<ptrdiff_t>(halo.left) * image.channels; }

int64_t Value::bytes() const { return int64_t{image.batches} * batch_stride() * element_size; }

void Value::clear_halo(void* data) const {
  if (halo.empty()) return;
  char* const start = static_cast<char*>(data) - origin() * element_size;
  const size_t row = row_stride() * element_size, pixel = static_cast<size_t>(image.channels) * element_size;
  const size_t before = halo.top * row + halo.left * pixel, between = (halo.left + halo.right) * pixel;
  const size_t after = halo.bottom * row + halo.right * pixel, inside = image.width * pixel;
  for (int32_t b = 0; b < image.batches; ++b) {
    char* at = start + b * batch_stride() * element_size;
    memset(at, halo_byte, before);
    at += before + inside;
    for (int32_t y = 1; y < image.height; ++y, at += between + inside) memset(at, halo_byte, between);
    memset(at, halo_byte, after);
  }
}

Halo Sliding::halo() const {
  return {vertical.halo_before, vertical.halo_after, horizontal.halo_before, horizontal.halo_after};
}

Sliding sliding(const Operator& op, const Image& input) {
  Sliding s;
  slide(op.vertical, input.height, op.same_padding, &s.vertical);
  slide(op.horizontal, input.width, op.same_padding, &s.horizontal);
  return s;
}

bool make_layout(const Graph& graph, const std::vector<StepPlan>& steps, Layout* layout, Message* message) {
  *layout = {};
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    layout->values.push_back(
        {static_cast<int>(i), tensor.is_input || tensor.is_output, Image(tensor.shape), element_size(tensor.type)});
  }
  add_halos(graph, steps, layout);
  for (const Value& value : layout->values) {
    if (value.bytes() > kMaxMapBytes) {
      return message->fail("tensor \"%.150s\" needs %lld bytes with the padding of its convolutions",
                           graph.tensors[value.tensor].name, (long long)value.bytes());
    }
  }
  Arena(layout).place();
  return true;
}

}  // namespace hybrid_tf
