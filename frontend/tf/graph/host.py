"""Ops that run on the host: files, printing, Python functions, checks for NaN, where with rows.

Layer: frontend. Nothing happens when they are made; in eager programs they run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...tree import flatten, unflatten
from .. import (
    debugging,
    dtypes,
    elementwise,
    files,
    indexing,
    printing,
    reductions,
    scopes,
    shaping,
)
from ..abstract import TensorType
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..tensors import Tensor
from .bodies import Body
from .build import convert, graph_of, graph_op, graph_value, is_graph_value
from .ops import host_op, py_func
from .state import is_building

# -- files ----------------------------------------------------------------------------------------


def read_file(filename: Any, name: str | None = None) -> Any:
    """The bytes of a file, as one string."""
    if not is_building():
        return files.read_file(filename)

    def read(path: np.ndarray) -> Sequence[Any]:
        return [files.read_file(path[()])._value]

    return host_op("ReadFile", read, [filename], [(dtypes.string, [])], name).outputs[0]


def write_file(filename: Any, contents: Any, name: str | None = None) -> Any:
    """An operation that writes a string to a file; folders are made as needed."""
    if not is_building():
        return files.write_file(filename, contents)

    def write(path: np.ndarray, text: np.ndarray) -> Sequence[Any]:
        files.write_file(path[()], Tensor(text, dtypes.string))
        return []

    return host_op("WriteFile", write, [filename, contents], (), name, writes=True)


def matching_files(pattern: Any, name: str | None = None) -> Any:
    """The paths that match patterns such as "folder/*.txt", in order."""
    if not is_building():
        return files.matching_files(pattern)

    def match(patterns: np.ndarray) -> Sequence[Any]:
        return [files.matching_files(Tensor(patterns, dtypes.string))._value]

    return host_op("MatchingFiles", match, [pattern], [(dtypes.string, [None])], name).outputs[0]


# -- Python ---------------------------------------------------------------------------------------


def print_(*inputs: Any, **kwargs: Any) -> Any:
    """An operation that prints tensors and objects on one line; see `tf.print`."""
    if not is_building():
        return printing.print(*inputs, **kwargs)
    name = kwargs.pop("name", None)
    leaves, tree = flatten(list(inputs))
    places = [k for k, x in enumerate(leaves) if is_graph_value(x)]

    def write(*values: np.ndarray) -> Sequence[Any]:
        shown = list(leaves)
        for k, x in zip(places, values, strict=True):
            shown[k] = Tensor(x)
        printing.print(*unflatten(tree, shown), **kwargs)
        return []

    tensors = [graph_value(leaves[k]) for k in places]
    return host_op("PrintV2", write, tensors, (), name, writes=True)


def py_function(
    func: Callable[..., Any] | None = None,
    inp: Sequence[Any] | None = None,
    Tout: Any = None,
    name: str | None = None,
) -> Any:
    """An op that calls a Python function with tensors that have values, whenever it runs.

    Args:
        func: takes tensors, returns one or several.
        inp: tensors.
        Tout: the dtype of the result, or a list of dtypes.
        name: of the op.
    """
    if not is_building():
        return scopes.py_function(func, inp, Tout)
    assert func is not None

    def call(*values: np.ndarray) -> Any:
        found = func(*[convert_to_tensor(x) for x in values])
        if isinstance(found, (list, tuple)):
            return [np.asarray(convert_to_tensor(x)._value) for x in found]
        return None if found is None else np.asarray(convert_to_tensor(found)._value)

    return py_func(call, inp or (), [] if Tout is None else Tout, name=name or "EagerPyFunc")


def numpy_function(
    func: Callable[..., Any] | None = None,
    inp: Sequence[Any] | None = None,
    Tout: Any = None,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """An op that calls a Python function with arrays, whenever it runs; see `tf.py_func`."""
    assert func is not None
    return py_func(func, inp or (), [] if Tout is None else Tout, stateful, name)


def timestamp(name: str | None = None) -> Any:
    """The seconds since the epoch (float64), when the op runs."""
    if not is_building():
        return scopes.timestamp()
    now = scopes.timestamp
    return host_op("Timestamp", lambda: [now()._value], (), [(dtypes.float64, [])], name).outputs[0]


class ListDiff(NamedTuple):
    """What `setdiff1d` gives: the elements, and their places."""

    out: Any
    idx: Any


def setdiff1d(x: Any, y: Any, index_dtype: Any = dtypes.int32, name: str | None = None) -> Any:
    """The elements of `x` that are not in `y`, in their order, and their places."""

    def differ(a: np.ndarray, b: np.ndarray) -> Sequence[Any]:
        places = np.flatnonzero(~np.isin(a, b))
        return [a[places], places]

    if not is_building():
        found = differ(*[np.asarray(convert_to_tensor(v)._value) for v in (x, y)])
        return ListDiff(convert_to_tensor(found[0]), convert_to_tensor(found[1], index_dtype))
    graph = graph_of([x, y])
    a = convert(x, None, "x", graph)
    b = convert(y, a.dtype.base_dtype, "y", graph)
    outputs = [(a.dtype.base_dtype, [None]), (index_dtype, [None])]
    return ListDiff(*host_op("ListDiff", differ, [a, b], outputs, name).outputs)


# -- NaN ------------------------------------------------------------------------------------------


class _Passed(Body):
    """Its input, as soon as what it waits for has run."""

    is_pure = True

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        return inputs


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """The tensor; InvalidArgumentError in a run in which an element is infinite or NaN."""
    if not is_building():
        return debugging.check_numerics(tensor, message)
    graph = graph_of([tensor])
    x = convert(tensor, None, "tensor", graph)
    if not x.dtype.is_floating:
        raise TypeError(f"Value passed to parameter 'tensor' has DataType {x.dtype.name}")
    with graph.name_scope(name or "CheckNumerics") as scope:
        node = f"\n\t [[{{{{node {scope[:-1]}}}}}]]"

        def check(nan: np.ndarray, infinite: np.ndarray) -> Sequence[Any]:
            found = [text for text, is_there in (("Inf", infinite), ("NaN", nan)) if is_there]
            if found:
                raise InvalidArgumentError(
                    f"{message} : Tensor had {' and '.join(found)} values{node}"
                )
            return []

        test = host_op("Assert", check, [_any_nan(x), _any_infinite(x)], (), "Assert", writes=True)
        with graph.control_dependencies([test]):
            type = TensorType(x.dtype.base_dtype, x.shape)
            return graph.add("CheckNumerics", _Passed(), [x], [type], scope).outputs[0]


def _has_nan(x: Any) -> Any:
    return reductions.reduce_any(elementwise.is_nan(x))


def _has_infinite(x: Any) -> Any:
    return reductions.reduce_any(elementwise.is_inf(x))


_any_nan, _any_infinite = graph_op(_has_nan, "Any"), graph_op(_has_infinite, "Any")


def verify_tensor_all_finite(
    t: Any = None, msg: str = "", name: str | None = None, x: Any = None, message: Any = None
) -> Any:
    """The tensor; InvalidArgumentError in a run in which an element is infinite or NaN."""
    tensor = x if t is None else t
    if not is_building():
        return debugging.check_numerics(tensor, message or msg)
    with graph_of([tensor]).name_scope(name or "VerifyFinite"):
        return check_numerics(tensor, message or msg)


def add_check_numerics_ops() -> Any:
    """Refused.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "tf.add_check_numerics_ops is not supported: use tf.check_numerics(tensor, message) for"
        " the tensors in question"
    )


# -- where ----------------------------------------------------------------------------------------


def _where_true(condition: Any) -> Any:
    return indexing.where(condition)


def _chosen(condition: Any, x: Any, y: Any) -> Any:
    """As tf.where(condition, x, y); a vector as condition chooses among rows."""
    test, a = convert_to_tensor(condition), convert_to_tensor(x)
    if test.ndim == 1 and a.ndim > 1:
        test = shaping.reshape(test, [-1, *[1] * (a.ndim - 1)])
    return indexing.where(test, a, y)


_where_op = graph_op(_where_true, "Where", "Where")
_select_op = graph_op(_chosen, "Select", "Select")


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """Elements (or rows) of `x` where a condition holds, else of `y`; without them, the places.

    Args:
        condition: truth values, of the shape of `x` or one for each row of it.
        x: a tensor.
        y: a tensor of the shape of `x`.
        name: of the op.

    Raises:
        ValueError: only one of `x` and `y` is given.
    """
    if (x is None) != (y is None):
        raise ValueError("x and y must both be non-None or both be None.")
    if x is None:
        return _where_op(condition, name=name)
    return _select_op(condition, x, y, name=name)
