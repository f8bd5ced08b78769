/* The C interface from C99: c_interface_test MODEL.tflite [LIBRARY.so]
 *
 * Loads the library (that of LIBRARY.so twice, with dlclose() between), runs the network on an image of which every
 * number is 1, in two threads at once, and prints the scores; damages the file in every way that a loop can think of.
 */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hybrid_tf.h"

#define CHECK(condition) ((condition) ? (void)0 : (fprintf(stderr, "%d: %s\n", __LINE__, #condition), exit(1)))

typedef struct {
  hybrid_tf_engine* (*open)(const void*, size_t, const hybrid_tf_options*, char*, size_t);
  void (*close)(hybrid_tf_engine*);
  int (*input)(const hybrid_tf_engine*, size_t, hybrid_tf_tensor*);
  int (*output)(const hybrid_tf_engine*, size_t, hybrid_tf_tensor*);
  int (*run)(hybrid_tf_engine*);
  int (*version)(void);
} functions;

static unsigned char* file;
static size_t file_size;

static void* find(void* library, const char* name) {
  void* function = dlsym(library, name);
  CHECK(function);
  return function;
}

static void load(void* library, functions* f) {
  *(void**)&f->open = find(library, "hybrid_tf_open");
  *(void**)&f->close = find(library, "hybrid_tf_close");
  *(void**)&f->input = find(library, "hybrid_tf_input");
  *(void**)&f->output = find(library, "hybrid_tf_output");
  *(void**)&f->run = find(library, "hybrid_tf_run");
  *(void**)&f->version = find(library, "hybrid_tf_interface_version");
}

static float* scores_of(const functions* f, size_t* count) {
  char message[HYBRID_TF_MESSAGE_BYTES] = "";
  hybrid_tf_options options;
  hybrid_tf_engine* engine;
  hybrid_tf_tensor image, scores;
  float* copy;
  size_t i;
  memset(&options, 0, sizeof(options));
  options.size = sizeof(options);
  options.threads = 2;
  engine = f->open(file, file_size, &options, message, sizeof(message));
  if (!engine) fprintf(stderr, "%s\n", message);
  CHECK(engine && !message[0]);
  CHECK(f->input(engine, 1, &image) == 1 && f->input(engine, 0, &image) == 0 && f->output(engine, 0, &scores) == 0);
  CHECK(image.type == HYBRID_TF_FLOAT32 && image.rank == 4 && scores.type == HYBRID_TF_FLOAT32);
  for (i = 0; i < image.bytes / sizeof(float); ++i) ((float*)image.data)[i] = 1;
  for (i = 0; i < 3; ++i) CHECK(f->run(engine) == 0);
  copy = malloc(scores.bytes);
  memcpy(copy, scores.data, scores.bytes);
  *count = scores.bytes / sizeof(float);
  f->close(engine);
  return copy;
}

static void* work(void* f) {
  size_t count;
  return scores_of(f, &count);
}

static void try_damaged(const functions* f) {
  char message[HYBRID_TF_MESSAGE_BYTES];
  unsigned char* copy = malloc(file_size);
  size_t i;
  hybrid_tf_options options;
  memset(&options, 0, sizeof(options));
  CHECK(!f->open(file, file_size, &options, message, sizeof(message)) && strstr(message, "size"));
  options.size = sizeof(options);
  options.kernels = "none";
  CHECK(!f->open(file, file_size, &options, message, sizeof(message)) && strstr(message, "portable"));
  options.kernels = NULL;
  options.threads = -1;
  CHECK(!f->open(file, file_size, &options, message, sizeof(message)) && strstr(message, "threads"));
  CHECK(!f->open(NULL, 0, NULL, message, sizeof(message)) && message[0]);
  CHECK(!f->open(NULL, 0, NULL, NULL, 0));
  f->close(NULL);
  for (i = 0; i < 400; ++i) {
    hybrid_tf_engine* engine;
    size_t at = i * 2654435761u % file_size;
    memcpy(copy, file, file_size);
    copy[i % 2 ? at : at % 2000] ^= (unsigned char)(1u << i % 8);
    message[0] = 0;
    engine = f->open(copy, i % 3 ? file_size : at, NULL, message, sizeof(message));
    CHECK(engine || message[0]);
    if (engine) f->run(engine);
    f->close(engine);
  }
  free(copy);
}

int main(int argc, char** argv) {
  int round;
  FILE* stream = argc == 3 ? fopen(argv[1], "rb") : NULL;
  float *first = NULL, *scores;
  size_t count = 0, i;
  CHECK(stream && !fseek(stream, 0, SEEK_END));
  file_size = (size_t)ftell(stream);
  rewind(stream);
  file = malloc(file_size);
  CHECK(fread(file, 1, file_size, stream) == file_size);
  fclose(stream);
  for (round = 0; round < 2; ++round) {
    functions f;
    pthread_t thread;
    void* other;
    void* library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    load(library, &f);
    CHECK(f.version() >= HYBRID_TF_INTERFACE_VERSION);
    CHECK(!pthread_create(&thread, NULL, work, &f));
    scores = scores_of(&f, &count);
    pthread_join(thread, &other);
    CHECK(!memcmp(scores, other, count * sizeof(float)));
    CHECK(!first || !memcmp(scores, first, count * sizeof(float)));
    if (round == 0) try_damaged(&f);
    free(other);
    free(first);
    first = scores;
    dlclose(library);
    CHECK(!dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD));
  }
  for (i = 0; i < count; ++i) printf("%.9g\n", (double)first[i]);
  free(first);
  free(file);
  return 0;
}
