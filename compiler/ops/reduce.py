"""Reductions and running sums: ops that combine the elements along axes.

Layer: compiler/ops. A `Reduction` is written in scalar instructions, once for all backends; see
ir/opdef.py for its contract. Sums of f64 carry an error term beside each lane, those of shorter
floats are kept in f64: results are closer to the exact sum than NumPy's pairwise ones, whatever the
order of lanes. A scan gives NumPy's own result bit for bit: it adds one element after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, InternalError, ShapeError
from ..ir.batching import BatchRule, BatchSite
from ..ir.derivative import Derivative, Linear, Rules
from ..ir.opdef import Kind, OpDef, Reduction, op
from ..ir.term import Term
from ..ir.types import DType, TensorType
from .reduce_derivatives import (
    cumprod_jvp,
    cumprod_vjp,
    cumsum_transpose,
    extreme_jvp,
    extreme_vjp,
    prod_jvp,
    prod_vjp,
    recurrence_jvp,
    recurrence_vjp,
    sum_transpose,
)
from .scalar import Scalar, ScalarBuilder

Attrs = Mapping[str, Any]
Types = tuple[TensorType, ...]
Acc = tuple[Scalar, ...]


# --- types -------------------------------------------------------------------------------------


def _check_axes(name: str, x: TensorType, axes: tuple[int, ...]) -> None:
    if list(axes) != sorted(set(axes)) or any(not 0 <= a < x.rank for a in axes):
        raise ShapeError(
            f"{name}: axes must be sorted, different, and axes of the operand",
            got=f"{x} with axes {list(axes)}",
        )


def _reduced(name: str, x: TensorType, axes: tuple[int, ...], empty_ok: bool) -> TensorType:
    _check_axes(name, x, axes)
    if not empty_ok and any(x.shape[a] == 0 for a in axes):
        raise ShapeError(
            f"{name}: an empty axis has no smallest or largest element",
            got=f"{x} with axes {list(axes)}",
        )
    return x.with_shape(tuple(s for k, s in enumerate(x.shape) if k not in axes))


def _infer_numbers(name: str) -> Callable[[Sequence[TensorType], Attrs], Types]:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
        (x,) = types
        if x.dtype.is_bool:
            raise DTypeError(f"{name}: needs numbers", got=str(x), expected="a cast before")
        return (_reduced(name, x, attrs["axes"], empty_ok=True),)

    return infer


def _infer_order(name: str) -> Callable[[Sequence[TensorType], Attrs], Types]:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
        return (_reduced(name, types[0], attrs["axes"], empty_ok=False),)

    return infer


def _infer_position(name: str) -> Callable[[Sequence[TensorType], Attrs], Types]:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
        result = _reduced(name, types[0], attrs["axes"], empty_ok=False)
        return (result.with_dtype(DType.I64),)

    return infer


def _infer_bools(name: str) -> Callable[[Sequence[TensorType], Attrs], Types]:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
        (x,) = types
        if not x.dtype.is_bool:
            raise DTypeError(f"{name}: needs bools", got=str(x), expected="a cast before")
        return (_reduced(name, x, attrs["axes"], empty_ok=True),)

    return infer


def _infer_scan(name: str) -> Callable[[Sequence[TensorType], Attrs], Types]:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
        x, axis = types[0], attrs["axis"]
        if x.dtype.is_bool:
            raise DTypeError(f"{name}: needs numbers", got=str(x), expected="a cast before")
        if any(t != x for t in types):
            raise ShapeError(
                f"{name}: operands differ",
                got=" and ".join(map(str, types)),
                expected="one dtype and one shape",
            )
        _check_axes(name, x, (axis,))
        return (x,)

    return infer


# --- references --------------------------------------------------------------------------------


def _sum_reference(x: Any, *, axes: tuple[int, ...]) -> Any:
    return np.sum(x, axis=axes, dtype=_wide_dtype(x)).astype(x.dtype)


def _prod_reference(x: Any, *, axes: tuple[int, ...]) -> Any:
    return np.prod(x, axis=axes, dtype=_wide_dtype(x)).astype(x.dtype)


def _wide_dtype(x: Any) -> np.dtype:
    """What sums of the elements are kept in, by kernels and by NumPy for float16."""
    dtype = DType.of(x.dtype)
    return dtype.wide.numpy if dtype is not None else x.dtype


def _along(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy reduction that takes a tuple of axes."""

    def reference(x: Any, *, axes: tuple[int, ...]) -> Any:
        return function(x, axis=axes)

    return reference


def _position_along(function: Callable[..., Any]) -> Callable[..., Any]:
    """np.argmin or np.argmax over several axes: the position along them, flattened."""

    def reference(x: Any, *, axes: tuple[int, ...]) -> Any:
        kept = [k for k in range(x.ndim) if k not in axes]
        moved = np.transpose(x, (*kept, *axes))
        # not -1: an empty array leaves that size undefined
        count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
        return function(moved.reshape([*(x.shape[k] for k in kept), count]), axis=-1)

    return reference


def _cumsum_reference(x: Any, *, axis: int) -> Any:
    return np.cumsum(x, axis=axis, dtype=x.dtype)


def _cumprod_reference(x: Any, *, axis: int) -> Any:
    return np.cumprod(x, axis=axis, dtype=x.dtype)


def _recurrence_reference(a: Any, b: Any, *, axis: int) -> Any:
    wide = _wide_dtype(b)  # halves are rounded once a step, as a kernel does it
    result = np.empty_like(b)
    steps, before = np.moveaxis(result, axis, 0), np.zeros((), wide)
    for k, (factor, term) in enumerate(
        zip(np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0), strict=True)
    ):
        steps[k] = factor.astype(wide) * before + term.astype(wide)
        before = steps[k].astype(wide)
    return result


# --- sums and products -------------------------------------------------------------------------


def _wide(dtype: DType) -> DType:
    """What a product or an uncompensated sum is kept in."""
    return DType.F64 if dtype.is_float else dtype


def _narrow(s: ScalarBuilder, x: Scalar, dtype: DType) -> Scalar:
    """To the dtype a kernel computes `dtype` in (f32 for halves; the caller rounds that)."""
    target = dtype.wide
    return x if x.dtype is target else s.cast(x, target)


def _widen(s: ScalarBuilder, x: Scalar, like: Scalar) -> Scalar:
    return x if x.dtype is like.dtype else s.cast(x, like.dtype)


def _two_sum(a: Scalar, b: Scalar) -> tuple[Scalar, Scalar]:
    """The rounded sum and its exact error (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def _sum_components(dtype: DType) -> tuple[DType, ...]:
    return (DType.F64, DType.F64) if dtype is DType.F64 else (_wide(dtype),)


def _sum_init(s: ScalarBuilder, dtype: DType) -> Acc:
    return tuple(s.const(0, d) for d in _sum_components(dtype))


def _sum_step(s: ScalarBuilder, acc: Acc, x: Scalar, index: Scalar | None) -> Acc:
    if len(acc) == 1:
        return (acc[0] + _widen(s, x, acc[0]),)
    total, error = _two_sum(acc[0], x)
    return total, acc[1] + error


def _sum_merge(s: ScalarBuilder, a: Acc, b: Acc) -> Acc:
    if len(a) == 1:
        return (a[0] + b[0],)
    total, error = _two_sum(a[0], b[0])
    return total, a[1] + b[1] + error


def _sum_finish(s: ScalarBuilder, acc: Acc, dtype: DType) -> Scalar:
    if len(acc) == 1:
        return _narrow(s, acc[0], dtype)
    total, error = acc
    corrected = total + error
    # Once the total is inf or NaN the error term is NaN: the total itself is the result.
    return s.select(s.fabs(corrected) < float("inf"), corrected, total)


SUM = Reduction(_sum_components, _sum_init, _sum_step, _sum_merge, _sum_finish)

PRODUCT = Reduction(
    components=lambda dtype: (_wide(dtype),),
    init=lambda s, dtype: (s.const(1, _wide(dtype)),),
    step=lambda s, acc, x, index: (acc[0] * _widen(s, x, acc[0]),),
    merge=lambda s, a, b: (a[0] * b[0],),
    finish=lambda s, acc, dtype: _narrow(s, acc[0], dtype),
)


# --- smallest and largest ----------------------------------------------------------------------


def _worst(dtype: DType, largest: bool) -> float | int | bool:
    """The value that every other one beats (or equals)."""
    if dtype.is_float:
        return float("-inf") if largest else float("inf")
    if dtype.is_bool:
        return not largest
    info = np.iinfo(dtype.numpy)
    return int(info.min if largest else info.max)


def _beats(x: Scalar, y: Scalar, largest: bool) -> Scalar:
    return x > y if largest else x < y


def _extreme(largest: bool) -> Reduction:
    def pick(s: ScalarBuilder, acc: Scalar, x: Scalar) -> Scalar:
        if x.dtype.is_bool:
            return acc | x if largest else acc & x
        better = _beats(x, acc, largest)
        if x.dtype.is_float:
            better = better | x.ne(x)  # a NaN stays: nothing compares with it
        return s.select(better, x, acc)

    return Reduction(
        components=lambda dtype: (dtype.wide,),
        init=lambda s, dtype: (s.const(_worst(dtype, largest), dtype.wide),),
        step=lambda s, acc, x, index: (pick(s, acc[0], x),),
        merge=lambda s, a, b: (pick(s, a[0], b[0]),),
        finish=lambda s, acc, dtype: acc[0],
        empty_ok=False,
    )


def _position_dtype(dtype: DType) -> DType:
    """What the elements are compared as: bools as numbers."""
    return DType.U8 if dtype.is_bool else dtype.wide


def _position(largest: bool) -> Reduction:
    """Accumulator: the best element so far and its position (beyond every real one at first).

    Positions only grow from step to step, so the first of equal elements stays by itself; lanes
    have to compare theirs. Where no element is better than the worst one possible, all are that.
    """
    nowhere = int(np.iinfo(np.int64).max)

    def step(s: ScalarBuilder, acc: Acc, x: Scalar, index: Scalar) -> Acc:
        best, at = acc
        x = _widen(s, x, best)
        if x.dtype.is_float:  # an unordered comparison: a NaN is better, and then stays
            better = ~(x <= best if largest else x >= best) & best.eq(best)
        else:
            better = _beats(x, best, largest)
        return s.select(better, x, best), s.select(better, index, at)

    def merge(s: ScalarBuilder, a: Acc, b: Acc) -> Acc:
        (best, at), (x, index) = a, b
        better = _beats(x, best, largest)
        same = x.eq(best)
        if x.dtype.is_float:
            x_nan, best_nan = x.ne(x), best.ne(best)
            better = better | (x_nan & ~best_nan)
            same = same | (x_nan & best_nan)
        better = better | (same & (index < at))
        return s.select(better, x, best), s.select(better, index, at)

    def init(s: ScalarBuilder, dtype: DType) -> Acc:
        compared = _position_dtype(dtype)
        return s.const(_worst(compared, largest), compared), s.const(nowhere, DType.I64)

    return Reduction(
        components=lambda dtype: (_position_dtype(dtype), DType.I64),
        init=init,
        step=step,
        merge=merge,
        finish=lambda s, acc, dtype: s.select(acc[1].eq(nowhere), 0, acc[1]),
        needs_index=True,
        empty_ok=False,
    )


# --- any and all -------------------------------------------------------------------------------


def _logical(start: bool, join: Callable[[Scalar, Scalar], Scalar]) -> Reduction:
    return Reduction(
        components=lambda dtype: (DType.BOOL,),
        init=lambda s, dtype: (s.const(start, DType.BOOL),),
        step=lambda s, acc, x, index: (join(acc[0], x),),
        merge=lambda s, a, b: (join(a[0], b[0]),),
        finish=lambda s, acc, dtype: acc[0],
    )


# --- running sums ------------------------------------------------------------------------------


def _running(start: float, join: Callable[..., Scalar]) -> Reduction:
    """One component, joined in order. For halves the caller rounds each result."""
    return Reduction(
        components=lambda dtype: (dtype.wide,),
        init=lambda s, dtype: (s.const(start if dtype.is_float else int(start), dtype.wide),),
        step=lambda s, acc, *elements_and_index: (join(acc[0], *elements_and_index[:-1]),),
        merge=_no_merge,
        finish=lambda s, acc, dtype: acc[0],
    )


def _no_merge(s: ScalarBuilder, a: Acc, b: Acc) -> Acc:
    raise InternalError("the elements of a scan are joined in order")


# --- ops ---------------------------------------------------------------------------------------


def _reduce_batch(name: str) -> BatchRule:
    def rule(site: BatchSite) -> Term:
        return site.stack.op(name, axes=tuple(a + 1 for a in site.attrs["axes"]))

    return rule


def _scan_batch(name: str) -> BatchRule:
    def rule(site: BatchSite) -> Term:
        first, *others = site.wholes()
        return first.op(name, *others, axis=site.attrs["axis"] + 1)

    return rule


def _reduce(
    name: str,
    reference: Any,
    infer: Any,
    reduction: Reduction,
    cost: float,
    doc: str,
    derivative: Derivative | None = None,
) -> OpDef:
    return op(
        name,
        Kind.REDUCE,
        arity=1,
        infer=infer(name),
        reference=reference,
        reduction=reduction,
        attrs=("axes",),
        derivative=derivative,
        batch=_reduce_batch(name),
        cost=cost,
        doc=doc,
    )


REDUCE_SUM = _reduce(
    "reduce_sum", _sum_reference, _infer_numbers, SUM, 2.0,
    "Sum along axes, in the operand's dtype; integers wrap.",
    Linear(sum_transpose),
)  # fmt: skip
REDUCE_PROD = _reduce(
    "reduce_prod", _prod_reference, _infer_numbers, PRODUCT, 1.0,
    "Product along axes, in the operand's dtype; integers wrap.",
    Rules(vjp=prod_vjp, jvp=prod_jvp),
)  # fmt: skip
REDUCE_MIN = _reduce(
    "reduce_min", _along(np.min), _infer_order, _extreme(largest=False), 2.0,
    "Smallest element along axes; NaN if there is one.",
    Rules(vjp=extreme_vjp, jvp=extreme_jvp),
)  # fmt: skip
REDUCE_MAX = _reduce(
    "reduce_max", _along(np.max), _infer_order, _extreme(largest=True), 2.0,
    "Largest element along axes; NaN if there is one.",
    Rules(vjp=extreme_vjp, jvp=extreme_jvp),
)  # fmt: skip
REDUCE_ANY = _reduce(
    "reduce_any", _along(np.any), _infer_bools, _logical(False, lambda x, y: x | y), 1.0,
    "Whether any element along axes is true.",
)  # fmt: skip
REDUCE_ALL = _reduce(
    "reduce_all", _along(np.all), _infer_bools, _logical(True, lambda x, y: x & y), 1.0,
    "Whether all elements along axes are true.",
)  # fmt: skip
ARGMIN = _reduce(
    "argmin", _position_along(np.argmin), _infer_position, _position(largest=False), 5.0,
    "Position along the flattened axes of the first smallest element, or of the first NaN.",
)  # fmt: skip
ARGMAX = _reduce(
    "argmax", _position_along(np.argmax), _infer_position, _position(largest=True), 5.0,
    "Position along the flattened axes of the first largest element, or of the first NaN.",
)  # fmt: skip

CUMSUM = op(
    "cumsum",
    Kind.SCAN,
    arity=1,
    infer=_infer_scan("cumsum"),
    reference=_cumsum_reference,
    batch=_scan_batch("cumsum"),
    reduction=_running(-0.0, lambda x, y: x + y),  # -0.0 + x is x, for x = -0.0 too
    attrs=("axis",),
    derivative=Linear(cumsum_transpose, on_masks=False),
    cost=1.0,
    doc="Running sum along an axis, in the operand's dtype; integers wrap.",
)
CUMPROD = op(
    "cumprod",
    Kind.SCAN,
    arity=1,
    infer=_infer_scan("cumprod"),
    reference=_cumprod_reference,
    batch=_scan_batch("cumprod"),
    reduction=_running(1.0, lambda x, y: x * y),
    attrs=("axis",),
    derivative=Rules(vjp=cumprod_vjp, jvp=cumprod_jvp),
    cost=1.0,
    doc="Running product along an axis, in the operand's dtype; integers wrap.",
)
LINEAR_RECURRENCE = op(
    "linear_recurrence",
    Kind.SCAN,
    arity=2,
    infer=_infer_scan("linear_recurrence"),
    reference=_recurrence_reference,
    batch=_scan_batch("linear_recurrence"),
    reduction=_running(0.0, lambda before, a, b: a * before + b),
    attrs=("axis",),
    derivative=Rules(vjp=recurrence_vjp, jvp=recurrence_jvp),
    cost=2.0,
    doc="s with s[i] = a[i]*s[i-1] + b[i] along an axis; before the first element stands 0.",
)
