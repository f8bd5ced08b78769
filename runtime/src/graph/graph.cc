#include "graph/graph.h"

#include "common/ceil_div.h"
#include "graph/operators.h"

namespace hybrid_tf {
namespace {

// Gives the interpreter's tensors numbers of our own.
class Numbering {
 public:
  Numbering(TfLiteContext* context, Graph* graph)
      : context_(context), graph_(graph), numbers_(context->tensors_size, -1) {}

  // -1 where there is none.
  int find(int index) const {
    return index >= 0 && static_cast<size_t>(index) < numbers_.size() ? numbers_[index] : -1;
  }

  int add(int index) {
    const TfLiteTensor& t = context_->tensors[index];
    Tensor tensor = {};
    tensor.index = index;
    tensor.type = t.type;
    tensor.name = t.name ? t.name : "";
    tensor.scale = t.params.scale;
    tensor.zero_point = t.params.zero_point;
    graph_->tensors.push_back(tensor);
    return numbers_[index] = static_cast<int>(graph_->tensors.size()) - 1;
  }

  // A tensor that is read: an input of the part when no operator before has made it.
  int read(int index) {
    if (index < 0) return -1;
    int number = find(index);
    if (number < 0) {
      number = add(index);
      graph_->tensors[number].is_input = true;
    }
    ++graph_->tensors[number].readers;
    return number;
  }

 private:
  TfLiteContext* context_;
  Graph* graph_;
  std::vector<int> numbers_;
};

bool infer_window(const Operator& op, int32_t channels, const Shape& input, Shape* output, Message* message) {
  if (input.rank != 4) return message->fail("its input has %d dimensions, not 4", input.rank);
  WindowAxis vertical, horizontal;
  if (!slide(op.vertical, input.dims[1], op.same_padding, &vertical) ||
      !slide(op.horizontal, input.dims[2], op.same_padding, &horizontal)) {
    return message->fail("its filter is larger than its %dx%d input", input.dims[1], input.dims[2]);
  }
  *output = {4, {input.dims[0], vertical.out, horizontal.out, channels}};
  return true;
}

bool channels_match(const Shape& input, int32_t channels, Message* message) {
  if (input.channels() == channels) return true;
  return message->fail("its input has %d channels (or words) where its filter needs %d", input.channels(), channels);
}

bool infer_dense(const Operator& op, const Shape& input, Shape* output, Message* message) {
  if (op.keep_dims) {
    *output = input;
    output->dims[input.rank - 1] = op.group_channels;
    return channels_match(input, op.filter_channels, message);
  }
  if (input.elements() % op.filter_channels) return channels_match(input, op.filter_channels, message);
  *output = {2, {static_cast<int32_t>(input.elements() / op.filter_channels), op.group_channels}};
  return true;
}

bool infer_mean(const Operator& op, const Shape& input, Shape* output, Message* message) {
  if (input.rank != 4) return message->fail("its input has %d dimensions, not 4", input.rank);
  if (op.keep_dims) {
    *output = {4, {input.dims[0], 1, 1, input.dims[3]}};
  } else {
    *output = {2, {input.dims[0], input.dims[3]}};
  }
  return true;
}

bool infer_reshape(const Operator& op, const Shape& input, Shape* output, Message* message) {
  *output = op.new_shape;
  int64_t known = 1;
  int open = -1;
  for (int i = 0; i < output->rank; ++i) {
    if (output->dims[i] == -1 && open < 0) {
      open = i;
    } else {
      known *= output->dims[i];  // read_reshape() keeps this small
    }
  }
  if (open >= 0 && known > 0 && input.elements() % known == 0) {
    output->dims[open] = static_cast<int32_t>(input.elements() / known);
    known = input.elements();
  }
  return known == input.elements() || message->fail("changes the number of values");
}

// A map and another of its shape, or one pixel for each image or for all.
bool infer_pair(const Operator& op, const Graph& graph, const Shape& input, Message* message) {
  if (op.residual < 0) return channels_match(input, op.group_channels, message);
  const Shape& other = graph.tensors[op.residual].shape;
  const Image one(other), all(input);
  const bool is_pixel = input.rank == 4 && one.channels == all.channels && one.height == 1 && one.width == 1 &&
                        (one.batches == 1 || one.batches == all.batches);
  return other == input || is_pixel || message->fail("its inputs have different shapes");
}

bool infer_concatenation(const Operator& op, const Graph& graph, Shape* output, Message* message) {
  const int32_t last = output->rank - 1;
  int64_t channels = output->channels();
  for (int other : {op.residual, op.others[0], op.others[1]}) {
    if (other < 0) continue;
    Shape shape = graph.tensors[other].shape;
    channels += shape.channels();
    if (shape.rank == output->rank) shape.dims[last] = output->dims[last];
    if (shape != *output) return message->fail("its inputs have different shapes");
  }
  output->dims[last] = static_cast<int32_t>(channels);  // four times 2^28 at most
  return true;
}

bool infer_shape(const Operator& op, const Graph& graph, Message* message, Shape* output) {
  const Shape& input = graph.tensors[op.input].shape;
  const bool packed = graph.tensors[op.output].type == kTfLiteInt32;
  *output = input;
  switch (op.kind) {
    case OperatorKind::kQuantize:
      output->dims[input.rank - 1] = ceil_div(input.channels(), 32);
      return true;
    case OperatorKind::kDequantize:
      output->dims[input.rank - 1] = op.stored_channels;
      return channels_match(input, ceil_div(op.stored_channels, 32), message);
    case OperatorKind::kBconv:
      return channels_match(input, op.groups * op.filter_words, message) &&
             infer_window(op, packed ? ceil_div(op.channels_out(), 32) : op.channels_out(), input, output, message);
    case OperatorKind::kConv:
      return channels_match(input, op.filter_channels, message) &&
             infer_window(op, op.group_channels, input, output, message);
    case OperatorKind::kBmaxPool:
    case OperatorKind::kAveragePool:
    case OperatorKind::kMaxPool:
      return infer_window(op, input.channels(), input, output, message);
    case OperatorKind::kDense:
      return infer_dense(op, input, output, message);
    case OperatorKind::kReshape:
      return infer_reshape(op, input, output, message);
    case OperatorKind::kMean:
      return infer_mean(op, input, output, message);
    case OperatorKind::kPrelu:
    case OperatorKind::kShift:
      if (input.rank != 4) return message->fail("its input has %d dimensions, not 4", input.rank);
      return channels_match(input, op.group_channels, message);
    case OperatorKind::kAdd:
      return graph.tensors[op.residual].shape == input || message->fail("its inputs have different shapes");
    case OperatorKind::kDepthwise:
      return channels_match(input, op.group_channels, message) &&
             infer_window(op, op.group_channels, input, output, message);
    case OperatorKind::kMultiply:
    case OperatorKind::kAddPixel:
      return infer_pair(op, graph, input, message);
    case OperatorKind::kConcatenate:
      return infer_concatenation(op, graph, output, message);
    case OperatorKind::kSlice:
      if (input.channels() % op.slices) return message->fail("its channels cannot be split evenly");
      output->dims[input.rank - 1] /= op.slices;
      return true;
    case OperatorKind::kLogistic:
    case OperatorKind::kClamp:
    case OperatorKind::kToInt8:
    case OperatorKind::kFromInt8:
    case OperatorKind::kRescale:
      return true;
  }
  return false;
}

}  // namespace

bool read_graph(TfLiteContext* context, const TfLiteDelegateParams& params, Graph* graph, Message* message) {
  Numbering numbering(context, graph);
  for (int i = 0; i < params.nodes_to_replace->size; ++i) {
    const int index = params.nodes_to_replace->data[i];
    TfLiteNode* node;
    TfLiteRegistration* registration;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk) {
      return message->fail("node %d cannot be read", index);
    }
    for (int part = 0; part < operator_parts(*node, *registration); ++part) {
      Operator op;
      if (!read_operator(context, *node, *registration, part, &op, message)) return false;
      for (int* input : {&op.input, &op.residual, &op.others[0], &op.others[1]}) *input = numbering.read(*input);
      if (numbering.find(op.output) >= 0) {
        return message->fail("%s \"%s\": its output is made or read before", op.name, context->tensors[op.output].name);
      }
      op.output = numbering.add(op.output);
      graph->operators.push_back(op);
    }
  }
  for (int i = 0; i < params.output_tensors->size; ++i) {
    const int number = numbering.find(params.output_tensors->data[i]);
    if (number >= 0) graph->tensors[number].is_output = true;
  }
  return true;
}

bool infer_shapes(const TfLiteContext* context, Graph* graph, Message* message) {
  for (Tensor& tensor : graph->tensors) {
    if (!tensor.is_input) continue;
    const TfLiteIntArray* dims = context->tensors[tensor.index].dims;
    if (!make_shape(dims->data, dims->size, &tensor.shape, message)) {
      return message->prefix("tensor \"%.150s\" ", tensor.name);
    }
  }
  for (const Operator& op : graph->operators) {
    Tensor& output = graph->tensors[op.output];
    if (!infer_shape(op, *graph, message, &output.shape)) {
      return message->prefix("%s \"%.150s\": ", op.name, output.name);
    }
    if (!check_shape(output.shape, message)) {
      return message->prefix("%s \"%.150s\": its output ", op.name, output.name);
    }
  }
  return true;
}

}  // namespace hybrid_tf
