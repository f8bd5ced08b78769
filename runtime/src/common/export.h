// What the library offers to others, beside include/hybrid_tf.h; exports.txt lists it, too.
#pragma once

#if defined(_WIN32)
#define HYBRID_TF_EXPORT extern "C" __declspec(dllexport)
#else
#define HYBRID_TF_EXPORT extern "C" __attribute__((visibility("default")))
#endif
