"""Loops and branches in compiled code: scan, map, fori_loop, while_loop, cond, switch.

Layer: frontend. Names, parameters and meaning are JAX's. The functions passed are traced into
regions (region.py), which become attributes of one node of the graph. Called outside of a trace,
loops compile themselves (eager.py), and branches just call the function that is chosen.

Carries keep their types. A Python number that a carry starts with takes the type that the body
returns: `0.0` becomes a float32 where the body adds float32; the body is then traced once more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..compiler.errors import DTypeError
from ..compiler.ir.types import DType, Size
from . import lift, values
from .branches import emit_switch
from .context import TraceContext, current, require
from .eager import run_eagerly
from .location import user_location
from .loops import (
    Loop,
    Slices,
    emit_scan,
    emit_while,
    one_scan,
    one_while,
    pair_of,
    slices_of,
    truth_of,
)
from .region import dissect, name_of
from .segments import scan_in_segments, while_in_segments
from .symint import size_of, wrap_size
from .table import FUNCTIONS
from .tracer import Tracer

_SCAN = Loop("tw.scan", "carry")
_MAP = Loop("tw.map", "carry")
_FORI = Loop("tw.fori_loop", "val")
_COUNTED = Loop("tw.fori_loop", "")  # it carries a `_Counted`, whose fields start the paths
_WHILE = Loop("tw.while_loop", "val")


# --- for users ---------------------------------------------------------------------------------


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    *,
    memory_budget: int | None = None,
) -> tuple[Any, Any]:
    """Loop over the first axis of arrays, carrying values from slice to slice.

    As this loop, compiled once for any number of iterations:

        carry, ys = init, []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    Args:
        f: (carry, x) -> (next carry, y). It may assign to the carry, which is a copy.
        init: the first carry: arrays and numbers in any nesting.
        xs: arrays [length, ...] in any nesting; `x` has the same nesting. None for none.
        length: the number of iterations; needed where xs has no arrays.
        reverse: walk from the last slice to the first; `ys[i]` still belongs to `xs[i]`.
        memory_budget: bytes that the gradient may keep of the iterations; what does not fit is
            computed again. None: keep all.

    Returns:
        The last carry, and the y of all iterations stacked: [length, ...] for each leaf.

    Raises:
        ShapeError, DTypeError, TraceError: arrays of xs differ in length; f returns a carry of
            another shape, dtype or structure.
        UnsupportedError: f assigns to an array made outside of it.
    """
    _check_budget("tw.scan", memory_budget)
    if current() is None:
        data = {"init": init, "xs": xs}
        options = {"length": length, "reverse": bool(reverse), "memory_budget": memory_budget}
        result: tuple[Any, Any] = run_eagerly(scan, {"f": f}, data, **options)
        return result

    def body(carry: Any, x: Any) -> tuple[Any, Any]:
        return pair_of(_SCAN, f(carry, x))

    body.__name__ = name_of(f)
    ctx = require()
    slices, count = slices_of(ctx, "tw.scan", xs, length)
    emit = one_scan if memory_budget is None else partial(scan_in_segments, memory_budget)
    return emit_scan(ctx, _SCAN, body, init, slices, count, bool(reverse), emit)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Call a function with every slice along the first axis, and stack the results.

    Args:
        f: x -> y.
        xs: arrays [length, ...] in any nesting.

    Returns:
        The structure that f returns, of arrays [length, ...].

    Raises:
        As `scan`.
    """
    if current() is None:
        return run_eagerly(map, {"f": f}, {"xs": xs})

    def body(carry: None, x: Any) -> tuple[None, Any]:
        return None, f(x)

    body.__name__ = name_of(f)
    ctx = require()
    slices, count = slices_of(ctx, "tw.map", xs, None)
    return emit_scan(ctx, _MAP, body, None, slices, count)[1]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Count from `lower` to `upper`, carrying a value.

    As this loop:

        val = init_val
        for i in range(lower, upper):
            val = body_fun(i, val)
        return val

    Args:
        lower: the first index, an integer; traced or not.
        upper: where to stop, an integer; not above `lower` for no iteration.
        body_fun: (i, val) -> next val, with i a traced Python int.
        init_val: the first val: arrays and numbers in any nesting.

    Returns:
        The last val.

    Raises:
        As `scan`, and a DTypeError for bounds that are no integers.
    """
    if current() is None:
        data = {"lower": lower, "upper": upper, "init_val": init_val}
        return run_eagerly(fori_loop, {"body_fun": body_fun}, data)
    ctx = require()
    first, stop = _bound(ctx, "lower", lower), _bound(ctx, "upper", upper)
    if isinstance(first, Tracer) or isinstance(stop, Tracer):
        return _count_up(ctx, first, stop, body_fun, init_val)
    count = stop - first if ctx.at_least(stop, first) else 0

    def body(val: Any, i: Any) -> tuple[Any, None]:
        return body_fun(i, val), None

    body.__name__ = name_of(body_fun)
    return emit_scan(ctx, _FORI, body, init_val, _indices(ctx, first, count), count)[0]


def while_loop(
    cond_fun: Callable[[Any], Any],
    body_fun: Callable[[Any], Any],
    init_val: Any,
    *,
    memory_budget: int | None = None,
) -> Any:
    """Repeat as long as a condition holds.

    As this loop:

        val = init_val
        while cond_fun(val):
            val = body_fun(val)
        return val

    Args:
        cond_fun: val -> one truth value.
        body_fun: val -> next val. It may assign to val, which is a copy.
        init_val: the first val: arrays and numbers in any nesting.
        memory_budget: bytes that the gradient may keep of the iterations; None: keep all.

    Returns:
        The last val.

    Raises:
        As `scan`, and a ShapeError for a condition that is more than one value.
    """
    _check_budget("tw.while_loop", memory_budget)
    if current() is None:
        functions = {"cond_fun": cond_fun, "body_fun": body_fun}
        data = {"init_val": init_val}
        return run_eagerly(while_loop, functions, data, memory_budget=memory_budget)
    emit = one_while if memory_budget is None else partial(while_in_segments, memory_budget)
    return emit_while(require(), _WHILE, cond_fun, body_fun, init_val, emit)


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    """Call one of two functions, chosen when the compiled code runs; the other one is not run.

    Args:
        pred: one truth value. A Python bool chooses at once.
        true_fun: operands -> result.
        false_fun: operands -> result, of the same structure, shapes and dtypes.
        operands: anything.

    Returns:
        What the chosen function returns.

    Raises:
        ShapeError, DTypeError, TraceError: the results have different types or structures, or
            pred is more than one value.
        UnsupportedError: a branch assigns to an array made outside of it.
    """
    if np.ndim(pred) == 0 and not _is_traced(pred):
        return true_fun(*operands) if pred else false_fun(*operands)
    chosen = truth_of("tw.cond: the condition", pred)._read()
    ctx = require()
    index = values.cast(ctx, chosen, DType.I64)
    branches = [("true_fun", true_fun), ("false_fun", false_fun)]
    return emit_switch(ctx, "tw.cond", index, branches, operands, order=(1, 0))


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Call one of several functions, chosen when the compiled code runs.

    Args:
        index: an integer; below 0 it is the first branch, beyond the last the last one.
        branches: functions operands -> result; all results of the same structure and types.
        operands: anything.

    Returns:
        What the chosen function returns.

    Raises:
        As `cond`, a DTypeError for an index that is no integer, a ValueError without branches.
    """
    functions = tuple(branches)
    if not functions:
        raise ValueError("tw.switch: there are no branches")
    if not _is_traced(index):
        return functions[min(max(operator.index(index), 0), len(functions) - 1)](*operands)
    chosen = _integer("tw.switch: the index", index)
    if chosen._type.dtype is DType.U64:  # as an i64, a large one would be negative
        chosen = FUNCTIONS[np.ufunc](np.minimum, chosen, len(functions) - 1)
    ctx = require()
    at = values.cast(ctx, chosen._read(), DType.I64)
    named = [(f"branch {k}", function) for k, function in enumerate(functions)]
    return emit_switch(ctx, "tw.switch", at, named, operands, order=range(len(functions)))


# --- arguments ---------------------------------------------------------------------------------


def _is_traced(x: Any) -> bool:
    return type(x) is Tracer and not x._is_known


def _check_budget(what: str, memory_budget: int | None) -> None:
    if memory_budget is not None and operator.index(memory_budget) <= 0:
        raise ValueError(f"{what}: memory_budget is a number of bytes above 0, or None")


def _integer(what: str, x: Tracer) -> Tracer:
    """A traced integer of shape (), as it is."""
    if not x._type.dtype.is_integer or x._type.shape:
        raise DTypeError(f"{what} has to be an integer", got=lift.type_text(x), loc=user_location())
    return x


def _bound(ctx: TraceContext, name: str, x: Any) -> Size | Tracer:
    """A bound of a counting loop: a size, or where that is not known, a traced Python int."""
    what = f"tw.fori_loop: {name}"
    if _is_traced(x):
        value = values.cast(ctx, _integer(what, x)._read(), DType.I64)
        return lift.tracer(ctx, value, weak=int)
    try:
        return size_of(x)
    except TypeError:
        got = type(x).__name__
        raise DTypeError(f"{what} has to be an integer", got=got, loc=user_location()) from None


# --- counting ----------------------------------------------------------------------------------


def _indices(ctx: TraceContext, first: Size, count: Size) -> Slices:
    """The numbers from `first` on, each a Python int in the body."""
    indices = values.counter(ctx, count, 0, 1, DType.I64)
    if first != 0:
        start = lift.value_as(ctx, wrap_size(ctx, first), DType.I64)
        indices = ctx.emit("add", indices, values.broadcast(ctx, start, (count,)))
    return Slices((indices,), dissect(0)[1], "i")


class _Counted(NamedTuple):
    """The carry of a counting loop that does not know its bounds."""

    i: Any
    val: Any


def _count_up(
    ctx: TraceContext,
    lower: Size | Tracer,
    upper: Size | Tracer,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
) -> Any:
    first, stop = (x if isinstance(x, Tracer) else wrap_size(ctx, x) for x in (lower, upper))

    def condition(carry: _Counted) -> Any:
        return carry.i < stop

    def body(carry: _Counted) -> _Counted:
        return _Counted(carry.i + 1, body_fun(carry.i, carry.val))

    body.__name__ = name_of(body_fun)
    return emit_while(ctx, _COUNTED, condition, body, _Counted(first, init_val)).val
