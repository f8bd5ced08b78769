// {{ made }}
#pragma once

#include <cstddef>

constexpr int kHeight = {{ shape[0] }}, kWidth = {{ shape[1] }}, kChannels = {{ shape[2] }};

// The network's input is (pixel - mean) / std, by channel; pixels are 0 to 255.
constexpr float kMean[kChannels] = { {{ mean }} };
constexpr float kStd[kChannels] = { {{ std }} };

// The network gives {{ scores }}{% if scores == "logits" %}; softmax makes probabilities of them{% endif %}.
constexpr bool kGivesProbabilities = {{ "true" if scores == "probabilities" else "false" }};

constexpr int kClasses = {{ names|length }};
constexpr const char* kClassNames[kClasses] = {
{% for name in names %}    {{ name }},
{% endfor %}};

// Measured in TensorFlow Lite Micro on x86-64 ({{ "{:,}".format(measured) }} bytes) and {{ margin }} % more. On a
// 32-bit processor its pointers, and so its structures, take less.
constexpr size_t kArenaBytes = {{ arena }};
