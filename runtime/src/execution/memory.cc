#include "execution/memory.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace hybrid_tf {

size_t place_blocks(std::vector<Block>* blocks) {
  std::vector<Block*> by_size;
  for (Block& block : *blocks) by_size.push_back(&block);
  std::stable_sort(by_size.begin(), by_size.end(), [](const Block* a, const Block* b) { return a->bytes > b->bytes; });
  std::vector<Block*> placed;  // ordered by offset
  size_t total = 0;
  for (Block* block : by_size) {
    const size_t bytes = align(block->bytes);
    size_t offset = 0;
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

Buffer::~Buffer() { free(data_); }

bool Buffer::allocate(size_t bytes) {
  free(data_);
  if (posix_memalign(&data_, kAlignment, align(bytes + 1))) data_ = nullptr;
  return data_ != nullptr;
}

}  // namespace hybrid_tf
