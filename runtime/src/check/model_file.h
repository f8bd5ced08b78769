// A TensorFlow Lite file: its one graph, read without trusting any of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/flatbuffer.h"
#include "common/message.h"

namespace hybrid_tf {

// `enum TensorType` of the schema.
enum class FileType : int8_t { kFloat32 = 0, kFloat16 = 1, kInt32 = 2, kUint8 = 3, kInt64 = 4, kBool = 6, kInt8 = 9 };

constexpr int kMaxRank = 6;

struct FileShape {
  int32_t rank = 0;  // 0: a single value
  int32_t dims[kMaxRank] = {};

  int64_t elements() const;
  int32_t last() const { return rank == 0 ? 1 : dims[rank - 1]; }
  bool operator==(const FileShape& other) const;
};

struct FileTensor {
  const char* name;
  FileType type;
  FileShape shape;
  const uint8_t* data;     // null: computed at run time
  FlatVector scales;       // float32, one or one for each slice along `scale_axis`; empty where not quantized
  FlatVector zero_points;  // int64, as many
  int32_t scale_axis;
  bool available;              // constant, an input of the graph, or made by an operator that was read
  std::vector<int32_t> known;  // int32 that follow from shapes alone, although they are computed at run time

  // Gives the values of `count` int32 that are constant or known.
  bool read(int32_t* values, size_t count) const;

  float scale() const { return scales.at<float>(0); }
};

struct FileOperator {
  int32_t code;                          // `enum BuiltinOperator` of the schema
  const char* custom_name;               // of a custom operator
  std::vector<int32_t> inputs, outputs;  // tensors; -1 for an input that is absent
  int options_type;                      // `union BuiltinOptions` of the schema
  FlatTable options;
  FlatVector custom_options;
};

struct ModelFile {
  std::vector<FileTensor> tensors;
  std::vector<FileOperator> operators;   // each after those whose outputs it reads
  std::vector<int32_t> inputs, outputs;  // tensors of the graph
};

// Returns false with a message when the file is damaged or holds what no network of LCE's converter does: several
// graphs, variables, sparse or string tensors. `file` must outlive the model.
bool read_model(FlatFile* file, ModelFile* model, Message* message);

}  // namespace hybrid_tf
