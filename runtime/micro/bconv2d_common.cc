// What every version of LceBconv2d shares: the walk over the output, and constants.
#include <cmath>

#include "bconv2d.h"

namespace hybrid_tf {
namespace micro {
namespace {

// Taps along one axis that lie inside the image, as a range.
struct Inside {
  Inside(const FilterAxis& filter, int32_t start, int32_t in) : begin(0), end(filter.size) {
    while (begin < end && start + begin * filter.dilation < 0) ++begin;
    while (end > begin && start + (end - 1) * filter.dilation >= in) --end;
  }
  int32_t begin, end;
  int32_t size() const { return end - begin; }
};

// Copies what the taps read, taps outside of the image as 0 (+1).
void fill_window(const Bconv& conv, const uint32_t* image, int32_t top, int32_t left, const Inside& rows,
                 const Inside& columns, uint32_t* window) {
  const int32_t words = conv.group_words;
  for (int32_t group = 0; group < conv.groups; ++group, image += words) {
    for (int32_t i = 0; i < conv.vertical.size; ++i) {
      const bool row_inside = i >= rows.begin && i < rows.end;
      const int32_t y = top + i * conv.vertical.dilation;
      for (int32_t j = 0; j < conv.horizontal.size; ++j, window += words) {
        if (!row_inside || j < columns.begin || j >= columns.end) {
          for (int32_t w = 0; w < words; ++w) window[w] = 0;
          continue;
        }
        const int32_t x = left + j * conv.horizontal.dilation;
        const uint32_t* pixel = image + (y * conv.in_width + x) * conv.in_words;
        for (int32_t w = 0; w < words; ++w) window[w] = pixel[w];
      }
    }
  }
}

}  // namespace

int32_t Bconv::pixel_bytes() const {
  switch (output) {
    case BconvOutput::kFloat:
      return outputs() * 4;
    case BconvOutput::kInt8:
      return outputs();
    default:
      return (outputs() + 31) / 32 * 4;
  }
}

void eval_bconv(const Bconv& conv, const uint32_t* input, uint32_t* window, void* output) {
  const Span whole = {0, 1, 0, conv.window_words(), 0};
  uint8_t* pixel = static_cast<uint8_t*>(output);
  const int32_t step = conv.pixel_bytes();
  for (int32_t batch = 0; batch < conv.batches; ++batch) {
    const uint32_t* image = input + batch * conv.in_height * conv.in_width * conv.in_words;
    for (int32_t y = 0; y < conv.rows.out; ++y) {
      const int32_t top = y * conv.vertical.stride - conv.rows.pad_before;
      const Inside rows(conv.vertical, top, conv.in_height);
      for (int32_t x = 0; x < conv.columns.out; ++x, pixel += step) {
        const int32_t left = x * conv.horizontal.stride - conv.columns.pad_before;
        const Inside columns(conv.horizontal, left, conv.in_width);
        fill_window(conv, image, top, left, rows, columns, window);
        const int32_t inside = rows.size() * columns.size();
        if (!conv.zero_padding || inside == conv.taps()) {
          eval_pixel(conv, window, whole, pixel);
          continue;
        }
        const int32_t row_words = conv.horizontal.size * conv.group_words;
        const Span part = {rows.begin * row_words + columns.begin * conv.group_words, rows.size(), row_words,
                           inside > 0 ? columns.size() * conv.group_words : 0, (conv.taps() - inside) * conv.tap_depth};
        eval_pixel(conv, window, part, pixel);
      }
    }
  }
}

// LCE computes (-2 * acc) * multiplier + (bias + depth * multiplier), the parentheses on the right in double precision.
bool fold_transform(const float* multipliers, const float* biases, int32_t outputs, int32_t depth, float scale,
                    int32_t zero_point, float* folded_multipliers, float* offsets) {
  for (int32_t c = 0; c < outputs; ++c) {
    const double multiplier = multipliers[c];
    folded_multipliers[c] = static_cast<float>(-multiplier / scale);
    offsets[c] = static_cast<float>((biases[c] + depth * multiplier) / scale + zero_point);
    if (!std::isfinite(folded_multipliers[c]) || !std::isfinite(offsets[c])) return false;
  }
  return true;
}

}  // namespace micro
}  // namespace hybrid_tf
