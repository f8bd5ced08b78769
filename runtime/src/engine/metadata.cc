#include "engine/metadata.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "check/model_file.h"
#include "check/schema.h"

namespace hybrid_tf {
namespace {

constexpr char kEntry[] = "hybrid_tf";
constexpr int kMaxDepth = 32;  // of values within values
constexpr int kMaxExponent = 1000;

// JSON (RFC 8259), from which three lists are taken.
class JsonReader {
 public:
  JsonReader(const char* text, size_t size, Metadata* metadata) : at_(text), end_(text + size), metadata_(metadata) {}

  bool read() {
    if (!take('{')) return false;
    if (!take('}')) {
      do {
        if (!member()) return false;
      } while (take(','));
      if (!take('}')) return false;
    }
    skip_spaces();
    return at_ == end_;
  }

 private:
  bool member() {
    std::string key;
    if (!string(&key) || !take(':')) return false;
    if (key == "class_names") {
      metadata_->class_names.clear();
      return list([&] { return string(&metadata_->class_names.emplace_back()); });
    }
    if (key == "mean") return numbers(&metadata_->mean);
    if (key == "std") return numbers(&metadata_->std);
    return value(0);
  }

  bool numbers(std::vector<float>* values) {
    values->clear();
    return list([&] { return number(&values->emplace_back()); });
  }

  template <typename Element>
  bool list(Element element) {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!element()) return false;
    } while (take(','));
    return take(']');
  }

  bool value(int depth) {
    if (depth > kMaxDepth) return false;
    skip_spaces();
    if (at_ == end_) return false;
    std::string text;
    float ignored;
    switch (*at_) {
      case '"':
        return string(&text);
      case '[':
        return list([&] { return value(depth + 1); });
      case '{':
        ++at_;
        if (take('}')) return true;
        do {
          if (!string(&text) || !take(':') || !value(depth + 1)) return false;
        } while (take(','));
        return take('}');
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number(&ignored);
    }
  }

  bool word(const char* text) {
    const size_t size = strlen(text);
    if (static_cast<size_t>(end_ - at_) < size || memcmp(at_, text, size) != 0) return false;
    at_ += size;
    return true;
  }

  bool is_digit() const { return at_ != end_ && *at_ >= '0' && *at_ <= '9'; }

  // Not by strtod(), which takes decimal points of the language that a program has set.
  bool number(float* value) {
    skip_spaces();
    const bool negative = at_ != end_ && *at_ == '-';
    if (negative) ++at_;
    if (!is_digit()) return false;
    double digits = 0;
    int exponent = 0, given = 0;
    for (; is_digit(); ++at_) digits = digits * 10 + (*at_ - '0');
    if (at_ != end_ && *at_ == '.') {
      for (++at_; is_digit(); ++at_, --exponent) digits = digits * 10 + (*at_ - '0');
    }
    if (at_ != end_ && (*at_ | 32) == 'e') {
      const bool below = ++at_ != end_ && *at_ == '-';
      if (at_ != end_ && (*at_ == '-' || *at_ == '+')) ++at_;
      if (!is_digit()) return false;
      for (; is_digit(); ++at_) given = std::min(kMaxExponent, given * 10 + (*at_ - '0'));
      if (below) given = -given;
    }
    exponent += given;
    const double size = exponent < 0 ? digits / std::pow(10.0, -exponent) : digits * std::pow(10.0, exponent);
    *value = static_cast<float>(negative ? -size : size);
    return std::isfinite(*value);
  }

  bool hex(uint32_t* unit) {
    *unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ != end_ ? *at_ : 0;
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) return false;
      *unit = *unit << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  // What follows \u: a UTF-16 unit, or two of them, as UTF-8.
  bool escaped(std::string* text) {
    uint32_t point, low;
    if (!hex(&point)) return false;
    if (point >= 0xd800 && point < 0xe000) {
      if (point >= 0xdc00 || !word("\\u") || !hex(&low) || low < 0xdc00 || low > 0xdfff) return false;
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    if (point == 0) return false;  // would end a C string
    const auto tail = [&](int shift) { *text += static_cast<char>(0x80 | (point >> shift & 0x3f)); };
    if (point < 0x80) {
      *text += static_cast<char>(point);
    } else if (point < 0x800) {
      *text += static_cast<char>(0xc0 | point >> 6), tail(0);
    } else if (point < 0x10000) {
      *text += static_cast<char>(0xe0 | point >> 12), tail(6), tail(0);
    } else {
      *text += static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0);
    }
    return true;
  }

  bool string(std::string* text) {
    static const char kEscapes[] = "\"\\/bfnrt", kMeanings[] = "\"\\/\b\f\n\r\t";
    if (!take('"')) return false;
    text->clear();
    while (at_ != end_) {
      const char c = *at_++;
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < ' ') return false;
      if (c != '\\') {
        *text += c;
        continue;
      }
      if (at_ == end_) return false;
      const char escape = *at_++;
      const char* found = escape ? strchr(kEscapes, escape) : nullptr;
      if (found) {
        *text += kMeanings[found - kEscapes];
      } else if (escape != 'u' || !escaped(text)) {
        return false;
      }
    }
    return false;
  }

  void skip_spaces() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }

  bool take(char c) {
    skip_spaces();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  const char *at_, *const end_;
  Metadata* const metadata_;
};

// Of the first output, behind operators that leave the numbers what they are.
bool makes_probabilities(const ModelFile& model) {
  int32_t tensor = model.outputs[0];
  for (auto op = model.operators.rbegin(); op != model.operators.rend(); ++op) {
    if (std::find(op->outputs.begin(), op->outputs.end(), tensor) == op->outputs.end()) continue;
    const bool same = op->code == schema::DEQUANTIZE || op->code == schema::QUANTIZE || op->code == schema::RESHAPE ||
                      op->code == schema::SQUEEZE;
    if (!same || op->inputs.empty()) return op->code == schema::SOFTMAX || op->code == schema::LOGISTIC;
    tensor = op->inputs[0];
  }
  return false;
}

// Empty where there is none.
FlatVector find_metadata(FlatFile* file) {
  const FlatTable root(file, file->follow(0));
  const FlatVector entries = root.vector(schema::Model::metadata, 4);
  for (size_t i = 0; i < entries.size(); ++i) {
    const FlatTable entry = entries.table(i);
    if (strcmp(entry.text(schema::Metadata::name), kEntry) != 0) continue;
    const uint32_t buffer = entry.scalar<uint32_t>(schema::Metadata::buffer, 0);
    return root.vector(schema::Model::buffers, 4).table(buffer).vector(schema::Buffer::data, 1);
  }
  return {};
}

}  // namespace

bool read_metadata(FlatFile* file, Metadata* metadata, Message* message) {
  const FlatVector text = find_metadata(file);
  if (text.size() == 0) return true;
  metadata->json.assign(reinterpret_cast<const char*>(text.data()), text.size());
  const bool good = JsonReader(metadata->json.data(), metadata->json.size(), metadata).read() &&
                    metadata->mean.size() == metadata->std.size();
  return good || message->fail("its metadata cannot be read: convert it again");
}

}  // namespace hybrid_tf

size_t hybrid_tf_runtime_file_metadata(const uint8_t* data, size_t size, int* probabilities, char* text,
                                       size_t text_size) {
  hybrid_tf::FlatFile file(data, size);
  hybrid_tf::ModelFile model;
  hybrid_tf::Message reason;
  *probabilities = 0;
  if (!hybrid_tf::read_model(&file, &model, &reason)) return 0;
  *probabilities = hybrid_tf::makes_probabilities(model) ? 1 : 0;
  const hybrid_tf::FlatVector found = hybrid_tf::find_metadata(&file);
  if (text_size > 0 && found.size() > 0) memcpy(text, found.data(), std::min(text_size, found.size()));
  return found.size();
}
