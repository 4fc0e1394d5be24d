"""Assertions about values in graphs: operations that raise InvalidArgumentError in a run.

Layer: frontend. They run on the host; what they look at is computed natively. What is wrong for
certain is an error when the op is made. In eager programs they raise at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import debugging, elementwise, reductions
from ..errors import InvalidArgumentError
from ..sorting import is_non_decreasing, is_strictly_increasing
from ..tensors import Tensor
from .bodies import Constant, Nothing
from .build import convert, graph_of, graph_op, is_graph_value
from .graph import Graph
from .ops import host_op
from .showing import summary
from .state import is_building
from .symbolic import GraphTensor


def Assert(
    condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None
) -> Any:
    """An operation that raises InvalidArgumentError, with the data, unless the condition holds.

    Args:
        condition: a truth value.
        data: tensors that the message shows.
        summarize: how many elements of each; 3 by default.
        name: of the op.

    Raises:
        ValueError: the condition is more than one truth value.
    """
    limit = 3 if summarize is None else summarize
    if not is_building():
        return debugging.Assert(condition, data, limit)
    graph = graph_of([condition, *data])
    test = convert(condition, None, "condition", graph)
    if test.shape.rank not in (None, 0):
        raise ValueError(
            f"Shape must be rank 0 but is rank {test.shape.rank} for '{{{{node Assert}}}}' with"
            f" input shapes: {test.shape}."
        )

    def check(holds: np.ndarray, *arrays: np.ndarray) -> Sequence[Any]:
        if not holds.all():
            shown = " ".join(f"[{summary(a, limit)}]" for a in arrays)
            raise InvalidArgumentError(f"assertion failed: {shown}")
        return []

    return host_op("Assert", check, [test, *data], (), name, writes=True)


def known(tensor: GraphTensor) -> Tensor | None:
    """The value of a constant."""
    body = tensor.op._body
    return body.tensor if isinstance(body, Constant) else None


def nothing_to_check(graph: Graph, name: str) -> Any:
    """An operation for an assertion that is known to hold."""
    return graph.add("NoOp", Nothing(), name=name)


def _check(
    graph: Graph, test: Any, operands: Sequence[GraphTensor], data: Any, summarize: Any
) -> Any:
    """An assertion that `test(*operands)` holds, unless the operands are constants."""
    values = [known(t) for t in operands]
    if any(v is None for v in values):
        return Assert(test(*operands), data, summarize, "Assert/AssertGuard/Assert")
    if not np.asarray(test.__wrapped__(*values)._value).all():
        shown = [str(x) if v is None else f"{np.asarray(v._value)}" for x, v in _valued(data)]
        raise InvalidArgumentError(None, None, "\n".join(shown))
    return nothing_to_check(graph, "static_checks_determined_all_ok")


def _valued(data: Sequence[Any]) -> list[tuple[Any, Tensor | None]]:
    return [(x, known(x) if isinstance(x, GraphTensor) else None) for x in data]


def _operands(graph: Graph, x: Any, y: Any) -> list[GraphTensor]:
    """Both as tensors; what is none takes the dtype of what is one."""
    if is_graph_value(y) and not is_graph_value(x):
        b = convert(y, None, "y", graph)
        return [convert(x, b.dtype.base_dtype, "x", graph), b]
    a = convert(x, None, "x", graph)
    return [a, convert(y, a.dtype.base_dtype, "y", graph)]


def _all(op: Callable[..., Any]) -> Callable[..., Any]:
    def holds(*tensors: Any) -> Any:
        return reductions.reduce_all(op(*tensors))

    return graph_op(holds, "All", "All")


def _comparison(label: str, op: Any, sign: str) -> Any:
    holds = _all(op)
    eager = getattr(debugging, label)

    def check(
        x: Any, y: Any, data: Any = None, summarize: int | None = None,
        message: str | None = None, name: str | None = None,
    ) -> Any:  # fmt: skip
        if not is_building():
            return eager(x, y, message, summarize)
        graph = graph_of([x, y])
        with graph.name_scope(name or label):
            a, b = _operands(graph, x, y)
            shown = data
            if shown is None:
                shown = [
                    *([message] if message else []),
                    f"Condition x {sign} y did not hold element-wise:",
                    f"x ({a.name}) = ", a, f"y ({b.name}) = ", b,
                ]  # fmt: skip
            return _check(graph, holds, (a, b), shown, summarize)

    check.__name__ = label
    check.__doc__ = f"An operation that raises unless x {sign} y for all elements."
    return check


assert_equal = _comparison("assert_equal", elementwise.equal, "==")
assert_none_equal = _comparison("assert_none_equal", elementwise.not_equal, "!=")
assert_less = _comparison("assert_less", elementwise.less, "<")
assert_less_equal = _comparison("assert_less_equal", elementwise.less_equal, "<=")
assert_greater = _comparison("assert_greater", elementwise.greater, ">")
assert_greater_equal = _comparison("assert_greater_equal", elementwise.greater_equal, ">=")


def _of_one(label: str, op: Any, text: str) -> Any:
    """An assertion about the elements of one tensor."""
    holds = _all(op)
    eager = getattr(debugging, label)

    def check(
        x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
        name: str | None = None,
    ) -> Any:  # fmt: skip
        if not is_building():
            return eager(x, message, summarize)
        graph = graph_of([x])
        with graph.name_scope(name or label):
            a = convert(x, None, "x", graph)
            shown = [message or "", text, f"x ({a.name}) = ", a] if data is None else data
            return _check(graph, holds, (a,), shown, summarize)

    check.__name__ = label
    check.__doc__ = f"An operation that raises unless this holds: {text}"
    return check


def _than_zero(op: Any) -> Callable[[Any], Any]:
    return lambda x: op(x, 0)


_HELD = "Condition x {} did not hold element-wise:"
assert_positive = _of_one("assert_positive", _than_zero(elementwise.greater), _HELD.format("> 0"))
assert_negative = _of_one("assert_negative", _than_zero(elementwise.less), _HELD.format("< 0"))
assert_non_negative = _of_one(
    "assert_non_negative", _than_zero(elementwise.greater_equal), _HELD.format(">= 0")
)
assert_non_positive = _of_one(
    "assert_non_positive", _than_zero(elementwise.less_equal), _HELD.format("<= 0")
)
assert_non_decreasing = _of_one(
    "assert_non_decreasing", is_non_decreasing, "x is not non decreasing:"
)
assert_strictly_increasing = _of_one(
    "assert_strictly_increasing", is_strictly_increasing, "x is not strictly increasing:"
)


def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """An operation that raises unless |x - y| <= atol + rtol |y| for all elements."""
    if not is_building():
        return debugging.assert_near(x, y, rtol, atol, message, summarize)
    graph = graph_of([x, y])
    with graph.name_scope(name or "assert_near"):
        a, b = _operands(graph, x, y)
        kind = a.dtype.base_dtype.numpy
        default = 10 * (np.finfo(kind).eps if kind.kind == "f" else 0)
        limits = [
            convert(default if v is None else v, a.dtype.base_dtype, part, graph)
            for v, part in ((rtol, "rtol"), (atol, "atol"))
        ]
        text = f"x and y not equal to tolerance rtol = {limits[0]}, atol = {limits[1]}"
        shown = [message or "", text, f"x ({a.name}) = ", a, f"y ({b.name}) = ", b]
        return _check(graph, _near, (a, b, *limits), shown if data is None else data, summarize)


def _is_near(x: Any, y: Any, rtol: Any, atol: Any) -> Any:
    distance = elementwise.abs(elementwise.subtract(x, y))
    allowed = elementwise.add(elementwise.multiply(elementwise.abs(y), rtol), atol)
    return elementwise.less_equal(distance, allowed)


_near = _all(_is_near)
