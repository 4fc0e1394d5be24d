"""Saving: checkpoints of variables, and models that run without their Python classes.

Layer: frontend. tree.py walks objects, checkpoint.py writes their variables, model.py adds the
programs of their functions. Files hold arrays and text only, so that loading runs no code.
"""
