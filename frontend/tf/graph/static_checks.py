"""Assertions about ranks, shapes and dtypes in graphs.

Layer: frontend. They are checked when the op is made, if the rank or shape is known then; else an
operation checks them in a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import debugging, dtypes
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..static import integers
from ..tensors import Tensor
from .build import convert, graph_of
from .checks import known, nothing_to_check
from .ops import host_op
from .state import is_building


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Any:
    """An operation that does nothing; TypeError unless a tensor has this dtype."""
    if not is_building():
        return debugging.assert_type(tensor, tf_type, message)
    graph = graph_of([tensor])
    with graph.name_scope(name or "assert_type"):
        x, wanted = convert(tensor, None, "tensor", graph), dtypes.as_dtype(tf_type)
        found = x.dtype.base_dtype
        if found is not wanted:
            raise TypeError(f"{_note(message)}{x.name} must be of type {wanted!r}; got {found!r}")
        return nothing_to_check(graph, "statically_determined_correct_type")


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Any:
    """An operation that does nothing; TypeError unless a tensor has integers."""
    if not is_building():
        return debugging.assert_integer(x, message)
    graph = graph_of([x])
    with graph.name_scope(name or "assert_integer"):
        found = convert(x, None, "x", graph)
        if not found.dtype.is_integer:
            raise TypeError(
                f'{_note(message)}Expected "x" to be integer type.  Found: {found.name} of dtype'
                f" {found.dtype!r}"
            )
        return nothing_to_check(graph, "statically_determined_was_integer")


def _note(message: str | None) -> str:
    return f"{message}.  " if message else ""


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Any:
    """The tensor; ValueError if it has axes."""
    if not is_building():
        return debugging.assert_scalar(tensor, message)
    x = convert(tensor, None, name or "tensor", graph_of([tensor]))
    if x.shape.rank not in (None, 0):
        raise ValueError(
            f"{_note(message)}Expected scalar shape for {x.name}, saw shape: {x.shape}."
        )
    return x


def _rank_check(label: str, holds: Callable[[int, Any], bool], text: str) -> Any:
    eager = getattr(debugging, label)

    def check(
        x: Any, rank: Any, data: Any = None, summarize: int | None = None,
        message: str | None = None, name: str | None = None,
    ) -> Any:  # fmt: skip
        if not is_building():
            return eager(x, rank, message)
        graph = graph_of([x])
        with graph.name_scope(name or label):
            tensor, wanted = convert(x, None, "x", graph), _ranks(rank)
            shown = tuple(wanted) if label == "assert_rank_in" else wanted[0]
            note = f"{_note(message)}Tensor {tensor.name} must have rank {text}{shown}."
            found = tensor.shape.rank
            if found is None:
                return host_op("Assert", _rank_body(holds, wanted, note), [tensor], (), writes=True)
            if not holds(found, wanted):
                raise ValueError(f"{note}  Received rank {found}, shape {tensor.shape}")
            return nothing_to_check(graph, "static_checks_determined_all_ok")

    check.__name__ = label
    check.__doc__ = f"An operation that raises unless x has rank {text}the given one."
    return check


def _ranks(rank: Any) -> list[int]:
    """One or several ranks, which have to be known."""
    listed = rank if isinstance(rank, (list, tuple)) else [rank]
    found = [known(r) if hasattr(r, "op") else r for r in listed]
    return [int(r) for part in found for r in np.ravel(integers(part, "the rank"))]


def _rank_body(holds: Any, wanted: list[int], note: str) -> Callable[..., Any]:
    def check(array: np.ndarray) -> list[Any]:
        if not holds(array.ndim, wanted):
            shape = " ".join(map(str, array.shape))
            raise InvalidArgumentError(f"assertion failed: [{note}] [Received shape: ] [{shape}]")
        return []

    return check


assert_rank = _rank_check("assert_rank", lambda found, wanted: found == wanted[0], "")
assert_rank_at_least = _rank_check(
    "assert_rank_at_least", lambda found, wanted: found >= wanted[0], "at least "
)
assert_rank_in = _rank_check("assert_rank_in", lambda found, wanted: found in wanted, "in ")


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """An operation that raises unless tensors have these shapes; see tf.debugging.assert_shapes."""
    if not is_building():
        return debugging.assert_shapes(shapes, data, summarize, message)
    pairs = list(shapes.items() if isinstance(shapes, dict) else shapes)
    graph = graph_of([x for x, _ in pairs])
    tensors = [convert(x, None, "x", graph) for x, _ in pairs]
    sizes = [s for _, s in pairs]
    if all(t.shape.is_fully_defined() for t in tensors):
        given = [Tensor(np.zeros([d or 0 for d in t.shape.as_list()])) for t in tensors]
        debugging.assert_shapes(list(zip(given, sizes, strict=True)), message=message)
        return nothing_to_check(graph, name or "assert_shapes")

    def check(*arrays: np.ndarray) -> list[Any]:
        given = [convert_to_tensor(a) for a in arrays]
        try:
            debugging.assert_shapes(list(zip(given, sizes, strict=True)), message=message)
        except ValueError as error:
            raise InvalidArgumentError(f"assertion failed: [{error}]") from None
        return []

    return host_op("Assert", check, tensors, (), name or "assert_shapes", writes=True)


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> Any:
    """The dtype that all have; ValueError if they differ, or it is no float."""
    if not is_building():
        return debugging.assert_same_float_dtype(tensors, dtype)
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    for t in tensors or ():
        found = convert(t).dtype.base_dtype
        wanted = wanted or found
        if found is not wanted:
            raise ValueError(f"{t.name}, type={found!r}, must be of the same type ({wanted!r}).")
    if wanted is not None and not wanted.is_floating:
        raise ValueError(f"Expected floating point type, got {wanted!r}.")
    return wanted or dtypes.float32


def assert_proper_iterable(values: Any) -> None:
    """Raise TypeError for what is no list, tuple or the like, or a tensor."""
    if isinstance(values, (Tensor, str, bytes, np.ndarray)) or hasattr(values, "_graph_value"):
        raise TypeError(
            f"Expected argument 'values' to be a 'proper' iterable.  Found: {type(values)}"
        )
    if not hasattr(values, "__iter__"):
        raise TypeError(f"Expected argument 'values' to be iterable.  Found: {type(values)}")
