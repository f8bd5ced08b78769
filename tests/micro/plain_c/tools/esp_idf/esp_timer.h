/* What the example uses of ESP-IDF, declared anew for a test on this computer. */
#pragma once

#include <stdint.h>
#include <stdlib.h>

#define MALLOC_CAP_SPIRAM 1
#define MALLOC_CAP_DEFAULT 2
#define heap_caps_malloc_prefer(bytes, count, first, second) malloc(bytes)

static inline int64_t esp_timer_get_time(void) { return 0; }

void app_main(void);
