"""Layers that put several inputs together: sums, products, one behind the other.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...apply import apply, many
from ...convert import convert_to_tensor
from ...elementwise import add as add_tensors
from ...elementwise import maximum, minimum, multiply, subtract
from ...nn.normalise import l2_normalize
from ...shaping import concat
from ...tensors import Tensor
from ..masks import mask_of
from .base import FAMILY, Layer

Pairwise = Callable[[Any, Any], Tensor]


class _Merge(Layer):
    """Layers of a list of inputs."""

    supports_masking = True

    def _merged(self, inputs: list[Any]) -> Any:
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        """The result."""
        if not isinstance(inputs, (list, tuple)) or not inputs:
            raise ValueError(
                f"A merge layer should be called on a list of at least 1 input. Received {inputs}"
            )
        return self._merged(list(inputs))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Where all inputs have masks, a step counts if it does so in one of them."""
        masks = list(previous_mask or [None])
        return None if any(m is None for m in masks) else apply("Any", _any, masks)


def _any(*masks: Any) -> Any:
    found = masks[0]
    for mask in masks[1:]:
        found = found | mask
    return found


def _reduced(op: Pairwise, inputs: list[Any]) -> Tensor:
    """The inputs put together, two at a time."""
    result = convert_to_tensor(inputs[0])
    for x in inputs[1:]:
        result = op(result, x)
    return result


def _product(inputs: list[Any]) -> Tensor:
    """The product; what does not count changes nothing."""
    factors = []
    for x in inputs:
        mask = mask_of(x)
        factors.append(x if mask is None else apply("Masked", _or_one, [mask, x]))
    return _reduced(multiply, factors)


def _extreme(op: Pairwise, inputs: list[Any]) -> Tensor:
    """The largest or smallest of what counts."""
    result, mask = convert_to_tensor(inputs[0]), mask_of(inputs[0])
    for x in inputs[1:]:
        own = mask_of(x)
        if own is not None:
            x = apply("Masked", _instead, [own, x, result])
        if mask is not None:
            result = apply("Masked", _instead, [mask, result, x])
        is_known = own is not None and mask is not None
        mask = apply("Any", _any, [mask, own]) if is_known else None  # type: ignore[list-item]
        result = op(result, x)
    return result


def _along(mask: Any, x: Any) -> Any:
    return mask.reshape((*mask.shape, *(1,) * (x.ndim - mask.ndim)))


def _or_one(mask: Any, x: Any) -> Any:
    return np.where(_along(mask, x), x, x.dtype.type(1))


def _instead(mask: Any, x: Any, other: Any) -> Any:
    """x, and the other one at steps that do not count."""
    return np.where(_along(mask, x), x, other)


def _merge(name: str, merged: Callable[[list[Any]], Tensor], doc: str) -> type:
    def _merged(self: Any, inputs: list[Any]) -> Any:
        return merged(inputs)

    made = type(name, (_Merge,), {"_merged": _merged, "__doc__": doc, "__module__": __name__})
    registered: type = FAMILY.add()(made)
    return registered


def _difference(inputs: list[Any]) -> Tensor:
    if len(inputs) != 2:
        raise ValueError(
            "A `Subtract` layer should be called on exactly 2 inputs. Received: "
            f"{len(inputs)} inputs"
        )
    return subtract(*inputs)


def _mean(inputs: list[Any]) -> Tensor:
    return multiply(_reduced(add_tensors, inputs), 1.0 / len(inputs))


Add = _merge("Add", partial(_reduced, add_tensors), "The sum of a list of inputs.")
Subtract = _merge("Subtract", _difference, "The difference of two inputs.")
Average = _merge("Average", _mean, "The mean of a list of inputs, elementwise.")
Multiply = _merge("Multiply", _product, "The product of a list of inputs.")
Maximum = _merge(
    "Maximum", partial(_extreme, maximum), "The largest of a list of inputs, elementwise."
)
Minimum = _merge(
    "Minimum", partial(_extreme, minimum), "The smallest of a list of inputs, elementwise."
)


@FAMILY.add()
class Concatenate(_Merge):
    """A list of inputs, one after the other along an axis."""

    fields = ("axis",)

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def _merged(self, inputs: list[Any]) -> Any:
        return concat(inputs, self.axis)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """A step counts if it does so in one of the inputs."""
        masks = previous_mask or ()
        if all(m is None for m in masks):
            return None
        tensors = [convert_to_tensor(x) for x in inputs]
        has_mask = tuple([m is not None for m in masks])
        given = [*tensors, *[m for m in masks if m is not None]]
        return apply("Masks", _joined, given, {"axis": self.axis, "has_mask": has_mask})


def _joined(*arrays: Any, axis: int, has_mask: tuple[bool, ...]) -> Any:
    inputs, masks = arrays[: len(has_mask)], iter(arrays[len(has_mask) :])
    each = []
    for x, known in zip(inputs, has_mask, strict=True):
        mask = np.ones_like(x, dtype=np.bool_)
        if known:
            own = next(masks)
            mask = mask & _along(own, x)
        each.append(mask)
    return np.any(np.concatenate(each, axis=axis), axis=-1)


@FAMILY.add()
class Dot(_Merge):
    """Products of two inputs, summed over an axis of each.

    Args:
        axes: the axis, or one for each input; 0, that of the batch, cannot be it.
        normalize: whether the inputs are scaled to length 1 along the axes.
        options: see `Layer`.
    """

    fields = ("axes", "normalize")

    def __init__(self, axes: Any, normalize: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.axes = axes if isinstance(axes, int) else tuple(axes)
        self.normalize = bool(normalize)

    def _merged(self, inputs: list[Any]) -> Any:
        if len(inputs) != 2:
            raise ValueError("A `Dot` layer should be called on a list of exactly 2 inputs")
        x, y = many("Dot", inputs)
        first, second = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        axes = (first % x.ndim, second % y.ndim)
        if 0 in axes or x.shape[axes[0]] != y.shape[axes[1]]:
            raise ValueError(
                f"Incompatible input shapes: axis values {x.shape[axes[0]]} (at axis {axes[0]}) !="
                f" {y.shape[axes[1]]} (at axis {axes[1]}). Full input shapes: {x.shape}, {y.shape}"
            )
        if self.normalize:
            x, y = l2_normalize(x, axes[0]), l2_normalize(y, axes[1])
        return apply("Dot", _dot, [x, y], {"axes": axes})

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: what is summed over has no steps any more."""
        return None


def _dot(x: Any, y: Any, *, axes: tuple[int, int]) -> Any:
    """[batch, what is left of x, what is left of y], and at least two axes."""
    left, right = np.moveaxis(x, axes[0], -1), np.moveaxis(y, axes[1], 1)
    rows, columns = left.shape[1:-1], right.shape[2:]
    batch, size = left.shape[0], left.shape[-1]
    a = left.reshape((batch, _count(rows), size))
    b = right.reshape((batch, size, _count(columns)))
    found = np.matmul(a, b)
    return found.reshape((batch, *((*rows, *columns) or (1,))))


def _count(sizes: tuple[Any, ...]) -> Any:
    total: Any = 1
    for size in sizes:
        total = total * size
    return total


def _function(layer: Any, doc: str) -> Callable[..., Any]:
    def merge(inputs: Any, **options: Any) -> Any:
        return layer(**options)(inputs)

    merge.__name__ = merge.__qualname__ = layer.__name__.lower()
    merge.__doc__ = doc
    return merge


add = _function(Add, "The sum of a list of inputs.")
subtract_inputs = _function(Subtract, "The difference of two inputs.")
multiply_inputs = _function(Multiply, "The product of a list of inputs.")
average = _function(Average, "The mean of a list of inputs, elementwise.")
maximum_of_inputs = _function(Maximum, "The largest of a list of inputs, elementwise.")
minimum_of_inputs = _function(Minimum, "The smallest of a list of inputs, elementwise.")


def concatenate(inputs: Any, axis: int = -1, **options: Any) -> Any:
    """A list of inputs, one after the other along an axis."""
    return Concatenate(axis, **options)(inputs)


def dot(inputs: Any, axes: Any = -1, **options: Any) -> Any:
    """Products of two inputs, summed over an axis of each; see `Dot`."""
    return Dot(axes, **options)(inputs)


__all__ = [
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract", "add",
    "average", "concatenate", "dot", "maximum_of_inputs", "minimum_of_inputs", "multiply_inputs",
    "subtract_inputs",
]  # fmt: skip
