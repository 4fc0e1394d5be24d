"""A small Keras: layers, models, optimisers, losses and metrics over tensors and variables.

Layer: frontend. Everything is made of the dialect's ops, so a training step is one native program.
Names, arguments and defaults are those of Keras 3.
"""
