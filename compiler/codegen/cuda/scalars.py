"""The scalar instructions as statements of a Numba CUDA kernel.

Layer: compiler/codegen/cuda. `CudaScalars` interprets the `ScalarBuilder` protocol of
ops/scalar.py: each instruction assigns a new variable. Ops are written in these instructions, so a
kernel computes what the CPU's does, bit for bit. `np`, `cuda` and `libdevice` are what the runtime
puts into the module; the simulator has all three.

Numba makes 64-bit integers of all integer arithmetic, so every result is brought back to its
dtype. NVVM joins a product and a sum to one rounding unless the product is `mul.rn`; `fast_math`
allows it to.
"""

# ruff: noqa: D102 (the instructions are documented in the protocol)

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import numpy as np

from ...errors import InternalError
from ...ir.types import DType
from ...ops.scalar import Number, Scalar
from .source import SourceWriter

_RELATIONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_SELECTED = frozenset({DType.I32, DType.U32, DType.I64, DType.U64, DType.F32, DType.F64})
_BITS = {
    (DType.F32, DType.I32): "float_as_int",
    (DType.I32, DType.F32): "int_as_float",
    (DType.F64, DType.I64): "double_as_longlong",
    (DType.I64, DType.F64): "longlong_as_double",
}
_SIGNED = {DType.U32: DType.I32, DType.U64: DType.I64}
# C functions of floats whose results are exact, or would be rounded twice by way of doubles.
_EXACT_IN_C = frozenset({"fma", "fmod"})


class CudaScalars:
    """Writes scalar instructions at the end of `out`; the handle of a Scalar is an expression."""

    def __init__(self, out: SourceWriter, fast_math: bool = False) -> None:
        self.out = out
        self.fast_math = fast_math

    def typed(self, expression: str, dtype: DType) -> Scalar:
        """A Scalar of an expression that has another dtype, or may have."""
        return Scalar(self, dtype, self.out.assign(f"{type_name(dtype)}({expression})"))

    def plain(self, expression: str, dtype: DType) -> Scalar:
        """A Scalar of an expression that has this dtype."""
        return Scalar(self, dtype, self.out.assign(expression))

    def const(self, value: Number, dtype: DType) -> Scalar:
        return Scalar(self, dtype, literal(value, dtype))

    def _lift(self, value: Scalar | Number, dtype: DType) -> Scalar:
        return value if isinstance(value, Scalar) else self.const(value, dtype)

    # ----------------------------------------------------------------- arithmetic

    def add(self, x: Scalar, y: Scalar) -> Scalar:
        return self._arithmetic(f"{x.handle} + {y.handle}", x.dtype)

    def sub(self, x: Scalar, y: Scalar) -> Scalar:
        return self._arithmetic(f"{x.handle} - {y.handle}", x.dtype)

    def mul(self, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype.is_float and not self.fast_math:
            name = "fmul_rn" if x.dtype is DType.F32 else "dmul_rn"
            return self.plain(f"libdevice.{name}({x.handle}, {y.handle})", x.dtype)
        return self._arithmetic(f"{x.handle} * {y.handle}", x.dtype)

    def div(self, x: Scalar, y: Scalar) -> Scalar:
        if self.fast_math and x.dtype is DType.F32:
            return self.plain(f"libdevice.fast_fdividef({x.handle}, {y.handle})", x.dtype)
        return self._arithmetic(f"{x.handle} / {y.handle}", x.dtype)

    def neg(self, x: Scalar) -> Scalar:
        if x.dtype.is_float:
            return self.plain(f"-{x.handle}", x.dtype)
        return self.sub(self.const(0, x.dtype), x)

    def _arithmetic(self, expression: str, dtype: DType) -> Scalar:
        if dtype.is_float:
            return self.plain(expression, dtype)
        return self.typed(expression, dtype)

    def quotient(self, x: Scalar, y: Scalar) -> Scalar:
        floor = self.typed(f"{x.handle} // {y.handle}", x.dtype)
        if x.dtype.is_unsigned:
            return floor
        rest = x - floor * y
        inexact = rest.ne(0) & self.xor(x < 0, y < 0)
        return self.select(inexact, floor + 1, floor)

    def remainder(self, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype.is_unsigned:
            return self.typed(f"{x.handle} % {y.handle}", x.dtype)
        return x - self.quotient(x, y) * y

    # --------------------------------------------------------------------- floats

    def _call(self, name: str, dtype: DType, *args: str) -> Scalar:
        """A function of libdevice; those of f32 end with f."""
        suffix = "f" if dtype is DType.F32 else ""
        return self.plain(f"libdevice.{name}{suffix}({', '.join(args)})", dtype)

    def fma(
        self, x: Scalar, y: Scalar | Number, z: Scalar | Number, *, exact: bool = False
    ) -> Scalar:
        dtype = x.dtype
        args = (x, self._lift(y, dtype), self._lift(z, dtype))
        return self._call("fma", dtype, *(a.handle for a in args))

    def sqrt(self, x: Scalar) -> Scalar:
        return self._call("sqrt", x.dtype, x.handle)

    def approximate(self, name: str, x: Scalar) -> Scalar:
        """As `FastScalarBuilder.approximate`."""
        return self.plain(f"approximate_{name}({x.handle})", x.dtype)

    def fabs(self, x: Scalar) -> Scalar:
        return self._call("fabs", x.dtype, x.handle)

    def floor(self, x: Scalar) -> Scalar:
        return self._call("floor", x.dtype, x.handle)

    def ceil(self, x: Scalar) -> Scalar:
        return self._call("ceil", x.dtype, x.handle)

    def trunc(self, x: Scalar) -> Scalar:
        return self._call("trunc", x.dtype, x.handle)

    def rint(self, x: Scalar) -> Scalar:
        return self._call("rint", x.dtype, x.handle)

    def copysign(self, x: Scalar, y: Scalar | Number) -> Scalar:
        return self._call("copysign", x.dtype, x.handle, self._lift(y, x.dtype).handle)

    # ----------------------------------------------------------------------- bits

    def and_(self, x: Scalar, y: Scalar) -> Scalar:
        return self._bitwise("&", x, y)

    def or_(self, x: Scalar, y: Scalar) -> Scalar:
        return self._bitwise("|", x, y)

    def xor(self, x: Scalar, y: Scalar) -> Scalar:
        return self._bitwise("!=" if x.dtype.is_bool else "^", x, y)

    def _bitwise(self, sign: str, x: Scalar, y: Scalar) -> Scalar:
        expression = f"{x.handle} {sign} {y.handle}"
        return (
            self.plain(expression, x.dtype) if x.dtype.is_bool else self.typed(expression, x.dtype)
        )

    def not_(self, x: Scalar) -> Scalar:
        if x.dtype.is_bool:
            return self.plain(f"not {x.handle}", x.dtype)
        return self.xor(x, self.const(-1, x.dtype))

    def shl(self, x: Scalar, y: Scalar) -> Scalar:
        return self.typed(f"{x.handle} << {y.handle}", x.dtype)

    def shr(self, x: Scalar, y: Scalar) -> Scalar:
        return self.typed(f"{x.handle} >> {y.handle}", x.dtype)

    def popcount(self, x: Scalar) -> Scalar:
        wide = self._bits_of(x)
        return self.typed(f"libdevice.popcll({wide})", x.dtype)

    def leading_zeros(self, x: Scalar) -> Scalar:
        wide = self._bits_of(x)
        return self.typed(f"libdevice.clzll({wide}) - {64 - x.dtype.bits}", x.dtype)

    def _bits_of(self, x: Scalar) -> str:
        """The bits in an i64, above them zeros."""
        unsigned = f"np.uint{x.dtype.bits}({x.handle})"
        return f"np.int64({unsigned})"

    # --------------------------------------------------------- choice, conversion

    def compare(self, relation: str, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype is DType.BF16:
            x, y = self._from_bf16(x), self._from_bf16(y)
        return self.plain(f"{x.handle} {_RELATIONS[relation]} {y.handle}", DType.BOOL)

    def select(self, condition: Scalar, x: Scalar | Number, y: Scalar | Number) -> Scalar:
        known = x if isinstance(x, Scalar) else y
        if not isinstance(known, Scalar):
            raise InternalError("select needs a Scalar to tell its dtype")
        dtype, c = known.dtype, condition.handle
        p, q = self._lift(x, dtype).handle, self._lift(y, dtype).handle
        if dtype in _SELECTED:
            return self.plain(f"cuda.selp({c}, {p}, {q})", dtype)
        return self.plain(f"{p} if {c} else {q}", dtype)

    def bitcast(self, x: Scalar, dtype: DType) -> Scalar:
        source = x.dtype
        if source.is_float == dtype.is_float:
            return x if source is dtype else self.typed(x.handle, dtype)
        if dtype.is_float:
            signed = _SIGNED.get(source, source)
            return self.plain(
                f"libdevice.{_BITS[signed, dtype]}({self.bitcast(x, signed).handle})", dtype
            )
        signed = _SIGNED.get(dtype, dtype)
        bits = self.plain(f"libdevice.{_BITS[source, signed]}({x.handle})", signed)
        return self.bitcast(bits, dtype)

    def cast(self, x: Scalar, dtype: DType) -> Scalar:
        source = x.dtype
        if source is dtype:
            return x
        if dtype.is_bool:
            return self.compare("ne", x, self.const(0, source))
        if dtype.is_integer and source.is_float:
            return self._float_to_int(x, dtype)
        if source is DType.BF16:
            return self.cast(self._from_bf16(x), dtype)
        if dtype is DType.BF16:
            return self._to_bf16(self.cast(x, DType.F32))
        if dtype is DType.F16 and not source.is_float:  # NumPy rounds integers to f32 on the way
            x = self.typed(x.handle, DType.F32)
        return self.typed(x.handle, dtype)

    def _from_bf16(self, x: Scalar) -> Scalar:
        """The f32 that it is the upper half of."""
        return self.bitcast(self.typed(f"np.int32({x.handle}) << 16", DType.I32), DType.F32)

    def _to_bf16(self, x: Scalar) -> Scalar:
        """The nearest one, of two the even one: half of the last place is added, or just less."""
        bits = self.bitcast(x, DType.U32)
        rounded = bits + 0x7FFF + ((bits >> 16) & 1)
        nan = (bits & 0x80000000) | 0x7FC00000
        half = self.select(x.eq(x), rounded, nan) >> 16
        return self.typed(half.handle, DType.BF16)

    def _float_to_int(self, x: Scalar, dtype: DType) -> Scalar:
        """As NumPy does on x86-64; see codegen/llvm/scalars.py for what that is."""
        if x.dtype.is_half:
            x = self.cast(x, DType.F32)
        if dtype is DType.U64:
            big = x >= 2.0**63
            low = self._truncated(self.select(big, x - 2.0**63, x), DType.I64)
            high = self.select(big, self.const(-(2**63), DType.I64), 0)
            return self.typed((low ^ high).handle, DType.U64)
        wide = DType.I64 if dtype.bits == 64 or dtype is DType.U32 else DType.I32
        return self.cast(self._truncated(x, wide), dtype)

    def _truncated(self, x: Scalar, dtype: DType) -> Scalar:
        limit = 2.0 ** (dtype.bits - 1)
        return self.typed(self.select(self.fabs(x) < limit, x, -limit).handle, dtype)

    # --------------------------------------------------- calls and other rare ends

    def libm(self, name: str, *args: Scalar) -> Scalar:
        return self.plain(_c_call(name, args, self.fast_math), args[0].dtype)

    def repair(self, condition: Scalar, value: Scalar, name: str, *args: Scalar) -> Scalar:
        result = self.plain(value.handle, value.dtype)
        with self.out.block(f"if {condition.handle}:"):
            self.out.line(f"{result.handle} = {_c_call(name, args, self.fast_math)}")
        return result

    def loop(
        self,
        active: Callable[..., Scalar],
        body: Callable[..., tuple[Scalar, ...]],
        *state: Scalar,
    ) -> tuple[Scalar, ...]:
        current = tuple(self.plain(x.handle, x.dtype) for x in state)
        with self.out.block("while True:"):
            going = active(*current)
            with self.out.block(f"if not {going.handle}:"):
                self.out.line("break")
            self.move(current, body(*current))
        return current

    def move(self, to: tuple[Scalar, ...], values: tuple[Scalar, ...]) -> None:
        """Give variables new values, all at once."""
        names = ", ".join(x.handle for x in to)
        self.out.line(f"{names} = {', '.join(x.handle for x in values)}")

    def shuffled(self, way: str, x: Scalar, by: str) -> Scalar:
        """Another thread's value, `shuffle_down` or `shuffle_from`; few bits go as 32."""
        d = x.dtype
        if d in (DType.F32, DType.F64, DType.I32, DType.I64):
            return self.plain(f"shuffle_{way}({x.handle}, {by})", d)
        word = "np.int64" if d is DType.U64 else "np.int32"
        moved = f"shuffle_{way}({word}({x.handle}), {by})"
        return self.plain(f"{moved} != 0", d) if d.is_bool else self.typed(moved, d)

    def flag(self, condition: Scalar, status: int) -> None:
        with self.out.block(f"if {condition.handle}:"):
            self.out.line(f"cuda.atomic.or_(status, 0, np.int64({status}))")


def type_name(dtype: DType) -> str:
    """The dtype's class in NumPy, which Numba knows, too; a bf16 is its bits."""
    if dtype is DType.BF16:
        return "np.uint16"
    return "np.bool_" if dtype.is_bool else f"np.{dtype.numpy.name}"


def literal(value: Number, dtype: DType) -> str:
    """One element as an expression, every bit kept but those of a NaN."""
    if dtype.is_bool:
        return "True" if value else "False"
    if not dtype.is_float:
        wrapped = int(value) & ((1 << dtype.bits) - 1)
        if dtype.is_signed and wrapped >> (dtype.bits - 1):
            wrapped -= 1 << dtype.bits
        return f"{type_name(dtype)}({wrapped})"
    number = float(value)
    if dtype is DType.BF16:
        return f"np.uint16({int(np.array(number, dtype.numpy).view(np.uint16))})"
    if dtype is not DType.F64 and math.isfinite(number):
        try:
            code = ">e" if dtype is DType.F16 else ">f"
            (number,) = struct.unpack(code, struct.pack(code, number))
        except OverflowError:  # struct refuses what rounds to infinity
            number = math.copysign(math.inf, number)
    text = repr(number) if math.isfinite(number) else f"np.{abs(number)}"
    return f"{type_name(dtype)}({'-' if number == -math.inf else ''}{text})"


def _c_call(name: str, args: tuple[Scalar, ...], fast_math: bool) -> str:
    """A function of the C library; of f32, the f64 one rounded unless that may be another way."""
    handles = [a.handle for a in args]
    if args[0].dtype is not DType.F32:
        return f"libdevice.{name}({', '.join(handles)})"
    if fast_math or name in _EXACT_IN_C:
        return f"libdevice.{name}f({', '.join(handles)})"
    return f"np.float32(libdevice.{name}({', '.join(f'np.float64({h})' for h in handles)}))"
