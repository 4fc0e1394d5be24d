"""What metrics have in common: local variables that sum up, and what follows from them.

Layer: frontend.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ... import dtypes
from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...shapes import TensorShape
from ...tensors import Tensor
from ...v1.initializers import Zeros
from ...v1.loss_values import check_weights
from ..build import convert_public, graph_op
from ..graph import get_default_graph
from ..keys import GraphKeys
from ..scoping import variable_scope
from ..state import is_building
from ..variables import Variable

_ZEROS = Zeros()

Pair = tuple[Any, Any]  # the value of a metric, and the op that adds a batch


def metric_scope(name: str | None, default: str) -> variable_scope:
    """The scope of a metric.

    Raises:
        RuntimeError: in an eager program.
    """
    if not is_building():
        raise RuntimeError(
            f"tf.metrics.{default} is not supported when eager execution is enabled: use"
            " tf.keras.metrics"
        )
    return variable_scope(name, default)


_LAST = [
    inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    for name in ("metrics_collections", "updates_collections", "name")
]


def metric(default: str) -> Callable[[Callable[..., Pair]], Callable[..., Pair]]:
    """Makes a metric of a function that gives a value and an op that adds a batch.

    The function runs in the metric's scope, which is named `default` unless the caller says
    otherwise. Behind its own arguments the metric takes names of collections that the value and
    the update join, and the name of the scope.
    """

    def made(function: Callable[..., Pair]) -> Callable[..., Pair]:
        own = inspect.signature(function).parameters.values()
        signature = inspect.Signature([*own, *_LAST])

        @wraps(function)
        def public(*args: Any, **kwargs: Any) -> Pair:
            try:
                given = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{public.__name__}(): {error}") from None
            given.apply_defaults()
            *own, metrics, updates, name = given.arguments.values()
            with metric_scope(name, default):
                found = function(*own)
            return collected(*found, metrics, updates)

        public.__signature__ = signature  # type: ignore[attr-defined]
        return public

    return made


def metric_variable(shape: Sequence[int], dtype: Any, name: str) -> Any:
    """A local variable that starts with zeros."""

    def zeros() -> Any:
        return _ZEROS(shape, dtype)

    keys = [GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES]
    return Variable(zeros, trainable=False, collections=keys, name=name)


def collected(value: Any, update: Any, metrics: Any, updates: Any) -> tuple[Any, Any]:
    """The pair, whose parts join collections."""
    graph = get_default_graph()
    for keys, x in ((metrics, value), (updates, update)):
        if keys:
            graph.add_to_collections(keys, x)
    return value, update


def summed(
    names: Sequence[str], amounts: Sequence[Any], result: Callable[..., Any]
) -> tuple[Any, Any]:
    """What follows from sums: of what was seen before, and after the update.

    Args:
        names: of the variables.
        amounts: what this batch adds.
        result: takes the sums and `name=`.
    """
    variables = [
        metric_variable(TensorShape(x.shape).as_list(), x.dtype.base_dtype, n)  # type: ignore[arg-type]
        for n, x in zip(names, amounts, strict=True)
    ]
    value = result(*[v.value() for v in variables], name="value")
    changed = [v.assign_add(x) for v, x in zip(variables, amounts, strict=True)]
    return value, result(*changed, name="update_op")


def _ratio(x: Any, y: Any) -> Any:
    empty = y == 0
    return np.where(empty, y.dtype.type(0), x / np.where(empty, y.dtype.type(1), y))


def _safe_ratio(numerator: Any, denominator: Any, name: str | None = None) -> Tensor:
    """The quotient; 0 where the denominator is 0."""
    x, y = convert_to_tensor(numerator), convert_to_tensor(denominator)
    found: Tensor = apply("DivNoNan", _ratio, [x, y])
    return found


ratio = graph_op(_safe_ratio, "value", "DivNoNan")

# -- operands -------------------------------------------------------------------------------------


def matched(*tensors: Any) -> list[Any]:
    """Predictions, labels and weights (or None), without a last axis of 1 that others lack.

    Raises:
        ValueError: the shapes are not compatible.
    """
    found: list[Any] = [None if t is None else convert_public(t) for t in tensors]
    predictions, labels, *rest = found
    first, second = predictions.shape.rank, labels.shape.rank
    if first is not None and second is not None:
        if first - second == 1 and predictions.shape.as_list()[-1] in (1, None):
            predictions = squeezed(predictions)
        elif second - first == 1 and labels.shape.as_list()[-1] in (1, None):
            labels = squeezed(labels)
    TensorShape(predictions.shape).assert_is_compatible_with(TensorShape(labels.shape))
    found = [predictions, labels]
    for weights in rest:
        rank, wanted = (None if weights is None else weights.shape.rank), predictions.shape.rank
        if rank is not None and wanted is not None and rank - wanted == 1:
            weights = squeezed(weights)
        if weights is not None:
            check_weights(TensorShape(weights.shape), TensorShape(predictions.shape))
        found.append(weights)
    return found


def _squeezed_array(x: Any) -> Any:
    return np.squeeze(x, axis=-1)


def _squeezed(x: Any, name: str | None = None) -> Tensor:
    found: Tensor = apply("Squeeze", _squeezed_array, [convert_to_tensor(x)])
    return found


squeezed = graph_op(_squeezed, "Squeeze", "Squeeze")


def as_float(x: Any) -> Tensor:
    """The tensor as float32."""
    return cast(convert_to_tensor(x), dtypes.float32)
