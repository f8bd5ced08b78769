/* Classifies a picture (binary PPM, of the size that the network takes): classify MODEL.tflite PICTURE.ppm */
#include <stdio.h>
#include <stdlib.h>

#include "hybrid_tf.h"

static unsigned char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* data = NULL;
  if (file && !fseek(file, 0, SEEK_END)) {
    *size = (size_t)ftell(file);
    rewind(file);
    data = malloc(*size + 1);
    if (data && fread(data, 1, *size, file) != *size) free(data), data = NULL;
  }
  if (file) fclose(file);
  return data;
}

int main(int argc, char** argv) {
  size_t size = 0, best = 0, i, classes;
  int width, height, start = 0, channel;
  float mean[3], std[3];
  char message[HYBRID_TF_MESSAGE_BYTES];
  hybrid_tf_tensor image, scores;
  unsigned char* file = argc == 3 ? read_file(argv[1], &size) : NULL;
  hybrid_tf_engine* engine = file ? hybrid_tf_open(file, size, NULL, message, sizeof(message)) : NULL;
  if (!engine) return fprintf(stderr, "%s\n", file ? message : "usage: classify MODEL.tflite PICTURE.ppm"), 1;
  free(file);
  if (!(file = read_file(argv[2], &size))) return fprintf(stderr, "cannot read %s\n", argv[2]), 1;
  file[size] = 0;
  hybrid_tf_input(engine, 0, &image), hybrid_tf_output(engine, 0, &scores);
  if (sscanf((char*)file, "P6 %d %d 255%n", &width, &height, &start) != 2 || start == 0 || image.rank != 4 ||
      image.dims[1] != height || image.dims[2] != width || image.dims[3] != 3 || image.type != HYBRID_TF_FLOAT32 ||
      scores.type != HYBRID_TF_FLOAT32 || size - (size_t)start - 1 != (size_t)width * (size_t)height * 3)
    return fprintf(stderr, "a picture is a PPM of %d x %d pixels\n", image.dims[2], image.dims[1]), 1;
  for (channel = 0; channel < 3; ++channel)
    if (hybrid_tf_normalisation(engine, (size_t)channel, &mean[channel], &std[channel]))
      return fprintf(stderr, "the file has no normalisation of 3 channels\n"), 1;
  for (i = 0; i < image.bytes / sizeof(float); ++i)
    ((float*)image.data)[i] = ((float)file[(size_t)start + 1 + i] - mean[i % 3]) / std[i % 3];
  if (hybrid_tf_run(engine)) return fprintf(stderr, "%s\n", hybrid_tf_last_error(engine)), 1;
  for (i = 0, classes = scores.bytes / sizeof(float); i < classes; ++i)
    if (((float*)scores.data)[i] > ((float*)scores.data)[best]) best = i;
  printf("%s %.9g\n", hybrid_tf_class_count(engine) == classes ? hybrid_tf_class_name(engine, best) : "?",
         (double)((float*)scores.data)[best]);
  hybrid_tf_close(engine);
  free(file);
  return 0;
}
