// {{ made }}
#include <Arduino.h>
#include <{{ library }}.h>

{% include "sketch.h" %}
