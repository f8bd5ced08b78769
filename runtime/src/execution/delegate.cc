// The C interface: TensorFlow Lite's external delegate, and what the Python package asks for beside it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "common/export.h"
#include "common/version.h"
#include "execution/partition.h"
#include "graph/claims.h"

namespace hybrid_tf {
namespace {

constexpr char kName[] = "hybrid-tf-runtime";
using Report = void (*)(const char*);

struct Kernel;

struct Delegate {
  TfLiteDelegate base = {};
  Settings settings;
  ThreadPool pool;
  std::vector<Kernel*> kernels;
  // The interpreter should go first, but Python's collector may end the delegate first when both are garbage of a cycle
  // (an exception that holds its frames): then the last kernel ends the delegate.
  bool destroyed = false;
};

// One part of a graph, and the delegate that lists it.
struct Kernel {
  Kernel(Delegate* delegate) : delegate(delegate), partition(delegate->settings, &delegate->pool) {}
  Delegate* const delegate;
  Partition partition;
};

Delegate* of(void* delegate) { return static_cast<Delegate*>(static_cast<TfLiteDelegate*>(delegate)->data); }

TfLiteStatus status(TfLiteContext* context, bool good, const char* message) {
  if (good) return kTfLiteOk;
  context->ReportError(context, "%s: %s\n", kName, message);  // else what the interpreter adds would stick to it
  return kTfLiteError;
}

// `buffer` holds the parameters. What is wrong is kept for prepare(), which can fail.
void* init(TfLiteContext* context, const char* buffer, size_t) {
  const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  Delegate* delegate = of(params->delegate);
  auto* kernel = new Kernel(delegate);
  kernel->partition.init(context, *params);
  delegate->kernels.push_back(kernel);
  return kernel;
}

void release(TfLiteContext*, void* user_data) {
  auto* kernel = static_cast<Kernel*>(user_data);
  Delegate* delegate = kernel->delegate;
  delegate->kernels.erase(std::find(delegate->kernels.begin(), delegate->kernels.end(), kernel));
  delete kernel;
  if (delegate->destroyed && delegate->kernels.empty()) delete delegate;
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  Partition& partition = static_cast<Kernel*>(node->user_data)->partition;
  return status(context, partition.prepare(context), partition.message());
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  Partition& partition = static_cast<Kernel*>(node->user_data)->partition;
  return status(context, partition.invoke(context), partition.message());
}

// The interpreter shows its graph; the delegate names the nodes that it takes.
TfLiteStatus take_nodes(TfLiteContext* context, TfLiteDelegate* delegate) {
  std::vector<int> nodes = {0};
  if (!claim_nodes(context, of(delegate)->settings.fusion, &nodes)) {
    return status(context, false, "the graph cannot be read");
  }
  nodes[0] = static_cast<int>(nodes.size()) - 1;  // now it is a TfLiteIntArray
  if (nodes[0] == 0) return kTfLiteOk;
  TfLiteRegistration registration = {};
  registration.init = init;
  registration.free = release;
  registration.prepare = prepare;
  registration.invoke = invoke;
  registration.builtin_code = kTfLiteBuiltinDelegate;
  registration.custom_name = kName;
  registration.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(
      context, registration, reinterpret_cast<const TfLiteIntArray*>(nodes.data()), delegate);
}

bool read_switch(const char* key, const char* value, bool* result, Message* message) {
  if (strcmp(value, "0") && strcmp(value, "1")) return message->fail("option %s=%s: must be 0 or 1", key, value);
  *result = value[0] == '1';
  return true;
}

bool read_settings(char** keys, char** values, size_t count, Settings* settings, Message* message) {
  const char* kernels = getenv("HYBRID_TF_KERNELS");
  for (size_t i = 0; i < count; ++i) {
    bool good = true;
    if (!strcmp(keys[i], "kernels")) {
      kernels = values[i];
    } else if (!strcmp(keys[i], "fusion")) {
      good = read_switch(keys[i], values[i], &settings->fusion, message);
    } else if (!strcmp(keys[i], "profile")) {
      good = read_switch(keys[i], values[i], &settings->profile, message);
    } else {
      good = message->fail("option %.100s is not known; there are kernels, fusion and profile", keys[i]);
    }
    if (!good) return false;
  }
  settings->kernels = find_kernels(kernels);
  return settings->kernels ||
         message->fail("kernels %.100s are not known or cannot run on this processor, which can run %s", kernels,
                       supported_kernels());
}

}  // namespace
}  // namespace hybrid_tf

// Options: kernels=NAME (else the environment variable HYBRID_TF_KERNELS, else the fastest), fusion=0|1, profile=0|1.
HYBRID_TF_EXPORT TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                                               void (*report_error)(const char*)) {
  auto delegate = std::make_unique<hybrid_tf::Delegate>();
  hybrid_tf::Message message;
  if (!hybrid_tf::read_settings(keys, values, count, &delegate->settings, &message)) {
    message.prefix("%s: ", hybrid_tf::kName);
    if (report_error) report_error(message.text);
    return nullptr;
  }
  delegate->base.data = delegate.get();
  delegate->base.Prepare = hybrid_tf::take_nodes;
  delegate->base.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  return &delegate.release()->base;
}

HYBRID_TF_EXPORT void tflite_plugin_destroy_delegate(TfLiteDelegate* base) {
  if (!base) return;
  hybrid_tf::Delegate* delegate = hybrid_tf::of(base);
  delegate->destroyed = true;
  if (delegate->kernels.empty()) delete delegate;
}

HYBRID_TF_EXPORT const char* hybrid_tf_runtime_version() { return HYBRID_TF_RUNTIME_VERSION; }

// Names of the kernel sets that this processor can run, the fastest first, with commas between them.
HYBRID_TF_EXPORT const char* hybrid_tf_runtime_kernels() { return hybrid_tf::supported_kernels(); }

// Writes, as JSON and with a null at the end, a list of the steps of a delegate that was made with profile=1; of a
// longer text, as much as fits. Returns the length of the whole text without the null. Not while the delegate runs.
HYBRID_TF_EXPORT size_t hybrid_tf_runtime_profile(void* delegate, char* buffer, size_t size) {
  std::string json = "[";
  for (hybrid_tf::Kernel* kernel : hybrid_tf::of(delegate)->kernels) {
    for (const hybrid_tf::ProfileRow& row : kernel->partition.profile()) {
      json += json.size() > 1 ? ",\n " : "";
      hybrid_tf::append_json(row, &json);
    }
  }
  json += "]";
  if (size > 0) snprintf(buffer, size, "%s", json.c_str());
  return json.size();
}

// Sets the counts and times to 0.
HYBRID_TF_EXPORT void hybrid_tf_runtime_profile_reset(void* delegate) {
  for (hybrid_tf::Kernel* kernel : hybrid_tf::of(delegate)->kernels) {
    for (hybrid_tf::ProfileRow& row : kernel->partition.profile()) row.calls = row.nanoseconds = 0;
  }
}
