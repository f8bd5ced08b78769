#include "check/model_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hybrid_tf {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 30;  // of one tensor, and four times as much of all that are computed
constexpr size_t kMaxCount = 100000;             // of tensors, of operators
constexpr size_t kMaxOperands = 256;             // of one operator
constexpr size_t kMaxSignatures = 16;
constexpr size_t kMaxName = 4096;  // bytes
constexpr int32_t kCustom = 32;
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
  const FlatVector dims = table.vector(0, 4), signature = table.vector(7, 4);
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
  const FlatTable quantization = table.table(4);
  tensor->scales = quantization.vector(2, 4);
  tensor->zero_points = quantization.vector(3, 8);
  tensor->scale_axis = quantization.scalar<int32_t>(6, 0);
  if (quantization.scalar<uint8_t>(4, 0) != 0) return message->fail("has a quantisation of a custom kind");
  quantization.vector(0, 4);
  quantization.vector(1, 4);
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
  const uint32_t buffer = table.scalar<uint32_t>(2, 0);
  if (buffer >= buffers.size()) return message->fail("has buffer %u of %zu", buffer, buffers.size());
  const FlatVector content = buffers.table(buffer).vector(0, 1);
  tensor->data = content.data();
  const int64_t bytes = tensor->shape.elements() * bytes_of(tensor->type);
  if (content.size() != 0 && content.size() != static_cast<size_t>(bytes)) {
    return message->fail("takes %lld bytes, and its buffer holds %zu", static_cast<long long>(bytes), content.size());
  }
  return true;
}

bool read_tensor(FlatFile* file, const FlatTable& table, const FlatVector& buffers, FileTensor* tensor,
                 Message* message) {
  tensor->name = read_name(file, table, 3);
  tensor->type = static_cast<FileType>(table.scalar<int8_t>(1, 0));
  if (bytes_of(tensor->type) == 0) return message->fail("has values of type %d", static_cast<int>(tensor->type));
  if (table.scalar<uint8_t>(5, 0) != 0) return message->fail("is a variable");
  if (table.has(6)) return message->fail("is sparse");
  if (table.has(9) || table.scalar<uint32_t>(10, 0) != 0) return message->fail("is of a kind that no network has");
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
  const uint32_t entry = table.scalar<uint32_t>(0, 0);
  if (entry >= codes.size()) return message->fail("is number %u of %zu kinds", entry, codes.size());
  const FlatTable code = codes.table(entry);
  op.code = std::max<int32_t>(code.scalar<int8_t>(0, 0), code.scalar<int32_t>(3, 0));
  op.custom_name = op.code == kCustom ? code.text(1) : "";
  if (!read_indices(table.vector(1, 4), *model, -1, kMaxOperands, &op.inputs) ||
      !read_indices(table.vector(2, 4), *model, 0, kMaxOperands, &op.outputs)) {
    return message->fail("has a tensor that the file lacks");
  }
  if (table.vector(8, 4).size() != 0 || table.scalar<uint64_t>(9, 0) != 0 || table.has(12)) {
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
  op.options_type = table.scalar<uint8_t>(3, 0);
  op.options = table.table(4);
  op.custom_options = table.vector(5, 1);
  model->operators.push_back(op);
  return true;
}

// Names of inputs and outputs for callers, and tensors that they stand for.
void read_signatures(FlatFile* file, const FlatVector& signatures, const ModelFile& model) {
  if (signatures.size() > kMaxSignatures) file->spoil();
  for (size_t i = 0; i < signatures.size() && file->sound(); ++i) {
    const FlatTable signature = signatures.table(i);
    read_name(file, signature, 2);
    if (signature.scalar<uint32_t>(4, 0) != 0) file->spoil();
    for (int field : {0, 1}) {
      const FlatVector entries = signature.vector(field, 4);
      for (size_t k = 0; k < entries.size(); ++k) {
        read_name(file, entries.table(k), 0);
        if (entries.table(k).scalar<uint32_t>(1, 0) >= model.tensors.size()) file->spoil();
      }
    }
  }
}

void read_metadata(FlatFile* file, const FlatVector& metadata, const FlatVector& buffers) {
  for (size_t i = 0; i < metadata.size(); ++i) {
    const uint32_t buffer = metadata.table(i).scalar<uint32_t>(1, 0);
    // The interpreters read an order of the operators from this entry.
    const bool orders = strcmp(metadata.table(i).text(0), "model_control_dependencies") == 0;
    if (buffer >= buffers.size() || orders) file->spoil();
  }
}

bool read_graph(FlatFile* file, const FlatTable& root, const FlatVector& buffers, ModelFile* model, Message* message) {
  const FlatVector graphs = root.vector(2, 4), codes = root.vector(1, 4);
  if (graphs.size() != 1) return message->fail("it has %zu graphs, so loops or branches", graphs.size());
  const FlatTable graph = graphs.table(0);
  graph.text(4);
  if (!read_tensors(file, graph.vector(0, 4), buffers, model, message)) return false;

  std::vector<int32_t> inputs, outputs;
  if (!read_indices(graph.vector(1, 4), *model, 0, kMaxCount, &inputs) ||
      !read_indices(graph.vector(2, 4), *model, 0, kMaxCount, &outputs)) {
    return message->fail("its graph has an input or output that the file lacks");
  }
  for (int32_t input : inputs) {
    if (model->tensors[input].available) {
      return message->fail("input '%.60s' is a constant, or given twice", model->tensors[input].name);
    }
    model->tensors[input].available = true;
  }
  const FlatVector operators = graph.vector(3, 4);
  if (operators.size() > kMaxCount) return message->fail("it has %zu operators", operators.size());
  for (size_t i = 0; i < operators.size() && file->sound(); ++i) {
    if (!read_operator(operators.table(i), codes, model, message)) return message->prefix("operator %zu ", i);
  }
  for (int32_t output : outputs) {
    if (!model->tensors[output].available) {
      return message->fail("nothing computes output '%.60s'", model->tensors[output].name);
    }
  }
  return !outputs.empty() || message->fail("its graph has no output");
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

bool read_model(FlatFile* file, ModelFile* model, Message* message) {
  if (!file->covers(0, 8, 1) || memcmp(file->data() + 4, "TFL3", 4) != 0) {
    return message->fail("it is not a TensorFlow Lite file");
  }
  const FlatTable root(file, file->follow(0));
  if (file->sound() && root.scalar<uint32_t>(0, 0) != 3) {
    return message->fail("it has version %u of the format, not 3", root.scalar<uint32_t>(0, 0));
  }
  root.text(3);
  root.vector(5, 4);
  const FlatVector buffers = root.vector(4, 4), codes = root.vector(1, 4);
  for (size_t i = 0; i < buffers.size(); ++i) {
    buffers.table(i).vector(0, 1);
    // Data behind the flatbuffer, of files above 2 GB.
    if (buffers.table(i).scalar<uint64_t>(1, 0) != 0 || buffers.table(i).scalar<uint64_t>(2, 0) != 0) file->spoil();
  }
  for (size_t i = 0; i < codes.size(); ++i) codes.table(i).text(1);
  if (root.has(8) || root.has(9)) return message->fail("some of its data are in other files");
  if (!file->sound()) return message->fail("%s", kDamaged);
  const bool read = read_graph(file, root, buffers, model, message);
  read_signatures(file, root.vector(7, 4), *model);
  read_metadata(file, root.vector(6, 4), buffers);
  if (!file->sound()) return message->fail("%s", kDamaged);
  return read;
}

}  // namespace hybrid_tf
