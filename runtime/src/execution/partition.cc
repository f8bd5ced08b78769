#include "execution/partition.h"

#include <algorithm>
#include <cstdlib>

namespace hybrid_tf {

bool Partition::init(TfLiteContext* context, const TfLiteDelegateParams& params) {
  if (!read_graph(context, params, &graph_, &message_)) return false;
  plan_ = plan_steps(graph_, settings_.fusion);
  weights_.resize(graph_.operators.size());
  for (size_t i = 0; i < weights_.size(); ++i) {
    const Operator& op = graph_.operators[i];
    if (!pack_weights(context, graph_, op, *settings_.kernels, &weights_[i], &message_)) {
      return message_.prefix("%s \"%.150s\": ", op.name, graph_.tensors[op.output].name);
    }
  }
  return read_ = true;
}

bool Partition::prepare(TfLiteContext* context) {
  if (!read_) return false;
  prepared_ = false;
  steps_.clear();
  const int threads = std::max(1, context->recommended_num_threads);
  if (!infer_shapes(context, &graph_, &message_) || !resize_outputs(context) ||
      !make_layout(graph_, plan_, &layout_, &message_)) {
    return false;
  }
  if (!arena_.allocate(layout_.arena_bytes)) {
    return message_.fail("no memory for %llu bytes of activations", (unsigned long long)layout_.arena_bytes);
  }
  data_.assign(layout_.values.size(), nullptr);
  for (size_t i = 0; i < data_.size(); ++i) {
    const Value& value = layout_.values[i];
    if (!value.external) data_[i] = arena_.as<char>() + value.offset + value.origin() * value.element_size;
  }
  if (threads > 1) pool_->reserve(threads);
  return prepared_ = make_steps(threads);
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

bool Partition::make_steps(int threads) {
  static const Weights kNone;
  divisions_.start(threads);
  profile_.clear();
  for (const StepPlan& plan : layout_.steps) {
    const Weights& weights = plan.op ? weights_[plan.op - graph_.operators.data()] : kNone;
    steps_.push_back(make_step(plan, layout_, graph_, weights, *settings_.kernels));
    if (!steps_.back()) {
      return message_.fail("no memory for the constants of \"%.150s\"", graph_.tensors[plan.named_after].name);
    }
    divisions_.add(steps_.back()->work);
    profile_.push_back(make_profile_row(plan, graph_, *steps_.back()));
  }
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
      data_[i] = nullptr;  // so that the next attempt binds
      return message_.fail("tensor \"%.150s\" has no memory", graph_.tensors[i].name);
    }
    moved |= tensor.data != data_[i];
    data_[i] = tensor.data;
  }
  if (moved) {
    for (const auto& step : steps_) step->bind(data_);
  }
  return true;
}

bool Partition::invoke(TfLiteContext* context) {
  if (!prepared_ || !bind(context)) return false;
  const bool timed = settings_.profile || divisions_.measures();
  const int64_t begin = timed ? now_nanoseconds() : 0;
  int64_t start = begin;
  for (size_t i = 0; i < steps_.size(); ++i) {
    run(i);
    if (!timed) continue;
    const int64_t end = now_nanoseconds();
    profile_[i].nanoseconds += end - start;
    ++profile_[i].calls;
    if (divisions_.measures()) divisions_.measured(i, end - start);
    start = end;
  }
  divisions_.end_run(start - begin);
  return true;
}

void Partition::run(size_t index) {
  // The arena is shared: what is a halo now was part of another map before.
  for (int value : {layout_.steps[index].output, layout_.steps[index].signs}) {
    if (value >= 0) layout_.values[value].clear_halo(data_[value]);
  }
  struct Job {
    const Step& step;
    const Division& division;
  } job = {*steps_[index], divisions_.of(index)};
  const auto run_part = [](void* argument, int number) {
    const Job& job = *static_cast<const Job*>(argument);
    const Part part = part_of(job.step.work, job.division, number);
    job.step.run(part.pixels, part.blocks);
  };
  pool_->run(run_part, &job, job.division.parts);
}

}  // namespace hybrid_tf
