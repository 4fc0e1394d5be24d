"""Shapes, axes and copies: reshape, transpose, broadcast_to, flip, astype and their relatives.

Layer: frontend. Results are views where NumPy's are.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...compiler.errors import ShapeError, UnsupportedError
from ...compiler.ir.types import Shape, Size
from .. import lift, values
from ..context import TraceContext, require
from ..location import user_location
from ..symint import SymInt, is_sequence, size_of, sizes, wrap_size
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from ..views import Permuted, Region, Reshaped, contiguous_strides, reshaped_strides
from .axes import one_axis, reduced_axes, several_axes
from .create import shape_argument

_READ_ONLY = "assigning to the result of np.broadcast_to would change several elements at once"


# --- reshape -----------------------------------------------------------------------------------


@implements(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Tracer:
    """As `np.reshape`."""
    x = lift.as_array(a)
    if order not in ("C", "A"):
        raise UnsupportedError(f"reshape: order={order!r} is not supported", loc=user_location())
    result = to_shape(x, new_shape(x, shape))
    return copied(result) if copy else result


@implements(np.ndarray.reshape)
def array_reshape(a: Tracer, *shape: Any, order: str = "C", copy: bool | None = None) -> Tracer:
    """As `ndarray.reshape`: the sizes may be one argument or several."""
    return reshape(a, shape[0] if len(shape) == 1 else shape, order, copy=copy)


def to_shape(x: Tracer, shape: Shape) -> Tracer:
    """The elements in row-major order with another shape: a view where NumPy makes one."""
    if shape == x._type.shape:
        return x if x._scalar else x._new_view(x._type, Reshaped(shape, shape))
    type = x._type.with_shape(shape)
    ctx = x._context
    hint = tuple(ctx.hint(s) for s in shape)
    plain = x._parent is None and not x._like
    is_view = plain or reshaped_strides(x._hint_shape(), x._strides(), hint) is not None
    if is_view:
        return x._new_view(type, Reshaped(x._type.shape, shape))
    return lift.array(ctx, values.reshape(ctx, x._read(), shape))


def is_contiguous(x: Tracer) -> bool:
    """Whether NumPy would lay the elements out in row-major order without gaps."""
    if x._parent is None and not x._like:
        return True
    shape = x._hint_shape()
    pairs = zip(shape, x._strides(), contiguous_strides(shape), strict=True)
    return 0 in shape or all(n == 1 or a == b for n, a, b in pairs)


def new_shape(x: Tracer, shape: Any) -> Shape:
    """A shape argument with its -1 filled in; ShapeError with NumPy's text if it does not fit."""
    ctx = require()
    if isinstance(shape, SymInt) or not is_sequence(shape):
        shape = (shape,)
    wanted = [size_of(s) for s in shape]
    unknown = [k for k, s in enumerate(wanted) if isinstance(s, int) and s == -1]
    total, fits = values.size_of(x._type.shape), True
    if len(unknown) > 1:
        raise ValueError("can only specify one unknown dimension")
    if unknown:
        others = values.size_of(tuple(s for k, s in enumerate(wanted) if k != unknown[0]))
        # any size would do along with an empty axis: NumPy does not choose
        fits = others != 0
        wanted[unknown[0]] = _quotient(ctx, total, others)
    if not (fits and ctx.equal(values.size_of(tuple(wanted)), total)):
        shown = values.shape_text(tuple(size_of(s) for s in shape))
        raise ShapeError(
            f"cannot reshape array of size {total} into shape {shown}", loc=user_location()
        )
    return tuple(wanted)


def _quotient(ctx: TraceContext, total: Size, others: Size) -> Size:
    """total / others, if it is a size; else anything that fails the check that follows."""
    if isinstance(others, int):
        return 0 if others == 0 else total // others
    if isinstance(total, int):
        return total // max(ctx.static(others), 1)
    found = _divide_terms(total, others)
    return ctx.static(total) // max(ctx.static(others), 1) if found is None else found


def _divide_terms(total: Any, others: Any) -> Size | None:
    """Exact division by a product of sizes: 6*n*m by 2*m gives 3*n."""
    if len(others.terms) != 1:
        return None
    ((monomial, coefficient),) = others.terms
    terms = []
    for atoms, c in total.terms:
        left = list(atoms)
        for atom in monomial:
            if atom not in left:
                return None
            left.remove(atom)
        if c % coefficient:
            return None
        terms.append((tuple(left), c // coefficient))
    if any(not atoms for atoms, _ in terms):
        return terms[0][1] if len(terms) == 1 else None
    return type(total)(tuple(terms))


@implements(np.ravel, np.ndarray.ravel)
def ravel(a: Any, order: str = "C") -> Tracer:
    """As `np.ravel`: a copy unless the elements lie side by side."""
    x = lift.as_array(a)
    flat = reshape(x, -1, "C" if order == "K" else order)
    return flat if is_contiguous(x) else copied(flat)


@implements(np.ndarray.flatten)
def flatten(a: Tracer, order: str = "C") -> Tracer:
    """As `ndarray.flatten`: always a copy."""
    return copied(reshape(a, -1, "C" if order == "K" else order))


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Tracer:
    """As `np.expand_dims`."""
    x = lift.as_array(a)
    added = axis if isinstance(axis, (tuple, list)) else (axis,)
    places = several_axes(tuple(added), x.ndim + len(added))
    old = iter(x._type.shape)
    shape = tuple(1 if k in places else next(old) for k in range(x.ndim + len(added)))
    return to_shape(x, shape)


@implements(np.squeeze, np.ndarray.squeeze)
def squeeze(a: Any, axis: Any = None) -> Tracer:
    """As `np.squeeze`."""
    x, ctx = lift.as_array(a), require()
    if axis is None:
        gone = tuple(k for k, s in enumerate(x._type.shape) if ctx.equal(s, 1))
    else:
        gone = reduced_axes(axis, x.ndim, of_ufunc=True)
        if not all(ctx.equal(x._type.shape[k], 1) for k in gone):
            raise ShapeError(
                "cannot select an axis to squeeze out which has size not equal to one",
                got=x._describe(),
                loc=user_location(),
            )
    return to_shape(x, tuple(s for k, s in enumerate(x._type.shape) if k not in gone))


def _at_least(ndim: int) -> Any:
    def implementation(*arrays: Any) -> Any:
        results = tuple(_padded(lift.as_array(a), ndim) for a in arrays)
        return results[0] if len(results) == 1 else results

    return implementation


def _padded(x: Tracer, ndim: int) -> Tracer:
    shape = x._type.shape
    if len(shape) >= ndim:
        return x
    # NumPy's atleast_3d puts a 2-d array's new axis at the end, a 1-d array's on both sides.
    padded = {
        (0, 1): (1,),
        (0, 2): (1, 1),
        (0, 3): (1, 1, 1),
        (1, 2): (1, *shape),
        (1, 3): (1, *shape, 1),
        (2, 3): (*shape, 1),
    }[len(shape), ndim]
    return to_shape(x, padded)


atleast_1d = implements(np.atleast_1d)(_at_least(1))
atleast_2d = implements(np.atleast_2d)(_at_least(2))
atleast_3d = implements(np.atleast_3d)(_at_least(3))


# --- axes --------------------------------------------------------------------------------------


@implements(np.transpose)
def transpose(a: Any, axes: Any = None) -> Tracer:
    """As `np.transpose`."""
    x = lift.as_array(a)
    order = range(x.ndim)[::-1] if axes is None else axes
    return permuted(x, _permutation(order, x.ndim))


@implements(np.ndarray.transpose)
def array_transpose(a: Tracer, *order: Any) -> Tracer:
    """As `ndarray.transpose`: the axes may be one argument or several."""
    if len(order) == 1 and (order[0] is None or is_sequence(order[0])):
        return transpose(a, order[0])
    return transpose(a, order or None)


def _permutation(order: Any, ndim: int) -> tuple[int, ...]:
    order = tuple(operator.index(k) for k in order)
    if len(order) != ndim:
        raise ValueError("axes don't match array")
    return several_axes(order, ndim)


def permuted(x: Tracer, permutation: tuple[int, ...]) -> Tracer:
    """The view with axes reordered; a scalar itself."""
    if x._scalar:
        return x
    shape = tuple(x._type.shape[p] for p in permutation)
    return x._new_view(x._type.with_shape(shape), Permuted(permutation))


@implements(np.swapaxes, np.ndarray.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Tracer:
    """As `np.swapaxes`."""
    x = lift.as_array(a)
    order = list(range(x.ndim))
    i, k = one_axis(axis1, x.ndim), one_axis(axis2, x.ndim)
    order[i], order[k] = order[k], order[i]
    return permuted(x, tuple(order))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Tracer:
    """As `np.matrix_transpose`."""
    x = lift.as_array(x)
    if x.ndim < 2:
        raise ValueError("matrix transpose with ndim < 2 is undefined")
    return swapaxes(x, -1, -2)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Tracer:
    """As `np.moveaxis`."""
    x = lift.as_array(a)
    moved, places = several_axes(source, x.ndim), several_axes(destination, x.ndim)
    if len(moved) != len(places):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [k for k in range(x.ndim) if k not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        order.insert(place, axis)
    return permuted(x, tuple(order))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Tracer:
    """As `np.rollaxis`."""
    x = lift.as_array(a)
    axis = one_axis(axis, x.ndim)
    start = one_axis(start, x.ndim + 1)
    order = [k for k in range(x.ndim) if k != axis]
    order.insert(start - (axis < start), axis)
    return permuted(x, tuple(order))


def reversed_along(x: Tracer, along: tuple[int, ...]) -> Tracer:
    """The view that reads some axes backwards; a scalar itself."""
    if x._scalar:
        return x
    shape = x._type.shape
    ctx = require()
    starts = tuple(s - 1 if k in along and ctx.at_least(s, 1) else 0 for k, s in enumerate(shape))
    steps = tuple(-1 if k in along else 1 for k in range(len(shape)))
    return x._new_view(x._type, Region(starts, steps, shape))


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Tracer:
    """As `np.flip`."""
    x = lift.as_array(m)
    along = reduced_axes(axis, x.ndim)
    return reversed_along(x, along) if x.ndim else x[()]


@implements(np.fliplr)
def fliplr(m: Any) -> Tracer:
    """As `np.fliplr`."""
    x = lift.as_array(m)
    if x.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return reversed_along(x, (1,))


@implements(np.flipud)
def flipud(m: Any) -> Tracer:
    """As `np.flipud`."""
    x = lift.as_array(m)
    if x.ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return reversed_along(x, (0,))


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Tracer:
    """As `np.rot90`."""
    x = lift.as_array(m)
    first, second = several_axes(axes, x.ndim)
    if first == second:
        raise ValueError("Axes must be different.")
    k %= 4
    if k == 0:
        return x[...]
    if k == 2:
        return reversed_along(x, (first, second))
    if k == 1:
        return swapaxes(reversed_along(x, (second,)), first, second)
    return reversed_along(swapaxes(x, first, second), (second,))


# --- broadcasting ------------------------------------------------------------------------------


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Tracer:
    """As `np.broadcast_to`: a read-only result."""
    return broadcasted(lift.as_array(array), shape_argument(shape))


def broadcasted(x: Tracer, shape: Shape) -> Tracer:
    """`x` repeated to a shape, read-only."""
    own = x._type.shape
    if values.broadcast_shapes(require(), [own, shape], "broadcast_to") != shape:
        raise ShapeError(
            f"cannot broadcast array of shape {values.shape_text(own)} to shape"
            f" {values.shape_text(shape)}",
            loc=user_location(),
        )
    dims = tuple(range(len(shape) - len(own), len(shape)))
    return x._read_only_view(_READ_ONLY, "broadcast", shape=shape, dims=dims)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Tracer, ...]:
    """As `np.broadcast_arrays`."""
    arrays = [lift.as_array(a) for a in args]
    shape = values.broadcast_shapes(require(), [x._type.shape for x in arrays], "broadcast_arrays")
    return tuple(broadcasted(x, shape) for x in arrays)


# --- copies and conversions --------------------------------------------------------------------


def copied(x: Tracer) -> Tracer:
    """A new array with the same elements."""
    ctx = require()
    if x._is_known:
        return Tracer(ctx, x._type, None, known=np.array(x._known))
    return lift.array(ctx, x._read())


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Tracer:
    """As `np.copy`: in the order of the original, unlike `ndarray.copy`."""
    x = lift.as_array(a)
    return lift.in_order_of(copied(x), [x])


@implements(np.ndarray.copy)
def array_copy(a: Tracer, order: str = "C") -> Tracer:
    """As `ndarray.copy`; of a scalar, a scalar."""
    return lift.tracer(require(), a._read()) if a._scalar else copied(a)


@implements(np.ndarray.astype)
def astype(
    a: Any,
    dtype: Any,
    order: str = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Tracer:
    """As `ndarray.astype`."""
    x, ctx = lift.as_array(a), require()
    target = values.dtype_of(dtype)
    if not np.can_cast(x.dtype, target.numpy, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {x.dtype!r} to {target.numpy!r} according to the rule"
            f" {casting!r}"
        )
    if not copy and target is x._type.dtype and x._weak is None:
        return x
    value = values.cast(ctx, x._read(), target)
    return lift.in_order_of(Tracer(ctx, value.type, value, scalar=x._scalar), [x])


@implements(getattr(np, "astype", "astype"))
def np_astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tracer:
    """As `np.astype`."""
    return astype(x, dtype, copy=copy)


@implements(np.ndarray.fill)
def fill(a: Tracer, value: Any) -> None:
    """As `ndarray.fill`."""
    FUNCTIONS[operator.setitem](a, ..., value)


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """As `np.copyto`."""
    FUNCTIONS["check_out"](dst, "np.copyto")
    source = lift.operand(src)
    key = lift.weak_of(source)
    if isinstance(key, np.dtype) and not np.can_cast(key, dst.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {key!r} to {dst.dtype!r} according to the rule"
            f" {casting!r}"
        )
    if where is True:
        FUNCTIONS[operator.setitem](dst, ..., source)
    else:
        FUNCTIONS[operator.setitem](dst, ..., FUNCTIONS[np.where](where, source, dst))


@implements(np.ndarray.conj, np.ndarray.conjugate, np.real, np.real_if_close)
def conjugate(a: Any) -> Any:
    """The array itself: it is real."""
    return a


# --- facts -------------------------------------------------------------------------------------


@implements(np.shape)
def shape(a: Any) -> tuple[Any, ...]:
    """As `np.shape`."""
    return sizes(require(), lift.as_array(a)._type.shape)


@implements(np.ndim)
def ndim(a: Any) -> int:
    """As `np.ndim`."""
    return lift.as_array(a).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> Any:
    """As `np.size`."""
    x = lift.as_array(a)
    along = reduced_axes(axis, x.ndim)
    return wrap_size(require(), values.size_of(tuple(x._type.shape[k] for k in along)))
