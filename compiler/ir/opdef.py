"""What an operation is: one record that every part of the compiler derives from.

Layer: compiler/ir (no ops are defined here; they live in compiler/ops, one module per family).
Tracing and verification use `infer`, constant folding and tests use `reference`, kernels use
`lower`, `reduction` or `index_map`. Parts of the compiler dispatch on `kind`, never on names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..errors import InternalError
from .types import DType, Shape, Size, TensorType


class Kind(Enum):
    """How an op meets the loops of a kernel."""

    SOURCE = "source"  # no operands: constant, iota, size
    ELEMENTWISE = "elementwise"  # same shape in and out, `lower` per element
    VIEW = "view"  # every output element is one input element, chosen by `index_map`
    REDUCE = "reduce"  # combines elements along `axes` with `reduction`
    SCAN = "scan"  # running combination along `axis` with `reduction`
    ASSEMBLE = "assemble"  # operands become parts of one new array: concatenate, ...
    GATHER = "gather"  # elements chosen by index arrays
    SCATTER = "scatter"  # values added to elements chosen by index arrays
    SORT = "sort"  # puts the elements of rows in order
    CONTRACT = "contract"  # sums of products, done by a BLAS call
    CONVOLVE = "convolve"  # sums of products over windows
    MATRIX = "matrix"  # linear systems and factors of each matrix of a stack, by calls of LAPACK
    REGION = "region"  # loops and branches: operands feed graphs that are attributes


@dataclass(frozen=True, slots=True)
class Affine:
    """Where one input axis of a view is read: `offset + sum(strides[k] * out_index[k])`."""

    offset: Size
    strides: tuple[Size, ...]  # one per output axis


IndexMap = tuple[Affine, ...]  # one per input axis


@dataclass(frozen=True, slots=True)
class Traits:
    """Algebraic facts, each true bit for bit (NaN and signed zeros included) where it is set."""

    commutative: bool = False
    idempotent: bool = False  # f(f(x)) == f(x), or f(x, x) == x
    involution: bool = False  # f(f(x)) == x
    # f(x, unit) is x for every x of every dtype; the unit's bits count: add's is -0.0
    right_unit: float | None = None
    left_unit: float | None = None
    odd: bool = False  # f(-x) == -f(x)
    even: bool = False  # f(-x) == f(x)


@dataclass(frozen=True, slots=True)
class Reduction:
    """A reduction over scalars, as code for a `ScalarBuilder` `s` (see ops/scalar.py).

    An accumulator is a tuple of scalars with dtypes `components(dtype)`. `index` is the i64
    position along the flattened reduced axes. `step(s, accumulator, *elements, index)` takes an
    element of each operand. `merge` joins two accumulators whose positions may interleave (vector
    lanes). `empty_ok` says whether an empty reduction has a value.
    """

    components: Callable[[DType], tuple[DType, ...]]
    init: Callable[[Any, DType], tuple[Any, ...]]
    step: Callable[..., tuple[Any, ...]]
    merge: Callable[[Any, tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]]
    finish: Callable[[Any, tuple[Any, ...], DType], Any]
    needs_index: bool = False
    empty_ok: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """How an elementwise op makes some neighbouring elements at once.

    Where the first operand is i, the result is `make(s, i >> k, *others, **attrs)[i % size]`, with
    a size of 2**k. `lower` does just that; a kernel whose vectors walk along the first operand
    needs no more than one group for all of its elements.
    """

    size: Callable[[Mapping[str, Any]], int]  # of the attributes
    make: Callable[..., tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Routine:
    """What a code generator does for each matrix of a stack.

    `name` is that of LAPACK's or BLAS's routine, without the letter of the dtype. It works in
    place: result k takes the memory of a copy of operand `over[k]`; None: it has memory of its own.
    Operands in `unread` are there for derivatives alone.
    """

    name: str
    over: tuple[int | None, ...]
    unread: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OpDef:
    """One operation. See docs/architecture.md, "Add an op"."""

    name: str
    kind: Kind
    arity: int | None  # None: any number of operands
    infer: Callable[[Sequence[TensorType], Mapping[str, Any]], tuple[TensorType, ...]]
    reference: Callable[..., Any]  # (*arrays, **attrs) -> array or tuple of arrays, in NumPy
    doc: str
    lower: Callable[..., Any] | None = None  # ELEMENTWISE: (s, *scalars, **attrs) -> scalar
    # ELEMENTWISE: as `lower`, of a FastScalarBuilder, for f32 on a GPU if `fast_math` allows it
    fast: Callable[..., Any] | None = None
    group: Group | None = None  # ELEMENTWISE: makes several elements for the work of one
    reduction: Reduction | None = None  # REDUCE, SCAN
    index_map: Callable[[Shape, Shape, Mapping[str, Any]], IndexMap | None] | None = None  # VIEW
    routine: Routine | None = None  # MATRIX
    traits: Traits = field(default_factory=Traits)
    attrs: tuple[str, ...] = ()  # names of the attributes, all required
    ulp: Mapping[DType, float] = field(default_factory=dict)  # largest error; 0 where absent
    partial: bool = False  # VIEW: zero where `index_map` leaves the operand
    # how it is differentiated (see ir/derivative.py); None: its results are no floats
    derivative: Any = None
    # how it is batched (see ir/batching.py: BatchRule, Harmless); no rule is needed by elementwise
    # ops and sources, and `harmless` only by ops that may fail
    batch: Callable[..., Any] | None = None
    harmless: Callable[[int, DType], int | None] | None = None
    cost: float = 1.0  # rough scalar instructions per element: 1 for an add, 30 for an exp

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class Registry:
    """All ops by name; closed once every family is loaded."""

    def __init__(self) -> None:
        self._ops: dict[str, OpDef] = {}
        self._closed = False

    def add(self, op: OpDef) -> OpDef:
        """Register an op; its name must be new."""
        if self._closed:
            raise InternalError(f"op {op.name} is defined after the registry was closed")
        if op.name in self._ops:
            raise InternalError(f"op {op.name} is defined twice")
        self._ops[op.name] = op
        return op

    def close(self) -> None:
        """Refuse further ops."""
        self._closed = True

    def get(self, name: str) -> OpDef | None:
        """The op of this name, or None."""
        return self._ops.get(name)

    def __getitem__(self, name: str) -> OpDef:
        return self._ops[name]

    def __iter__(self) -> Iterator[OpDef]:
        return iter(self._ops.values())

    def __len__(self) -> int:
        return len(self._ops)


REGISTRY = Registry()


def op(name: str, kind: Kind, **fields: Any) -> OpDef:
    """Define and register an op; the last line of every op stanza."""
    return REGISTRY.add(OpDef(name=name, kind=kind, **fields))
