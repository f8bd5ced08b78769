// One arena for all maps: two of them may share bytes when they are never needed at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hybrid_tf {

constexpr size_t kAlignment = 64;  // a cache line, and the widest vector

inline uint64_t align(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A map that must be kept from step `first` to step `last`, both included.
struct Block {
  uint64_t bytes;
  int first, last;
  uint64_t offset;  // the answer
};

// Sets the offsets, largest blocks first, each at the lowest place that is free. Returns the size of the arena.
uint64_t place_blocks(std::vector<Block>* blocks);

// Aligned memory, of undefined content.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();
  // Frees what it held; false when there is no memory, as for more than the machine can address.
  bool allocate(uint64_t bytes);
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
};

}  // namespace hybrid_tf
