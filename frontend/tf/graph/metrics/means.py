"""Means of what was seen: `mean`, `accuracy`, errors.

Layer: frontend. Each metric is a mean of elements, with weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dtypes
from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import abs as magnitude
from ...elementwise import cast, equal, less, square, subtract
from ...elementwise import sqrt as root
from ...tensors import Tensor
from ..build import convert_public, graph_op
from .streams import Pair, as_float, collected, matched, metric, metric_scope, ratio, summed


def _totals(values: Any, weights: Any) -> tuple[Tensor, Tensor]:
    """The weighted sum, and the sum of weights."""
    factors = as_float(1.0 if weights is None else weights)
    found: tuple[Tensor, Tensor] = apply("Sum", _sums, [as_float(values), factors])
    return found


def _sums(values: Any, weights: Any) -> tuple[Any, Any]:
    wide = np.ones_like(values) * weights
    return np.sum(values * wide, dtype=values.dtype), np.sum(wide, dtype=values.dtype)


_total_ops = graph_op(_totals, "Sum", "Sum")


def _parts(values: Any, weights: Any) -> tuple[Tensor, Tensor]:
    factors = as_float(1.0 if weights is None else weights)
    found: tuple[Tensor, Tensor] = apply("Mul", _products, [as_float(values), factors])
    return found


def _products(values: Any, weights: Any) -> tuple[Any, Any]:
    wide = np.ones_like(values) * weights
    return values * wide, wide


_part_ops = graph_op(_parts, "Mul", "Mul")


@metric("mean")
def mean(values: Any, weights: Any = None) -> Pair:
    """The mean of all elements seen.

    Args:
        values: of each batch.
        weights: a number, or of a shape that is broadcast to that of the values.
        metrics_collections: names of lists that the value joins.
        updates_collections: names of lists that the update joins.
        name: of the scope of the variables.

    Returns:
        The value, and the op that adds a batch, whose result is the new value.
    """
    tensor = convert_public(values)
    tensor, _, factors = matched(tensor, tensor, weights)
    return summed(["total", "count"], _total_ops(tensor, factors), ratio)


@metric("mean")
def mean_tensor(values: Any, weights: Any = None) -> Pair:
    """The mean of all batches seen, element by element; arguments as of `mean`."""
    amounts = _part_ops(convert_public(values), weights)
    return summed(["total_tensor", "count_tensor"], amounts, ratio)


def _correct(labels: Any, predictions: Any) -> Tensor:
    y, x = convert_to_tensor(labels), convert_to_tensor(predictions)
    if x.dtype is not y.dtype:
        x = cast(x, y.dtype)
    return as_float(equal(x, y))


def _squared(labels: Any, predictions: Any) -> Tensor:
    found: Tensor = square(_difference(labels, predictions))
    return found


def _absolute(labels: Any, predictions: Any) -> Tensor:
    found: Tensor = magnitude(_difference(labels, predictions))
    return found


def _difference(labels: Any, predictions: Any) -> Tensor:
    found: Tensor = subtract(as_float(labels), as_float(predictions))
    return found


def _compared(default: str, elements: Callable[..., Tensor], type: str, doc: str) -> Any:
    """A metric that is a mean of what a function of labels and predictions gives."""
    op = graph_op(elements, type, type)

    @metric(default)
    def made(labels: Any, predictions: Any, weights: Any = None) -> Pair:
        x, y, factors = matched(predictions, labels, weights)
        return summed(["total", "count"], _total_ops(op(y, x), factors), ratio)

    made.__name__ = made.__qualname__ = default
    made.__doc__ = doc
    return made


accuracy = _compared("accuracy", _correct, "ToFloat", "How often predictions equal the labels.")
mean_squared_error = _compared(
    "mean_squared_error", _squared, "Square", "The mean of (predictions - labels) ** 2."
)
mean_absolute_error = _compared(
    "mean_absolute_error", _absolute, "Abs", "The mean of |predictions - labels|."
)
_root = graph_op(root)


def root_mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> tuple[Any, Any]:
    """The square root of `mean_squared_error`."""
    label = name or "root_mean_squared_error"
    value, update = mean_squared_error(labels, predictions, weights, name=label)
    return collected(_root(value), _root(update), metrics_collections, updates_collections)


@metric("mean_relative_error")
def mean_relative_error(
    labels: Any, predictions: Any, normalizer: Any, weights: Any = None
) -> Pair:
    """The mean of |predictions - labels| / normalizer; 0 where the normalizer is 0."""
    x, y, factors = matched(predictions, labels, weights)
    values = _relative(y, x, convert_public(normalizer))
    return summed(["total", "count"], _total_ops(values, factors), ratio)


def _relative_errors(labels: Any, predictions: Any, normalizer: Any) -> Tensor:
    found: Tensor = apply(
        "Select", _relative_arrays, [_absolute(labels, predictions), as_float(normalizer)]
    )
    return found


def _relative_arrays(error: Any, normalizer: Any) -> Any:
    empty = normalizer == 0
    one, zero = error.dtype.type(1), error.dtype.type(0)
    return np.where(empty, zero, error / np.where(empty, one, normalizer))


_relative = graph_op(_relative_errors, "Select", "Select")


def mean_cosine_distance(
    labels: Any,
    predictions: Any,
    dim: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> tuple[Any, Any]:
    """1 minus the mean of the products along an axis, of vectors of length 1."""
    with metric_scope(name, "mean_cosine_distance"):
        x, y, factors = matched(predictions, labels, weights)
        products = _cosine(y, x, int(dim))
        value, update = summed(["total", "count"], _total_ops(products, factors), ratio)
    return collected(1.0 - value, 1.0 - update, metrics_collections, updates_collections)


def _cosines(labels: Any, predictions: Any, dim: int) -> Tensor:
    found: Tensor = apply("Sum", _dots, [as_float(labels), as_float(predictions)], {"axis": dim})
    return found


def _dots(y: Any, x: Any, *, axis: int) -> Any:
    return np.sum(x * y, axis=axis, keepdims=True, dtype=x.dtype)


_cosine = graph_op(_cosines, "Sum", "Sum")


@metric("percentage_below_threshold")
def percentage_below(values: Any, threshold: Any, weights: Any = None) -> Pair:
    """The part of the elements that are smaller than the threshold."""
    tensor = convert_public(values)
    tensor, _, factors = matched(tensor, tensor, weights)
    amounts = _total_ops(_below(tensor, threshold), factors)
    return summed(["total", "count"], amounts, ratio)


def _is_below(values: Any, threshold: Any) -> Tensor:
    x = convert_to_tensor(values)
    return cast(less(x, cast(convert_to_tensor(threshold), x.dtype)), dtypes.float32)


_below = graph_op(_is_below, "ToFloat", "Cast")
