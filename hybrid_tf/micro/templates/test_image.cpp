// {{ made }}
#include "test_image.h"

const unsigned char kTestImage[kHeight * kWidth * kChannels] = {
{{ pixels }}
};
