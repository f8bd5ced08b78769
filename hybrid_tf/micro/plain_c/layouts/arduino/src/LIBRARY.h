{% include "library.h" %}
