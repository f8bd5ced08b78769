/* {{ title }}: an image classifier in plain C. {{ made }}
 *
 * It needs C99 and nothing else: no heap, no floating point, no recursion.{{ "" if caller else " Not for two threads at a time." }} */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NETWORK_HEIGHT {{ height }}
#define NETWORK_WIDTH {{ width }}
#define NETWORK_CHANNELS {{ channels }}
#define NETWORK_IMAGE_BYTES {{ height * width * channels }}
#define NETWORK_CLASSES {{ classes }}
#define NETWORK_ARENA_BYTES {{ arena }}

/* What int8 numbers stand for: scale * (number - zero point). */
#define NETWORK_IMAGE_SCALE {{ image_scale }}
#define NETWORK_IMAGE_ZERO_POINT {{ image_zero }}
#define NETWORK_SCORE_SCALE {{ score_scale }}
#define NETWORK_SCORE_ZERO_POINT {{ score_zero }}

/* The name of each class, in UTF-8. */
extern const char *const network_class_names[NETWORK_CLASSES];

/* The int8 number of a pixel of 0 to 255, for each channel: normalised as the network was trained, and rounded as its
 * file rounds. */
extern const int8_t network_pixels[NETWORK_CHANNELS][256];

/* Classifies an image: NETWORK_IMAGE_BYTES numbers, row by row, the channels of a pixel together. The image is the class
 * with the largest of the NETWORK_CLASSES scores.{% if caller %} `arena` has room for NETWORK_ARENA_BYTES, whose contents do not matter
 * before and after. */
void network_run(const int8_t *image, int8_t *scores, uint32_t *arena);{% else %} */
void network_run(const int8_t *image, int8_t *scores);{% endif %}

#ifdef __cplusplus
}
#endif

#endif
