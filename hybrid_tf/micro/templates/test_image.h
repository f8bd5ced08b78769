// {{ made }}
#pragma once

#include "src/model_settings.h"

// {{ image.text }}
extern const unsigned char kTestImage[kHeight * kWidth * kChannels];
constexpr int kTestImageClass = {{ image.predicted }};  // what the network says of it on a computer
