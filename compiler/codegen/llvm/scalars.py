"""The scalar instructions as LLVM vector code.

Layer: compiler/codegen/llvm. `LlvmScalars` interprets the `ScalarBuilder` protocol of
ops/scalar.py by writing instructions into one function through a `FunctionWriter`. The handle of a
Scalar is an SSA name or the text of a constant. With `lanes == 1` the types are `double`, `i32`,
`i1`; with more lanes `<8 x double>`, `<8 x i32>`, `<8 x i1>`: an instruction is one vector
instruction whatever the dtype, and LLVM splits what is wider than the machine.

Conversions give the bits that NumPy gives on x86-64, on every platform: nothing is left to what
a processor does with values out of range (see `_float_to_int`).

A bf16 is an i16 in registers, the upper half of the f32 with its value: LLVM has a type for it,
but no instructions on most processors, and those that there are lose subnormal numbers.
"""

# ruff: noqa: D102 (the instructions are documented in the protocol)

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

from ...errors import InternalError
from ...ir.types import DType
from ...ops.scalar import Number, Scalar
from .writer import FunctionWriter, ModuleWriter

_TYPES = {
    DType.BOOL: "i1",
    DType.F16: "half",
    DType.BF16: "i16",
    DType.F32: "float",
    DType.F64: "double",
} | {d: f"i{d.bits}" for d in DType if d.is_integer}

# C functions of floats whose results are exact, or would be rounded twice by way of doubles.
_EXACT_IN_C = frozenset({"fma", "fmod"})

_RELATIONS = ("eq", "ne", "lt", "le", "gt", "ge")
_FLOAT_COMPARE = {r: f"fcmp {'u' if r == 'ne' else 'o'}{r} " for r in _RELATIONS}
_SIGNED_COMPARE = {r: f"icmp {r if r in ('eq', 'ne') else 's' + r} " for r in _RELATIONS}
_UNSIGNED_COMPARE = {r: f"icmp {r if r in ('eq', 'ne') else 'u' + r} " for r in _RELATIONS}


class LlvmScalars:
    """Writes scalar instructions over `lanes` lanes at the end of `fn`.

    `mask` names the active lanes (an `i1` vector) and `status` an i64 in memory; both matter to
    `libm`, `repair` and `flag` alone. Without `has_fma`, `fma` rounds twice.
    """

    def __init__(
        self,
        fn: FunctionWriter,
        lanes: int,
        mask: str | None = None,
        status: str | None = None,
        has_fma: bool = True,
    ) -> None:
        self.fn = fn
        self.lanes = lanes
        self.mask = mask
        self.status = status
        self.has_fma = has_fma
        self._assign = fn.assign
        if lanes == 1:
            self._types = _TYPES
        else:
            self._types = {d: f"<{lanes} x {t}>" for d, t in _TYPES.items()}
        self._calls: dict[tuple[str, DType], tuple[str, str]] = {}

    def type_of(self, dtype: DType) -> str:
        """The LLVM type of a Scalar of this dtype."""
        return self._types[dtype]

    # ------------------------------------------------------------------ constants

    def const(self, value: Number, dtype: DType) -> Scalar:
        return Scalar(self, dtype, self._constant(value, dtype))

    def _constant(self, value: Number, dtype: DType) -> str:
        text = _literal(value, dtype)
        return text if self.lanes == 1 else f"splat ({_TYPES[dtype]} {text})"

    def _handle(self, value: Scalar | Number, dtype: DType) -> str:
        return value.handle if isinstance(value, Scalar) else self._constant(value, dtype)

    # ----------------------------------------------------------------- arithmetic

    def _binary(self, opcode: str, x: Scalar, y: Scalar) -> Scalar:
        dtype = x.dtype
        return Scalar(
            self, dtype, self._assign(f"{opcode} {self._types[dtype]} {x.handle}, {y.handle}")
        )

    def add(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("fadd" if x.dtype.is_float else "add", x, y)

    def sub(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("fsub" if x.dtype.is_float else "sub", x, y)

    def mul(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("fmul" if x.dtype.is_float else "mul", x, y)

    def div(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("fdiv", x, y)

    def neg(self, x: Scalar) -> Scalar:
        if not x.dtype.is_float:
            return self._binary("sub", self.const(0, x.dtype), x)
        return Scalar(self, x.dtype, self._assign(f"fneg {self._types[x.dtype]} {x.handle}"))

    def quotient(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("sdiv" if x.dtype.is_signed else "udiv", x, y)

    def remainder(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("srem" if x.dtype.is_signed else "urem", x, y)

    # ----------------------------------------------------------------- intrinsics

    def _intrinsic(self, name: str, dtype: DType, arity: int) -> tuple[str, str]:
        """The text `call T @llvm.name(T ` and the separator `, T ` between operands."""
        found = self._calls.get((name, dtype))
        if found is None:
            type = self._types[dtype]
            suffix = f"f{dtype.bits}" if dtype.is_float else f"i{dtype.bits}"
            if self.lanes > 1:
                suffix = f"v{self.lanes}{suffix}"
            params = [type] * arity + (["i1"] if name == "ctlz" else [])
            callee = self.fn.module.declare(f"@llvm.{name}.{suffix}", type, params)
            found = self._calls[name, dtype] = (f"call {type} {callee}({type} ", f", {type} ")
        return found

    def _unary_call(self, name: str, x: Scalar) -> Scalar:
        call, _ = self._intrinsic(name, x.dtype, 1)
        return Scalar(self, x.dtype, self._assign(f"{call}{x.handle})"))

    def fma(
        self, x: Scalar, y: Scalar | Number, z: Scalar | Number, *, exact: bool = False
    ) -> Scalar:
        dtype = x.dtype
        p, q = self._handle(y, dtype), self._handle(z, dtype)
        if not self.has_fma and exact:
            return self.libm("fma", x, Scalar(self, dtype, p), Scalar(self, dtype, q))
        if not self.has_fma:
            type = self._types[dtype]
            product = self._assign(f"fmul {type} {x.handle}, {p}")
            return Scalar(self, dtype, self._assign(f"fadd {type} {product}, {q}"))
        call, comma = self._intrinsic("fma", dtype, 3)
        return Scalar(self, dtype, self._assign(f"{call}{x.handle}{comma}{p}{comma}{q})"))

    def sqrt(self, x: Scalar) -> Scalar:
        return self._unary_call("sqrt", x)

    def fabs(self, x: Scalar) -> Scalar:
        return self._unary_call("fabs", x)

    def floor(self, x: Scalar) -> Scalar:
        return self._unary_call("floor", x)

    def ceil(self, x: Scalar) -> Scalar:
        return self._unary_call("ceil", x)

    def trunc(self, x: Scalar) -> Scalar:
        return self._unary_call("trunc", x)

    def rint(self, x: Scalar) -> Scalar:
        return self._unary_call("rint", x)

    def copysign(self, x: Scalar, y: Scalar | Number) -> Scalar:
        call, comma = self._intrinsic("copysign", x.dtype, 2)
        sign = self._handle(y, x.dtype)
        return Scalar(self, x.dtype, self._assign(f"{call}{x.handle}{comma}{sign})"))

    # ----------------------------------------------------------------------- bits

    def and_(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("and", x, y)

    def or_(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("or", x, y)

    def xor(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("xor", x, y)

    def not_(self, x: Scalar) -> Scalar:
        ones = self.const(True if x.dtype.is_bool else -1, x.dtype)
        return self._binary("xor", x, ones)

    def shl(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("shl", x, y)

    def shr(self, x: Scalar, y: Scalar) -> Scalar:
        return self._binary("ashr" if x.dtype.is_signed else "lshr", x, y)

    def popcount(self, x: Scalar) -> Scalar:
        return self._unary_call("ctpop", x)

    def leading_zeros(self, x: Scalar) -> Scalar:
        call, _ = self._intrinsic("ctlz", x.dtype, 1)
        return Scalar(self, x.dtype, self._assign(f"{call}{x.handle}, i1 false)"))

    # ----------------------------------------------------------------- comparison

    def compare(self, relation: str, x: Scalar, y: Scalar) -> Scalar:
        dtype = x.dtype
        if dtype is DType.BF16:
            return self.compare(relation, self._from_bf16(x), self._from_bf16(y))
        if dtype.is_float:
            opcode = _FLOAT_COMPARE[relation]
        else:
            opcode = (_SIGNED_COMPARE if dtype.is_signed else _UNSIGNED_COMPARE)[relation]
        text = f"{opcode}{self._types[dtype]} {x.handle}, {y.handle}"
        return Scalar(self, DType.BOOL, self._assign(text))

    def select(self, condition: Scalar, x: Scalar | Number, y: Scalar | Number) -> Scalar:
        known = x if isinstance(x, Scalar) else y
        if not isinstance(known, Scalar):
            raise InternalError("select needs a Scalar to tell its dtype")
        dtype = known.dtype
        type, bools = self._types[dtype], self._types[DType.BOOL]
        p, q = self._handle(x, dtype), self._handle(y, dtype)
        text = f"select {bools} {condition.handle}, {type} {p}, {type} {q}"
        return Scalar(self, dtype, self._assign(text))

    # ----------------------------------------------------------------- conversion

    def bitcast(self, x: Scalar, dtype: DType) -> Scalar:
        source, target = self._types[x.dtype], self._types[dtype]
        if source == target:
            return Scalar(self, dtype, x.handle)
        return Scalar(self, dtype, self._assign(f"bitcast {source} {x.handle} to {target}"))

    def cast(self, x: Scalar, dtype: DType) -> Scalar:
        source = x.dtype
        if source is dtype:
            return x
        if source is DType.BF16:
            return self.cast(self._from_bf16(x), dtype)
        if dtype is DType.BF16:
            return self._to_bf16(self.cast(x, DType.F32))
        if dtype.is_bool:
            return self.compare("ne", x, self.const(0, source))
        if dtype.is_float:
            return self._to_float(x, dtype)
        if source.is_float:
            return self._float_to_int(x, dtype)
        return self._int_to_int(x, dtype)

    def _convert(self, opcode: str, x: Scalar, dtype: DType) -> Scalar:
        text = f"{opcode} {self._types[x.dtype]} {x.handle} to {self._types[dtype]}"
        return Scalar(self, dtype, self._assign(text))

    def _int_to_int(self, x: Scalar, dtype: DType) -> Scalar:
        source = x.dtype
        if not source.is_bool and source.bits == dtype.bits:
            return Scalar(self, dtype, x.handle)
        if not source.is_bool and source.bits > dtype.bits:
            return self._convert("trunc", x, dtype)
        return self._convert("sext" if source.is_signed else "zext", x, dtype)

    def _to_float(self, x: Scalar, dtype: DType) -> Scalar:
        source = x.dtype
        if source.is_bool:
            return self.select(x, self.const(1.0, dtype), 0.0)
        if source.is_float:
            if source is DType.F64 and dtype is DType.F16:
                x = self._round_to_odd(x)
            return self._convert("fpext" if x.dtype.bits < dtype.bits else "fptrunc", x, dtype)
        opcode = "sitofp" if source.is_signed else "uitofp"
        if dtype is DType.F16:  # NumPy rounds integers to f32 on the way
            return self._convert("fptrunc", self._convert(opcode, x, DType.F32), dtype)
        return self._convert(opcode, x, dtype)

    def _from_bf16(self, x: Scalar) -> Scalar:
        bits = self._convert("zext", x, DType.I32)
        return self.bitcast(bits << 16, DType.F32)

    def _to_bf16(self, x: Scalar) -> Scalar:
        """Round an f32, ties to even: half of the last place, less one unless it is odd."""
        bits = self.bitcast(x, DType.U32)
        rounded = bits + 0x7FFF + ((bits >> 16) & 1)
        nan = (bits & 0x80000000) | 0x7FC00000
        return self._convert("trunc", self.select(x.eq(x), rounded, nan) >> 16, DType.BF16)

    def _round_to_odd(self, x: Scalar) -> Scalar:
        """f64 to the f32 whose last bit keeps what was cut off, so that f16 rounds once.

        Few processors convert f64 to f16; elsewhere LLVM would call a library function.
        """
        near = self._convert("fptrunc", x, DType.F32)
        back = self._convert("fpext", near, DType.F64)
        bits = self.bitcast(near, DType.I32)
        above = self.fabs(back) > self.fabs(x)
        toward_zero = bits - self._int_to_int(above, DType.I32)
        inexact = (back < x) | (back > x)
        return self.bitcast(self.select(inexact, toward_zero | 1, bits), DType.F32)

    def _float_to_int(self, x: Scalar, dtype: DType) -> Scalar:
        """Truncate as the C casts in NumPy do on x86-64.

        8 and 16 bits are the low bits of the i32 result, u32 those of the i64 result. NaN and
        what does not fit in i32 or i64 give its smallest value ("integer indefinite"). u64 above
        the range of i64 subtracts 2**63 first. (For u32 of values that do not fit in 32 bits NumPy
        itself gives two answers, depending on the position in the array; ours is that of its
        scalar code.)
        """
        if x.dtype is DType.F16:
            x = self._convert("fpext", x, DType.F32)
        if dtype is DType.U64:
            big = x >= 2.0**63
            low = self._truncate(self.select(big, x - 2.0**63, x), DType.I64)
            high = self.select(big, self.const(-(2**63), DType.I64), 0)
            return self.bitcast(low ^ high, DType.U64)
        if dtype.bits < 32:
            return self._convert("trunc", self._truncate(x, DType.I32), dtype)
        if dtype is DType.U32:
            return self._convert("trunc", self._truncate(x, DType.I64), dtype)
        return self._truncate(x, dtype)

    def _truncate(self, x: Scalar, dtype: DType) -> Scalar:
        """To i32 or i64; the smallest integer where the value does not fit."""
        limit = 2.0 ** (dtype.bits - 1)
        return self._convert("fptosi", self.select(self.fabs(x) < limit, x, -limit), dtype)

    # --------------------------------------------------- calls and other rare ends

    def libm(self, name: str, *args: Scalar) -> Scalar:
        every = Scalar(self, DType.BOOL, self.mask or self._constant(True, DType.BOOL))
        zero = self.const(0, args[0].dtype)
        return Scalar(self, zero.dtype, self._call_lanes(every, zero, name, args))

    def repair(self, condition: Scalar, value: Scalar, name: str, *args: Scalar) -> Scalar:
        fn = self.fn
        condition = self._active(condition)
        cold, done = fn.label("repair"), fn.label("repaired")
        before = fn.block
        fn.branch(self._any(condition), cold, done)
        fn.start(cold)
        repaired = self._call_lanes(condition, value, name, args)
        after = fn.block
        fn.jump(done)
        fn.start(done)
        type = self._types[value.dtype]
        phi = fn.assign(f"phi {type} [ {value.handle}, {before} ], [ {repaired}, {after} ]")
        return Scalar(self, value.dtype, phi)

    def loop(
        self,
        active: Callable[..., Scalar],
        body: Callable[..., tuple[Scalar, ...]],
        *state: Scalar,
    ) -> tuple[Scalar, ...]:
        fn = self.fn
        head, again, done = fn.label("while"), fn.label("again"), fn.label("ended")
        before = fn.block
        fn.jump(head)
        fn.start(head)
        slots = [fn.placeholder() for _ in state]  # phis: they must come first in the block
        current = tuple(Scalar(self, x.dtype, fn.fresh()) for x in state)
        lanes = active(*current)
        fn.branch(self._any(self._active(lanes)), again, done)
        fn.start(again)
        moved = zip(body(*current), current, strict=True)
        kept = [self.select(lanes, new, old).handle for new, old in moved]
        for slot, phi, first, later in zip(slots, current, state, kept, strict=True):
            edges = f"[ {first.handle}, {before} ], [ {later}, {fn.block} ]"
            fn.fill(slot, f"{phi.handle} = phi {self._types[phi.dtype]} {edges}")
        fn.jump(head)
        fn.start(done)
        return current

    def flag(self, condition: Scalar, status: int) -> None:
        if self.status is None:
            raise InternalError("this kernel was given no place for a status")
        fn = self.fn
        cold, done = fn.label("flag"), fn.label("flagged")
        fn.branch(self._any(self._active(condition)), cold, done)
        fn.start(cold)
        # atomic, because threads may share the status
        fn.assign(f"atomicrmw or ptr {self.status}, i64 {status} monotonic")
        fn.jump(done)
        fn.start(done)

    def _active(self, condition: Scalar) -> Scalar:
        if self.mask is None:
            return condition
        return self.and_(condition, Scalar(self, DType.BOOL, self.mask))

    def _any(self, condition: Scalar) -> str:
        """An i1: whether the bool Scalar holds in some lane."""
        if self.lanes == 1:
            return condition.handle
        bools, bits = self._types[DType.BOOL], f"i{self.lanes}"
        packed = self._assign(f"bitcast {bools} {condition.handle} to {bits}")
        return self._assign(f"icmp ne {bits} {packed}, 0")

    def _call_lanes(
        self, condition: Scalar, value: Scalar, name: str, args: Sequence[Scalar]
    ) -> str:
        """`value`, but `name(*args)` in the lanes where `condition` holds."""
        helper = self._lane_helper(name, value.dtype, [a.dtype for a in args])
        operands = ", ".join(
            f"{self._types[a.dtype]} {a.handle}" for a in [condition, value, *args]
        )
        return self._assign(f"call {self._types[value.dtype]} {helper}({operands})")

    def _lane_helper(self, name: str, result: DType, dtypes: Sequence[DType]) -> str:
        """A cold function of the module that calls the C function lane by lane."""
        key = "_".join(map(str, [name, result, *dtypes]))
        helper = f"@tw.lanes.{key}.x{self.lanes}"
        module = self.fn.module
        if module.has_function(helper):
            return helper
        all_dtypes = [DType.BOOL, result, *dtypes]
        params = [(self._types[d], f"%a{k}") for k, d in enumerate(all_dtypes)]
        fn = module.function(
            self._types[result],
            helper,
            params,
            linkage="internal",
            attributes="noinline cold nounwind",
        )
        callee = _c_function(module, name, result, dtypes)
        if self.lanes == 1:
            _write_one_call(fn, callee, _TYPES[result], params)
        else:
            _write_lane_loop(fn, callee, self.lanes, params, [_TYPES[d] for d in all_dtypes])
        return helper


def _c_function(module: ModuleWriter, name: str, result: DType, dtypes: Sequence[DType]) -> str:
    """The C library's function; of f32, the f64 one rounded, since tanf is off by up to 1.4 ULP."""
    if result is not DType.F32:
        return module.declare(f"@{name}", _TYPES[result], [_TYPES[d] for d in dtypes])
    if name in _EXACT_IN_C:
        return module.declare(f"@{name}f", "float", ["float"] * len(dtypes))
    rounded = f"@tw.rounded.{name}"
    if not module.has_function(rounded):
        params = [("float", f"%a{k}") for k in range(len(dtypes))]
        fn = module.function("float", rounded, params, linkage="internal")
        wide = [fn.assign(f"fpext float {p} to double") for _, p in params]
        callee = module.declare(f"@{name}", "double", ["double"] * len(dtypes))
        called = fn.assign(f"call double {callee}({', '.join(f'double {w}' for w in wide)})")
        fn.line(f"ret float {fn.assign(f'fptrunc double {called} to float')}")
    return rounded


def _write_one_call(
    fn: FunctionWriter, callee: str, result: str, params: Sequence[tuple[str, str]]
) -> None:
    """The body of a lane helper for one lane."""
    (_, condition), (_, value), *args = params
    call, done = fn.label("call"), fn.label("done")
    fn.branch(condition, call, done)
    fn.start(call)
    called = fn.assign(f"call {result} {callee}({', '.join(f'{t} {n}' for t, n in args)})")
    fn.jump(done)
    fn.start(done)
    phi = fn.assign(f"phi {result} [ {value}, %entry ], [ {called}, {call} ]")
    fn.line(f"ret {result} {phi}")


def _write_lane_loop(
    fn: FunctionWriter,
    callee: str,
    lanes: int,
    params: Sequence[tuple[str, str]],
    elements: Sequence[str],
) -> None:
    """The body of a lane helper for many lanes: a loop, to keep the code small."""
    (bools, condition), (vector, value), *args = params
    slots = [fn.alloca(type, 64) for type, _ in args]
    slot = fn.alloca(vector, 64)
    for (type, name), place in zip(args, slots, strict=True):
        fn.line(f"store {type} {name}, ptr {place}, align 64")
    fn.line(f"store {vector} {value}, ptr {slot}, align 64")
    bits = fn.assign(f"bitcast {bools} {condition} to i{lanes}")
    if lanes < 64:
        bits = fn.assign(f"zext i{lanes} {bits} to i64")
    loop, call, skip, done = (fn.label(h) for h in ("lane", "call", "skip", "done"))
    fn.jump(loop)
    fn.start(loop)
    lane, following = fn.fresh(), fn.fresh()
    fn.line(f"{lane} = phi i64 [ 0, %entry ], [ {following}, {skip} ]")
    shifted = fn.assign(f"lshr i64 {bits}, {lane}")
    fn.branch(fn.assign(f"trunc i64 {shifted} to i1"), call, skip)
    fn.start(call)
    operands = []
    for element, place in zip(elements[2:], slots, strict=True):
        address = fn.assign(f"getelementptr {element}, ptr {place}, i64 {lane}")
        operands.append(f"{element} {fn.assign(f'load {element}, ptr {address}')}")
    called = fn.assign(f"call {elements[1]} {callee}({', '.join(operands)})")
    address = fn.assign(f"getelementptr {elements[1]}, ptr {slot}, i64 {lane}")
    fn.line(f"store {elements[1]} {called}, ptr {address}")
    fn.jump(skip)
    fn.start(skip)
    fn.line(f"{following} = add i64 {lane}, 1")
    fn.branch(fn.assign(f"icmp eq i64 {following}, {lanes}"), done, loop)
    fn.start(done)
    fn.line(f"ret {vector} {fn.assign(f'load {vector}, ptr {slot}, align 64')}")


def _literal(value: Number, dtype: DType) -> str:
    """One element as LLVM text: floats in hex, so that every bit is kept."""
    if dtype.is_float:
        if dtype is DType.F16:
            return "0xH" + _rounded(value, "e").hex().upper()
        if dtype is DType.BF16:
            return str(int(np.array(value, dtype.numpy).view(np.int16)))
        if dtype is DType.F32:
            value = struct.unpack(">f", _rounded(value, "f"))[0]
        return "0x" + _rounded(value, "d").hex().upper()
    if dtype.is_bool:
        return "true" if value else "false"
    wrapped = int(value) & ((1 << dtype.bits) - 1)
    return str(wrapped - (1 << dtype.bits) if wrapped >> (dtype.bits - 1) else wrapped)


def _rounded(value: Number, format: str) -> bytes:
    try:
        return struct.pack(">" + format, float(value))
    except OverflowError:  # struct refuses what rounds to infinity
        return struct.pack(">" + format, float("inf") if value > 0 else float("-inf"))
