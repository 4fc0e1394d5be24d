"""The functions of `tf.layers`: each makes a layer and calls it once.

Layer: frontend. Their arguments are those of the classes, after the input; `reuse` lets them use
the weights that exist.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .base import Layer
from .convolutional import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    SeparableConv2D,
)
from .dense import Dense, Dropout, Flatten
from .normalization import BatchNormalization
from .pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)


def _function(name: str, layer: type[Layer], order: str = "") -> Callable[..., Any]:
    """The function for a layer.

    Args:
        name: of the function.
        layer: the class.
        order: its arguments, where they are not in the order of the class's.
    """
    given = [p for p in inspect.signature(layer).parameters if p != "kwargs"]
    names = order.split() or [p for p in given if p != "name"]
    names = [*names, *[p for p in ("name", "reuse") if p not in names]]

    def function(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > len(names):
            raise TypeError(f"{name}() takes {len(names) + 1} positional arguments")
        options = {**dict(zip(names, args, strict=False)), **kwargs}
        call = {"training": options.pop("training")} if "training" in options else {}
        if "reuse" in options:
            options["_reuse"] = options.pop("reuse")
        return layer(**options)(inputs, **call)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Apply a new `{layer.__name__}` layer, whose arguments follow the input."
    return function


dense = _function("dense", Dense)
flatten = _function("flatten", Flatten, "name data_format")
dropout = _function("dropout", Dropout, "rate noise_shape seed training name")
conv1d = _function("conv1d", Conv1D)
conv2d = _function("conv2d", Conv2D)
conv3d = _function("conv3d", Conv3D)
_TRANSPOSED = """
    filters kernel_size strides padding data_format activation use_bias kernel_initializer
    bias_initializer kernel_regularizer bias_regularizer activity_regularizer kernel_constraint
    bias_constraint trainable name
"""
conv2d_transpose = _function("conv2d_transpose", Conv2DTranspose, _TRANSPOSED)
conv3d_transpose = _function("conv3d_transpose", Conv3DTranspose, _TRANSPOSED)
separable_conv2d = _function("separable_conv2d", SeparableConv2D)
max_pooling1d = _function("max_pooling1d", MaxPooling1D)
max_pooling2d = _function("max_pooling2d", MaxPooling2D)
max_pooling3d = _function("max_pooling3d", MaxPooling3D)
average_pooling1d = _function("average_pooling1d", AveragePooling1D)
average_pooling2d = _function("average_pooling2d", AveragePooling2D)
average_pooling3d = _function("average_pooling3d", AveragePooling3D)
batch_normalization = _function(
    "batch_normalization",
    BatchNormalization,
    """
    axis momentum epsilon center scale beta_initializer gamma_initializer moving_mean_initializer
    moving_variance_initializer beta_regularizer gamma_regularizer beta_constraint gamma_constraint
    training trainable name reuse renorm renorm_clipping renorm_momentum fused virtual_batch_size
    adjustment
    """,
)
