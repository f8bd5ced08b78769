#include "partition.h"

#include <algorithm>
#include <cstdlib>

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
  const int64_t begin = units * part / parts * unit, end = units * (part + 1) / parts * unit;
  return {static_cast<int32_t>(std::min<int64_t>(begin, count)), static_cast<int32_t>(std::min<int64_t>(end, count))};
}

}  // namespace

bool Partition::init(TfLiteContext* context, const TfLiteDelegateParams& params) {
  if (!read_graph(context, params, &graph_, &message_)) return false;
  plan_ = plan_steps(graph_, settings_.fusion);
  weights_.resize(graph_.operators.size());
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (!pack_weights(context, graph_, graph_.operators[i], *settings_.kernels, &weights_[i])) {
      return message_.fail("no memory for the weights");
    }
  }
  return sound_ = true;
}

bool Partition::prepare(TfLiteContext* context) {
  if (!sound_) return false;
  tasks_.clear();
  const int threads = std::max(1, context->recommended_num_threads);
  if (!infer_shapes(context, &graph_, &message_) || !resize_outputs(context) ||
      !make_layout(graph_, plan_, &layout_, &message_)) {
    return false;
  }
  if (!arena_.allocate(layout_.arena_bytes)) {
    return message_.fail("no memory for %zu bytes of activations", layout_.arena_bytes);
  }
  data_.assign(layout_.values.size(), nullptr);
  for (size_t i = 0; i < data_.size(); ++i) {
    const Value& value = layout_.values[i];
    if (!value.external) data_[i] = arena_.as<char>() + value.offset + value.origin() * value.element_size;
  }
  if (threads > 1) pool_->reserve(threads);
  return make_tasks(threads);
}

bool Partition::resize_outputs(TfLiteContext* context) {
  for (const Tensor& tensor : graph_.tensors) {
    if (!tensor.is_output) continue;
    TfLiteTensor* output = &context->tensors[tensor.index];
    Shape current;
    Message reason;
    if (make_shape(output->dims->data, output->dims->size, &current, &reason) && current == tensor.shape) continue;
    auto* dims = static_cast<TfLiteIntArray*>(malloc(sizeof(TfLiteIntArray) + sizeof(tensor.shape.dims)));
    if (!dims) return message_.fail("no memory for a shape");
    dims->size = tensor.shape.rank;
    std::copy(tensor.shape.dims, tensor.shape.dims + tensor.shape.rank, dims->data);
    if (context->ResizeTensor(context, output, dims) != kTfLiteOk) {
      return message_.fail("tensor \"%.150s\" cannot be resized", tensor.name);
    }
  }
  return true;
}

bool Partition::make_tasks(int threads) {
  std::vector<ProfileRow> rows;
  for (const StepPlan& plan : layout_.steps) {
    static const Weights kNone;
    const Weights& weights = plan.op ? weights_[plan.op - graph_.operators.data()] : kNone;
    Task task = {make_step(plan, layout_, graph_, weights, *settings_.kernels), plan.output, plan.signs, 1, false};
    if (!task.step) return message_.fail("no memory for the padding of \"%.150s\"", graph_.tensors[plan.named_after].name);
    const Work& work = task.step->work;
    // Dividing pixels makes every thread read all weights, dividing blocks the whole input.
    task.by_blocks = work.block_unit > 0 && (work.weight_bytes > work.input_bytes || work.pixels < threads);
    const int divisible = task.by_blocks ? work.blocks / work.block_unit : work.pixels;
    const int worthwhile = static_cast<int>(std::min(1e6, estimated_nanoseconds(work) / kMinPartNanoseconds));
    task.parts = threads == 1 ? 1 : std::max(1, std::min({divisible, worthwhile, threads * kPartsPerThread}));
    tasks_.push_back(std::move(task));
    rows.push_back(make_profile_row(plan, graph_, work));
  }
  profile_ = std::move(rows);
  return true;
}

// The interpreter may have moved its tensors since the last time.
bool Partition::bind(TfLiteContext* context) {
  bool moved = false;
  for (size_t i = 0; i < graph_.tensors.size(); ++i) {
    const Value& value = layout_.values[i];
    if (!value.external) continue;
    const TfLiteTensor& tensor = context->tensors[graph_.tensors[i].index];
    if (!tensor.data || tensor.bytes != static_cast<size_t>(value.bytes())) {
      return message_.fail("tensor \"%.150s\" has no memory", graph_.tensors[i].name);
    }
    moved |= tensor.data != data_[i];
    data_[i] = tensor.data;
  }
  if (moved) {
    for (const Task& task : tasks_) task.step->bind(data_);
  }
  return true;
}

bool Partition::invoke(TfLiteContext* context) {
  if (!sound_ || !bind(context)) return false;
  if (!settings_.profile) {
    for (const Task& task : tasks_) run(task);
    return true;
  }
  int64_t start = now_nanoseconds();
  for (size_t i = 0; i < tasks_.size(); ++i) {
    run(tasks_[i]);
    const int64_t end = now_nanoseconds();
    profile_[i].nanoseconds += end - start;
    ++profile_[i].calls;
    start = end;
  }
  return true;
}

void Partition::run(const Task& task) {
  // The arena is shared: what is a halo now was part of another map before.
  for (int value : {task.output, task.signs}) {
    if (value >= 0) layout_.values[value].clear_halo(data_[value]);
  }
  if (task.parts == 1) {
    task.step->run({0, task.step->work.pixels}, {0, task.step->work.blocks});
  } else {
    pool_->run(&Partition::run_part, const_cast<Task*>(&task), task.parts);
  }
}

void Partition::run_part(void* argument, int part) {
  const Task& task = *static_cast<const Task*>(argument);
  const Work& work = task.step->work;
  if (task.by_blocks) {
    task.step->run({0, work.pixels}, share(work.blocks, work.block_unit, part, task.parts));
  } else {
    task.step->run(share(work.pixels, 1, part, task.parts), {0, work.blocks});
  }
}

}  // namespace hybrid_tf
