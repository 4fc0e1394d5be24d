"""Feeds: the values of tensors that a run is given, as arrays.

Layer: frontend. This runs for each feed of each run, so what is usual comes first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..convert import convert_to_tensor
from ..tensors import Tensor
from ..variables import Variable
from .symbolic import GraphTensor

# Classes of values that NumPy converts, and that are no tensors.
_PLAIN = frozenset([np.ndarray, list, tuple, float, int, bool, np.float32, np.float64])


class Feed(NamedTuple):
    """A tensor that is fed, with what its values are converted to."""

    tensor: GraphTensor
    dtype: np.dtype
    is_text: bool


def feed_of(tensor: GraphTensor) -> Feed:
    """The feed of a tensor."""
    dtype = tensor.dtype.base_dtype.numpy
    return Feed(tensor, dtype, dtype.kind == "O")


def fed_array(feed: Feed, value: Any) -> Any:
    """The value of a feed as an array of the tensor's dtype.

    Raises:
        TypeError: it is a tensor, or cannot be converted.
        ValueError: its shape is not that of the tensor.
    """
    tensor, dtype, is_text = feed
    try:
        if type(value) in _PLAIN and not is_text:
            array: Any = np.asarray(value, dtype, order="C")
        else:
            array = _converted(feed, value)
    except OverflowError:
        raise TypeError(
            f"Type of feed value {value} with type {type(value)} is not compatible with Tensor"
            f" type {dtype.type}. Try explicitly setting the type of the feed tensor to a"
            " larger type (e.g. int64)."
        ) from None
    shape = array.shape
    dims = tensor._shape._dims
    if dims is not None and shape != dims:
        if len(dims) != len(shape):
            raise _wrong_shape(tensor, shape)
        for declared, size in zip(dims, shape, strict=True):
            if declared is not None and declared != size:
                raise _wrong_shape(tensor, shape)
    return array if shape or is_text else array[()]


def _converted(feed: Feed, value: Any) -> Any:
    """Text, tensors of eager programs, and objects that NumPy knows how to convert."""
    if isinstance(value, (GraphTensor, Variable)):
        raise TypeError(
            "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include"
            " Python scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, the"
            f" tensor object was {value} which was passed to the argument `feed_dict` with key"
            f" {feed.tensor}."
        )
    if feed.is_text:
        return np.asarray(convert_to_tensor(value, dtypes.string)._value)
    if isinstance(value, Tensor):
        value = value._value
    return np.asarray(value, feed.dtype, order="C")


def _wrong_shape(tensor: GraphTensor, shape: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"Cannot feed value of shape {shape!r} for Tensor {tensor.name!r}, which has"
        f" shape '{tensor.shape}'"
    )
