#include "execution/profile.h"

#include <time.h>

#include <cstdio>

namespace hybrid_tf {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) < ' ') {
      char escape[8];
      snprintf(escape, sizeof(escape), "\\u%04x", c);
      result += escape;
    } else {
      result += c;
    }
  }
  return result + '"';
}

}  // namespace

int64_t now_nanoseconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1000000000} + time.tv_nsec;
}

ProfileRow make_profile_row(const StepPlan& plan, const Graph& graph, const Step& step) {
  const Tensor& tensor = graph.tensors[plan.named_after];
  ProfileRow row = {"", tensor.name, tensor.index, step.work.binary_macs, step.work.float_macs, step.blocking, 0, 0};
  for (const char* name : plan.names) row.name += (row.name.empty() ? "" : "+") + std::string(name);
  return row;
}

void append_json(const ProfileRow& row, std::string* json) {
  char numbers[200];
  snprintf(numbers, sizeof(numbers),
           ", \"tensor\": %d, \"binary_macs\": %lld, \"float_macs\": %lld, \"calls\": %lld, \"nanoseconds\": %lld}",
           row.tensor, (long long)row.binary_macs, (long long)row.float_macs, (long long)row.calls,
           (long long)row.nanoseconds);
  *json += "{\"name\": " + quoted(row.name) + ", \"output\": " + quoted(row.output) +
           ", \"blocking\": " + quoted(row.blocking) + numbers;
}

}  // namespace hybrid_tf
