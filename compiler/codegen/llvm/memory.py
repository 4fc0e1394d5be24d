"""Loads and stores of scalars and vectors, with and without masks.

Layer: compiler/codegen/llvm. A vector is contiguous in memory, reversed, or strided (gather and
scatter). Bools are bytes in memory and single bits in registers.
"""

from __future__ import annotations

from ...ir.types import DType, Size
from ...kernel.schedule import CACHE_LINE
from ...ops.scalar import Scalar
from .scalars import LlvmScalars
from .writer import FunctionWriter

Address = str  # a pointer operand


def memory_type(dtype: DType) -> str:
    """The LLVM type of one element in memory; an i16 for a bf16."""
    if dtype.is_bool:
        return "i8"
    if dtype.is_float and dtype is not DType.BF16:
        return {16: "half", 32: "float", 64: "double"}[dtype.bits]
    return f"i{dtype.bits}"


def lane_numbers(lanes: int) -> str:
    """The constant vector 0, 1, 2, ..."""
    return "<" + ", ".join(f"i64 {k}" for k in range(lanes)) + ">"


def strided_offsets(fn: FunctionWriter, lanes: int, stride: str) -> str:
    """lane * stride for every lane; `stride` is an i64 operand."""
    type = f"<{lanes} x i64>"
    if not stride.startswith("%"):
        return "<" + ", ".join(f"i64 {k * int(stride)}" for k in range(lanes)) + ">"
    return fn.assign(f"mul {type} {lane_numbers(lanes)}, {splat(fn, 'i64', stride, lanes)}")


def splat(fn: FunctionWriter, element: str, value: str, lanes: int) -> str:
    """One scalar in every lane."""
    if not value.startswith("%"):
        return f"splat ({element} {value})"
    type = f"<{lanes} x {element}>"
    first = fn.assign(f"insertelement {type} poison, {element} {value}, i64 0")
    return fn.assign(
        f"shufflevector {type} {first}, {type} poison, <{lanes} x i32> zeroinitializer"
    )


def _reversed(fn: FunctionWriter, type: str, value: str, lanes: int) -> str:
    order = ", ".join(f"i32 {lanes - 1 - k}" for k in range(lanes))
    return fn.assign(f"shufflevector {type} {value}, {type} poison, <{lanes} x i32> <{order}>")


def load(
    s: LlvmScalars, dtype: DType, pointer: Address, stride: Size | str, ahead: int = 0
) -> Scalar:
    """Elements `pointer[lane * stride]`; with one lane, the element at `pointer`.

    Of contiguous vectors, the lines `ahead` bytes further on are asked for (0: none are).
    """
    fn, lanes = s.fn, s.lanes
    element, align = memory_type(dtype), dtype.itemsize
    if lanes == 1:
        raw = fn.assign(f"load {element}, ptr {pointer}, align {align}")
    else:
        type = f"<{lanes} x {element}>"
        if stride == 1 and s.mask is None:
            raw = fn.assign(f"load {type}, ptr {pointer}, align {align}")
            if ahead:
                _prefetch(fn, pointer, ahead, lanes * dtype.itemsize)
        elif stride == 1:
            raw = masked_load(fn, element, lanes, pointer, align, s.mask or "")
        elif stride == -1 and s.mask is None:
            low = fn.assign(f"getelementptr {element}, ptr {pointer}, i64 {1 - lanes}")
            raw = fn.assign(f"load {type}, ptr {low}, align {align}")
            raw = _reversed(fn, type, raw, lanes)
        else:
            pointers = _pointers(s, element, pointer, stride)
            raw = gather(fn, element, lanes, pointers, align, s.mask)
    return from_memory(s, dtype, raw)


def _prefetch(fn: FunctionWriter, pointer: Address, ahead: int, length: int) -> None:
    """Ask for the cache lines of `length` bytes, into the second level of caches."""
    for offset in range(ahead, ahead + length, CACHE_LINE):
        prefetch(fn, fn.assign(f"getelementptr i8, ptr {pointer}, i64 {offset}"), level=2)


def prefetch(fn: FunctionWriter, place: Address, level: int = 1) -> None:
    """Ask for the cache line of a place, into the first or the second level of caches."""
    name = fn.module.declare("@llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
    fn.line(f"call void {name}(ptr {place}, i32 0, i32 {4 - level}, i32 1)")


def store(
    s: LlvmScalars,
    value: Scalar,
    pointer: Address,
    stride: Size | str,
    streaming: bool = False,
) -> None:
    """Write `value` to `pointer[lane * stride]`; `streaming` past the caches, to whole lines."""
    fn, lanes, dtype = s.fn, s.lanes, value.dtype
    element, align = memory_type(dtype), dtype.itemsize
    raw = to_memory(s, value)
    if lanes == 1:
        fn.line(f"store {element} {raw}, ptr {pointer}, align {align}")
        return
    type = f"<{lanes} x {element}>"
    if stride == 1 and s.mask is None:
        if streaming:
            hint = fn.module.global_("!0", "!{i32 1}")
            fn.line(f"store {type} {raw}, ptr {pointer}, align 64, !nontemporal {hint}")
        else:
            fn.line(f"store {type} {raw}, ptr {pointer}, align {align}")
    elif stride == 1:
        masked_store(fn, element, lanes, raw, pointer, align, s.mask or "")
    else:
        pointers = _pointers(s, element, pointer, stride)
        mask_type = f"<{lanes} x i1>"
        name = f"@llvm.masked.scatter.v{lanes}{_suffix(element)}.v{lanes}p0"
        fn.module.declare(name, "void", [type, f"<{lanes} x ptr>", "i32", mask_type])
        mask = s.mask or "splat (i1 true)"
        fn.line(
            f"call void {name}({type} {raw}, <{lanes} x ptr> {pointers}, i32 {align}, "
            f"{mask_type} {mask})"
        )


def masked_load(
    fn: FunctionWriter, element: str, lanes: int, pointer: str, align: int, mask: str
) -> str:
    """A contiguous load of the active lanes, 0 elsewhere."""
    type, mask_type = f"<{lanes} x {element}>", f"<{lanes} x i1>"
    name = f"@llvm.masked.load.v{lanes}{_suffix(element)}.p0"
    fn.module.declare(name, type, ["ptr", "i32", mask_type, type])
    return fn.assign(
        f"call {type} {name}(ptr {pointer}, i32 {align}, {mask_type} {mask}, "
        f"{type} zeroinitializer)"
    )


def masked_store(
    fn: FunctionWriter, element: str, lanes: int, raw: str, pointer: str, align: int, mask: str
) -> None:
    """A contiguous store of the active lanes."""
    type, mask_type = f"<{lanes} x {element}>", f"<{lanes} x i1>"
    name = f"@llvm.masked.store.v{lanes}{_suffix(element)}.p0"
    fn.module.declare(name, "void", [type, "ptr", "i32", mask_type])
    fn.line(f"call void {name}({type} {raw}, ptr {pointer}, i32 {align}, {mask_type} {mask})")


def gather(
    fn: FunctionWriter, element: str, lanes: int, pointers: str, align: int, mask: str | None
) -> str:
    """One load per active lane, 0 elsewhere."""
    type, mask_type = f"<{lanes} x {element}>", f"<{lanes} x i1>"
    name = f"@llvm.masked.gather.v{lanes}{_suffix(element)}.v{lanes}p0"
    fn.module.declare(name, type, [f"<{lanes} x ptr>", "i32", mask_type, type])
    return fn.assign(
        f"call {type} {name}(<{lanes} x ptr> {pointers}, i32 {align}, "
        f"{mask_type} {mask or 'splat (i1 true)'}, {type} zeroinitializer)"
    )


def from_memory(s: LlvmScalars, dtype: DType, raw: str) -> Scalar:
    """The register form of loaded elements."""
    if dtype.is_bool:
        type = "i8" if s.lanes == 1 else f"<{s.lanes} x i8>"
        raw = s.fn.assign(f"icmp ne {type} {raw}, {'0' if s.lanes == 1 else 'zeroinitializer'}")
    return Scalar(s, dtype, raw)


def to_memory(s: LlvmScalars, value: Scalar) -> str:
    """The memory form of a register."""
    if not value.dtype.is_bool:
        return value.handle
    source = "i1" if s.lanes == 1 else f"<{s.lanes} x i1>"
    target = "i8" if s.lanes == 1 else f"<{s.lanes} x i8>"
    return s.fn.assign(f"zext {source} {value.handle} to {target}")


def _pointers(s: LlvmScalars, element: str, pointer: str, stride: Size | str) -> str:
    offsets = strided_offsets(s.fn, s.lanes, str(stride))
    return s.fn.assign(f"getelementptr {element}, ptr {pointer}, <{s.lanes} x i64> {offsets}")


def _suffix(element: str) -> str:
    return {"half": "f16", "float": "f32", "double": "f64"}.get(element, element)
