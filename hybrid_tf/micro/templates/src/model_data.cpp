// {{ made }}
#include "model_data.h"

alignas(16) const unsigned char kModelData[] = {
{{ array }}
};
const size_t kModelBytes = {{ bytes }};
