// {{ made }}
#include <{{ library }}.h>

{% include "sketch.h" %}
