/* hybrid-tf-runtime for C: runs a network of hybrid-tf or Larq Compute Engine (a .tflite file) without an interpreter.
 *
 *   char message[HYBRID_TF_MESSAGE_BYTES];
 *   hybrid_tf_engine* engine = hybrid_tf_open(file, file_size, NULL, message, sizeof(message));
 *   hybrid_tf_tensor image, scores;
 *   if (!engine || hybrid_tf_input(engine, 0, &image) || hybrid_tf_output(engine, 0, &scores)) ...
 *   memcpy(image.data, pixels, image.bytes);
 *   if (hybrid_tf_run(engine)) puts(hybrid_tf_last_error(engine));
 *   use((const float*)scores.data);
 *   hybrid_tf_close(engine);
 *
 * Functions that return an int return 0, or 1 when they fail. No function throws an exception, prints, reads a file or
 * keeps anything outside of the engine. Of one engine one call may run at a time; several engines may run at once. All
 * texts are UTF-8 and end with a 0; texts and memory of an engine are valid until it is closed.
 *
 * Stable: within one HYBRID_TF_INTERFACE_VERSION functions and fields are only added, fields at the end of structs
 * whose size the caller says. */
#ifndef HYBRID_TF_H_
#define HYBRID_TF_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#if defined(HYBRID_TF_BUILDS_LIBRARY)
#define HYBRID_TF_API __declspec(dllexport)
#else
#define HYBRID_TF_API __declspec(dllimport)
#endif
#else
#define HYBRID_TF_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define HYBRID_TF_INTERFACE_VERSION 1
#define HYBRID_TF_MESSAGE_BYTES 512 /* no message is longer */
#define HYBRID_TF_MAX_RANK 6

/* A network, ready to run. */
typedef struct hybrid_tf_engine hybrid_tf_engine;

/* How it runs. Set all to 0, then `size`, then what should differ: what is 0 or NULL has its default. */
typedef struct hybrid_tf_options {
  size_t size;         /* sizeof(hybrid_tf_options) */
  int32_t threads;     /* that may work on one image; default 1 */
  int32_t unfused;     /* 1: each operator is a step of its own, for comparison */
  int32_t profile;     /* 1: each step is timed */
  const char* kernels; /* a name from hybrid_tf_kernels(); default: the fastest */
} hybrid_tf_options;

/* The numbers are those of `enum TensorType` in the schema of TensorFlow Lite files. */
typedef enum hybrid_tf_type {
  HYBRID_TF_FLOAT32 = 0,
  HYBRID_TF_FLOAT16 = 1,
  HYBRID_TF_INT32 = 2,
  HYBRID_TF_UINT8 = 3,
  HYBRID_TF_INT64 = 4,
  HYBRID_TF_BOOL = 6,
  HYBRID_TF_INT8 = 9
} hybrid_tf_type;

/* An input or output. `data` stays where it is while the engine is open; it holds `bytes` bytes, the values in the
 * order of the dimensions, the last of which varies fastest: of images [batch, height, width, channels]. An int8 `q`
 * stands for (q - zero_point) * scale; `scale` is 0 where nothing is quantized. */
typedef struct hybrid_tf_tensor {
  const char* name;
  void* data;
  size_t bytes;
  hybrid_tf_type type;
  int32_t rank;
  int32_t dims[HYBRID_TF_MAX_RANK];
  float scale;
  int32_t zero_point;
} hybrid_tf_tensor;

/* HYBRID_TF_INTERFACE_VERSION of the library, which may be newer than that of this file. */
HYBRID_TF_API int hybrid_tf_interface_version(void);
/* The version of the library, such as "1.2.3". */
HYBRID_TF_API const char* hybrid_tf_version(void);
/* Names of the kernels that this processor can run, the fastest first, with commas between them. */
HYBRID_TF_API const char* hybrid_tf_kernels(void);

/* Checks and loads the content of a file, which is copied; NULL when it is damaged or has what the engine cannot run.
 * `options` may be NULL. Then one sentence about what is wrong is in `message`, cut to `message_size` bytes; it may be
 * NULL if that is 0. */
HYBRID_TF_API hybrid_tf_engine* hybrid_tf_open(const void* data, size_t size, const hybrid_tf_options* options,
                                               char* message, size_t message_size);
/* Frees an engine; does nothing with NULL. */
HYBRID_TF_API void hybrid_tf_close(hybrid_tf_engine* engine);

HYBRID_TF_API size_t hybrid_tf_input_count(const hybrid_tf_engine* engine);
HYBRID_TF_API size_t hybrid_tf_output_count(const hybrid_tf_engine* engine);
/* Describes an input or output; 1 when there are not so many. */
HYBRID_TF_API int hybrid_tf_input(const hybrid_tf_engine* engine, size_t index, hybrid_tf_tensor* tensor);
HYBRID_TF_API int hybrid_tf_output(const hybrid_tf_engine* engine, size_t index, hybrid_tf_tensor* tensor);

/* Computes the outputs from the inputs, which keep their values. */
HYBRID_TF_API int hybrid_tf_run(hybrid_tf_engine* engine);
/* One sentence about what went wrong last; "" when nothing has. */
HYBRID_TF_API const char* hybrid_tf_last_error(const hybrid_tf_engine* engine);

/* What hybrid-tf's converter has stored: the name of each score, and the mean and standard deviation of each channel of
 * images, whose input is (pixel - mean) / std with pixels from 0 to 255. Counts are 0, names NULL where there are none.
 */
HYBRID_TF_API size_t hybrid_tf_class_count(const hybrid_tf_engine* engine);
HYBRID_TF_API const char* hybrid_tf_class_name(const hybrid_tf_engine* engine, size_t index);
HYBRID_TF_API size_t hybrid_tf_channel_count(const hybrid_tf_engine* engine);
HYBRID_TF_API int hybrid_tf_normalisation(const hybrid_tf_engine* engine, size_t channel, float* mean, float* std);
/* All of it, a JSON object; "" where there is none. */
HYBRID_TF_API const char* hybrid_tf_metadata(const hybrid_tf_engine* engine);

/* Writes the steps of an engine with `profile`, as JSON with a 0 at the end; of a longer text, as much as fits. Returns
 * the length of the whole text without the 0. */
HYBRID_TF_API size_t hybrid_tf_profile(const hybrid_tf_engine* engine, char* text, size_t size);
/* Sets the counts and times to 0. */
HYBRID_TF_API void hybrid_tf_profile_reset(hybrid_tf_engine* engine);

#ifdef __cplusplus
}
#endif

#endif /* HYBRID_TF_H_ */
