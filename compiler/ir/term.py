"""Expressions over graph values: how rules that build graphs are written.

Layer: compiler/ir. A `Term` is a value together with the builder that its uses are emitted to::

    ct * x.op("cos")          # multiply(ct, cos(x))
    1.0 / (x * x + 1.0)       # numbers take the term's dtype and shape
    (x > y).select(x, y)

Operands of an operator have one dtype and one shape, as those of the ops have; numbers fit
themselves. A term may carry *masks*: bool arrays of its shape, with the promise that the value is
exactly zero where one of them is False. Reverse mode keeps to them (see transforms/reverse.py), so
that a branch that `where` has not taken gives no NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .builder import GraphBuilder
from .dims import product
from .graph import Value
from .literal import Literal
from .opdef import REGISTRY
from .types import DType, Shape, Size, TensorType

Number = float | int | bool


class Mask:
    """A bool array that is made when it is first asked for; compared by identity."""

    __slots__ = ("_make", "_term")

    def __init__(self, make: Callable[[], Term]) -> None:
        self._make = make
        self._term: Term | None = None

    def term(self) -> Term:
        """The array."""
        if self._term is None:
            self._term = self._make()
        return self._term


Masks = tuple[Mask, ...]


def _placed(mask: Mask, place: Callable[[Term], Term]) -> Mask:
    return Mask(lambda: place(mask.term()))


class Term:
    """A value that can be computed with; exactly zero where one of the masks is False."""

    __slots__ = ("builder", "masks", "value")

    def __init__(self, builder: GraphBuilder, value: Value, masks: Masks = ()) -> None:
        self.builder = builder
        self.value = value
        self.masks = masks

    # -- what it is -------------------------------------------------------------------------------

    @property
    def type(self) -> TensorType:
        """Dtype and shape."""
        return self.value.type

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.value.type.dtype

    @property
    def shape(self) -> Shape:
        """The sizes."""
        return self.value.type.shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.value.type.shape)

    def __repr__(self) -> str:
        return f"Term({self.type})"

    # -- applying ops -----------------------------------------------------------------------------

    def op(self, name: str, *others: Term | Number, **attrs: Any) -> Term:
        """The op applied to this term and others; numbers become constants of this type."""
        operands = [self.value, *(self.like(x).value for x in others)]
        return Term(self.builder, self.builder.emit(REGISTRY[name], *operands, **attrs))

    def like(self, x: Term | Number) -> Term:
        """`x` itself if it is a term, else the number in this term's dtype and shape."""
        return x if isinstance(x, Term) else self.full(x)

    def full(self, number: Number, dtype: DType | None = None) -> Term:
        """An array of this term's shape that holds one number."""
        return full(self.builder, self.shape, number, dtype or self.dtype)

    def with_masks(self, masks: Masks) -> Term:
        """The same value, with these promises of zeros."""
        return Term(self.builder, self.value, masks)

    def masked_as(self, other: Term, place: Callable[[Term], Term]) -> Term:
        """The same value with the masks of `other`, each put in its place by `place`."""
        return self.with_masks(tuple(_placed(mask, place) for mask in other.masks))

    # -- arithmetic -------------------------------------------------------------------------------

    def __add__(self, other: Term | Number) -> Term:
        return self.op("add", other)

    def __radd__(self, other: Number) -> Term:
        return self.full(other).op("add", self)

    def __sub__(self, other: Term | Number) -> Term:
        return self.op("subtract", other)

    def __rsub__(self, other: Number) -> Term:
        return self.full(other).op("subtract", self)

    def __mul__(self, other: Term | Number) -> Term:
        product = self.op("multiply", other)
        return product if isinstance(other, Term) else product.with_masks(self.masks)

    def __rmul__(self, other: Number) -> Term:
        return self * other

    def __truediv__(self, other: Term | Number) -> Term:
        quotient = self.op("divide", other)
        return quotient if isinstance(other, Term) else quotient.with_masks(self.masks)

    def __rtruediv__(self, other: Number) -> Term:
        return self.full(other).op("divide", self)

    def __neg__(self) -> Term:
        return self.op("negative").with_masks(self.masks)

    # -- comparison and choice --------------------------------------------------------------------

    def __lt__(self, other: Term | Number) -> Term:
        return self.op("less", other)

    def __le__(self, other: Term | Number) -> Term:
        return self.op("less_equal", other)

    def __gt__(self, other: Term | Number) -> Term:
        return self.op("greater", other)

    def __ge__(self, other: Term | Number) -> Term:
        return self.op("greater_equal", other)

    def eq(self, other: Term | Number) -> Term:
        """Elementwise equality."""
        return self.op("equal", other)

    def ne(self, other: Term | Number) -> Term:
        """Elementwise inequality."""
        return self.op("not_equal", other)

    def __and__(self, other: Term) -> Term:
        return self.op("logical_and", other)

    def __or__(self, other: Term) -> Term:
        return self.op("logical_or", other)

    def __invert__(self) -> Term:
        return self.op("logical_not")

    def select(self, x: Term | Number, y: Term | Number) -> Term:
        """`x` where this condition holds, else `y`; at least one of them is a term."""
        x = x if isinstance(x, Term) else y.full(x)  # type: ignore[union-attr]
        return self.op("select", x, x.like(y))

    def where(self, condition: Term) -> Term:
        """This term where the condition holds, exactly zero elsewhere, with that as a mask."""
        chosen = condition.select(self, 0)
        return chosen.with_masks((*self.masks, Mask(lambda: condition)))

    # -- shape ------------------------------------------------------------------------------------

    def cast(self, dtype: DType) -> Term:
        """Converted to another dtype."""
        if dtype is self.dtype:
            return self
        return self.op("cast", dtype=dtype).with_masks(self.masks)

    def sum(self, axes: Sequence[int]) -> Term:
        """Summed along axes; of bools, whether any is true."""
        if not axes:
            return self
        name = "reduce_any" if self.dtype.is_bool else "reduce_sum"
        summed = self.op(name, axes=tuple(sorted(axes)))
        return summed.masked_as(self, lambda mask: mask.sum(axes))

    def broadcast(self, shape: Shape, dims: Sequence[int]) -> Term:
        """Repeated: axis i becomes axis dims[i] of the result."""
        if tuple(shape) == self.shape:
            return self
        wide = self.op("broadcast", shape=tuple(shape), dims=tuple(dims))
        return wide.masked_as(self, lambda mask: mask.broadcast(shape, dims))

    def spread(self, shape: Shape, axes: Sequence[int]) -> Term:
        """Repeated along new axes: the inverse of taking `sum(axes)` of an array of `shape`."""
        return self.broadcast(shape, [k for k in range(len(shape)) if k not in axes])

    def reshape(self, shape: Shape) -> Term:
        """The same elements in row-major order with another shape."""
        if tuple(shape) == self.shape:
            return self
        shaped = self.op("reshape", shape=tuple(shape))
        return shaped.masked_as(self, lambda mask: mask.reshape(shape))

    def transpose(self, permutation: Sequence[int]) -> Term:
        """Axes reordered: axis k of the result is axis permutation[k]."""
        if list(permutation) == list(range(self.rank)):
            return self
        moved = self.op("transpose", permutation=tuple(permutation))
        return moved.masked_as(self, lambda mask: mask.transpose(permutation))

    def slice(self, starts: Sequence[Size], steps: Sequence[int], shape: Shape) -> Term:
        """The elements start + i*step of each axis."""
        part = self.op("slice", starts=tuple(starts), steps=tuple(steps), shape=tuple(shape))
        return part.masked_as(self, lambda mask: mask.slice(starts, steps, shape))

    def pad(self, starts: Sequence[Size], shape: Sequence[Size]) -> Term:
        """Zeros of `shape` with this term in it, from `starts` on."""
        if tuple(shape) == self.shape:
            return self
        wide = self.op("pad", starts=tuple(starts), shape=tuple(shape))
        return wide.masked_as(self, lambda mask: mask.pad(starts, shape))

    def along(self, axis: int, start: Size, size: Size) -> Term:
        """The `size` neighbours from `start` on along one axis."""
        starts: list[Size] = [0] * self.rank
        starts[axis] = start
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        return self.slice(starts, [1] * self.rank, shape)

    def shift(self, axis: int, distance: int) -> Term:
        """Moved along one axis; zeros come in, what leaves is lost."""
        starts: list[Size] = [0] * self.rank
        size = self.shape[axis]
        wide = (*self.shape[:axis], size + abs(distance), *self.shape[axis + 1 :])
        starts[axis] = max(distance, 0)
        return self.pad(starts, wide).along(axis, max(-distance, 0), size)

    def flip(self, axis: int) -> Term:
        """Reversed along one axis."""
        starts: list[Size] = [0] * self.rank
        steps = [1] * self.rank
        starts[axis], steps[axis] = self.shape[axis] - 1, -1
        return self.slice(starts, steps, self.shape)

    def update(self, value: Term, starts: Sequence[Size], steps: Sequence[int]) -> Term:
        """A copy with the elements start + i*step of each axis replaced."""
        return self.op("update_slice", value, starts=tuple(starts), steps=tuple(steps))

    @property
    def size(self) -> Size:
        """The number of elements."""
        return product(self.shape)


def full(builder: GraphBuilder, shape: Shape, number: Number, dtype: DType) -> Term:
    """An array that holds one number everywhere."""
    one = builder.emit_once(REGISTRY["constant"], value=Literal(number, dtype))
    if shape:
        one = builder.emit_once(REGISTRY["broadcast"], one, shape=tuple(shape), dims=())
    return Term(builder, one)


def concatenate(parts: Sequence[Term], axis: int) -> Term:
    """Arrays one after the other along an axis."""
    first = parts[0]
    return first if len(parts) == 1 else first.op("concatenate", *parts[1:], axis=axis)


def matmul(a: Term, b: Term) -> Term:
    """Matrix product over the last two axes; batch axes are equal."""
    return a.op("matmul", b)
