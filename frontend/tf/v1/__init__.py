"""Names and signatures of TensorFlow 1, for programs that run eagerly.

Layer: frontend. optimizers.py has `tf.train`'s optimisers, names.py functions under their older
names, variables.py the older `Variable` and the functions that change one.
"""
