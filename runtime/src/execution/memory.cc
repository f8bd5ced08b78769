#include "execution/memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#if defined(_WIN32)
#include <malloc.h>
#endif

namespace hybrid_tf {
namespace {

#if defined(_WIN32)
void* allocate_aligned(size_t bytes) { return _aligned_malloc(bytes, kAlignment); }
void free_aligned(void* data) { _aligned_free(data); }
#else
void* allocate_aligned(size_t bytes) {
  void* data;
  return posix_memalign(&data, kAlignment, bytes) == 0 ? data : nullptr;
}
void free_aligned(void* data) { free(data); }
#endif

}  // namespace

uint64_t place_blocks(std::vector<Block>* blocks) {
  std::vector<Block*> by_size;
  for (Block& block : *blocks) by_size.push_back(&block);
  std::stable_sort(by_size.begin(), by_size.end(), [](const Block* a, const Block* b) { return a->bytes > b->bytes; });
  std::vector<Block*> placed;  // ordered by offset
  uint64_t total = 0;
  for (Block* block : by_size) {
    const uint64_t bytes = align(block->bytes);
    uint64_t offset = 0;
    for (const Block* other : placed) {
      if (other->last < block->first || other->first > block->last) continue;
      if (offset + bytes <= other->offset) break;
      offset = std::max(offset, other->offset + align(other->bytes));
    }
    block->offset = offset;
    total = std::max(total, offset + bytes);
    const auto after = [](const Block* a, const Block* b) { return a->offset < b->offset; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), block, after), block);
  }
  return total;
}

Buffer::Buffer(Buffer&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  return *this;
}

Buffer::~Buffer() { free_aligned(data_); }

bool Buffer::allocate(uint64_t bytes) {
  free_aligned(data_);
  data_ = bytes < PTRDIFF_MAX - kAlignment ? allocate_aligned(static_cast<size_t>(align(bytes + 1))) : nullptr;
  return data_ != nullptr;
}

}  // namespace hybrid_tf
