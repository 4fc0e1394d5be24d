"""Optimisers: how variables change with their gradients.

Layer: frontend. `rules` has the formulas as functions of arrays, `program` makes one compiled
program of the update of all variables, `base` and `algorithms` are the classes.
"""

from .algorithms import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Nadam,
    RMSprop,
)
from .base import FAMILY, Optimizer
from .loss_scale import LossScaleOptimizer

get, serialize, deserialize = FAMILY.get, FAMILY.serialize, FAMILY.deserialize

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "serialize",
]
