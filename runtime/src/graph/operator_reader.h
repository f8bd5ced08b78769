// What reading any operator needs: checks of its tensors and options, each with a message.
#pragma once

#include <initializer_list>

#include "graph/graph.h"

namespace hybrid_tf {

struct OperatorReader {
  const TfLiteContext* context;
  const TfLiteNode& node;
  Operator* op;
  Message* message;

  // Index of an input, -1 when there is none.
  int input(int position) const { return position < node.inputs->size ? node.inputs->data[position] : -1; }
  const TfLiteTensor& tensor(int index) const { return context->tensors[index]; }
  int dim(int index, int axis) const { return tensor(index).dims->data[axis]; }

  // All of these return false, with a message, when it is not so. `what` is the tensor's part in the operator.
  bool arity(int min_inputs, int max_inputs) const;  // one output; sets input and output of the operator
  bool output(int index) const;                      // sets it
  bool has_rank(int index, int rank, const char* what) const;
  // An input or output that changes with each run.
  bool variable(int index, const char* what, std::initializer_list<TfLiteType> types) const;
  // A map that changes with each run: of float32, or of int8 with a scale.
  bool map(int index, const char* what) const;
  // Constants, as many as the shape says; those of 4 bytes are aligned.
  bool constant(int index, TfLiteType type, int rank, const char* what) const;
  bool channel_constant(int index, TfLiteType type, int32_t channels, const char* what) const;  // one for each channel

  // A ratio of scales that TensorFlow Lite's kernels can multiply by.
  bool ratio(double ratio) const;

  bool axis(int64_t size, int64_t stride, int64_t dilation, FilterAxis* axis) const;
  bool activation(int64_t kind) const;
  bool padding(TfLitePadding padding) const;   // as builtin operators count
  bool custom_padding(int64_t padding) const;  // as LCE counts
  bool custom_options(const char* const* keys, size_t count, int64_t* values) const;

 private:
  bool exists(int index, const char* what) const;
};

// One kind each; see read_operator().
bool read_quantize(const OperatorReader& reader);
bool read_dequantize(const OperatorReader& reader);
bool read_bconv(const OperatorReader& reader);
bool read_bmaxpool(const OperatorReader& reader);
bool read_conv(const OperatorReader& reader);
bool read_dense(const OperatorReader& reader);
bool read_add(const OperatorReader& reader);
bool read_prelu(const OperatorReader& reader);
bool read_clamp(const OperatorReader& reader, TfLiteFusedActivation activation);
bool read_pool(const OperatorReader& reader);
bool read_mean(const OperatorReader& reader);
bool read_reshape(const OperatorReader& reader);
bool read_to_int8(const OperatorReader& reader);
bool read_depthwise(const OperatorReader& reader);
bool read_multiply(const OperatorReader& reader);
bool read_concatenation(const OperatorReader& reader);
bool read_split(const OperatorReader& reader);
bool read_logistic(const OperatorReader& reader);
bool read_from_int8(const OperatorReader& reader);

}  // namespace hybrid_tf
