// Where the time goes: one row for each step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "execution/steps.h"

namespace hybrid_tf {

struct ProfileRow {
  std::string name;    // its operators, joined with +
  std::string output;  // name of the tensor that the last of them makes
  int tensor;          // and the interpreter's index of it
  int64_t binary_macs, float_macs;
  std::string blocking;  // of the step
  int64_t calls, nanoseconds;
};

int64_t now_nanoseconds();

ProfileRow make_profile_row(const StepPlan& plan, const Graph& graph, const Step& step);

// Appends a JSON object.
void append_json(const ProfileRow& row, std::string* json);

}  // namespace hybrid_tf
