"""tf.debugging: assertions about values, dtypes, ranks and shapes.

Layer: frontend. What can be told from dtypes and shapes is checked at once. Values are checked at
once where there are any; in a traced function they are checked when its program has run, before the
variables that it assigns to change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, elementwise, reductions, static
from .apply import pair
from .convert import convert_to_tensor
from .errors import InvalidArgumentError
from .printing import text_of
from .sorting import is_non_decreasing, is_strictly_increasing
from .tensors import STATE, Tensor


def _require(holds: Tensor, message: Callable[[Sequence[Tensor]], str], data: Any) -> None:
    """Raise InvalidArgumentError unless a truth value is true, now or when the function has run."""
    if not holds.is_symbolic:
        if not bool(holds):
            raise InvalidArgumentError(message(data))
        return

    def effect(values: Sequence[Tensor]) -> None:
        if not bool(values[0]):
            raise InvalidArgumentError(message(values[1:]))

    STATE.function.defer("an assertion", effect, (holds, *data))


def Assert(condition: Any, data: Any, summarize: int = 3, name: str | None = None) -> None:
    """Raise InvalidArgumentError, with the data, unless the condition holds."""
    holds = convert_to_tensor(condition)
    tensors = [convert_to_tensor(x) for x in data]

    def message(values: Sequence[Tensor]) -> str:
        shown = " ".join(text_of(np.asarray(v._value), summarize) for v in values)
        return f"Expected '{_text(holds)}' to be true. Summarized data: {shown}"

    _require(reductions.reduce_all(holds), message, tensors)


def _text(t: Tensor) -> str:
    return "condition" if t.is_symbolic else str(t)


def _shown(tensor: Tensor, summarize: int | None) -> str:
    return text_of(np.asarray(tensor._value), 3 if summarize is None else summarize)


def _comparison(name_: str, op: Any, sign: str) -> Any:
    def check(
        x: Any, y: Any, message: str | None = None, summarize: int | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        a, b = pair(name_, x, y)

        def text(values: Sequence[Tensor]) -> str:
            return (
                f"{message or ''}\nCondition x {sign} y did not hold.\n"
                f"First {summarize or 3} elements of x:\n{_shown(values[0], summarize)}\n"
                f"First {summarize or 3} elements of y:\n{_shown(values[1], summarize)}"
            )

        _require(reductions.reduce_all(op(a, b)), text, (a, b))

    check.__name__ = name_
    check.__doc__ = f"Raise InvalidArgumentError unless x {sign} y for all elements."
    return check


assert_equal = _comparison("assert_equal", elementwise.equal, "==")
assert_none_equal = _comparison("assert_none_equal", elementwise.not_equal, "!=")
assert_less = _comparison("assert_less", elementwise.less, "<")
assert_less_equal = _comparison("assert_less_equal", elementwise.less_equal, "<=")
assert_greater = _comparison("assert_greater", elementwise.greater, ">")
assert_greater_equal = _comparison("assert_greater_equal", elementwise.greater_equal, ">=")


def _sign_check(name_: str, op: Any, relation: str) -> Any:
    def check(
        x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
    ) -> None:
        tensor = convert_to_tensor(x)

        def text(values: Sequence[Tensor]) -> str:
            head = f"{message}\n" if message else ""
            return f"{head}Condition x {relation} did not hold element-wise:\nx = " + _shown(
                values[0], summarize
            )

        _require(reductions.reduce_all(op(tensor, 0)), text, (tensor,))

    check.__name__ = name_
    check.__doc__ = f"Raise InvalidArgumentError unless x {relation} for all elements."
    return check


assert_positive = _sign_check("assert_positive", elementwise.greater, "> 0")
assert_negative = _sign_check("assert_negative", elementwise.less, "< 0")
assert_non_negative = _sign_check("assert_non_negative", elementwise.greater_equal, ">= 0")
assert_non_positive = _sign_check("assert_non_positive", elementwise.less_equal, "<= 0")


def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> None:
    """Raise InvalidArgumentError unless |x - y| <= atol + rtol |y| for all elements."""
    a, b = pair("assert_near", x, y)
    kind = a.dtype.numpy
    default = 10 * (np.finfo(kind).eps if kind.kind == "f" else 0)
    limits = [kind.type(default if v is None else v) for v in (rtol, atol)]
    distance = elementwise.abs(elementwise.subtract(a, b))
    allowed = elementwise.add(elementwise.multiply(elementwise.abs(b), limits[0]), limits[1])

    def text(values: Sequence[Tensor]) -> str:
        shown = [_shown(v, summarize) for v in values]
        return (
            f"{message or ''}\nx and y not equal to tolerance rtol = {limits[0]}, atol ="
            f" {limits[1]}\nx = {shown[0]}\ny = {shown[1]}"
        )

    _require(reductions.reduce_all(elementwise.less_equal(distance, allowed)), text, (a, b))


def _order_check(name_: str, op: Any, what: str) -> Any:
    def check(
        x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
    ) -> None:
        tensor = convert_to_tensor(x)

        def text(values: Sequence[Tensor]) -> str:
            return f"{message or ''}\nx is not {what}: x = {_shown(values[0], summarize)}"

        _require(op(tensor), text, (tensor,))

    check.__name__ = name_
    check.__doc__ = f"Raise InvalidArgumentError unless x is {what}."
    return check


assert_non_decreasing = _order_check("assert_non_decreasing", is_non_decreasing, "non decreasing")
assert_strictly_increasing = _order_check(
    "assert_strictly_increasing", is_strictly_increasing, "strictly increasing"
)


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The tensor; InvalidArgumentError if an element is infinite or NaN."""
    x = convert_to_tensor(tensor)

    def text(values: Sequence[Tensor]) -> str:
        array = np.asarray(values[0]._value)
        found = ["NaN"] if np.isnan(array).any() else []
        found += ["Inf"] if np.isinf(array).any() else []
        return f"{message} : Tensor had {' and '.join(found)} values [Op:CheckNumerics]"

    _require(reductions.reduce_all(elementwise.is_finite(x)), text, (x,))
    return x


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Tensor:
    """The tensor; InvalidArgumentError if an element is infinite or NaN."""
    return check_numerics(x, message)


# -- dtypes and shapes ----------------------------------------------------------------------------


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> None:
    """Raise TypeError unless a tensor has this dtype."""
    found, wanted = convert_to_tensor(tensor).dtype, dtypes.as_dtype(tf_type)
    if found is not wanted:
        raise TypeError(f"{message or ''} tensor must be of type {wanted!r}; got {found!r}")


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> None:
    """Raise TypeError unless a tensor has integers."""
    found = convert_to_tensor(x).dtype
    if not found.is_integer:
        raise TypeError(f'{message or ""} Expected "x" to be integer type.  Found: {found!r}')


def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Tensor:
    """The tensor; ValueError unless it has no axes."""
    x = convert_to_tensor(tensor)
    if x.ndim:
        raise ValueError(f"{message or ''} Expected scalar shape, saw shape: {x.shape}.")
    return x


def assert_rank(x: Any, rank: Any, message: str | None = None, name: str | None = None) -> None:
    """Raise ValueError unless a tensor has this number of axes."""
    tensor, wanted = convert_to_tensor(x), static.integer(rank, "the rank of assert_rank")
    if tensor.ndim != wanted:
        raise ValueError(
            f"{message or ''}. Tensor {_name(tensor)} must have rank {wanted}.  Received rank"
            f" {tensor.ndim}, shape {tensor.shape}"
        )


def assert_rank_at_least(
    x: Any, rank: Any, message: str | None = None, name: str | None = None
) -> None:
    """Raise ValueError unless a tensor has at least this number of axes."""
    tensor, wanted = convert_to_tensor(x), static.integer(rank, "the rank of assert_rank_at_least")
    if tensor.ndim < wanted:
        raise ValueError(
            f"{message or ''}. Tensor {_name(tensor)} must have rank at least {wanted}.  Received"
            f" rank {tensor.ndim}, shape {tensor.shape}"
        )


def assert_rank_in(x: Any, ranks: Any, message: str | None = None, name: str | None = None) -> None:
    """Raise ValueError unless a tensor has one of these numbers of axes."""
    tensor, wanted = convert_to_tensor(x), static.integers(ranks, "the ranks of assert_rank_in")
    if tensor.ndim not in wanted:
        raise ValueError(
            f"{message or ''}. Tensor {_name(tensor)} must have rank in {wanted}.  Received rank"
            f" {tensor.ndim}, shape {tensor.shape}"
        )


def _name(tensor: Tensor) -> str:
    return tensor.name if tensor.is_symbolic else "x"


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> dtypes.DType:
    """The dtype that all have; ValueError if they differ, or it is no float."""
    found = [convert_to_tensor(t).dtype for t in tensors or ()]
    if dtype is not None:
        found.append(dtypes.as_dtype(dtype))
    if not found:
        return dtypes.float32
    if any(d is not found[0] for d in found) or not found[0].is_floating:
        names = ", ".join(d.name for d in found)
        raise ValueError(f"Expected floating point tensors of one type, got: {names}")
    return found[0]


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers."""
    return (isinstance(tensor, Tensor) or hasattr(tensor, "_read_tensor")) and (
        tensor.dtype.is_numeric
    )


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> None:
    """Raise ValueError unless tensors have these shapes.

    Args:
        shapes: pairs of a tensor and its sizes: ints, None or ".", or names of sizes that have to
            be the same everywhere.
        data: for TensorFlow's signature.
        summarize: for TensorFlow's signature.
        message: goes before the error's text.
        name: for TensorFlow's signature.
    """
    known: dict[Any, Any] = {}
    pairs = shapes.items() if isinstance(shapes, dict) else shapes
    for x, sizes in pairs:
        tensor = convert_to_tensor(x.deref() if hasattr(x, "deref") else x)
        wanted = [sizes] if isinstance(sizes, (str, int)) and not isinstance(sizes, bool) else sizes
        wanted = list(wanted)
        if len(wanted) == 1 and wanted[0] == "...":
            continue
        found = tensor.shape.as_list()
        if len(found) != len(wanted):
            raise ValueError(
                f"{message or ''}. Tensor {_name(tensor)} must have rank {len(wanted)}.  Received"
                f" rank {len(found)}, shape {tensor.shape}"
            )
        for axis, (size, expected) in enumerate(zip(found, wanted, strict=True)):
            if expected in (None, ".") or size is None:
                continue
            value = known.setdefault(expected, size) if isinstance(expected, str) else expected
            if size != value:
                raise ValueError(
                    f"{message or ''}. Tensor {_name(tensor)} dimension {axis} must have size"
                    f" {value}.  Received size {size}, shape {tensor.shape}"
                )
