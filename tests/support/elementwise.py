"""Compile an elementwise function given in scalar instructions, and run it over arrays.

A plain loop without a kernel around it: what a test of the scalar instructions needs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from tensorwright.compiler.codegen.llvm.scalars import LlvmScalars
from tensorwright.compiler.codegen.llvm.writer import ModuleWriter
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.ops.scalar import Scalar

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


def native_lanes(dtype: DType) -> int:
    """Lanes of the widest vectors of this machine (of AVX2 at least, elsewhere a guess)."""
    bits = 512 if llvm.get_host_cpu_features().get("avx512f") else 256
    return max(2, bits // dtype.bits)


_SCALARS = LlvmScalars(ModuleWriter().function("void", "@none", []), 1)


class Elementwise:
    """`body(s, *scalars)` as machine code; call it with one array per dtype in `dtypes`.

    All arrays have one length. `lanes` elements are computed at once and the tail one by one, by
    code of its own. `status` is what `flag` has collected in the last call.
    """

    def __init__(
        self, body: Callable[..., Scalar], dtypes: Sequence[DType], lanes: int = 1
    ) -> None:
        self.dtypes = tuple(dtypes)
        self.status = 0
        self.text, self.result = _build(body, self.dtypes, lanes)
        self._module = llvm.parse_assembly(self.text)
        self._module.verify()
        self._machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2,
            jit=True,
        )
        self._engine = llvm.create_mcjit_compiler(self._module, self._machine)
        self._engine.finalize_object()
        pointers = [ctypes.c_void_p] * (len(self.dtypes) + 2)
        signature = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64)
        self._native = signature(self._engine.get_function_address("kernel"))

    def __call__(self, *arrays: Any) -> np.ndarray:
        inputs = [
            np.ascontiguousarray(a, d.numpy) for a, d in zip(arrays, self.dtypes, strict=True)
        ]
        out = np.empty(len(inputs[0]), self.result.numpy)
        self.run(inputs, out)
        return out

    def run(self, inputs: Sequence[np.ndarray], out: np.ndarray) -> None:
        """As a call, into an array that exists (for timing)."""
        status = ctypes.c_int64(0)
        self._native(
            *(a.ctypes.data for a in inputs), out.ctypes.data, ctypes.addressof(status), len(out)
        )
        self.status = status.value

    def assembly(self) -> str:
        """The machine code as text."""
        return str(self._machine.emit_assembly(self._module))


def _element(dtype: DType) -> str:
    """One element in memory."""
    return "i8" if dtype.is_bool else _SCALARS.type_of(dtype)


def _build(body: Callable[..., Scalar], dtypes: tuple[DType, ...], lanes: int) -> tuple[str, DType]:
    module = ModuleWriter()
    params = [("ptr", f"%in{k}") for k in range(len(dtypes))]
    params += [("ptr", "%out"), ("ptr", "%status"), ("i64", "%n")]
    fn = module.function("void", "@kernel", params)
    start, result = "0", None
    if lanes > 1:
        start = fn.assign(f"and i64 %n, {-lanes}")
        result = _loop(fn, body, dtypes, lanes, "0", start)
    result = _loop(fn, body, dtypes, 1, start, "%n")
    fn.line("ret void")
    return module.text(), result


def _loop(
    fn: Any,
    body: Callable[..., Scalar],
    dtypes: tuple[DType, ...],
    lanes: int,
    start: str,
    stop: str,
) -> DType:
    """for i in range(start, stop, lanes): out[i:i + lanes] = body(in0[i:i + lanes], ...)"""
    head, inside, done = fn.label("head"), fn.label("body"), fn.label("done")
    before, i, following = fn.block, fn.fresh(), fn.fresh()
    fn.jump(head)
    fn.start(head)
    phi = fn.placeholder()
    fn.branch(fn.assign(f"icmp slt i64 {i}, {stop}"), inside, done)
    fn.start(inside)
    s = LlvmScalars(fn, lanes, status="%status")
    operands = []
    for k, dtype in enumerate(dtypes):
        address = fn.assign(f"getelementptr {_element(dtype)}, ptr %in{k}, i64 {i}")
        memory = s.type_of(DType.I8 if dtype.is_bool else dtype)
        value = fn.assign(f"load {memory}, ptr {address}, align {dtype.itemsize}")
        if dtype.is_bool:
            value = fn.assign(f"trunc {memory} {value} to {s.type_of(dtype)}")
        operands.append(Scalar(s, dtype, value))
    result = body(s, *operands)
    value, memory = result.handle, s.type_of(result.dtype)
    if result.dtype.is_bool:
        memory = s.type_of(DType.I8)
        value = fn.assign(f"zext {s.type_of(DType.BOOL)} {value} to {memory}")
    address = fn.assign(f"getelementptr {_element(result.dtype)}, ptr %out, i64 {i}")
    fn.line(f"store {memory} {value}, ptr {address}, align {result.dtype.itemsize}")
    fn.line(f"{following} = add i64 {i}, {lanes}")
    fn.fill(phi, f"{i} = phi i64 [ {start}, {before} ], [ {following}, {fn.block} ]")
    fn.jump(head)
    fn.start(done)
    return result.dtype
