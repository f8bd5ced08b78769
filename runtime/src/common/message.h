// What is wrong, in words for the user.
#pragma once

namespace hybrid_tf {

struct Message {
  char text[400] = "";

  // Sets the text and returns false, so that a function that fails can `return message->fail(...)`.
  bool fail(const char* format, ...) __attribute__((format(printf, 2, 3)));
  // Puts `format` before the text.
  bool prefix(const char* format, ...) __attribute__((format(printf, 2, 3)));
};

}  // namespace hybrid_tf
