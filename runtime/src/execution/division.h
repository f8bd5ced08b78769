// How each step is divided among threads: long steps always are, of short ones the fastest way is found by trying.
#pragma once

#include <cstdint>
#include <vector>

#include "execution/steps.h"

namespace hybrid_tf {

struct Division {
  int parts;       // that may run at once
  bool by_blocks;  // parts are ranges of blocks of channels, not of pixels
};

// The ranges of one part.
struct Part {
  Range pixels, blocks;
};

Part part_of(const Work& work, const Division& division, int part);

// The divisions of a network's steps. Handing a part to another thread takes about a microsecond, and many times that
// when the thread sleeps or its processor is busy: as long as a short step takes. So the first runs try each short step
// undivided, in a part for each thread, and in several; then whole runs with what was best of each step are compared
// with runs that divide no short step, which are what remains unless the others are faster. All is tried again
// now and then, since other programs come and go.
class Divisions {
 public:
  void start(int threads);                                        // forgets all steps
  void add(const Work& work);                                     // the next step
  const Division& of(size_t step) const;                          // in this run
  bool measures() const { return trying_ && run_ < kTrialRuns; }  // whether measured() is to be called in this run
  void measured(size_t step, int64_t nanoseconds);
  void end_run(int64_t nanoseconds);  // of all steps together, if it measures

  static constexpr int kWays = 3, kTries = 5;             // ways of a step; how often each is tried
  static constexpr int kStepRuns = kWays * (kTries + 1);  // each way once more, before, since caches are cold
  static constexpr int kTrialRuns = kStepRuns + 2 * kTries;
  static constexpr int kPeriod = 2000;  // runs from the beginning of a trial to the next one

 private:
  struct StepWays {
    Division ways[kWays] = {};  // the first divides least
    int count = 0, best = 0;
    int64_t times[kWays][kTries];
  };

  int way_tried() const { return kWays - 1 - run_ % kWays; }  // the first run, maybe the only one, divides most
  bool divides_steps() const;
  void choose();

  int threads_ = 1, run_ = 0;
  bool trying_ = false;    // whether any step has several ways
  bool dividing_ = false;  // whether short steps are divided in the way that was best
  std::vector<StepWays> steps_;
  int64_t undivided_[kTries], divided_[kTries];
};

}  // namespace hybrid_tf
