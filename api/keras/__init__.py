"""`tf.keras`: layers, models, optimisers, losses and metrics."""

from ..frontend.tf.keras.layers.base import Layer
from ..frontend.tf.keras.layers.inputs import Input
from ..frontend.tf.keras.models import Model, Sequential
from ..frontend.tf.keras.policies import DTypePolicy
from ..frontend.tf.keras.symbolic import KerasTensor
from . import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    optimizers,
    regularizers,
    utils,
)

__all__ = [
    "DTypePolicy",
    "Input",
    "KerasTensor",
    "Layer",
    "Model",
    "Sequential",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "optimizers",
    "regularizers",
    "utils",
]
