// The interface of include/hybrid_tf.h.
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/version.h"
#include "engine/engine.h"
#include "hybrid_tf.h"

struct hybrid_tf_engine {
  hybrid_tf_engine(const hybrid_tf::Settings& settings, int threads) : engine(settings, threads) {}
  hybrid_tf::Engine engine;
};

namespace hybrid_tf {
namespace {

constexpr int32_t kMaxThreads = 1024;

hybrid_tf_type type_of(TfLiteType type) {
  switch (type) {
    case kTfLiteFloat16:
      return HYBRID_TF_FLOAT16;
    case kTfLiteInt32:
      return HYBRID_TF_INT32;
    case kTfLiteUInt8:
      return HYBRID_TF_UINT8;
    case kTfLiteInt64:
      return HYBRID_TF_INT64;
    case kTfLiteBool:
      return HYBRID_TF_BOOL;
    case kTfLiteInt8:
      return HYBRID_TF_INT8;
    default:
      return HYBRID_TF_FLOAT32;
  }
}

int describe(const Engine& engine, const std::vector<int32_t>& tensors, size_t index, hybrid_tf_tensor* tensor) {
  if (index >= tensors.size()) return 1;
  const TfLiteTensor& t = engine.tensor(tensors[index]);
  *tensor = {};
  tensor->name = t.name;
  tensor->data = t.data;
  tensor->bytes = t.bytes;
  tensor->type = type_of(t.type);
  tensor->rank = t.dims->size;
  for (int i = 0; i < t.dims->size; ++i) tensor->dims[i] = t.dims->data[i];
  tensor->scale = t.params.scale;
  tensor->zero_point = t.params.zero_point;
  return 0;
}

bool read_options(const hybrid_tf_options* given, Settings* settings, int* threads, Message* message) {
  hybrid_tf_options options = {};
  if (given) {
    if (given->size < sizeof(options)) return message->fail("the field size of the options is not their size");
    options = *given;
  }
  *threads = options.threads == 0 ? 1 : options.threads;
  if (*threads < 1 || *threads > kMaxThreads) {
    return message->fail("there can be 1 to %d threads, not %d", kMaxThreads, options.threads);
  }
  settings->fusion = options.unfused == 0;
  settings->profile = options.profile != 0;
  settings->kernels = find_kernels(options.kernels);
  return settings->kernels ||
         message->fail("kernels %.100s are not known or cannot run on this processor, which can run %.100s",
                       options.kernels, supported_kernels());
}

}  // namespace
}  // namespace hybrid_tf

int hybrid_tf_interface_version(void) { return HYBRID_TF_INTERFACE_VERSION; }

const char* hybrid_tf_version(void) { return HYBRID_TF_RUNTIME_VERSION; }

const char* hybrid_tf_kernels(void) { return hybrid_tf::supported_kernels(); }

hybrid_tf_engine* hybrid_tf_open(const void* data, size_t size, const hybrid_tf_options* options, char* message,
                                 size_t message_size) {
  hybrid_tf::Settings settings;
  hybrid_tf::Message reason;
  int threads = 1;
  std::unique_ptr<hybrid_tf_engine> engine;
  bool good = hybrid_tf::read_options(options, &settings, &threads, &reason);
  if (good) {
    engine = std::make_unique<hybrid_tf_engine>(settings, threads);
    good = engine->engine.open(static_cast<const uint8_t*>(data), size);
  }
  if (message_size > 0) snprintf(message, message_size, "%s", engine ? engine->engine.message() : reason.text);
  return good ? engine.release() : nullptr;
}

void hybrid_tf_close(hybrid_tf_engine* engine) { delete engine; }

size_t hybrid_tf_input_count(const hybrid_tf_engine* engine) { return engine->engine.inputs().size(); }

size_t hybrid_tf_output_count(const hybrid_tf_engine* engine) { return engine->engine.outputs().size(); }

int hybrid_tf_input(const hybrid_tf_engine* engine, size_t index, hybrid_tf_tensor* tensor) {
  return hybrid_tf::describe(engine->engine, engine->engine.inputs(), index, tensor);
}

int hybrid_tf_output(const hybrid_tf_engine* engine, size_t index, hybrid_tf_tensor* tensor) {
  return hybrid_tf::describe(engine->engine, engine->engine.outputs(), index, tensor);
}

int hybrid_tf_run(hybrid_tf_engine* engine) { return engine->engine.run() ? 0 : 1; }

const char* hybrid_tf_last_error(const hybrid_tf_engine* engine) { return engine->engine.message(); }

size_t hybrid_tf_class_count(const hybrid_tf_engine* engine) { return engine->engine.metadata().class_names.size(); }

const char* hybrid_tf_class_name(const hybrid_tf_engine* engine, size_t index) {
  const auto& names = engine->engine.metadata().class_names;
  return index < names.size() ? names[index].c_str() : nullptr;
}

size_t hybrid_tf_channel_count(const hybrid_tf_engine* engine) { return engine->engine.metadata().mean.size(); }

int hybrid_tf_normalisation(const hybrid_tf_engine* engine, size_t channel, float* mean, float* std) {
  const hybrid_tf::Metadata& metadata = engine->engine.metadata();
  if (channel >= metadata.mean.size()) return 1;
  *mean = metadata.mean[channel];
  *std = metadata.std[channel];
  return 0;
}

const char* hybrid_tf_metadata(const hybrid_tf_engine* engine) { return engine->engine.metadata().json.c_str(); }

size_t hybrid_tf_profile(const hybrid_tf_engine* engine, char* text, size_t size) {
  const std::string json = engine->engine.profile();
  if (size > 0) snprintf(text, size, "%s", json.c_str());
  return json.size();
}

void hybrid_tf_profile_reset(hybrid_tf_engine* engine) { engine->engine.reset_profile(); }
