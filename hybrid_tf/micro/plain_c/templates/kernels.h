/* The kernels that the network calls. {{ made }} */
#ifndef KERNELS_H
#define KERNELS_H

#include "nn.h"

{% for layer in layers %}void nn_{{ layer }}(const struct nn_layer *layer, const void *input, const int8_t *map, int8_t *out,
                uint32_t *signs);
{% endfor %}
#endif
