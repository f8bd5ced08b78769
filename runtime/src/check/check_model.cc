#include "check/check_model.h"

#include <cstdio>

#include "check/model_file.h"
#include "check/operators.h"

namespace hybrid_tf {
namespace {

bool check(const uint8_t* data, size_t size, Message* message) {
  FlatFile file(data, size);
  ModelFile model;
  if (!read_model(&file, &model, message)) return false;
  for (size_t i = 0; i < model.operators.size(); ++i) {
    if (!check_operator(model, model.operators[i], message)) return message->prefix("operator %zu ", i);
  }
  // Options were read last.
  return file.sound() || message->fail("an option of an operator lies outside of the file");
}

}  // namespace
}  // namespace hybrid_tf

int hybrid_tf_runtime_check_model(const uint8_t* data, size_t size, char* message, size_t message_size) {
  hybrid_tf::Message reason;
  const bool sound = hybrid_tf::check(data, size, &reason);
  if (message_size > 0) snprintf(message, message_size, "%s", reason.text);
  return sound ? 0 : 1;
}
