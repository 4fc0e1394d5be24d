"""Sizes that are written as tensors: `tf.reshape(x, [tf.shape(x)[0], -1])` with open sizes.

Layer: frontend. While a function is traced, tf.shape gives integers of the graph. Where an op needs
sizes, the nodes that made them are read back: dims, constants, arithmetic, concatenation, slices.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...compiler.ir.dims import Dim
from ...compiler.ir.graph import Node, Value
from ...compiler.ir.types import Size
from ..numpy_api import create
from ..symint import wrap_size
from ..tracer import Tracer
from .convert import boxed

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": operator.floordiv,
}
_LONGEST = 64  # more sizes than a shape can have


class _NotSizes(Exception):
    """A value is computed from data."""


def sizes_of(x: Tracer) -> tuple[Any, ...] | None:
    """The sizes that a traced integer, or a vector of them, stands for; None if it is data."""
    if not x._type.dtype.is_integer or x.ndim > 1:
        return None
    context, value = x._context, x._read()
    try:
        found = _Reader(context.scope.producers()).read(value)
    except _NotSizes:
        return None
    return tuple([wrap_size(context, size) for size in found.flat])


def numbers(count: Any) -> Any:
    """0, 1, ... up to a size, which may be symbolic: an array, or a traced one."""
    return np.arange(count) if isinstance(count, int) else create.arange(count)


class _Reader:
    """Reads values of up to one axis as arrays of sizes."""

    def __init__(self, producers: Mapping[Value, Node]) -> None:
        self._producers = producers

    def read(self, value: Value) -> np.ndarray:
        """An array of objects: ints and `Dim`s."""
        node = self._producers.get(value)
        if node is None or any(not isinstance(s, int) or s > _LONGEST for s in value.type.shape):
            raise _NotSizes
        return self._of(node, value)

    def _of(self, node: Node, value: Value) -> np.ndarray:
        name, attrs = node.op.name, node.attrs
        if name == "dim":
            return boxed(attrs["size"])
        if name == "constant":
            return np.asarray(attrs["value"].array).astype(object)
        if name in ("cast", "positive"):
            return self.read(node.inputs[0])
        if name in ("reshape", "broadcast"):
            source = self.read(node.inputs[0])
            shape: Any = value.type.shape
            one = source.reshape(()) if source.size == 1 else source.reshape(shape)
            return np.broadcast_to(one, shape)
        if name == "concatenate":
            return np.concatenate([self.read(v) for v in node.inputs])
        if name == "slice":
            ((start, step, count),) = zip(
                attrs["starts"], attrs["steps"], attrs["shape"], strict=True
            )
            places = [start + step * k for k in range(count)]
            return self.read(node.inputs[0])[places]
        if name in _ARITHMETIC:
            x: Any = self.read(node.inputs[0])
            y: Any = self.read(node.inputs[1])
            made = np.empty(x.shape, object)
            for at in np.ndindex(x.shape):
                made[at] = _exact(_ARITHMETIC[name], x[at], y[at])
            return made
        raise _NotSizes


def _exact(function: Callable[[Any, Any], Any], x: Size, y: Size) -> Size:
    """Arithmetic that stays a size."""
    if function is operator.floordiv and not (isinstance(y, int) and y > 0):
        raise _NotSizes
    found = function(x, y)
    if not isinstance(found, (int, Dim)):
        raise _NotSizes
    return found
