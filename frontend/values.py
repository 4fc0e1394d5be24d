"""Graph values: conversions and moves of elements, each left out where it would change nothing.

Layer: frontend, between the trace context and the tracers. These functions know dtypes and
shapes of the IR; NumPy's rules (promotion, views, weak scalars) are in the modules above.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.errors import DTypeError, Loc, ShapeError
from ..compiler.ir.dims import product
from ..compiler.ir.graph import Value
from ..compiler.ir.literal import Literal
from ..compiler.ir.types import DType, Shape, Size, TensorType
from .context import TraceContext
from .location import user_location


def cast(ctx: TraceContext, x: Value, dtype: DType) -> Value:
    """`x` as `dtype`, converted as `astype` does."""
    return x if x.type.dtype is dtype else ctx.emit_once("cast", x, dtype=dtype)


def broadcast(ctx: TraceContext, x: Value, shape: Shape) -> Value:
    """`x` repeated to `shape`, axes aligned at the end."""
    if x.type.shape == shape:
        return x
    rank = len(shape)
    dims = tuple(range(rank - x.type.rank, rank))
    for size, d in zip(x.type.shape, dims, strict=True):
        if size != 1 and size != shape[d]:
            ctx.equal(size, shape[d])  # restarts the trace if they are equal in this call
    return ctx.emit_once("broadcast", x, shape=shape, dims=dims)


def reshape(ctx: TraceContext, x: Value, shape: Shape) -> Value:
    """The elements of `x` in row-major order with another shape of equal size."""
    return x if x.type.shape == shape else ctx.emit("reshape", x, shape=shape)


def transpose(ctx: TraceContext, x: Value, permutation: tuple[int, ...]) -> Value:
    """Axes reordered: result axis k is axis `permutation[k]` of `x`."""
    if permutation == tuple(range(len(permutation))):
        return x
    return ctx.emit("transpose", x, permutation=permutation)


def take_region(
    ctx: TraceContext, x: Value, starts: Shape, steps: tuple[int, ...], shape: Shape
) -> Value:
    """The elements `start + i * step` of each axis."""
    if is_whole(x.type.shape, starts, steps, shape):
        return x
    return ctx.emit("slice", x, starts=starts, steps=steps, shape=shape)


def put_region(
    ctx: TraceContext, x: Value, value: Value, starts: Shape, steps: tuple[int, ...]
) -> Value:
    """A copy of `x` whose elements `start + i * step` are those of `value`."""
    if is_whole(x.type.shape, starts, steps, value.type.shape):
        return value
    return ctx.emit("update_slice", x, value, starts=starts, steps=steps)


def is_whole(source: Shape, starts: Shape, steps: tuple[int, ...], shape: Shape) -> bool:
    """Whether a region is all of its array, in order."""
    return source == shape and all(
        size == 1 or (start == 0 and step == 1)
        for size, start, step in zip(source, starts, steps, strict=True)
    )


def constant(ctx: TraceContext, array: Any, dtype: DType | None = None) -> Value:
    """The value of a concrete array: one element spread, a counter, or the data themselves."""
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        return ctx.emit_once("constant", value=Literal(array, dtype))
    array = native(array) if dtype is None else array.astype(dtype.numpy)
    first = array.flat[0] if array.size else np.zeros((), array.dtype)[()]
    if array.size == 0 or _same_bits(array, first):
        one = ctx.emit_once("constant", value=Literal(first))
        return broadcast(ctx, one, array.shape)
    if array.ndim == 1 and array.dtype.kind in "iu" and array.size > 2:
        counter = _counter(ctx, array)
        if counter is not None:
            return counter
    return ctx.emit_once("constant", value=Literal(array))


def _same_bits(array: np.ndarray, first: Any) -> bool:
    if not (array == first).all():
        return False
    # 0.0 == -0.0
    return first != 0 or kind_of(array.dtype) != "f" or bool((~np.signbit(array)).all())


def _counter(ctx: TraceContext, array: np.ndarray) -> Value | None:
    """start + step * iota, if that is what a 1-d integer array holds."""
    steps = np.diff(array.astype(np.int64, copy=False))
    if not (steps == steps[0]).all():
        return None
    dtype = dtype_of(array.dtype)
    return counter(ctx, array.size, array[0], steps[0].astype(array.dtype), dtype)


def counter(ctx: TraceContext, size: Size, start: Any, step: Any, dtype: DType) -> Value:
    """The numbers `start + i * step`, i from 0 to size - 1, computed in `dtype`."""
    value = ctx.emit_once("iota", size=size, dtype=dtype)
    if step != 1:
        value = ctx.emit("multiply", value, full(ctx, (size,), step, dtype))
    if start != 0:
        value = ctx.emit("add", value, full(ctx, (size,), start, dtype))
    return value


def full(ctx: TraceContext, shape: Shape, number: Any, dtype: DType) -> Value:
    """A number everywhere."""
    one = ctx.emit_once("constant", value=Literal(number, dtype))
    return broadcast(ctx, one, shape)


def broadcast_shapes(ctx: TraceContext, shapes: list[Shape], what: str) -> Shape:
    """NumPy's common shape; sizes that are equal only in this call get a guard."""
    result = shapes[0]
    for shape in shapes[1:]:
        if shape != result:
            result = _join(ctx, result, shape, shapes, what)
    return result


def _join(ctx: TraceContext, a: Shape, b: Shape, shapes: list[Shape], what: str) -> Shape:
    if len(a) < len(b):
        a, b = b, a
    joined = list(a)
    for k in range(len(b)):
        x, y = a[k - len(b)], b[k]
        if x == y or y == 1:
            continue
        if x == 1 or ctx.equal(x, 1):
            joined[k - len(b)] = y
        elif not ctx.equal(y, 1) and not ctx.equal(x, y):
            texts = " ".join(shape_text(s) for s in shapes)
            raise ShapeError(
                f"{what}: operands could not be broadcast together with shapes {texts}",
                loc=user_location(),
                hint=_broadcast_hint(a, b),
            )
    return tuple(joined)


def _broadcast_hint(a: Shape, b: Shape) -> str:
    if len(b) == 1 and len(a) == 2 and a[0] == b[0]:
        return "add an axis at the end of the shorter array: b[:, None]"
    return ""


def shape_text(shape: Shape) -> str:
    """A shape as NumPy writes it in messages: (3,) or (2,n)."""
    inner = ",".join(map(str, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def size_of(shape: Shape) -> Size:
    """The number of elements."""
    return product(shape)


def dtype_of(dtype: Any, loc: Loc | None = None) -> DType:
    """Our DType for a NumPy dtype or what stands for one; a DTypeError if there is none."""
    numpy = dtype if isinstance(dtype, np.dtype) else np.dtype(dtype)
    found = DType.of(numpy) or DType.of(numpy.newbyteorder("="))
    if found is None:
        raise unsupported_dtype(numpy, loc)
    return found


def kind_of(dtype: np.dtype) -> str:
    """NumPy's letter for the kind of a dtype; 'f' for bfloat16 too, of which NumPy knows none."""
    found = DType.of(dtype)
    return dtype.kind if found is None else found.kind


def type_of(array: np.ndarray) -> TensorType:
    """The type of a concrete array."""
    return TensorType(dtype_of(array.dtype), array.shape)


def unsupported_dtype(dtype: np.dtype, loc: Loc | None = None) -> DTypeError:
    """The error for an element type that the compiler does not have."""
    kind = {
        "c": "complex numbers are not supported",
        "O": "arrays of Python objects are not supported",
        "M": "dates and times are not supported",
        "m": "dates and times are not supported",
        "U": "text is not supported",
        "S": "text is not supported",
        "T": "text is not supported",
        "V": "structured arrays are not supported",
        "f": "extended precision is not supported",
    }.get(dtype.kind, "this element type is not supported")
    return DTypeError(
        kind,
        got=f"dtype {dtype}",
        expected="bool, int8 to int64, uint8 to uint64, float16, bfloat16, float32 or float64",
        loc=loc or user_location(),
    )


def native(array: np.ndarray) -> np.ndarray:
    """The array with a dtype of ours in this machine's byte order."""
    if DType.of(array.dtype) is not None:
        return array
    return array.astype(dtype_of(array.dtype).numpy)
