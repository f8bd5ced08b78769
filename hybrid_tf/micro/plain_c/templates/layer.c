/* {{ made }} */
#define NN_NAME nn_{{ layer }}
{% for macro, value in macros %}#define NN_{{ macro }}{{ " " + value if value else "" }}
{% endfor %}
#include "kernels.h"
#include "layer.h"
