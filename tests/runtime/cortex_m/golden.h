// Operators with their inputs, and what LCE computed: golden_cases.py makes the array.
#pragma once

#include <cstddef>
#include <cstdint>

struct GoldenTensor {
  int type;  // as in TFLM; 0 where the tensor is absent
  float scale;
  int32_t zero_point;
  int dimensions;
  int32_t shape[4];
  bool constant;
  size_t bytes;
  const void* data;
};

struct GoldenCase {
  const char* name;
  const char* operator_name;
  const uint8_t* options;
  size_t options_bytes;
  int inputs;
  GoldenTensor input[5];
  GoldenTensor output;
};

extern const GoldenCase golden_cases[];
extern const int golden_count;
