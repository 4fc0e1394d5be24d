"""Random numbers of the TensorFlow dialect: a counter-based generator, written in integer ops.

Layer: frontend. philox.py is the generator, seeds.py says where it starts, samplers.py turns its
words into distributions, stateful.py and stateless.py are the public ops, generator.py the class.
"""
