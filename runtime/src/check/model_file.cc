#include "check/model_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "check/schema.h"

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 30;  // of one tensor, and four times as much of all that are computed
constexpr size_t kMaxCount = 100000;             // of tensors, of operators
constexpr size_t kMaxOperands = 256;             // of one operator
constexpr size_t kMaxSignatures = 16;
constexpr size_t kMaxName = 4096;  // bytes
constexpr const char* kDamaged = "the file is damaged: copy it again";

// Of one element; 0 for types that no operator of a network has.
int64_t bytes_of(FileType type) {
  switch (type) {
    case FileType::kFloat32:
    case FileType::kInt32:
      return 4;
    case FileType::kFloat16:
      return 2;
    case FileType::kInt64:
      return 8;
    case FileType::kUint8:
    case FileType::kBool:
    case FileType::kInt8:
      return 1;
  }
  return 0;
}

// Names reach users, and Python as Unicode.
bool is_utf8(const char* text) {
  const uint8_t* byte = reinterpret_cast<const uint8_t*>(text);
  while (*byte != 0) {
    const int following = *byte < 0x80 ? 0 : *byte < 0xe0 ? 1 : *byte < 0xf0 ? 2 : 3;
    if (*byte > 0xf4 || (*byte >= 0x80 && *byte < 0xc2)) return false;
    // Overlong forms, surrogates, and what is above the last code point.
    if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
        (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f)) {
      return false;
    }
    for (int i = 1; i <= following; ++i) {
      if ((byte[i] & 0xc0) != 0x80) return false;
    }
    byte += following + 1;
  }
  return true;
}

// A name of a tensor or of something that stands for one.
const char* read_name(FlatFile* file, const FlatTable& table, int field) {
  const char* name = table.text(field);
  if (strnlen(name, kMaxName + 1) > kMaxName || !is_utf8(name)) file->spoil();
  return name;
}

bool read_shape(const FlatTable& table, FileTensor* tensor, Message* message) {
  const FlatVector dims = table.vector(schema::Tensor::shape, 4);
  const FlatVector signature = table.vector(schema::Tensor::shape_signature, 4);
  if (dims.size() > kMaxRank) return message->fail("has %zu dimensions", dims.size());
  if (signature.size() != 0 && signature.size() != dims.size()) return message->fail("has shapes of two ranks");
  tensor->shape.rank = static_cast<int32_t>(dims.size());
  int64_t bytes = bytes_of(tensor->type);
  for (size_t i = 0; i < dims.size(); ++i) {
    const int32_t size = tensor->shape.dims[i] = dims.at<int32_t>(i);
    if (size < 1) return message->fail("has a dimension of %d", size);
    if (signature.size() != 0 && signature.at<int32_t>(i) != -1 && signature.at<int32_t>(i) != size) {
      return message->fail("has two shapes that disagree");
    }
    bytes *= size;
    if (bytes > kMaxBytes) return message->fail("is larger than %lld bytes", static_cast<long long>(kMaxBytes));
  }
  return true;
}

bool read_quantization(const FlatTable& table, FileTensor* tensor, Message* message) {
  using Parameters = schema::QuantizationParameters;
  const FlatTable quantization = table.table(schema::Tensor::quantization);
  tensor->scales = quantization.vector(Parameters::scale, 4);
  tensor->zero_points = quantization.vector(Parameters::zero_point, 8);
  tensor->scale_axis = quantization.scalar<int32_t>(Parameters::quantized_dimension, 0);
  if (quantization.scalar<uint8_t>(Parameters::details_type, 0) != 0) {
    return message->fail("has a quantization of a custom kind");
  }
  quantization.vector(Parameters::min, 4);
  quantization.vector(Parameters::max, 4);
  const size_t count = tensor->scales.size();
  if (count != tensor->zero_points.size()) return message->fail("has other numbers of scales and zero points");
  if (count > 1) {
    const int32_t axis = tensor->scale_axis;
    if (axis < 0 || axis >= tensor->shape.rank || static_cast<size_t>(tensor->shape.dims[axis]) != count) {
      return message->fail("has %zu scales, which do not fit its shape", count);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const float scale = tensor->scales.at<float>(i);
    const int64_t zero_point = tensor->zero_points.at<int64_t>(i);
    if (!(scale >= 1e-20f && scale <= 1e20f)) return message->fail("has a scale of %g", static_cast<double>(scale));
    const bool is_byte = tensor->type == FileType::kInt8 || tensor->type == FileType::kUint8;
    const int64_t low = tensor->type == FileType::kInt8 ? -128 : 0;
    if (is_byte ? zero_point < low || zero_point > low + 255 : zero_point != 0) {
      return message->fail("has a zero point of %lld", static_cast<long long>(zero_point));
    }
  }
  return true;
}

bool read_buffer(const FlatTable& table, const FlatVector& buffers, FileTensor* tensor, Message* message) {
  const uint32_t buffer = table.scalar<uint32_t>(schema::Tensor::buffer, 0);
  if (buffer >= buffers.size()) return message->fail("has buffer %u of %zu", buffer, buffers.size());
  const FlatVector content = buffers.table(buffer).vector(schema::Buffer::data, 1);
  tensor->data = content.data();
  const int64_t bytes = tensor->shape.elements() * bytes_of(tensor->type);
  if (content.size() != 0 && content.size() != static_cast<size_t>(bytes)) {
    return message->fail("takes %lld bytes, and its buffer holds %zu", static_cast<long long>(bytes), content.size());
  }
  return true;
}

bool read_tensor(FlatFile* file, const FlatTable& table, const FlatVector& buffers, FileTensor* tensor,
                 Message* message) {
  tensor->name = read_name(file, table, schema::Tensor::name);
  tensor->type = static_cast<FileType>(table.scalar<int8_t>(schema::Tensor::type, 0));
  if (bytes_of(tensor->type) == 0) return message->fail("has values of type %d", static_cast<int>(tensor->type));
  if (table.scalar<uint8_t>(schema::Tensor::is_variable, 0) != 0) return message->fail("is a variable");
  if (table.has(schema::Tensor::sparsity)) return message->fail("is sparse");
  if (table.has(schema::Tensor::variant_tensors) || table.scalar<uint32_t>(schema::Tensor::external_buffer, 0) != 0) {
    return message->fail("is of a kind that no network has");
  }
  return read_shape(table, tensor, message) && read_quantization(table, tensor, message) &&
         read_buffer(table, buffers, tensor, message);
}

bool read_tensors(FlatFile* file, const FlatVector& tables, const FlatVector& buffers, ModelFile* model,
                  Message* message) {
  int64_t computed = 0;
  size_t scales = 0;
  if (tables.size() > kMaxCount) return message->fail("it has %zu tensors", tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    FileTensor tensor;
    if (!read_tensor(file, tables.table(i), buffers, &tensor, message)) {
      return message->prefix("tensor %zu (%.60s) ", i, tensor.name);
    }
    // Vectors that many tensors share would take longer to check than the file is long.
    scales += tensor.scales.size();
    if (scales > file->size()) return message->fail("it has more scales than bytes");
    tensor.available = tensor.data != nullptr;
    if (!tensor.available) computed += tensor.shape.elements() * bytes_of(tensor.type);
    model->tensors.push_back(tensor);
  }
  return computed <= 4 * kMaxBytes || message->fail("its maps take %lld bytes", static_cast<long long>(computed));
}

bool read_indices(const FlatVector& vector, const ModelFile& model, int32_t least, size_t most,
                  std::vector<int32_t>* indices) {
  if (vector.size() > most) return false;
  for (size_t i = 0; i < vector.size(); ++i) {
    const int32_t index = vector.at<int32_t>(i);
    if (index < least || index >= static_cast<int64_t>(model.tensors.size())) return false;
    indices->push_back(index);
  }
  return true;
}

bool read_operator(const FlatTable& table, const FlatVector& codes, ModelFile* model, Message* message) {
  FileOperator op;
  const uint32_t entry = table.scalar<uint32_t>(schema::Operator::opcode_index, 0);
  if (entry >= codes.size()) return message->fail("is number %u of %zu kinds", entry, codes.size());
  const FlatTable code = codes.table(entry);
  op.code = std::max<int32_t>(code.scalar<int8_t>(schema::OperatorCode::deprecated_builtin_code, 0),
                              code.scalar<int32_t>(schema::OperatorCode::builtin_code, 0));
  op.custom_name = op.code == schema::CUSTOM ? code.text(schema::OperatorCode::custom_code) : "";
  if (!read_indices(table.vector(schema::Operator::inputs, 4), *model, -1, kMaxOperands, &op.inputs) ||
      !read_indices(table.vector(schema::Operator::outputs, 4), *model, 0, kMaxOperands, &op.outputs)) {
    return message->fail("has a tensor that the file lacks");
  }
  if (table.vector(schema::Operator::intermediates, 4).size() != 0 ||
      table.scalar<uint64_t>(schema::Operator::large_custom_options_offset, 0) != 0 ||
      table.has(schema::Operator::builtin_options_2)) {
    return message->fail("is of a kind that no network has");
  }
  for (int32_t input : op.inputs) {
    if (input >= 0 && !model->tensors[input].available) {
      return message->fail("reads '%.60s' before anything has computed it", model->tensors[input].name);
    }
  }
  for (int32_t output : op.outputs) {
    if (model->tensors[output].available) return message->fail("writes '%.60s' again", model->tensors[output].name);
    model->tensors[output].available = true;
  }
  op.options_type = table.scalar<uint8_t>(schema::Operator::builtin_options_type, 0);
  op.options = table.table(schema::Operator::builtin_options);
  op.custom_options = table.vector(schema::Operator::custom_options, 1);
  model->operators.push_back(op);
  return true;
}

// Names of inputs and outputs for callers, and tensors that they stand for.
void read_signatures(FlatFile* file, const FlatVector& signatures, const ModelFile& model) {
  if (signatures.size() > kMaxSignatures) file->spoil();
  for (size_t i = 0; i < signatures.size() && file->sound(); ++i) {
    const FlatTable signature = signatures.table(i);
    read_name(file, signature, schema::SignatureDef::signature_key);
    if (signature.scalar<uint32_t>(schema::SignatureDef::subgraph_index, 0) != 0) file->spoil();
    for (int field : {schema::SignatureDef::inputs, schema::SignatureDef::outputs}) {
      const FlatVector entries = signature.vector(field, 4);
      for (size_t k = 0; k < entries.size(); ++k) {
        const FlatTable entry = entries.table(k);
        read_name(file, entry, schema::TensorMap::name);
        if (entry.scalar<uint32_t>(schema::TensorMap::tensor_index, 0) >= model.tensors.size()) file->spoil();
      }
    }
  }
}

void read_metadata(FlatFile* file, const FlatVector& metadata, const FlatVector& buffers) {
  for (size_t i = 0; i < metadata.size(); ++i) {
    const uint32_t buffer = metadata.table(i).scalar<uint32_t>(schema::Metadata::buffer, 0);
    // The interpreters read an order of the operators from this entry.
    const bool orders = strcmp(metadata.table(i).text(schema::Metadata::name), "model_control_dependencies") == 0;
    if (buffer >= buffers.size() || orders) file->spoil();
  }
}

bool read_graph(FlatFile* file, const FlatTable& root, const FlatVector& buffers, ModelFile* model, Message* message) {
  const FlatVector graphs = root.vector(schema::Model::subgraphs, 4);
  const FlatVector codes = root.vector(schema::Model::operator_codes, 4);
  if (graphs.size() != 1) return message->fail("it has %zu graphs, so loops or branches", graphs.size());
  const FlatTable graph = graphs.table(0);
  graph.text(schema::SubGraph::name);
  if (!read_tensors(file, graph.vector(schema::SubGraph::tensors, 4), buffers, model, message)) return false;

  if (!read_indices(graph.vector(schema::SubGraph::inputs, 4), *model, 0, kMaxCount, &model->inputs) ||
      !read_indices(graph.vector(schema::SubGraph::outputs, 4), *model, 0, kMaxCount, &model->outputs)) {
    return message->fail("its graph has an input or output that the file lacks");
  }
  for (int32_t input : model->inputs) {
    if (model->tensors[input].available) {
      return message->fail("input '%.60s' is a constant, or given twice", model->tensors[input].name);
    }
    model->tensors[input].available = true;
  }
  const FlatVector operators = graph.vector(schema::SubGraph::operators, 4);
  if (operators.size() > kMaxCount) return message->fail("it has %zu operators", operators.size());
  for (size_t i = 0; i < operators.size() && file->sound(); ++i) {
    if (!read_operator(operators.table(i), codes, model, message)) return message->prefix("operator %zu ", i);
  }
  for (int32_t output : model->outputs) {
    if (!model->tensors[output].available) {
      return message->fail("nothing computes output '%.60s'", model->tensors[output].name);
    }
  }
  return !model->outputs.empty() || message->fail("its graph has no output");
}

}  // namespace

int64_t FileShape::elements() const {
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= dims[i];
  return product;
}

bool FileShape::operator==(const FileShape& other) const {
  return rank == other.rank && std::equal(dims, dims + rank, other.dims);
}

bool FileTensor::read(int32_t* values, size_t count) const {
  if (type != FileType::kInt32 || shape.elements() != static_cast<int64_t>(count)) return false;
  if (data != nullptr) memcpy(values, data, count * sizeof(int32_t));
  if (data == nullptr) std::copy(known.begin(), known.end(), values);
  return data != nullptr || known.size() == count;
}

bool read_model(FlatFile* file, ModelFile* model, Message* message) {
  if (!file->covers(0, 8, 1) || memcmp(file->data() + 4, "TFL3", 4) != 0) {
    return message->fail("it is not a TensorFlow Lite file");
  }
  const FlatTable root(file, file->follow(0));
  if (file->sound() && root.scalar<uint32_t>(schema::Model::version, 0) != 3) {
    return message->fail("it has version %u of the format, not 3", root.scalar<uint32_t>(schema::Model::version, 0));
  }
  root.text(schema::Model::description);
  root.vector(schema::Model::metadata_buffer, 4);
  const FlatVector buffers = root.vector(schema::Model::buffers, 4);
  const FlatVector codes = root.vector(schema::Model::operator_codes, 4);
  for (size_t i = 0; i < buffers.size(); ++i) {
    const FlatTable buffer = buffers.table(i);
    buffer.vector(schema::Buffer::data, 1);
    // Data behind the flatbuffer, of files above 2 GB.
    if (buffer.scalar<uint64_t>(schema::Buffer::offset, 0) != 0 ||
        buffer.scalar<uint64_t>(schema::Buffer::size, 0) != 0) {
      file->spoil();
    }
  }
  for (size_t i = 0; i < codes.size(); ++i) codes.table(i).text(schema::OperatorCode::custom_code);
  if (root.has(schema::Model::external_buffer_groups) || root.has(schema::Model::external_buffers)) {
    return message->fail("some of its data are in other files");
  }
  if (!file->sound()) return message->fail("%s", kDamaged);
  const bool read = read_graph(file, root, buffers, model, message);
  read_signatures(file, root.vector(schema::Model::signature_defs, 4), *model);
  read_metadata(file, root.vector(schema::Model::metadata, 4), buffers);
  if (!file->sound()) return message->fail("%s", kDamaged);
  return read;
}

}  // namespace hybrid_tf
