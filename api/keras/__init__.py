"""`tf.keras`: layers, models, optimisers, losses and metrics."""

from ..frontend.tf.keras.layers.base import Layer
from ..frontend.tf.keras.layers.core import Input
from ..frontend.tf.keras.models import Model, Sequential
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
    models,
    optimizers,
    regularizers,
    utils,
)

__all__ = [
    "Input",
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
    "models",
    "optimizers",
    "regularizers",
    "utils",
]
