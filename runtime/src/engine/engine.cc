#include "engine/engine.h"

#include <algorithm>
#include <cstring>

#include "check/operators.h"
#include "graph/operators.h"

namespace hybrid_tf {
namespace {

constexpr int kNobody = -1, kOutside = -2;

const char* name_of(const FileOperator& op) {
  const char* name = op.code == schema::CUSTOM ? op.custom_name : operator_name(op.code);
  return name ? name : "an operator that is newer than this library";
}

// The order in which nodes become ready, those of one kind as long as there are any: few parts.
class Order {
 public:
  Order(const ModelFile& model, const FileContext& tensors, const std::vector<bool>& ours)
      : model_(model), ours_(ours), missing_(model.operators.size()), readers_(model.tensors.size()) {
    std::vector<bool> made(model.tensors.size());
    for (const FileOperator& op : model.operators) {
      for (const int32_t tensor : op.outputs) made[tensor] = !tensors.is_constant(tensor);
    }
    for (size_t node = 0; node < model.operators.size(); ++node) {
      for (const int32_t tensor : model.operators[node].inputs) {
        if (tensor < 0 || !made[tensor]) continue;
        readers_[tensor].push_back(static_cast<int32_t>(node));
        ++missing_[node];
      }
      if (missing_[node] == 0) make_ready(static_cast<int32_t>(node));
    }
  }

  // The next part; empty when there is none. Our operators are ordered as in the file; others come one by one.
  std::vector<int32_t> next(bool* ours) {
    *ours = ready_[0].empty();
    std::vector<int32_t>& ready = ready_[*ours];
    std::vector<int32_t> part;
    while (!ready.empty() && (*ours || part.empty())) {
      const int32_t node = ready.back();
      ready.pop_back();
      part.push_back(node);
      for (const int32_t tensor : model_.operators[node].outputs) {
        for (const int32_t reader : readers_[tensor]) {
          if (--missing_[reader] == 0) make_ready(reader);
        }
      }
    }
    std::sort(part.begin(), part.end());
    return part;
  }

 private:
  void make_ready(int32_t node) { ready_[ours_[node]].push_back(node); }

  const ModelFile& model_;
  const std::vector<bool>& ours_;
  std::vector<int32_t> missing_;               // of each node: inputs that nobody has made yet
  std::vector<std::vector<int32_t>> readers_;  // of each tensor
  std::vector<int32_t> ready_[2];              // others, ours
};

}  // namespace

bool Engine::open(const uint8_t* data, size_t size) {
  if (!content_.allocate(size)) return message_.fail("no memory for a file of %zu bytes", size);
  if (size > 0) memcpy(content_.as<uint8_t>(), data, size);
  return read(size) && tensors_.build(model_, &message_) && make_parts() && place_tensors() && prepare();
}

bool Engine::read(size_t size) {
  file_ = std::make_unique<FlatFile>(content_.as<uint8_t>(), size);
  if (!read_model(file_.get(), &model_, &message_)) return false;
  for (size_t i = 0; i < model_.operators.size(); ++i) {
    const FileOperator& op = model_.operators[i];
    if (!is_checked(op)) {
      return message_.fail("%.60s, which makes \"%.100s\", is not among the operators of the standalone engine",
                           name_of(op), op.outputs.empty() ? "?" : model_.tensors[op.outputs[0]].name);
    }
    if (!check_operator(model_, op, &message_)) return message_.prefix("operator %zu ", i);
  }
  if (!file_->sound()) return message_.fail("an option of an operator lies outside of the file");
  return read_metadata(file_.get(), &metadata_, &message_);
}

bool Engine::is_ours(int32_t node) {
  const TfLiteNode& n = tensors_.node(node);
  const TfLiteRegistration& registration = tensors_.registration(node);
  Operator op;
  Message reason;
  for (int part = 0; part < operator_parts(n, registration); ++part) {
    if (!read_operator(tensors_.context(), n, registration, part, &op, &reason)) return is_lce_operator(registration);
  }
  return true;
}

bool Engine::make_parts() {
  tensors_.context()->recommended_num_threads = threads_;
  is_output_.assign(model_.tensors.size(), false);
  for (const int32_t tensor : model_.outputs) is_output_[tensor] = true;
  std::vector<bool> ours;
  for (size_t i = 0; i < model_.operators.size(); ++i) ours.push_back(is_ours(static_cast<int32_t>(i)));
  std::vector<std::vector<int32_t>> nodes;
  std::vector<bool> kinds;
  Order order(model_, tensors_, ours);
  bool kind;
  for (auto part = order.next(&kind); !part.empty(); part = order.next(&kind)) {
    nodes.push_back(std::move(part));
    kinds.push_back(kind);
  }

  // What crosses from one part to another, before any is made.
  std::vector<int> maker(model_.tensors.size(), kNobody);
  crosses_ = is_output_;
  for (const int32_t tensor : model_.inputs) maker[tensor] = kOutside;
  parts_.resize(nodes.size());
  for (size_t p = 0; p < nodes.size(); ++p) {
    for (const int32_t node : nodes[p]) {
      for (const int32_t tensor : model_.operators[node].outputs) maker[tensor] = static_cast<int>(p);
    }
  }
  for (size_t p = 0; p < nodes.size(); ++p) {
    for (const int32_t node : nodes[p]) {
      for (const int32_t tensor : model_.operators[node].inputs) {
        if (tensor < 0 || tensors_.is_constant(tensor) || maker[tensor] == static_cast<int>(p)) continue;
        crosses_[tensor] = true;
        parts_[p].reads.push_back(tensor);
      }
    }
  }
  for (size_t p = 0; p < nodes.size(); ++p) {
    for (const int32_t node : nodes[p]) {
      for (const int32_t tensor : model_.operators[node].outputs) {
        if (!kinds[p]) crosses_[tensor] = true;  // written, even where nobody reads it
        if (crosses_[tensor] && !tensors_.is_constant(tensor)) parts_[p].makes.push_back(tensor);
      }
    }
    if (!(kinds[p] ? make_partition(&parts_[p], nodes[p]) : make_single(&parts_[p], nodes[p][0]))) return false;
  }
  return true;
}

bool Engine::make_partition(Part* part, const std::vector<int32_t>& nodes) {
  TfLiteDelegateParams params = {};
  params.nodes_to_replace = tensors_.int_array(nodes.data(), nodes.size());
  params.output_tensors = tensors_.int_array(part->makes.data(), part->makes.size());
  part->partition = std::make_unique<Partition>(settings_, &pool_);
  return part->partition->init(tensors_.context(), params) || message_.fail("%s", part->partition->message());
}

bool Engine::make_single(Part* part, int32_t node) {
  const FileOperator& op = model_.operators[node];
  const auto constant = [&](int32_t tensor) { return tensors_.is_constant(tensor); };
  // What it makes follows from shapes, and has been found by the check.
  if (std::all_of(op.outputs.begin(), op.outputs.end(), constant)) return true;
  part->op = make_engine_operator({model_, op, tensors_, &message_});
  part->row = {name_of(op), model_.tensors[op.outputs[0]].name, op.outputs[0], 0, 0, "", 0, 0};
  return part->op != nullptr;
}

// Inputs and outputs of the graph keep their memory for good; the others share what nobody needs at the same time.
bool Engine::place_tensors() {
  const int last = static_cast<int>(parts_.size());
  std::vector<Block> blocks;
  std::vector<int> tensors, block_of(model_.tensors.size(), kNobody);
  const auto add = [&](int tensor, int first, int end) {
    if (block_of[tensor] != kNobody || tensors_.is_constant(tensor)) return;
    block_of[tensor] = static_cast<int>(blocks.size());
    tensors.push_back(tensor);
    blocks.push_back({tensors_.tensor(tensor).bytes, first, end, 0});
  };
  for (const auto* ends : {&model_.inputs, &model_.outputs}) {
    for (const int32_t tensor : *ends) add(tensor, 0, last);
  }
  for (int p = 0; p < last; ++p) {
    for (const int tensor : parts_[p].makes) add(tensor, p, p);
    for (const int tensor : parts_[p].reads) blocks[block_of[tensor]].last = std::max(blocks[block_of[tensor]].last, p);
  }
  const uint64_t bytes = place_blocks(&blocks);
  if (!arena_.allocate(bytes)) return message_.fail("no memory for %llu bytes of maps", (unsigned long long)bytes);
  for (size_t i = 0; i < tensors.size(); ++i) {
    tensors_.tensor(tensors[i]).data = arena_.as<char>() + blocks[i].offset;
  }
  for (const int32_t input : model_.inputs) memset(tensors_.tensor(input).data, 0, tensors_.tensor(input).bytes);
  return true;
}

bool Engine::prepare() {
  for (Part& part : parts_) {
    if (part.partition && !part.partition->prepare(tensors_.context())) {
      return message_.fail("%s", part.partition->message());
    }
  }
  return true;
}

bool Engine::run() {
  for (Part& part : parts_) {
    if (part.partition) {
      if (!part.partition->invoke(tensors_.context())) return message_.fail("%s", part.partition->message());
    } else if (part.op) {
      const int64_t start = settings_.profile ? now_nanoseconds() : 0;
      part.op->run();
      if (settings_.profile) {
        part.row.nanoseconds += now_nanoseconds() - start;
        ++part.row.calls;
      }
    }
  }
  return true;
}

std::string Engine::profile() const {
  std::string json = "[";
  const auto append = [&](const ProfileRow& row) {
    json += json.size() > 1 ? ",\n " : "";
    append_json(row, &json);
  };
  for (const Part& part : parts_) {
    if (part.op) append(part.row);
    if (!part.partition) continue;
    for (const ProfileRow& row : part.partition->profile()) append(row);
  }
  return json + "]";
}

void Engine::reset_profile() {
  for (Part& part : parts_) {
    part.row.calls = part.row.nanoseconds = 0;
    if (!part.partition) continue;
    for (ProfileRow& row : part.partition->profile()) row.calls = row.nanoseconds = 0;
  }
}

}  // namespace hybrid_tf
