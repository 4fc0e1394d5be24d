"""`tensorflow.examples` of TensorFlow 1: the reader of its tutorials' data."""
