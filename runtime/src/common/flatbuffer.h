// Reading a flatbuffer of which nothing is trusted. What lies outside of the file reads as 0 or as absent, and the file
// is marked as unsound; so a reader can go on, and asks at the end. Layout: https://flatbuffers.dev/internals/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hybrid_tf {

class FlatFile {
 public:
  FlatFile(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool sound() const { return sound_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  // Whether `count` elements of `width` bytes lie inside; if not, the file is unsound.
  bool covers(size_t position, size_t count, size_t width) {
    if (position <= size_ && count <= (size_ - position) / width) return true;
    sound_ = false;
    return false;
  }

  template <typename T>
  T read(size_t position) {
    T value{};
    if (covers(position, 1, sizeof(T))) memcpy(&value, data_ + position, sizeof(T));
    return value;
  }

  // Offsets point forwards.
  size_t follow(size_t position) { return position + read<uint32_t>(position); }

  void spoil() { sound_ = false; }

 private:
  const uint8_t* data_;
  size_t size_;
  bool sound_ = true;
};

class FlatTable;

// Elements one after the other; empty when absent.
class FlatVector {
 public:
  FlatVector() = default;
  FlatVector(FlatFile* file, size_t position, size_t width) : file_(file) {
    const size_t count = file->read<uint32_t>(position);
    if (file->covers(position + 4, count, width)) begin_ = position + 4, size_ = count;
  }

  size_t size() const { return size_; }
  const uint8_t* data() const { return size_ == 0 ? nullptr : file_->data() + begin_; }
  template <typename T>
  T at(size_t index) const {
    return index < size_ ? file_->read<T>(begin_ + index * sizeof(T)) : T{};
  }
  inline FlatTable table(size_t index) const;

 private:
  FlatFile* file_ = nullptr;
  size_t begin_ = 0, size_ = 0;
};

// Fields by number, in the order of the schema.
class FlatTable {
 public:
  FlatTable() = default;
  FlatTable(FlatFile* file, size_t position) : file_(file), position_(position) {
    vtable_ = position - static_cast<size_t>(static_cast<ptrdiff_t>(file->read<int32_t>(position)));
    vtable_size_ = file->read<uint16_t>(vtable_);
    const size_t table_size = file->read<uint16_t>(vtable_ + 2);
    if (vtable_size_ < 4 || vtable_size_ % 2 || !file->covers(vtable_, vtable_size_, 1) ||
        !file->covers(position, table_size, 1)) {
      file->spoil();
      file_ = nullptr;
    }
  }

  bool present() const { return file_ != nullptr; }

  template <typename T>
  T scalar(int field, T otherwise) const {
    const size_t position = find(field);
    return position == 0 ? otherwise : file_->read<T>(position);
  }
  FlatTable table(int field) const {
    const size_t position = find(field);
    return position == 0 ? FlatTable() : FlatTable(file_, file_->follow(position));
  }
  FlatVector vector(int field, size_t width) const {
    const size_t position = find(field);
    return position == 0 ? FlatVector() : FlatVector(file_, file_->follow(position), width);
  }
  // Ends with a 0; empty when absent.
  const char* text(int field) const {
    const size_t position = find(field);
    if (position == 0) return "";
    const FlatVector characters(file_, file_->follow(position), 1);
    const size_t end = file_->follow(position) + 4 + characters.size();
    if (file_->read<char>(end) != '\0') file_->spoil();
    return file_->sound() ? reinterpret_cast<const char*>(file_->data() + end - characters.size()) : "";
  }
  bool has(int field) const { return find(field) != 0; }

 private:
  // 0 for a field that has its default: nothing but the file's header is at 0.
  size_t find(int field) const {
    const size_t entry = 4 + 2 * static_cast<size_t>(field);
    if (file_ == nullptr || entry + 2 > vtable_size_) return 0;
    const size_t offset = file_->read<uint16_t>(vtable_ + entry);
    return offset == 0 ? 0 : position_ + offset;
  }

  FlatFile* file_ = nullptr;
  size_t position_ = 0, vtable_ = 0, vtable_size_ = 0;
};

inline FlatTable FlatVector::table(size_t index) const {
  return index < size_ ? FlatTable(file_, file_->follow(begin_ + 4 * index)) : FlatTable();
}

}  // namespace hybrid_tf
