import hybrid_tf  # noqa: F401 # isort: skip  (chooses legacy Keras, so before anything that uses Keras)
