// What hybrid-tf's converter stores in a file besides the network.
#pragma once

#include <string>
#include <vector>

#include "common/export.h"
#include "common/flatbuffer.h"
#include "common/message.h"

namespace hybrid_tf {

struct Metadata {
  std::string json;  // as it is in the file; empty where there is none
  std::vector<std::string> class_names;
  std::vector<float> mean, std;  // of each channel: the input is (pixel - mean) / std
};

// `file` has been checked. False with a message when there is metadata of hybrid-tf that cannot be read.
bool read_metadata(FlatFile* file, Metadata* metadata, Message* message);

}  // namespace hybrid_tf

// Copies the metadata of a file that was checked, as much of it as fits, and returns how long it is: 0 where there is
// none. `probabilities`: whether the first output is made by SOFTMAX or LOGISTIC.
HYBRID_TF_EXPORT size_t hybrid_tf_runtime_file_metadata(const uint8_t* data, size_t size, int* probabilities,
                                                        char* text, size_t text_size);
