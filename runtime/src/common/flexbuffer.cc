#include "common/flexbuffer.h"

#include <cstring>

namespace hybrid_tf {
namespace {

// Types of values; the two lowest bits of a stored type are the logarithm of a width in bytes.
enum FlexType { kInt = 1, kUint = 2, kIndirectInt = 6, kIndirectUint = 7, kMap = 9, kBool = 26 };

struct Buffer {
  const uint8_t* data;
  size_t size;

  bool read_unsigned(size_t position, size_t width, uint64_t* value) const {
    if (position > size || width > size - position) return false;
    *value = 0;
    for (size_t i = 0; i < width; ++i) *value |= static_cast<uint64_t>(data[position + i]) << (8 * i);
    return true;
  }

  bool read_signed(size_t position, size_t width, int64_t* value) const {
    uint64_t bits;
    if (!read_unsigned(position, width, &bits)) return false;
    const int unused = static_cast<int>(64 - 8 * width);
    *value = static_cast<int64_t>(bits << unused) >> unused;
    return true;
  }

  // Offsets count backwards from where they are stored.
  bool follow(size_t position, size_t width, size_t* target) const {
    uint64_t offset;
    if (!read_unsigned(position, width, &offset) || offset > position) return false;
    *target = position - static_cast<size_t>(offset);
    return true;
  }

  bool key_equals(size_t position, const char* key) const {
    const size_t length = strlen(key) + 1;
    return position <= size && length <= size - position && memcmp(data + position, key, length) == 0;
  }
};

// `width` is that of values in place, `type` as stored.
bool read_integer(const Buffer& buffer, size_t position, size_t width, uint8_t type, int64_t* value) {
  uint64_t bits;
  switch (type >> 2) {
    case kInt:
      return buffer.read_signed(position, width, value);
    case kUint:
    case kBool:
      if (!buffer.read_unsigned(position, width, &bits)) return false;
      break;
    case kIndirectInt:
      return buffer.follow(position, width, &position) && buffer.read_signed(position, size_t{1} << (type & 3), value);
    case kIndirectUint:
      if (!buffer.follow(position, width, &position) ||
          !buffer.read_unsigned(position, size_t{1} << (type & 3), &bits)) {
        return false;
      }
      break;
    default:
      return false;
  }
  *value = static_cast<int64_t>(bits);
  return *value >= 0;
}

bool is_width(uint64_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

}  // namespace

bool parse_options(const uint8_t* data, size_t size, IntOption* options, size_t count) {
  for (size_t i = 0; i < count; ++i) options[i].found = false;
  const Buffer buffer = {data, size};
  // The root stands at the end: its value, its type, its width.
  if (size < 3 || !is_width(data[size - 1]) || data[size - 1] > size - 2) return false;
  const uint8_t root_type = data[size - 2];
  const size_t root_width = data[size - 1];
  if (root_type >> 2 != kMap) return false;
  // A map: offset of its vector of keys, width of that vector's offsets, length, values, types of the values.
  const size_t width = size_t{1} << (root_type & 3);
  size_t values, keys;
  uint64_t key_width, length;
  if (!buffer.follow(size - 2 - root_width, root_width, &values) || values < 3 * width ||
      !buffer.follow(values - 3 * width, width, &keys) ||
      !buffer.read_unsigned(values - 2 * width, width, &key_width) || !is_width(key_width) ||
      !buffer.read_unsigned(values - width, width, &length)) {
    return false;
  }
  if (length > (size - values) / (width + 1) || length > (size - keys) / key_width) return false;
  const size_t types = values + length * width;
  for (size_t i = 0; i < length; ++i) {
    size_t key;
    if (!buffer.follow(keys + i * key_width, key_width, &key)) return false;
    for (size_t k = 0; k < count; ++k) {
      if (options[k].found || !buffer.key_equals(key, options[k].key)) continue;
      if (!read_integer(buffer, values + i * width, width, data[types + i], &options[k].value)) return false;
      options[k].found = true;
    }
  }
  return true;
}

}  // namespace hybrid_tf
