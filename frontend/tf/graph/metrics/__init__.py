"""`tf.metrics` of TensorFlow 1: pairs of a value and an op that updates it.

Layer: frontend. streams.py has what metrics have in common, means.py means, counts.py what follows
from true and false positives.
"""
