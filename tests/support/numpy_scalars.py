"""A `ScalarBuilder` that executes on NumPy arrays: the executable meaning of every instruction.

A `Scalar`'s handle is an array with one element per lane. `run(op, *arrays)` executes an
ELEMENTWISE op's `lower` the way a kernel does: halves are widened to float32 and rounded back.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from support.same import widened
from tensorwright.compiler.ir.opdef import OpDef
from tensorwright.compiler.ir.types import DType, TensorType
from tensorwright.compiler.ops.scalar import Scalar

_COMPARE = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


class NumpyScalars:
    """Executes each instruction at once; `flags` collects the statuses of `flag`."""

    def __init__(self) -> None:
        self.flags = 0

    def scalar(self, array: Any) -> Scalar:
        """The lanes of an array as a Scalar."""
        array = np.asarray(array)
        dtype = DType.of(array.dtype)
        assert dtype is not None, f"no Scalar has dtype {array.dtype}"
        return Scalar(self, dtype, array)

    def const(self, value: float | int | bool, dtype: DType) -> Scalar:
        if dtype.is_integer:  # wraps around
            value = int(value) & ((1 << dtype.bits) - 1)
            return self.scalar(np.asarray(value, f"u{dtype.itemsize}").view(dtype.numpy))
        return self.scalar(np.asarray(value, dtype.numpy))

    def _same(self, *scalars: Scalar) -> list[np.ndarray]:
        assert len({x.dtype for x in scalars}) == 1, f"dtypes differ: {[x.dtype for x in scalars]}"
        return [x.handle for x in scalars]

    def _apply(self, function: Callable[..., Any], *scalars: Scalar) -> Scalar:
        """function on operands of one dtype; the result has that dtype."""
        arrays = self._same(*scalars)
        assert not scalars[0].dtype.is_half, "halves can only be converted"
        with np.errstate(all="ignore"):
            result = np.asarray(function(*arrays))
        assert result.dtype == arrays[0].dtype, f"{function} gave {result.dtype}"
        return self.scalar(result)

    def _floats(self, function: Callable[..., Any], *scalars: Scalar) -> Scalar:
        assert scalars[0].dtype.is_float
        return self._apply(function, *scalars)

    def _integers(self, function: Callable[..., Any], *scalars: Scalar) -> Scalar:
        assert scalars[0].dtype.is_integer
        return self._apply(function, *scalars)

    def _bits(self, function: Callable[..., Any], *scalars: Scalar) -> Scalar:
        assert not scalars[0].dtype.is_float
        return self._apply(function, *scalars)

    def _numbers(self, function: Callable[..., Any], *scalars: Scalar) -> Scalar:
        assert not scalars[0].dtype.is_bool
        return self._apply(function, *scalars)

    def _lift(self, value: Scalar | float, dtype: DType) -> Scalar:
        return value if isinstance(value, Scalar) else self.const(value, dtype)

    def add(self, x: Scalar, y: Scalar) -> Scalar:
        return self._numbers(np.add, x, y)

    def sub(self, x: Scalar, y: Scalar) -> Scalar:
        return self._numbers(np.subtract, x, y)

    def mul(self, x: Scalar, y: Scalar) -> Scalar:
        return self._numbers(np.multiply, x, y)

    def div(self, x: Scalar, y: Scalar) -> Scalar:
        return self._floats(np.divide, x, y)

    def neg(self, x: Scalar) -> Scalar:
        return self._numbers(np.negative, x)

    def fma(self, x: Scalar, y: Scalar | float, z: Scalar | float, *, exact: bool = True) -> Scalar:
        return self.libm("fma", x, self._lift(y, x.dtype), self._lift(z, x.dtype))

    def sqrt(self, x: Scalar) -> Scalar:
        return self._floats(np.sqrt, x)

    def fabs(self, x: Scalar) -> Scalar:
        return self._floats(np.abs, x)

    def floor(self, x: Scalar) -> Scalar:
        return self._floats(np.floor, x)

    def ceil(self, x: Scalar) -> Scalar:
        return self._floats(np.ceil, x)

    def trunc(self, x: Scalar) -> Scalar:
        return self._floats(np.trunc, x)

    def rint(self, x: Scalar) -> Scalar:
        return self._floats(np.rint, x)

    def copysign(self, x: Scalar, y: Scalar | float) -> Scalar:
        return self._floats(np.copysign, x, self._lift(y, x.dtype))

    def quotient(self, x: Scalar, y: Scalar) -> Scalar:
        self._check_divisor(x, y)
        return self._integers(lambda a, b: (a - np.fmod(a, b)) // b, x, y)

    def remainder(self, x: Scalar, y: Scalar) -> Scalar:
        self._check_divisor(x, y)
        return self._integers(np.fmod, x, y)

    def _check_divisor(self, x: Scalar, y: Scalar) -> None:
        assert np.all(y.handle != 0), "division by 0 is undefined in generated code"
        if x.dtype.is_signed:
            smallest = np.iinfo(x.dtype.numpy).min
            assert not np.any((y.handle == -1) & (x.handle == smallest)), "quotient overflows"

    def and_(self, x: Scalar, y: Scalar) -> Scalar:
        return self._bits(np.bitwise_and, x, y)

    def or_(self, x: Scalar, y: Scalar) -> Scalar:
        return self._bits(np.bitwise_or, x, y)

    def xor(self, x: Scalar, y: Scalar) -> Scalar:
        return self._bits(np.bitwise_xor, x, y)

    def not_(self, x: Scalar) -> Scalar:
        return self._bits(np.invert, x)

    def shl(self, x: Scalar, y: Scalar) -> Scalar:
        self._check_amount(y)
        return self._integers(np.left_shift, x, y)

    def shr(self, x: Scalar, y: Scalar) -> Scalar:
        self._check_amount(y)
        return self._integers(np.right_shift, x, y)

    def _check_amount(self, y: Scalar) -> None:
        in_range = (y.handle >= 0) & (y.handle < y.dtype.bits)
        assert np.all(in_range), "a shift amount lies outside of [0, bits)"

    def popcount(self, x: Scalar) -> Scalar:
        unsigned = x.handle.view(f"u{x.dtype.itemsize}")
        return self.scalar(np.bitwise_count(unsigned).astype(x.dtype.numpy))

    def leading_zeros(self, x: Scalar) -> Scalar:
        lengths = [int(v).bit_length() for v in x.handle.view(f"u{x.dtype.itemsize}").ravel()]
        zeros = x.dtype.bits - np.array(lengths, np.int64).reshape(x.handle.shape)
        return self.scalar(zeros.astype(x.dtype.numpy))

    def compare(self, relation: str, x: Scalar, y: Scalar) -> Scalar:
        return self.scalar(np.asarray(_COMPARE[relation](*self._same(x, y))))

    def select(self, condition: Scalar, x: Scalar | float, y: Scalar | float) -> Scalar:
        assert condition.dtype.is_bool
        dtype = x.dtype if isinstance(x, Scalar) else y.dtype  # type: ignore[union-attr]
        a, b = self._same(self._lift(x, dtype), self._lift(y, dtype))
        return self.scalar(np.where(condition.handle, a, b))

    def cast(self, x: Scalar, dtype: DType) -> Scalar:
        with np.errstate(all="ignore"):
            return self.scalar(x.handle.astype(dtype.numpy))

    def bitcast(self, x: Scalar, dtype: DType) -> Scalar:
        assert dtype.bits == x.dtype.bits and not x.dtype.is_bool and not dtype.is_bool
        return self.scalar(x.handle.view(dtype.numpy))

    def libm(self, name: str, *args: Scalar) -> Scalar:
        arrays = np.broadcast_arrays(*self._same(*args))
        function = _libm(name, len(args), args[0].dtype)
        values = [
            function(*lane) for lane in zip(*(a.ravel().tolist() for a in arrays), strict=True)
        ]
        return self.scalar(np.array(values, args[0].dtype.numpy).reshape(arrays[0].shape))

    def repair(self, condition: Scalar, value: Scalar, name: str, *args: Scalar) -> Scalar:
        mask, *arrays = np.broadcast_arrays(condition.handle, *self._same(value, *args))
        result = arrays[0].copy()
        result[mask] = self.libm(name, *(self.scalar(a[mask]) for a in arrays[1:])).handle
        return self.scalar(result)

    def loop(
        self,
        active: Callable[..., Scalar],
        body: Callable[..., tuple[Scalar, ...]],
        *state: Scalar,
    ) -> tuple[Scalar, ...]:
        while True:
            lanes = active(*state)
            if not np.any(lanes.handle):
                return state
            new = body(*state)
            state = tuple(self.select(lanes, n, o) for n, o in zip(new, state, strict=True))

    def flag(self, condition: Scalar, status: int) -> None:
        if np.any(condition.handle):
            self.flags |= status


@functools.cache
def _libm(name: str, arity: int, dtype: DType) -> Any:
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    ctype = ctypes.c_float if dtype is DType.F32 else ctypes.c_double
    function = getattr(library, name + ("f" if dtype is DType.F32 else ""))
    function.restype, function.argtypes = ctype, [ctype] * arity
    return function


def run(op: OpDef, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
    """`op.lower` over arrays of one shape; the result has the dtype that `infer` gives."""
    types = [TensorType(DType.of(a.dtype), a.shape) for a in arrays]  # type: ignore[arg-type]
    (result,) = op.infer(types, attrs)
    s = NumpyScalars()
    operands = [s.scalar(widened(a)) for a in arrays]
    out = op.lower(s, *operands, **attrs)  # type: ignore[misc]
    assert s.flags == 0, f"{op.name} raised the status {s.flags}"
    if result.dtype.is_half and out.dtype is DType.F32:
        out = s.cast(out, result.dtype)
    assert out.dtype is result.dtype, f"{op.name}: lower gives {out.dtype}, infer {result.dtype}"
    return np.broadcast_to(out.handle, arrays[0].shape).copy()
