"""Reading `.tflite` files, and the names of what is in them. Nothing here needs TensorFlow."""
