// Operators that compute each number of a map alone, or of a few maps together.
#include <algorithm>
#include <cmath>

#include "check/checks.h"

namespace hybrid_tf {
namespace {

// int8 outputs of functions into [0, 1] have one scale that kernels insist on.
bool check_probability(const OperatorCheck& c) {
  if (!check_same_shape(c)) return false;
  if (c.output().type == FileType::kFloat32) return true;
  return (c.output().scale() == 1.0f / 256 && c.output().zero_points.at<int64_t>(0) == -128) ||
         c.message->fail("has another scale of int8 than 1/256");
}

// A function of float32, which is the same in int8 by a table.
bool check_function(const OperatorCheck& c) { return check_maps(c) && c.output_is(c.input(0)->shape); }

bool check_leaky_relu(const OperatorCheck& c) {
  if (!check_same_shape(c)) return false;
  const double slope = std::abs(double{c.op.options.scalar<float>(schema::LeakyReluOptions::alpha, 0)});
  if (c.output().type == FileType::kFloat32 || slope == 0) return true;
  return check_ratio(c, slope) && check_ratio(c, slope * c.input(0)->scale() / c.output().scale());
}

bool check_binary(const OperatorCheck& c) {
  const FileTensor *a = c.input(0), *b = c.input(1), &output = c.output();
  if (!check_maps(c) || !check_map(c, b)) return false;
  if (a->type != b->type) return c.message->fail("has inputs of two types");
  // ADD, MUL, SUB and DIV have their own tables, with one field in the same place.
  if (c.rule.options_type != 0 && !check_activation(c, schema::AddOptions::fused_activation_function)) return false;
  if (output.type == FileType::kInt8) {
    const double larger = std::max(a->scale(), b->scale()), smaller = std::min(a->scale(), b->scale());
    const bool fits = c.rule.code == schema::MUL
                          ? check_ratio(c, larger * smaller / output.scale())
                          : check_ratio(c, larger / output.scale()) && check_ratio(c, smaller / larger);
    if (!fits) return false;
  }
  return check_broadcast(c, 2);
}

// Of two maps of one scale.
bool check_extreme(const OperatorCheck& c) {
  return check_maps(c) && check_map(c, c.input(1)) && check_same_scale(c, *c.input(0), *c.input(1)) &&
         check_same_scale(c, *c.input(0), c.output()) && check_broadcast(c, 2);
}

bool check_squared_difference(const OperatorCheck& c) {
  const FileTensor *a = c.input(0), *b = c.input(1);
  if (!check_maps(c) || !check_map(c, b)) return false;
  if (a->type != b->type) return c.message->fail("has inputs of two types");
  if (a->type == FileType::kInt8) {
    const double larger = std::max(a->scale(), b->scale()), smaller = std::min(a->scale(), b->scale());
    if (!check_ratio(c, smaller / larger) || !check_ratio(c, larger * larger / c.output().scale())) return false;
  }
  return check_broadcast(c, 2);
}

bool check_prelu(const OperatorCheck& c) {
  const FileTensor *map = c.input(0), *slopes = c.input(1);
  if (!check_maps(c) || !check_map(c, slopes) || !check_rescaled(c)) return false;
  if (map->type != slopes->type) return c.message->fail("has inputs of two types");
  if (map->type == FileType::kInt8 && !check_ratio(c, map->scale() * double{slopes->scale()} / c.output().scale())) {
    return false;
  }
  return check_broadcast(c, 2) && c.output_is(map->shape);
}

// Any number of maps of one shape.
bool check_sum(const OperatorCheck& c) {
  for (size_t i = 0; i < c.op.inputs.size(); ++i) {
    if (!check_map(c, c.input(i)) || !c.output_is(c.input(i)->shape)) return false;
  }
  return check_maps(c);
}

bool is_number(FileType type) {
  return type == FileType::kFloat32 || type == FileType::kInt32 || type == FileType::kInt64;
}

bool is_bool(const OperatorCheck& c, const FileTensor& tensor) {
  return tensor.type == FileType::kBool || c.message->fail("has '%.60s', which is not bool", tensor.name);
}

bool check_comparison(const OperatorCheck& c) {
  const FileTensor *a = c.input(0), *b = c.input(1);
  if (b == nullptr || a->type != b->type || !is_number(a->type)) return c.message->fail("does not compare such types");
  return is_bool(c, c.output()) && check_broadcast(c, 2);
}

bool check_logic(const OperatorCheck& c) {
  for (size_t i = 0; i < c.op.inputs.size(); ++i) {
    if (c.input(i) == nullptr) return c.message->fail("lacks an input");
    if (!is_bool(c, *c.input(i))) return false;
  }
  return is_bool(c, c.output()) && check_broadcast(c, c.op.inputs.size());
}

// A condition, and two maps to choose from.
bool check_choice(const OperatorCheck& c) {
  const FileTensor *condition = c.input(0), *yes = c.input(1), *no = c.input(2);
  if (!is_bool(c, *condition) || !check_map(c, yes) || !check_map(c, no) || !check_map(c, &c.output()) ||
      !check_same_scale(c, *yes, *no) || !check_same_scale(c, *yes, c.output())) {
    return false;
  }
  if (c.rule.code == schema::SELECT && !(condition->shape == yes->shape && yes->shape == no->shape)) {
    return c.message->fail("has inputs of unlike shapes");
  }
  return check_broadcast(c, 3);
}

bool check_cast(const OperatorCheck& c) {
  const auto fits = [](FileType type) {
    return is_number(type) || type == FileType::kBool || type == FileType::kUint8 || type == FileType::kInt8;
  };
  if (!fits(c.input(0)->type) || !fits(c.output().type)) return c.message->fail("does not convert between these types");
  return c.output_is(c.input(0)->shape);
}

// Between float32 and int8, or from one scale to another.
bool check_conversion(const OperatorCheck& c) {
  const FileTensor &from = *c.input(0), &to = c.output();
  if (!check_map(c, &from) || !check_map(c, &to)) return false;
  const bool to_int8 = to.type == FileType::kInt8, from_int8 = from.type == FileType::kInt8;
  if (to_int8 != (c.rule.code == schema::QUANTIZE) || (!to_int8 && !from_int8)) {
    return c.message->fail("does not convert between these types");
  }
  return (!from_int8 || check_rescaled(c)) && c.output_is(from.shape);
}

}  // namespace

constexpr OperatorRule kElementwiseRules[] = {
    make_rule(schema::ABS, check_same_shape),
    make_rule(schema::ADD, check_binary).inputs(2, 2).activation<schema::AddOptions>(),
    make_rule(schema::ADD_N, check_sum).inputs(1, 64).only_floats(),
    make_rule(schema::CAST, check_cast),
    make_rule(schema::CEIL, check_function).only_floats(),
    make_rule(schema::COS, check_function).only_floats(),
    make_rule(schema::DEQUANTIZE, check_conversion),
    make_rule(schema::DIV, check_binary).inputs(2, 2).activation<schema::DivOptions>().only_floats(),
    make_rule(schema::ELU, check_function),
    make_rule(schema::EQUAL, check_comparison).inputs(2, 2),
    make_rule(schema::EXP, check_function).only_floats(),
    make_rule(schema::FLOOR, check_function).only_floats(),
    make_rule(schema::GELU, check_function).options<schema::GeluOptions>(),
    make_rule(schema::GREATER, check_comparison).inputs(2, 2),
    make_rule(schema::GREATER_EQUAL, check_comparison).inputs(2, 2),
    make_rule(schema::HARD_SWISH, check_same_shape),
    make_rule(schema::L2_NORMALIZATION, check_function).only_floats(),
    make_rule(schema::LEAKY_RELU, check_leaky_relu).options<schema::LeakyReluOptions>(),
    make_rule(schema::LESS, check_comparison).inputs(2, 2),
    make_rule(schema::LESS_EQUAL, check_comparison).inputs(2, 2),
    make_rule(schema::LOG, check_function).only_floats(),
    make_rule(schema::LOGICAL_AND, check_logic).inputs(2, 2),
    make_rule(schema::LOGICAL_NOT, check_logic),
    make_rule(schema::LOGICAL_OR, check_logic).inputs(2, 2),
    make_rule(schema::LOGISTIC, check_probability),
    make_rule(schema::LOG_SOFTMAX, check_function).only_floats(),
    make_rule(schema::MAXIMUM, check_extreme).inputs(2, 2),
    make_rule(schema::MINIMUM, check_extreme).inputs(2, 2),
    make_rule(schema::MUL, check_binary).inputs(2, 2).activation<schema::MulOptions>(),
    make_rule(schema::NEG, check_function).only_floats(),
    make_rule(schema::NOT_EQUAL, check_comparison).inputs(2, 2),
    make_rule(schema::POW, check_binary).inputs(2, 2).only_floats(),
    make_rule(schema::PRELU, check_prelu).inputs(2, 2),
    make_rule(schema::QUANTIZE, check_conversion),
    make_rule(schema::RELU, check_same_shape),
    make_rule(schema::RELU6, check_same_shape),
    make_rule(schema::RELU_0_TO_1, check_same_shape),
    make_rule(schema::RELU_N1_TO_1, check_same_shape),
    make_rule(schema::ROUND, check_function).only_floats(),
    make_rule(schema::RSQRT, check_function).only_floats(),
    make_rule(schema::SELECT, check_choice).inputs(3, 3),
    make_rule(schema::SELECT_V2, check_choice).inputs(3, 3),
    make_rule(schema::SIGN, check_function).only_floats(),
    make_rule(schema::SIN, check_function).only_floats(),
    make_rule(schema::SOFTMAX, check_probability).options<schema::SoftmaxOptions>(),
    make_rule(schema::SQRT, check_function).only_floats(),
    make_rule(schema::SQUARE, check_function).only_floats(),
    make_rule(schema::SQUARED_DIFFERENCE, check_squared_difference).inputs(2, 2),
    make_rule(schema::SUB, check_binary).inputs(2, 2).activation<schema::SubOptions>(),
    make_rule(schema::TANH, check_function),
    {},
};

}  // namespace hybrid_tf
