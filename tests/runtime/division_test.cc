// The divisions of steps follow what the runs took. Built by test_thread_pool.py; exits with 1 when something is wrong.
#include "execution/division.h"

#include <cstdio>
#include <cstdlib>

namespace {

using hybrid_tf::Divisions;

// What a step takes: its work, shared by its parts, and what it costs to hand parts over.
struct Cost {
  double work, handing_over;

  int64_t of(int parts) const { return static_cast<int64_t>(parts == 1 ? work : work / 2 + handing_over); }
};

hybrid_tf::Work work_of(double nanoseconds) {
  hybrid_tf::Work work;
  work.pixels = 100;
  work.block_unit = 0;
  work.input_bytes = static_cast<int64_t>(20 * nanoseconds);
  return work;
}

void expect(const Divisions& divisions, size_t step, int parts) {
  if (divisions.of(step).parts == parts) return;
  fprintf(stderr, "step %zu has %d parts, not %d\n", step, divisions.of(step).parts, parts);
  exit(1);
}

// `waking` is what a run takes longer when any short step of it is divided.
void run(Divisions* divisions, const Cost* costs, size_t steps, int64_t waking, int runs) {
  for (int i = 0; i < runs; ++i) {
    int64_t total = 0;
    bool divided = false;
    for (size_t step = 0; step < steps; ++step) {
      const int parts = divisions->of(step).parts;
      const int64_t time = costs[step].of(parts);
      if (divisions->measures()) divisions->measured(step, time);
      total += time;
      divided |= parts > 1;
    }
    divisions->end_run(total + divided * waking);
  }
}

void start(Divisions* divisions, int threads, const Cost* costs, size_t steps) {
  divisions->start(threads);
  for (size_t step = 0; step < steps; ++step) divisions->add(work_of(costs[step].work));
}

}  // namespace

int main() {
  constexpr size_t kSteps = 4;
  const Cost costs[kSteps] = {{200, 1000}, {3000, 2000}, {20000, 1000}, {2000000, 1000}};
  Divisions divisions;
  start(&divisions, 2, costs, kSteps);
  expect(divisions, 0, 1);  // too short ever to be tried
  expect(divisions, 3, 8);  // long enough from the first run on
  run(&divisions, costs, kSteps, 0, Divisions::kTrialRuns);
  expect(divisions, 0, 1);
  expect(divisions, 1, 1);  // 3.5 microseconds divided, 3 undivided
  expect(divisions, 2, 2);
  expect(divisions, 3, 8);

  start(&divisions, 2, costs, kSteps - 1);
  run(&divisions, costs, kSteps - 1, 50000, Divisions::kTrialRuns);
  expect(divisions, 2, 1);  // waking a thread takes longer than the network
  run(&divisions, costs, kSteps - 1, 0, Divisions::kPeriod);
  expect(divisions, 2, 2);  // until it does not

  start(&divisions, 1, costs, kSteps);
  for (size_t step = 0; step < kSteps; ++step) expect(divisions, step, 1);
  if (divisions.measures()) return 1;
  puts("ok");
}
