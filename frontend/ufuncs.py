"""Ufuncs: NumPy's choice of loop, broadcasting, and one op of the graph per call.

Layer: frontend. `ufunc.resolve_dtypes` gives the dtypes of NumPy's loop for every combination of
operands, weak Python numbers included, so that a result has NumPy's dtype by construction. The op
has the ufunc's name; ufuncs made of several ops are in `numpy_api/compound.py`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..compiler.errors import DTypeError, ShapeError, UnsupportedError
from ..compiler.ir.graph import Value
from ..compiler.ir.opdef import REGISTRY, Kind
from ..compiler.ir.types import DType
from . import lift, values
from .context import TraceContext, require
from .location import user_location
from .table import FUNCTIONS, implements, unsupported
from .tracer import Tracer

_I64 = np.dtype(np.int64)
COMPARISONS = frozenset(
    {np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal}
)


@implements(np.ufunc)
def apply(
    ufunc: np.ufunc,
    *inputs: Any,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    casting: str = "same_kind",
    **other: Any,
) -> Any:
    """`ufunc(*inputs, ...)` on traced operands."""
    _check_arguments(ufunc, inputs, other)
    special = FUNCTIONS.get(ufunc) or FUNCTIONS.get(f"scipy.special.{ufunc.__name__}")
    if special is not None:
        result = special(*inputs)
        if dtype is not None:
            result = FUNCTIONS[np.ndarray.astype](result, dtype)
    else:
        result = elementwise(ufunc, *inputs, dtype=dtype, casting=casting)
    if out is None or (isinstance(out, tuple) and all(o is None for o in out)):
        if where is not True:
            raise UnsupportedError(
                f"np.{ufunc.__name__}: where= without out= leaves elements undefined",
                loc=user_location(),
                hint="give out=, or write np.where(condition, result, other)",
            )
        return result
    return store(ufunc.__name__, result, out, where, casting)


def elementwise(ufunc: np.ufunc, *inputs: Any, dtype: Any = None, casting: str = "") -> Tracer:
    """One op applied to operands after NumPy's conversions."""
    ctx = require()
    op = REGISTRY.get(ufunc.__name__)
    if op is None or op.kind is not Kind.ELEMENTWISE:
        raise unsupported(ufunc)
    operands = [lift.operand(x) for x in inputs]
    keys = tuple([lift.weak_of(x) for x in operands])
    # by identity: np.dtype(np.int64) == int
    if ufunc in COMPARISONS and any(k is int for k in keys):
        compared = _compare_python_int(ctx, ufunc, operands, keys)
        if isinstance(compared, Tracer):
            return compared
        keys = compared
    loop, result = loop_dtypes(ufunc, keys, dtype, casting)
    parts = [lift.value_as(ctx, x, d) for x, d in zip(operands, loop, strict=True)]
    value = ctx.emit(ufunc.__name__, *aligned(ctx, parts, ufunc.__name__))
    made = lift.tracer(ctx, values.cast(ctx, value, result[0]))
    return lift.in_order_of(made, operands)


def aligned(ctx: TraceContext, parts: list[Value], name: str) -> list[Value]:
    """Values broadcast to their common shape."""
    shape = values.broadcast_shapes(ctx, [v.type.shape for v in parts], name)
    return [values.broadcast(ctx, v, shape) for v in parts]


def _check_arguments(ufunc: np.ufunc, inputs: tuple[Any, ...], other: dict[str, Any]) -> None:
    if len(inputs) != ufunc.nin:
        raise TypeError(f"{ufunc.__name__}() takes {ufunc.nin} positional arguments")
    other = {k: v for k, v in other.items() if (k, v) not in (("order", "K"), ("subok", True))}
    if other:
        raise UnsupportedError(
            f"np.{ufunc.__name__}: the argument {next(iter(other))}= is not supported on traced"
            " arrays",
            loc=user_location(),
        )


# --- which loop --------------------------------------------------------------------------------


def loop_dtypes(
    ufunc: np.ufunc, keys: tuple[Any, ...], dtype: Any = None, casting: str = ""
) -> tuple[tuple[DType, ...], tuple[DType, ...]]:
    """The operand and the result dtypes of NumPy's loop; `keys` as from `lift.weak_of`."""
    try:
        return _resolve(ufunc, keys, None if dtype is None else np.dtype(dtype), casting)
    except TypeError as error:
        shown = ", ".join(k.__name__ if isinstance(k, type) else str(k) for k in keys)
        raise DTypeError(str(error), got=shown, loc=user_location()) from None


@lru_cache(maxsize=4096)
def _resolve(
    ufunc: np.ufunc, keys: tuple[Any, ...], dtype: np.dtype | None, casting: str
) -> tuple[tuple[DType, ...], tuple[DType, ...]]:
    options: dict[str, Any] = {}
    if dtype is not None:
        options["signature"] = (*(None,) * ufunc.nin, *(dtype,) * ufunc.nout)
    if casting:
        options["casting"] = casting
    found = ufunc.resolve_dtypes((*keys, *(None,) * ufunc.nout), **options)
    dtypes = tuple(values.dtype_of(d) for d in found)
    return dtypes[: ufunc.nin], dtypes[ufunc.nin :]


def _compare_python_int(
    ctx: TraceContext, ufunc: np.ufunc, operands: list[Any], keys: tuple[Any, ...]
) -> Any:
    """Comparisons with Python ints are exact in NumPy, also beyond the range of the other dtype.

    Gives the result itself for a literal out of range, else the keys to compare with.
    """
    at = 0 if keys[0] is int else 1
    other = keys[1 - at]
    if not isinstance(other, np.dtype) or other.kind not in "iu":
        return keys
    x = operands[at]
    if type(x) is not int:  # not known while tracing: an i64 at run time
        return (_I64, other) if at == 0 else (other, _I64)
    info = np.iinfo(other)
    if info.min <= x <= info.max:
        return keys
    side = 1 if x > 0 else -1  # beyond every element
    holds = bool(ufunc(side, 0) if at == 0 else ufunc(0, side))
    shape = lift.shape_of(operands[1 - at])
    return lift.tracer(ctx, values.full(ctx, shape, holds, DType.BOOL))


# --- where results go --------------------------------------------------------------------------


@implements("store")
def store(name: str, result: Any, out: Any, where: Any = True, casting: str = "same_kind") -> Any:
    """Assign a result to `out=`, where the condition holds; returns out, or the result itself."""
    if out is None:
        return result
    results = result if isinstance(result, tuple) else (result,)
    outs = out if isinstance(out, tuple) else (out,)
    stored = []
    for position, (one, target) in enumerate(zip(results, outs, strict=True)):
        if target is None:
            stored.append(one)
            continue
        check_out(target, f"np.{name}")
        source = lift.lift(one)
        if not np.can_cast(source.dtype, target.dtype, casting):  # type: ignore[arg-type]
            which = f" {position}" if len(results) > 1 else ""
            raise DTypeError(
                f"Cannot cast ufunc '{name}' output{which} from {source.dtype!r} to"
                f" {target.dtype!r} with casting rule '{casting}'",
                loc=user_location(),
                hint="write x = x + y instead of x += y, or convert with astype first",
            )
        write(target, source, where)
        stored.append(target)
    return tuple(stored) if isinstance(result, tuple) else stored[0]


@implements("check_out")
def check_out(out: Any, name: str) -> None:
    """Raise unless `out` is a traced array."""
    if not isinstance(out, Tracer) or out._scalar:
        raise UnsupportedError(
            f"{name}: out= is an array from outside of the traced function",
            got=type(out).__name__,
            loc=user_location(),
            hint="create it inside of the function: out = np.empty_like(x)",
        )


def write(target: Tracer, source: Tracer, where: Any = True) -> None:
    """target[...] = source: converted to its dtype and broadcast to its shape."""
    ctx = require()
    target._check_writable()
    value = values.cast(ctx, source._read(), target._type.dtype)
    shape = target._type.shape
    if value.type.shape != shape:
        common = values.broadcast_shapes(ctx, [shape, value.type.shape], "output")
        if common != shape:
            raise ShapeError(
                f"non-broadcastable output operand with shape {values.shape_text(shape)} doesn't"
                f" match the broadcast shape {values.shape_text(common)}",
                loc=user_location(),
            )
        value = values.broadcast(ctx, value, shape)
    if where is not True:
        condition = values.broadcast(ctx, lift.lift(where)._read(), shape)
        value = ctx.emit("select", condition, value, target._read())
    target._write(value)
