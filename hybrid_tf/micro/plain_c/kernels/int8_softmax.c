/* The softmax of int8 values, as TensorFlow Lite computes it: in float32, each step rounded to that, in this order. */
#include "nn.h"

void nn_int8_softmax(const struct nn_softmax* softmax, const int8_t* input, int8_t* output) {
  int32_t row, i;
  for (row = 0; row < softmax->rows; ++row, input += softmax->classes, output += softmax->classes) {
    /* Volatile, so that no compiler rounds a product and a sum only once. */
    volatile float sum = 0, value;
    int32_t largest = -128;
    float inverse;
    for (i = 0; i < softmax->classes; ++i) {
      if (input[i] > largest) largest = input[i];
    }
    for (i = 0; i < softmax->classes; ++i) sum = sum + softmax->exponentials[largest - input[i]];
    value = sum * softmax->step;
    inverse = 1.0f / value;
    for (i = 0; i < softmax->classes; ++i) {
      value = softmax->exponentials[largest - input[i]] * inverse;
      output[i] = (int8_t)nn_clamp((int32_t)(value + 0.5f) - 128, -128, 127);
    }
  }
}
