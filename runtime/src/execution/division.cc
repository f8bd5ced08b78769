#include "execution/division.h"

#include <algorithm>

namespace hybrid_tf {
namespace {

// Of a fast processor, so that no step takes less time than they say.
constexpr double kBinaryMacsPerNanosecond = 500, kFloatMacsPerNanosecond = 100, kBytesPerNanosecond = 20;
constexpr double kShortNanoseconds = 400;     // a step that takes less is not worth trying
constexpr double kLongNanoseconds = 1000000;  // one that takes more is worth dividing untried
constexpr int kPartsPerThread = 4;            // where threads wake late or are disturbed, the others take more
constexpr double kWorthwhile = 0.95;          // of the time without

double least_nanoseconds(const Work& work) {
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

int64_t median(int64_t (&times)[Divisions::kTries]) {
  std::sort(times, times + Divisions::kTries);
  return times[Divisions::kTries / 2];
}

}  // namespace

Part part_of(const Work& work, const Division& division, int part) {
  const Range pixels = {0, work.pixels}, blocks = {0, work.blocks};
  if (division.by_blocks) return {pixels, share(work.blocks, work.block_unit, part, division.parts)};
  return {share(work.pixels, 1, part, division.parts), blocks};
}

void Divisions::start(int threads) {
  threads_ = threads;
  run_ = 0;
  trying_ = dividing_ = false;
  steps_.clear();
}

void Divisions::add(const Work& work) {
  // Dividing pixels makes every thread read all weights, dividing blocks the whole input.
  const bool by_blocks = work.block_unit > 0 && (work.weight_bytes > work.input_bytes || work.pixels < threads_);
  const int divisible = std::max(1, by_blocks ? work.blocks / work.block_unit : work.pixels);
  const int few = std::min(divisible, threads_), many = std::min(divisible, threads_ * kPartsPerThread);
  const double time = least_nanoseconds(work);
  StepWays step;
  const auto add_way = [&](int parts) {
    if (step.count == 0 || step.ways[step.count - 1].parts < parts) step.ways[step.count++] = {parts, by_blocks};
  };
  if (threads_ > 1 && time > kLongNanoseconds) {
    add_way(many);
  } else {
    add_way(1);
    if (threads_ > 1 && time > kShortNanoseconds) {
      add_way(few);
      add_way(many);
    }
  }
  trying_ |= step.count > 1;
  steps_.push_back(step);
}

const Division& Divisions::of(size_t index) const {
  const StepWays& step = steps_[index];
  if (run_ < kStepRuns) return step.ways[std::min(way_tried(), step.count - 1)];
  return step.ways[divides_steps() ? step.best : 0];
}

// Behind the runs that try each step, runs with and without are compared in turns.
bool Divisions::divides_steps() const { return run_ < kTrialRuns ? (run_ - kStepRuns) % 2 == 0 : dividing_; }

void Divisions::measured(size_t index, int64_t nanoseconds) {
  StepWays& step = steps_[index];
  const int way = way_tried(), attempt = run_ / kWays - 1;
  if (run_ < kStepRuns && attempt >= 0 && way < step.count) step.times[way][attempt] = nanoseconds;
}

void Divisions::end_run(int64_t nanoseconds) {
  if (!trying_) return;
  if (run_ >= kStepRuns && run_ < kTrialRuns) {
    int64_t* times = divides_steps() ? divided_ : undivided_;
    times[(run_ - kStepRuns) / 2] = nanoseconds;
  }
  ++run_;
  if (run_ == kStepRuns) choose();
  if (run_ == kTrialRuns) dividing_ = median(divided_) < median(undivided_);
  if (run_ == kPeriod) run_ = 0;
}

void Divisions::choose() {
  for (StepWays& step : steps_) {
    step.best = 0;
    int64_t least = static_cast<int64_t>(kWorthwhile * median(step.times[0]));
    for (int way = 1; way < step.count; ++way) {
      const int64_t time = median(step.times[way]);
      if (time >= least) continue;
      least = time;
      step.best = way;
    }
  }
}

}  // namespace hybrid_tf
