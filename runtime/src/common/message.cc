#include "common/message.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace hybrid_tf {

bool Message::fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return false;
}

bool Message::prefix(const char* format, ...) {
  char rest[sizeof(text)];
  memcpy(rest, text, sizeof(text));
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length >= 0 && length < static_cast<int>(sizeof(text))) {
    snprintf(text + length, sizeof(text) - length, "%s", rest);
  }
  return false;
}

}  // namespace hybrid_tf
