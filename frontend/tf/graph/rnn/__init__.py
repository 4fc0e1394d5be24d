"""Recurrent networks of TensorFlow 1: `tf.nn.rnn_cell`, `tf.nn.dynamic_rnn`.

Layer: frontend. cells.py has the cells, wrappers.py cells around cells, loops.py the functions that
run a cell along a sequence.
"""
