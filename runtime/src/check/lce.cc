// Operators of LCE's. The delegate checks their options and constants when it reads them; here it is their shapes, on
// which the interpreter's own operators after them rely.
#include "check/checks.h"
#include "common/flexbuffer.h"

namespace hybrid_tf {
namespace {

bool is_value(FileType type) {
  return type == FileType::kFloat32 || type == FileType::kInt8 || type == FileType::kBool;
}

FileShape packed(FileShape shape) {
  shape.dims[shape.rank - 1] = (shape.last() - 1) / 32 + 1;
  return shape;
}

template <size_t N>
bool read_options(const OperatorCheck& c, const char* const (&names)[N], int64_t (&values)[N]) {
  IntOption options[N];
  for (size_t i = 0; i < N; ++i) options[i] = {names[i], 0, false};
  if (!parse_options(c.op.custom_options.data(), c.op.custom_options.size(), options, N)) {
    return c.message->fail("has damaged options");
  }
  for (size_t i = 0; i < N; ++i) {
    if (!options[i].found) return c.message->fail("lacks option %s", names[i]);
    values[i] = options[i].value;
  }
  return true;
}

bool check_quantize(const OperatorCheck& c) {
  const FileTensor& from = *c.input(0);
  if (!is_value(from.type) || c.output().type != FileType::kInt32 || from.shape.rank == 0) {
    return c.message->fail("does not turn values into signs");
  }
  return c.output_is(packed(from.shape));
}

bool check_dequantize(const OperatorCheck& c) {
  const FileTensor &from = *c.input(0), &to = c.output();
  if (!is_value(to.type) || from.type != FileType::kInt32 || to.shape.rank == 0) {
    return c.message->fail("does not turn signs into values");
  }
  return packed(to.shape) == from.shape || c.message->fail("has '%.60s' of another shape than its signs", to.name);
}

bool check_bconv(const OperatorCheck& c) {
  const FileTensor &map = *c.input(0), *filter = c.input(1);
  enum { kPadding, kStrideHeight, kStrideWidth, kDilationHeight, kDilationWidth, kCount };
  const char* const names[kCount] = {"padding", "stride_height", "stride_width", "dilation_height_factor",
                                     "dilation_width_factor"};
  int64_t values[kCount];
  if (!read_options(c, names, values)) return false;
  if (map.type != FileType::kInt32 || filter == nullptr || filter->type != FileType::kInt32 ||
      filter->data == nullptr || filter->shape.rank != 4) {
    return c.message->fail("lacks signs or constant weights");
  }
  const int32_t *dims = filter->shape.dims, channels = dims[0];
  FileWindow window;
  window.padding = values[kPadding];
  window.height = dims[1];
  window.width = dims[2];
  window.stride_height = values[kStrideHeight];
  window.stride_width = values[kStrideWidth];
  window.dilation_height = values[kDilationHeight];
  window.dilation_width = values[kDilationWidth];
  return check_window(c, map, window, c.output().type == FileType::kInt32 ? (channels - 1) / 32 + 1 : channels);
}

bool check_bmaxpool(const OperatorCheck& c) {
  const FileTensor& map = *c.input(0);
  enum { kPadding, kHeight, kWidth, kStrideHeight, kStrideWidth, kCount };
  const char* const names[kCount] = {"padding", "filter_height", "filter_width", "stride_height", "stride_width"};
  int64_t values[kCount];
  if (!read_options(c, names, values)) return false;
  if (map.type != FileType::kInt32 || c.output().type != FileType::kInt32) {
    return c.message->fail("does not pool signs");
  }
  FileWindow window;
  window.padding = values[kPadding];
  window.height = values[kHeight];
  window.width = values[kWidth];
  window.stride_height = values[kStrideHeight];
  window.stride_width = values[kStrideWidth];
  return check_window(c, map, window, map.shape.last());
}

}  // namespace

constexpr OperatorRule kLceRules[] = {
    make_custom_rule("LceQuantize", check_quantize),
    make_custom_rule("LceDequantize", check_dequantize),
    make_custom_rule("LceBconv2d", check_bconv).inputs(5, 5),
    make_custom_rule("LceBMaxPool2d", check_bmaxpool),
    {},
};

}  // namespace hybrid_tf
