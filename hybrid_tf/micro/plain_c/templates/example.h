/* The scores of the image below in Larq Compute Engine's interpreter, on a computer. */
static const int8_t expected[NETWORK_CLASSES] = {
{{ expected }}};

static int8_t image[NETWORK_IMAGE_BYTES], scores[NETWORK_CLASSES];
{% if caller %}static uint32_t *arena;
{% endif %}
/* A pattern without meaning, to compare scores. Your program takes pixels from a camera here. */
static void take_image(void) {
  int i;
  for (i = 0; i < NETWORK_IMAGE_BYTES; ++i) image[i] = network_pixels[i % NETWORK_CHANNELS][i * 37 & 255];
}

/* Returns the image's class. */
static int classify(void) {
  int i, found = 0;
  network_run(image, scores{{ ", arena" if caller }});
  for (i = 1; i < NETWORK_CLASSES; ++i) {
    if (scores[i] > scores[found]) found = i;
  }
  return found;
}

/* What a comparison of the scores with those of a computer says. */
static const char *compared(void) {
  int i;
  for (i = 0; i < NETWORK_CLASSES; ++i) {
    if (scores[i] != expected[i]) return "the scores DIFFER from those of a computer";
  }
  return "the scores are those of a computer";
}
