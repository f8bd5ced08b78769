// LceBMaxPool2d as an operator of TFLM.
#include "kernels/bits.h"
#include "lce_ops.h"
#include "op_reader.h"

namespace tflite {
namespace micro {
namespace {

enum { kFilterY, kFilterX, kPadding, kStrideY, kStrideX, kOptions };

TfLiteStatus BMaxPoolPrepare(TfLiteContext* context, TfLiteNode* node) {
  const LceOpReader reader(context, node, "LceBMaxPool2d");
  static const char* const kKeys[] = {"filter_height", "filter_width", "padding", "stride_height", "stride_width"};
  int32_t options[kOptions];
  if (!reader.arity(1) || !reader.options(kKeys, kOptions, options)) return kTfLiteError;
  const LceImage in(reader.input()), out(reader.output());
  hybrid_tf::FilterAxis vertical, horizontal;
  hybrid_tf::WindowAxis rows, columns;
  const int32_t padding = options[kPadding];
  if (!reader.window(options[kFilterY], options[kStrideY], 1, padding, in.height, &vertical, &rows) ||
      !reader.window(options[kFilterX], options[kStrideX], 1, padding, in.width, &horizontal, &columns)) {
    return kTfLiteError;
  }
  if (reader.input()->type != kTfLiteInt32 || reader.output()->type != kTfLiteInt32 || out.batches != in.batches ||
      out.height != rows.out || out.width != columns.out || out.channels != in.channels) {
    reader.fail("types or shapes");
    return kTfLiteError;
  }
  hybrid_tf::BmaxPool* pool = reader.allocate<hybrid_tf::BmaxPool>();
  node->user_data = pool;
  if (pool == nullptr) return kTfLiteError;
  *pool = {
      {nullptr, ptrdiff_t{in.height} * in.width * in.channels, ptrdiff_t{in.width} * in.channels, in.channels},
      in.height,
      in.width,
      in.channels,
      out.height,
      out.width,
      vertical.size,
      horizontal.size,
      vertical.stride,
      horizontal.stride,
      rows.pad_before,
      columns.pad_before,
      {nullptr, ptrdiff_t{out.height} * out.width * out.channels, ptrdiff_t{out.width} * out.channels, out.channels}};
  return kTfLiteOk;
}

TfLiteStatus BMaxPoolEval(TfLiteContext* context, TfLiteNode* node) {
  hybrid_tf::BmaxPool pool = *static_cast<const hybrid_tf::BmaxPool*>(node->user_data);
  TfLiteEvalTensor* output = GetEvalOutput(context, node, 0);
  pool.input.data = static_cast<const uint32_t*>(GetEvalInput(context, node, 0)->data.data);
  pool.output.data = static_cast<uint32_t*>(output->data.data);
  hybrid_tf::bmaxpool(pool, 0, LceImage(output).pixels());
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration* Register_LCE_BMAXPOOL2D() {
  static TFLMRegistration registration = RegisterOp(nullptr, BMaxPoolPrepare, BMaxPoolEval);
  return &registration;
}

}  // namespace micro
}  // namespace tflite
