// Fuzzes the reader of custom options: any bytes may stand in a file.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "common/flexbuffer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Of exactly this size, so that a byte read beside it is noticed.
  auto copy = std::make_unique<uint8_t[]>(size);
  if (size > 0) memcpy(copy.get(), data, size);
  hybrid_tf::IntOption options[] = {{"padding", 0, false}, {"stride_height", 0, false}, {"channels_in", 0, false}};
  hybrid_tf::parse_options(copy.get(), size, options, 3);
  return 0;
}
