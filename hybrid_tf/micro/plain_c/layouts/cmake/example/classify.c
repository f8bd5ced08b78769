/* {{ made }} */
#include "{{ name }}.h"

#include <stdio.h>
{% if caller %}#include <stdlib.h>
{% endif %}#include <string.h>

{% include "example.h" %}
int main(void) {
  int found;
{%- if caller %}
  arena = malloc({{ NAME }}_ARENA_BYTES);
  if (!arena) return 1;
{%- endif %}
  take_image();
  found = classify();
  printf("class %d: %s; %s\n", found, {{ name }}_class_names[found], compared());
  return memcmp(scores, expected, {{ NAME }}_CLASSES) != 0;
}
