// A whole network without an interpreter: parts of the graph that the kernels run, and what stands between them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "check/model_file.h"
#include "engine/file_context.h"
#include "engine/metadata.h"
#include "engine/operators.h"
#include "execution/partition.h"

namespace hybrid_tf {

class Engine {
 public:
  Engine(const Settings& settings, int threads) : settings_(settings), threads_(threads) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Copies and checks a file, and makes all that runs need. Once; false with a message.
  bool open(const uint8_t* data, size_t size);
  // Allocates nothing.
  bool run();

  const std::vector<int32_t>& inputs() const { return model_.inputs; }
  const std::vector<int32_t>& outputs() const { return model_.outputs; }
  // With memory of its own, which stays where it is.
  const TfLiteTensor& tensor(int index) const { return tensors_.tensor(index); }
  const Metadata& metadata() const { return metadata_; }
  const char* message() const { return message_.text; }
  std::string profile() const;  // JSON
  void reset_profile();

 private:
  // Either of the two.
  struct Part {
    std::unique_ptr<Partition> partition;
    std::unique_ptr<EngineOperator> op;
    ProfileRow row;                 // of `op`
    std::vector<int> reads, makes;  // tensors that change with each run, which other parts make or read
  };

  bool read(size_t size);
  bool make_parts();
  bool make_partition(Part* part, const std::vector<int32_t>& nodes);
  bool make_single(Part* part, int32_t node);
  bool is_ours(int32_t node);
  bool place_tensors();
  bool prepare();

  const Settings settings_;
  const int threads_;
  Message message_;
  Buffer content_;
  std::unique_ptr<FlatFile> file_;
  ModelFile model_;
  FileContext tensors_;
  Metadata metadata_;
  std::vector<bool> is_output_, crosses_;  // of each tensor: of the graph; read by another part than makes it
  Buffer arena_;
  ThreadPool pool_;
  std::vector<Part> parts_;
};

}  // namespace hybrid_tf
