"""x[mask]: elements that a traced mask selects, as many as there will be.

Layer: frontend. A `Selection` keeps the whole array and the mask. Elementwise functions compute on
the whole array, reductions leave out what the mask does not select, and assigning it under the
same mask (`y[mask] = np.log(x[mask])`) puts it back in place. What needs the number of elements is
refused: it is only known when the compiled function runs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..compiler.errors import UnsupportedError
from ..compiler.ir.graph import Node, Value
from ..compiler.ir.types import DType
from . import lift, values
from .arithmetic import IN_PLACE, OPERATORS
from .context import require
from .location import user_location
from .operators import Operators
from .table import FUNCTIONS, find, implements, name_of
from .tracer import Tracer

# Functions of single elements, beside ufuncs and operators.
_ELEMENTWISE = frozenset(
    {
        np.where, np.clip, np.ndarray.clip, np.round, np.around, np.ndarray.round, np.nan_to_num,
        np.isclose, np.ndarray.astype, np.copy, np.ndarray.copy, np.real, np.sinc, np.select,
        round, abs, divmod,
    }
)  # fmt: skip
_REDUCTIONS: dict[Any, Any] = {
    np.ndarray.sum: np.sum, np.ndarray.prod: np.prod, np.ndarray.mean: np.mean,
    np.ndarray.var: np.var, np.ndarray.std: np.std, np.ndarray.any: np.any,
    np.ndarray.all: np.all, np.ndarray.max: np.max, np.ndarray.min: np.min,
    np.amax: np.max, np.amin: np.min,
}  # fmt: skip
_REDUCTIONS |= {f: f for f in set(_REDUCTIONS.values())}
_EXTREMES = (np.max, np.min)
_PRODUCTS = (np.dot, np.inner, np.vdot, np.ndarray.dot, operator.matmul, np.matmul)


class Selection(Operators):
    """The elements of an array `full` where `mask` holds; `mask` covers its first axes."""

    __slots__ = ("_full", "_mask")
    __array_priority__ = 2000.0
    _rank = 1  # operators with a Tracer on the left are ours

    def __init__(self, full: Tracer, mask: Value) -> None:
        self._full = full
        self._mask = mask

    def _call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return _call(function, args, kwargs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _call(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _call(function, args, kwargs)

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype."""
        return self._full.dtype

    @property
    def ndim(self) -> int:
        """The number of axes: one for the mask, and those that it does not cover."""
        return 1 + self._full.ndim - self._mask.type.rank

    @property
    def size(self) -> Any:
        """The number of elements, a traced Python int."""
        rest = self._full._type.shape[self._mask.type.rank :]
        count = self._count()
        number = lift.tracer(require(), count, weak=int)
        return number * lift.lift(values.size_of(rest)) if rest else number

    def _count(self) -> Value:
        self._full._read()  # raises where the array, and so the mask, is not to be used any more
        ctx = require()
        ones = values.cast(ctx, self._mask, DType.I64)
        return ctx.emit("reduce_sum", ones, axes=tuple(range(ones.type.rank)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise unknown_size("a concrete array is needed here", self._full)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise unknown_size(f"x[mask].{name}", self._full)

    def _refuse(self, *args: Any) -> Any:
        raise unknown_size("x[mask]", self._full)

    __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = _refuse
    __getitem__ = __setitem__ = _refuse


def unknown_size(what: str, x: Tracer) -> UnsupportedError:
    """The error for what depends on how many elements a mask selects."""
    return UnsupportedError(
        f"{what}: the number of elements that a boolean mask selects is only known when the"
        " compiled function runs",
        got=x._describe(),
        loc=user_location(),
        hint="keep the shape: np.where(mask, x, 0); for sums write np.sum(x, where=mask)",
    )


def _call(function: Any, args: Any, kwargs: Any) -> Any:
    if function in IN_PLACE:
        first, other = args
        FUNCTIONS[function](first._full, _whole([first, other])[1])
        return first
    if function in _REDUCTIONS:
        return _reduce(_REDUCTIONS[function], *args, **kwargs)
    if function in _PRODUCTS:
        return _reduce(np.sum, _apply(operator.mul, args, {}), **kwargs)
    if function is np.count_nonzero:
        return _reduce(np.sum, _apply(operator.ne, (args[0], 0), {}), *args[1:], **kwargs)
    if function in OPERATORS or function in _ELEMENTWISE or isinstance(function, np.ufunc):
        return _apply(function, args, kwargs)
    raise unknown_size(f"{name_of(function)} of x[mask]", _selections(args)[0]._full)


def _apply(function: Any, args: Any, kwargs: Any) -> Any:
    """An elementwise function of whole arrays, to be selected from."""
    if kwargs.get("out") is not None:
        raise unknown_size("out=", _selections(args)[0]._full)
    mask = _selections(args)[0]._mask
    implementation = find(function)
    if implementation is None:
        raise unknown_size(f"{name_of(function)} of x[mask]", _selections(args)[0]._full)
    result = implementation(*_whole(list(args)), **kwargs)
    if isinstance(result, tuple):
        return tuple(Selection(_as_array(r), mask) for r in result)
    return Selection(_as_array(result), mask)


def _as_array(x: Any) -> Tracer:
    return lift.array(require(), x._read())


def _selections(args: Any) -> list[Selection]:
    found = []
    for a in args:
        if isinstance(a, Selection):
            found.append(a)
        elif isinstance(a, (list, tuple)):
            found.extend(_selections(a))
    return found


def _whole(args: list[Any]) -> list[Any]:
    """Operands in which whole arrays stand for selections; others must not have our first axis."""
    first = _selections(args)[0]
    whole: list[Any] = []
    for a in args:
        if isinstance(a, Selection):
            if not same_value(a._mask, first._mask):
                raise UnsupportedError(
                    "x[mask1] and y[mask2] have different numbers of elements",
                    loc=user_location(),
                    hint="use one mask for both",
                )
            whole.append(a._full)
        elif isinstance(a, (list, tuple)) and _selections(a):
            whole.append(type(a)(_whole(list(a))))
        else:
            if _rank_of(a) >= first.ndim and not _is_one_row(a, first):
                raise unknown_size("x[mask] with another array", first._full)
            whole.append(a)
    return whole


def _rank_of(a: Any) -> int:
    """The number of axes of an operand; arguments of other kinds (a dtype) have none."""
    return np.ndim(a) if isinstance(a, (Tracer, np.ndarray, list, tuple)) else 0


def _is_one_row(a: Any, selection: Selection) -> bool:
    return np.ndim(a) == selection.ndim == 1 and np.shape(a) == (1,)


def _reduce(
    function: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any
) -> Any:
    """A reduction over the selected elements."""
    if not isinstance(x, Selection):
        raise unknown_size(name_of(function), _selections([x, axis, *options.values()])[0]._full)
    full, covered = x._full, x._mask.type.rank
    if axis is not None and operator.index(axis) not in (0, -x.ndim):
        raise unknown_size(f"{name_of(function)} along another axis of x[mask]", full)
    if options.get("keepdims") is True or out is not None:
        raise unknown_size(f"{name_of(function)} of x[mask] with keepdims or out", full)
    ctx = require()
    rest = full.ndim - covered
    mask = values.reshape(ctx, x._mask, (*x._mask.type.shape, *(1,) * rest))
    along = tuple(range(full.ndim if axis is None else covered))
    options = {k: v for k, v in options.items() if k in ("ddof", "correction", "initial")}
    options["where"] = lift.tracer(ctx, mask)
    if dtype is not None:
        options["dtype"] = dtype
    if function not in _EXTREMES or "initial" in options:
        return FUNCTIONS[function](full, along, **options)
    worst = FUNCTIONS["worst"](full._type.dtype, function is np.max)
    best = FUNCTIONS[function](full, along, initial=worst, **options)._read()
    count = values.broadcast(ctx, x._count(), best.type.shape)
    return lift.tracer(ctx, ctx.emit("require_nonempty", best, count))


def same_value(a: Value, b: Value) -> bool:
    """Whether two values are equal for certain: one node, or equal ops of equal operands."""
    return a is b or _same(a, b, require().scope.producers(), 16)


def _same(a: Value, b: Value, producers: dict[Value, Node], depth: int) -> bool:
    if a is b:
        return True
    m, n = producers.get(a), producers.get(b)
    if m is None or n is None or depth == 0 or m.op is not n.op or dict(m.attrs) != dict(n.attrs):
        return False
    pairs = zip(m.inputs, n.inputs, strict=True)
    return all(_same(x, y, producers, depth - 1) for x, y in pairs)


@implements("select_by_mask")
def select_by_mask(view: Tracer, mask: Tracer) -> Selection:
    """The elements of a view where a mask over its first axes holds."""
    return Selection(_as_array(view), mask._read())
