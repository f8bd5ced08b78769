/* The scores of the image below in Larq Compute Engine's interpreter, on a computer. */
static const int8_t expected[{{ NAME }}_CLASSES] = {
{{ expected }}};

static int8_t image[{{ NAME }}_IMAGE_BYTES], scores[{{ NAME }}_CLASSES];
{% if caller %}static uint32_t *arena;
{% endif %}
/* A pattern without meaning, to compare scores. Your program takes pixels from a camera here. */
static void take_image(void) {
  int i;
  for (i = 0; i < {{ NAME }}_IMAGE_BYTES; ++i) image[i] = {{ name }}_pixels[i % {{ NAME }}_CHANNELS][i * 37 & 255];
}

/* Returns the image's class. */
static int classify(void) {
  int i, found = 0;
  {{ name }}_run(image, scores{{ ", arena" if caller }});
  for (i = 1; i < {{ NAME }}_CLASSES; ++i) {
    if (scores[i] > scores[found]) found = i;
  }
  return found;
}

/* What a comparison of the scores with those of a computer says. */
static const char *compared(void) {
  int i;
  for (i = 0; i < {{ NAME }}_CLASSES; ++i) {
    if (scores[i] != expected[i]) return "the scores DIFFER from those of a computer";
  }
  return "the scores are those of a computer";
}
