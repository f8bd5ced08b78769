/* {{ made }} */
#include <zephyr/kernel.h>

#include "{{ name }}.h"

{% include "example.h" %}
int main(void) {
  uint32_t start, spent;
  int found;
{%- if caller %}
  arena = k_malloc({{ NAME }}_ARENA_BYTES);
  if (!arena) {
    printk("no memory for the arena\n");
    return 0;
  }
{%- endif %}
  take_image();
  start = k_cycle_get_32();
  found = classify();
  spent = k_cyc_to_us_floor32(k_cycle_get_32() - start);
  printk("class %d: %s, %u microseconds; %s\n", found, {{ name }}_class_names[found], (unsigned)spent, compared());
  return 0;
}
