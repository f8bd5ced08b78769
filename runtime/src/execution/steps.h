// What is executed: each step fills one map (or the two that a pass over one output makes).
#pragma once

#include <memory>
#include <string>

#include "execution/layout.h"
#include "execution/weights.h"

namespace hybrid_tf {

struct Range {
  int32_t begin, end;
};

// How much a step does, and how it may be divided: into ranges of pixels, or of blocks of channels.
struct Work {
  int32_t pixels = 1;
  int32_t blocks = 1;
  int32_t block_unit = 1;  // ranges of blocks start at multiples of this; 0: blocks cannot be divided
  int64_t binary_macs = 0, float_macs = 0;
  int64_t input_bytes = 0, weight_bytes = 0, output_bytes = 0;
};

class Step {
 public:
  virtual ~Step() = default;
  // Sets where the maps lie: `data` has pixel (0, 0) of image 0 of every value of the layout.
  virtual void bind(const std::vector<void*>& data) = 0;
  // Parts that do not overlap may run at once.
  virtual void run(const Range& pixels, const Range& blocks) const = 0;

  Work work;
  std::string blocking;  // how kernels divide it, where there is a choice; for whoever reads a profile
};

// Null when there is no memory. `weights` are those of the step's operator; they, the plan and the layout must outlive
// the step.
std::unique_ptr<Step> make_step(const StepPlan& plan, const Layout& layout, const Graph& graph, const Weights& weights,
                                const KernelSet& kernels);

// The kinds with weights, in conv_steps.cc.
std::unique_ptr<Step> make_bconv_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                      const Weights& weights, const KernelSet& kernels);
std::unique_ptr<Step> make_fconv_step(const StepPlan& plan, const Layout& layout, const Weights& weights,
                                      const KernelSet& kernels);
std::unique_ptr<Step> make_int8_conv_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                          const Weights& weights, const KernelSet& kernels);

// The other full-precision operators that read or make int8, in int8_steps.cc.
std::unique_ptr<Step> make_int8_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                     const KernelSet& kernels);

// Those that work on each channel alone, float32 and int8, in channel_steps.cc.
std::unique_ptr<Step> make_channel_step(const StepPlan& plan, const Layout& layout, const Graph& graph,
                                        const Weights& weights, const KernelSet& kernels);

Work map_work(const StepPlan& plan, const Layout& layout, int32_t pixels);
// What the kernels' Pool is told of an operator, but for pointers and activation.
Pool pool_window(const Operator& op, const Image& input);

inline void* data_of(const std::vector<void*>& data, int value) { return value < 0 ? nullptr : data[value]; }

// The epilogue of a step.
Epilogue bind_epilogue(const StepPlan& plan, const Layout& layout, const std::vector<void*>& data);

}  // namespace hybrid_tf
