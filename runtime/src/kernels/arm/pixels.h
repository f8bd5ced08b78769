// The windows of the binary convolution for NEON, which kernels/arm/bconv.h explains: the pixels that a call computes
// at once, by the taps that they have inside the image, and their words in pairs.
#pragma once

#include "kernels/arm/narrow.h"

namespace hybrid_tf {
namespace {

constexpr int32_t kLongestWindow = 4096;  // words: half of a small first cache. kernels/bconv.h takes longer ones.
constexpr int32_t kMostClasses = 16, kMostRuns = 8, kMostTaps = 64;

inline int32_t window_words(const Bconv& conv) { return conv.window.segments * conv.window.segment_length; }

// Whether taps outside the image may be left out.
inline bool can_skip(int32_t taps, int32_t tap_words) { return taps > 1 && tap_words % 4 == 0; }

// Words of a window that follow each other: kernels/arm/sums.h reads these numbers.
struct NeonRun {
  int32_t first, count;
};

// Pixels with the same taps inside the image.
struct NeonClass {
  TapRange rows, columns;
  int32_t outside_count;
  uint8_t outside[kMostTaps];  // numbers of the other taps
  int32_t run_count, words;    // of each pixel, an even number
  NeonRun runs[kMostRuns];
  int32_t first, count, first_word;
};

// Turns words x, x' into x', x ^ x'; `count` is even, and `to` may be `from`. Returns the set bits of all x ^ x'.
inline int32_t make_pairs(const uint32_t* from, int32_t count, uint32_t* to) {
  uint16x8_t bits = vdupq_n_u16(0);
  for (; count >= 8; count -= 8, from += 8, to += 8) {
    const uint32x4x2_t words = vld2q_u32(from);
    const uint32x4x2_t pairs = {{words.val[1], veorq_u32(words.val[0], words.val[1])}};
    vst2q_u32(to, pairs);
    bits = vpadalq_u8(bits, vcntq_u8(vreinterpretq_u8_u32(pairs.val[1])));
  }
  if (count >= 4) {
    const uint32x2x2_t words = vld2_u32(from);
    const uint32x2x2_t pairs = {{words.val[1], veor_u32(words.val[0], words.val[1])}};
    vst2_u32(to, pairs);
    bits = vaddw_u8(bits, vcnt_u8(vreinterpret_u8_u32(pairs.val[1])));
    count -= 4, from += 4, to += 4;
  }
  if (count > 0) {
    const uint32_t second = from[1], changes = from[0] ^ second;
    to[0] = second, to[1] = changes;
    bits = vaddw_u8(bits, vcnt_u8(vcreate_u8(changes)));
  }
  return vaddlvq_u16(bits);
}

// The same for a pixel's window.
inline int32_t make_pairs(const Window& window, const uint32_t* start, const NeonClass& shape, uint32_t* to) {
  const int32_t length = window.segment_length;
  if (length % 2) {  // pairs lie across segments; all of them are computed
    uint32_t* at = to;
    for (int32_t s = 0; s < window.segments; ++s) {
      for (int32_t i = 0; i < length; ++i) *at++ = start[window.segment_offsets[s] + i];
    }
    if (window.segments % 2) *at = 0;
    return make_pairs(to, shape.words, to);
  }
  int32_t bits = 0;
  for (int32_t r = 0; r < shape.run_count; ++r) {
    int32_t segment = shape.runs[r].first / length, skipped = shape.runs[r].first % length;
    for (int32_t left = shape.runs[r].count; left > 0; ++segment, skipped = 0) {
      const int32_t here = smaller(left, length - skipped);
      bits += make_pairs(start + window.segment_offsets[segment] + skipped, here, to);
      to += here;
      left -= here;
    }
  }
  return bits;
}

// The taps outside, and the words of the others.
inline void find_runs(const Bconv& conv, NeonClass* shape) {
  const TapRange rows = shape->rows, columns = shape->columns;
  const int32_t taps = conv.tap_rows * conv.tap_columns, words = window_words(conv), tap_words = words / taps;
  const int32_t inside = (rows.end - rows.first) * (columns.end - columns.first);
  shape->outside_count = 0;
  shape->words = inside == taps ? even(words) : inside * tap_words;
  for (int32_t tap = 0; tap < taps && inside < taps; ++tap) {
    const int32_t y = tap / conv.tap_columns, x = tap % conv.tap_columns;
    const bool is_inside = y >= rows.first && y < rows.end && x >= columns.first && x < columns.end;
    if (!is_inside) shape->outside[shape->outside_count++] = static_cast<uint8_t>(tap);
  }
  // Rows follow each other, if they are whole.
  const bool one = columns.end - columns.first == conv.tap_columns;
  shape->run_count = inside == 0 ? 0 : one ? 1 : rows.end - rows.first;
  for (int32_t r = 0; r < shape->run_count; ++r) {
    const int32_t first = (rows.first + r) * conv.tap_columns + columns.first;
    shape->runs[r] = {first * tap_words, shape->words / shape->run_count};
  }
}

struct NeonPixels {
  int32_t class_count;
  NeonClass classes[kMostClasses];
  int32_t numbers[kPixelsAtOnce];
  int32_t starts[kPixelsAtOnce];   // what a pixel adds to all its sums
  uint32_t* signs[kPixelsAtOnce];  // the words of each pixel, if any are written
  uint32_t words[kLongestWindow];  // in pairs

  // Takes pixels from `first` on, as many as there is room for. Returns the number after them.
  int32_t fill(const Bconv& conv, const uint32_t* input, int32_t first, int32_t end) {
    if (is_narrow(taps_of(conv))) {
      return fill_narrow(conv, NarrowPairs(conv.window, taps_of(conv)), input, first, end);
    }
    uint8_t class_of[kPixelsAtOnce];
    const int32_t count = classify(conv, first, end, class_of);
    int32_t pixels = 0, total = 0, next[kMostClasses];
    for (int32_t c = 0; c < class_count; ++c) {
      NeonClass& shape = classes[c];
      shape.first = next[c] = pixels;
      shape.first_word = total;
      pixels += shape.count;
      total += shape.count * shape.words;
    }
    const Map<uint32_t> map = signs_of(conv);
    Pixel pixel(first, conv.window.out_height, conv.window.out_width);
    for (int32_t i = 0; i < count; ++i, pixel.next()) {
      const NeonClass& shape = classes[class_of[i]];
      const int32_t to = next[class_of[i]]++;
      numbers[to] = pixel.number;
      signs[to] = map.data ? pixel.of(map) : nullptr;
      uint32_t* pairs = words + shape.first_word + (to - shape.first) * shape.words;
      starts[to] = conv.depth - 2 * make_pairs(conv.window, pixel.of(conv.window, input), shape, pairs);
    }
    return first + count;
  }

 private:
  // Of narrow windows all pixels are of one class.
  int32_t fill_narrow(const Bconv& conv, const NarrowPairs& narrow, const uint32_t* input, int32_t first, int32_t end) {
    const int32_t count = smaller(end - first, smaller(kPixelsAtOnce, kLongestWindow / narrow.words));
    class_count = 1;
    classes[0] = {};
    classes[0].run_count = 1, classes[0].words = narrow.words;
    classes[0].runs[0] = {0, narrow.words};
    classes[0].count = count;
    const Map<uint32_t> map = signs_of(conv);
    Pixel pixel(first, conv.window.out_height, conv.window.out_width);
    for (int32_t i = 0; i < count;) {
      const int32_t run = smaller(count - i, conv.window.out_width - pixel.x);  // pixels of a row
      narrow.fill(pixel.of(conv.window, input), run, conv.depth, words + i * narrow.words, starts + i);
      uint32_t* to = map.data ? pixel.of(map) : nullptr;
      for (int32_t k = 0; k < run; ++k, to += to ? map.pixel_stride : 0)
        numbers[i + k] = pixel.number + k, signs[i + k] = to;
      i += run;
      pixel = Pixel(first + i, conv.window.out_height, conv.window.out_width);
    }
    return first + count;
  }

  static Map<uint32_t> signs_of(const Bconv& conv) {
    return conv.output == BconvOutput::kInt8 ? conv.int8_epilogue.signs : conv.epilogue.signs;
  }

  // Finds the classes of as many pixels as there is room for, and how many pixels each has. Returns the pixels.
  int32_t classify(const Bconv& conv, int32_t first, int32_t end, uint8_t* class_of) {
    const int32_t taps = conv.tap_rows * conv.tap_columns;
    const bool skips = conv.inside_rows && can_skip(taps, window_words(conv) / taps) && conv.tap_rows <= kMostRuns &&
                       taps <= kMostTaps;
    Pixel pixel(first, conv.window.out_height, conv.window.out_width);
    int32_t count = 0, room = kLongestWindow, c = 0;
    for (class_count = 0; count < smaller(end - first, kPixelsAtOnce); ++count, pixel.next()) {
      TapRange rows = {0, conv.tap_rows}, columns = {0, conv.tap_columns};
      if (skips) rows = conv.inside_rows[pixel.y], columns = conv.inside_columns[pixel.x];
      const auto same = [&] { return rows == classes[c].rows && columns == classes[c].columns; };
      if (c >= class_count || !same()) {  // most pixels are as the last one
        for (c = 0; c < class_count && !same(); ++c) {
        }
      }
      if (c == class_count) {
        if (c == kMostClasses) break;
        classes[c].rows = rows, classes[c].columns = columns;
        classes[c].count = 0;
        find_runs(conv, &classes[c]);
        ++class_count;
      }
      if (room < classes[c].words) break;
      room -= classes[c].words;
      ++classes[c].count;
      class_of[count] = static_cast<uint8_t>(c);
    }
    return count;
  }
};

}  // namespace
}  // namespace hybrid_tf
