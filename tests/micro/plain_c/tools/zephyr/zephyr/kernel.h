/* What the example uses of Zephyr, declared anew for a test on this computer. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define printk printf
#define k_malloc malloc

static inline uint32_t k_cycle_get_32(void) { return 0; }
static inline uint32_t k_cyc_to_us_floor32(uint32_t cycles) { return cycles; }
