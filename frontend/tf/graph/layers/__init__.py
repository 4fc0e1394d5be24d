"""`tf.layers` of TensorFlow 1: layers whose weights are found by name.

Layer: frontend. base.py has what layers have in common, the other modules the layers; functions.py
the functions that make a layer and call it.
"""
