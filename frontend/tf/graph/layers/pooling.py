"""Pooling as layers.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...nn import pooling
from ..build import graph_op
from .base import Layer
from .convolutional import format_of, tuple_of


class _Pooling(Layer):
    """The largest element or the mean of each window.

    Args:
        pool_size: of the window: one number, or one for each axis.
        strides: as `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        name: of the scope.
    """

    spatial = 2
    _pool: Callable[..., Any]

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: str = "valid",
        data_format: str = "channels_last",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        count = self.spatial
        self.least_rank = count + 2
        self.pool_size = tuple_of(pool_size, count, "pool_size")
        self.strides = tuple_of(strides, count, "strides")
        self.padding, self._format = padding.upper(), format_of(data_format, count)

    def call(self, inputs: Any) -> Any:
        """The layer's computation."""
        return type(self)._pool(inputs, self.pool_size, self.strides, self.padding, self._format)


def _made(name: str, spatial: int, function: Callable[..., Any], what: str) -> type[_Pooling]:
    members = {
        "spatial": spatial,
        "_pool": staticmethod(graph_op(function)),
        "__doc__": f"The {what} of each window of {spatial} spatial axes.",
        "__module__": __name__,
    }
    return type(name, (_Pooling,), members)


_LARGEST, _MEAN = "largest element", "mean"
MaxPooling1D = _made("MaxPooling1D", 1, pooling.max_pool1d, _LARGEST)
MaxPooling2D = _made("MaxPooling2D", 2, pooling.max_pool2d, _LARGEST)
MaxPooling3D = _made("MaxPooling3D", 3, pooling.max_pool3d, _LARGEST)
AveragePooling1D = _made("AveragePooling1D", 1, pooling.avg_pool1d, _MEAN)
AveragePooling2D = _made("AveragePooling2D", 2, pooling.avg_pool2d, _MEAN)
AveragePooling3D = _made("AveragePooling3D", 3, pooling.avg_pool3d, _MEAN)
