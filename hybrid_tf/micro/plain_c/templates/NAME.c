/* {{ title }}. {{ made }} */
#include "{{ name }}.h"

#include "kernels/kernels.h"

{% if not caller %}static uint32_t arena[{{ NAME }}_ARENA_BYTES / 4];

{% endif %}#define WORDS_AT(byte) (arena + (byte) / 4)
#define INT8_AT(byte) ((int8_t *)arena + (byte))
#define INT16_AT(byte) ((int16_t *)(void *)((int8_t *)arena + (byte)))

const char *const {{ name }}_class_names[{{ NAME }}_CLASSES] = {
{%- for name in names %}
    {{ name }},
{%- endfor %}
};

const int8_t {{ name }}_pixels[{{ NAME }}_CHANNELS][256] = {
{%- for row in pixels %}
    {
{{ row }}    },
{%- endfor %}
};

{% for call in calls %}/* {{ call.comment }} */
{{ call.constants }}
{% endfor %}void {{ name }}_run(const int8_t *image, int8_t *scores{{ ", uint32_t *arena" if caller }}) {
{% for call in calls %}{{ call.text }}{% endfor %}}
