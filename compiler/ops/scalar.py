"""The scalar instructions that op definitions are written in.

Layer: compiler/ops. An op's `lower(s, x, y)` and a reduction's `step` receive a `ScalarBuilder`
`s` and `Scalar`s; they are written once and interpreted by every backend (LLVM vectors on the CPU,
CUDA source on the GPU, NumPy in tests). A `Scalar` stands for one element, or for a vector of
lanes: code cannot tell, so there are no branches on values. Python numbers beside a Scalar take
its dtype.

Semantics: `+ - * /` and `sqrt` round to nearest even and are never contracted; `fma` is a fused
multiply-add, to be used inside approximations only. Integer arithmetic wraps. Comparisons give
bool Scalars and are false for NaN except `ne`. Shift amounts must lie in [0, bits).
"""

# ruff: noqa: D102 (comments describe the instructions in groups)

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..ir.types import DType

Number = float | int | bool


class Scalar:
    """A value of the generated code: a backend's handle, a dtype, and the builder it lives in."""

    __slots__ = ("builder", "dtype", "handle")

    def __init__(self, builder: ScalarBuilder, dtype: DType, handle: Any) -> None:
        self.builder = builder
        self.dtype = dtype
        self.handle = handle

    def _lift(self, other: Scalar | Number) -> Scalar:
        return other if isinstance(other, Scalar) else self.builder.const(other, self.dtype)

    def __add__(self, other: Scalar | Number) -> Scalar:
        return self.builder.add(self, self._lift(other))

    def __radd__(self, other: Number) -> Scalar:
        return self.builder.add(self._lift(other), self)

    def __sub__(self, other: Scalar | Number) -> Scalar:
        return self.builder.sub(self, self._lift(other))

    def __rsub__(self, other: Number) -> Scalar:
        return self.builder.sub(self._lift(other), self)

    def __mul__(self, other: Scalar | Number) -> Scalar:
        return self.builder.mul(self, self._lift(other))

    def __rmul__(self, other: Number) -> Scalar:
        return self.builder.mul(self._lift(other), self)

    def __truediv__(self, other: Scalar | Number) -> Scalar:
        return self.builder.div(self, self._lift(other))

    def __rtruediv__(self, other: Number) -> Scalar:
        return self.builder.div(self._lift(other), self)

    def __neg__(self) -> Scalar:
        return self.builder.neg(self)

    def __and__(self, other: Scalar | Number) -> Scalar:
        return self.builder.and_(self, self._lift(other))

    def __or__(self, other: Scalar | Number) -> Scalar:
        return self.builder.or_(self, self._lift(other))

    def __xor__(self, other: Scalar | Number) -> Scalar:
        return self.builder.xor(self, self._lift(other))

    def __invert__(self) -> Scalar:
        return self.builder.not_(self)

    def __lshift__(self, other: Scalar | Number) -> Scalar:
        return self.builder.shl(self, self._lift(other))

    def __rshift__(self, other: Scalar | Number) -> Scalar:
        return self.builder.shr(self, self._lift(other))

    # Comparisons are named, because `==` on objects should stay identity for containers.
    def eq(self, other: Scalar | Number) -> Scalar:
        return self.builder.compare("eq", self, self._lift(other))

    def ne(self, other: Scalar | Number) -> Scalar:
        return self.builder.compare("ne", self, self._lift(other))

    def __lt__(self, other: Scalar | Number) -> Scalar:
        return self.builder.compare("lt", self, self._lift(other))

    def __le__(self, other: Scalar | Number) -> Scalar:
        return self.builder.compare("le", self, self._lift(other))

    def __gt__(self, other: Scalar | Number) -> Scalar:
        return self.builder.compare("gt", self, self._lift(other))

    def __ge__(self, other: Scalar | Number) -> Scalar:
        return self.builder.compare("ge", self, self._lift(other))


class ScalarBuilder(Protocol):
    """The closed set of scalar instructions. Operands of one instruction have one dtype."""

    def const(self, value: Number, dtype: DType) -> Scalar: ...

    # arithmetic; div is for floats only
    def add(self, x: Scalar, y: Scalar) -> Scalar: ...
    def sub(self, x: Scalar, y: Scalar) -> Scalar: ...
    def mul(self, x: Scalar, y: Scalar) -> Scalar: ...
    def div(self, x: Scalar, y: Scalar) -> Scalar: ...
    def neg(self, x: Scalar) -> Scalar: ...

    # floats
    def fma(
        self, x: Scalar, y: Scalar | Number, z: Scalar | Number, *, exact: bool = False
    ) -> Scalar: ...  # without the instruction it rounds twice, unless `exact` is asked for
    def sqrt(self, x: Scalar) -> Scalar: ...
    def fabs(self, x: Scalar) -> Scalar: ...
    def floor(self, x: Scalar) -> Scalar: ...
    def ceil(self, x: Scalar) -> Scalar: ...
    def trunc(self, x: Scalar) -> Scalar: ...
    def rint(self, x: Scalar) -> Scalar: ...
    def copysign(self, x: Scalar, y: Scalar | Number) -> Scalar: ...

    # integers: truncating division and remainder; the divisor must not be 0, nor -1 with the
    # smallest dividend (the caller selects a harmless divisor first)
    def quotient(self, x: Scalar, y: Scalar) -> Scalar: ...
    def remainder(self, x: Scalar, y: Scalar) -> Scalar: ...

    # bits, for integers and bools; shr is arithmetic for signed dtypes
    def and_(self, x: Scalar, y: Scalar) -> Scalar: ...
    def or_(self, x: Scalar, y: Scalar) -> Scalar: ...
    def xor(self, x: Scalar, y: Scalar) -> Scalar: ...
    def not_(self, x: Scalar) -> Scalar: ...
    def shl(self, x: Scalar, y: Scalar) -> Scalar: ...
    def shr(self, x: Scalar, y: Scalar) -> Scalar: ...
    def popcount(self, x: Scalar) -> Scalar: ...
    def leading_zeros(self, x: Scalar) -> Scalar: ...

    # choice and conversion
    def compare(self, relation: str, x: Scalar, y: Scalar) -> Scalar: ...
    def select(
        self, condition: Scalar, x: Scalar | Number, y: Scalar | Number
    ) -> Scalar: ...  # at least one of x, y is a Scalar
    def cast(self, x: Scalar, dtype: DType) -> Scalar: ...  # as C converts; NumPy's astype
    def bitcast(self, x: Scalar, dtype: DType) -> Scalar: ...  # same bits, other dtype

    # the C math library, lane by lane: slow but right. `repair` calls it only for lanes where
    # `condition` holds (and costs a branch when none does); other lanes keep `value`.
    def libm(self, name: str, *args: Scalar) -> Scalar: ...
    def repair(self, condition: Scalar, value: Scalar, name: str, *args: Scalar) -> Scalar: ...

    # repeat `state = body(*state)` while `active(*state)` holds in any lane, and give the last
    # state; lanes where it does not hold keep theirs (but `body` must be harmless for it)
    def loop(
        self,
        active: Callable[..., Scalar],
        body: Callable[..., tuple[Scalar, ...]],
        *state: Scalar,
    ) -> tuple[Scalar, ...]: ...

    # raise an error after the kernel has run, if `condition` holds in any active lane
    def flag(self, condition: Scalar, status: int) -> None: ...


class FastScalarBuilder(ScalarBuilder, Protocol):
    """With instructions of GPUs for f32 that give most of the digits, faster."""

    def approximate(self, name: str, x: Scalar) -> Scalar: ...  # ex2, lg2, sin, cos, sqrt


STATUS_NEGATIVE_POWER = 1
STATUS_INDEX = 2
STATUS_PYTHON_INT = 4
STATUS_EMPTY = 8
STATUS_MEMORY = 16
STATUS_SINGULAR = 32
STATUS_NOT_POSITIVE_DEFINITE = 64
