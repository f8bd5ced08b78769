/* {{ made }} */
#include <stdio.h>
{% if caller %}
#include "esp_heap_caps.h"
{%- endif %}
#include "esp_timer.h"
#include "{{ name }}.h"

{% include "example.h" %}
void app_main(void) {
  int64_t start, spent;
  int found;
{%- if caller %}
  arena = heap_caps_malloc_prefer({{ NAME }}_ARENA_BYTES, 2, MALLOC_CAP_SPIRAM, MALLOC_CAP_DEFAULT);
  if (!arena) {
    printf("no memory for the arena\n");
    return;
  }
{%- endif %}
  take_image();
  start = esp_timer_get_time();
  found = classify();
  spent = esp_timer_get_time() - start;
  printf("class %d: %s, %ld microseconds; %s\n", found, {{ name }}_class_names[found], (long)spent, compared());
}
