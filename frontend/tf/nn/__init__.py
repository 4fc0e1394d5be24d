"""`tf.nn`: activations, losses, normalisation, look-ups, convolutions and pooling.

Layer: frontend.
"""
