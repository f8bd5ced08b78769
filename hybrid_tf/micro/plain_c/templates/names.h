/* The kernels carry the network's name, so that a program can have several networks. {{ made }} */
#ifndef NAMES_H
#define NAMES_H
{% if cmsis_buffer %}
#include "../{{ name }}.h" /* USE_CMSIS_NN may be there */
{% endif %}
{% for function in functions %}#define {{ function }} {{ name }}_{{ function }}
{% endfor %}
#endif
