/* {{ title }}: an image classifier in plain C. {{ made }}
 *
 * It needs C99 and nothing else: no heap, no {{ "double" if floats else "floating point" }}, no recursion.{{ "" if caller else " Not for two threads at a time." }} */
#ifndef {{ NAME }}_H
#define {{ NAME }}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define {{ NAME }}_HEIGHT {{ height }}
#define {{ NAME }}_WIDTH {{ width }}
#define {{ NAME }}_CHANNELS {{ channels }}
#define {{ NAME }}_IMAGE_BYTES {{ height * width * channels }}
#define {{ NAME }}_CLASSES {{ classes }}
{% if cmsis_buffer %}
/* CMSIS-NN's kernels, where they give the same scores: by the build's -DUSE_CMSIS_NN, or here without the slashes. */
// #define USE_CMSIS_NN
#ifdef USE_CMSIS_NN
#define {{ NAME }}_ARENA_BYTES {{ arena + cmsis_buffer }}
#else
#define {{ NAME }}_ARENA_BYTES {{ arena }}
#endif
{% else %}#define {{ NAME }}_ARENA_BYTES {{ arena }}
{% endif %}
/* What int8 numbers stand for: scale * (number - zero point). */
#define {{ NAME }}_IMAGE_SCALE {{ image_scale }}
#define {{ NAME }}_IMAGE_ZERO_POINT ({{ image_zero }})
#define {{ NAME }}_SCORE_SCALE {{ score_scale }}
#define {{ NAME }}_SCORE_ZERO_POINT ({{ score_zero }})

/* The name of each class, in UTF-8. */
extern const char *const {{ name }}_class_names[{{ NAME }}_CLASSES];

/* The int8 number of a pixel of 0 to 255, for each channel: normalised as the network was trained, and rounded as its
 * file rounds. */
extern const int8_t {{ name }}_pixels[{{ NAME }}_CHANNELS][256];

/* Classifies an image: {{ NAME }}_IMAGE_BYTES numbers, row by row, the channels of a pixel together. The image is the class
 * with the largest of the {{ NAME }}_CLASSES scores.{% if caller %} `arena` has room for {{ NAME }}_ARENA_BYTES, whose contents do not matter
 * before and after. */
void {{ name }}_run(const int8_t *image, int8_t *scores, uint32_t *arena);{% else %} */
void {{ name }}_run(const int8_t *image, int8_t *scores);{% endif %}

#ifdef __cplusplus
}
#endif

#endif
