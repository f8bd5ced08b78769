// A part of a graph that the delegate runs: from the interpreter's nodes to results.
#pragma once

#include <memory>
#include <vector>

#include "execution/division.h"
#include "execution/layout.h"
#include "execution/profile.h"
#include "execution/steps.h"
#include "execution/thread_pool.h"
#include "execution/weights.h"
#include "graph/graph.h"

namespace hybrid_tf {

// What the user has chosen, and what all parts of a graph share.
struct Settings {
  const KernelSet* kernels = nullptr;
  bool fusion = true;
  bool profile = false;
};

class Partition {
 public:
  Partition(const Settings& settings, ThreadPool* pool) : settings_(settings), pool_(pool) {}

  // Each returns false with a message; then the following ones repeat it.
  bool init(TfLiteContext* context, const TfLiteDelegateParams& params);
  bool prepare(TfLiteContext* context);  // again after each change of the inputs' shapes
  bool invoke(TfLiteContext* context);   // allocates nothing

  const char* message() const { return message_.text; }
  std::vector<ProfileRow>& profile() { return profile_; }

 private:
  bool resize_outputs(TfLiteContext* context);
  bool make_steps(int threads);
  bool bind(TfLiteContext* context);
  void run(size_t step);

  const Settings settings_;
  ThreadPool* const pool_;
  Message message_;
  bool read_ = false, prepared_ = false;
  Graph graph_;
  std::vector<StepPlan> plan_;    // of the graph, whatever its shapes
  std::vector<Weights> weights_;  // of each operator
  Layout layout_;
  Buffer arena_;
  std::vector<std::unique_ptr<Step>> steps_;
  Divisions divisions_;      // of each step
  std::vector<void*> data_;  // pixel (0, 0) of each value
  std::vector<ProfileRow> profile_;
};

}  // namespace hybrid_tf
