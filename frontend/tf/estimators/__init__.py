"""`tf.estimator` of TensorFlow 1: models that train, evaluate and predict by themselves.

Layer: frontend.
"""
