"""LLVM itself: the host's description, and from module text to object code or assembly.

Layer: compiler/codegen/llvm; with runtime/ the only place that imports llvmlite. Text in, bytes
or text out; nothing is loaded into the process here.
"""

from __future__ import annotations

import os
from functools import cache
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING

from ...errors import InternalError
from ...target import Target

if TYPE_CHECKING:
    import llvmlite.binding as llvm

# llvmlite guards single calls, not a target machine used by several threads. A fork while another
# thread holds this lock or llvmlite's own, or loads llvmlite, would leave the child without, so it
# waits. It is reentrant because a finalizer that the garbage collector runs may compile something.
_lock = RLock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


@cache
def llvm_binding() -> ModuleType:
    """The module llvmlite.binding."""
    with _lock:
        # imported late: it takes a quarter of the time to import all of tensorwright
        import llvmlite.binding

        return llvmlite.binding


@cache
def host_target() -> Target:
    """The CPU that this process runs on."""
    with _lock:
        llvm = llvm_binding()
        features = llvm.get_host_cpu_features()
        vector_bytes = 64 if _has_avx512(features) else 32 if features.get("avx2") else 16
        return Target(
            cpu=llvm.get_host_cpu_name(),
            features=features.flatten(),
            vector_bytes=vector_bytes,
            has_fma=bool(features.get("fma")) or _triple().startswith(("aarch64", "arm64")),
        )


def compile_module(text: str, target: Target | None = None, effort: int = 2) -> bytes:
    """Object code (position independent) of a module in LLVM's text form.

    `effort` 0 takes a quarter of the time; the code is as quick where it has no loops.
    """
    with _lock:
        return _machine(target or host_target(), effort).emit_object(_parse(text))


def assembly(text: str, target: Target | None = None) -> str:
    """The assembly that `compile_module` would encode."""
    with _lock:
        return _machine(target or host_target(), 2).emit_assembly(_parse(text))


def _parse(text: str) -> llvm.ModuleRef:
    try:
        return llvm_binding().parse_assembly(text)
    except RuntimeError as error:
        raise InternalError(f"LLVM rejects the generated module: {error}") from error


@cache
def _machine(target: Target, effort: int) -> llvm.TargetMachine:
    llvm = llvm_binding()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(_triple()).create_target_machine(
        cpu=target.cpu, features=target.features, opt=effort, reloc="pic", codemodel="small"
    )


def _triple() -> str:
    return llvm_binding().get_process_triple()


def _has_avx512(features: llvm.FeatureMap) -> bool:
    return all(features.get(f) for f in ("avx512f", "avx512vl", "avx512dq", "avx512bw"))
