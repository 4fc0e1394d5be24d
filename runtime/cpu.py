"""Loads programs into this process.

Layer: runtime. In: a `Program`. Out: an `Executable`. Machine code lives in libraries of LLVM's
LLJIT. `_libraries` is the only owner of the loaded ones; each is kept by a `_Lifetime`, which
everything that can run the code holds a reference to.

A `_Lifetime` is not a container for the garbage collector, so it ends only when the last reference
to it is dropped, never while an object of a dying cycle could still call the code from its
`__del__`. The code itself is freed by the next `load`; by then no such object is left half alive.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING

from ..compiler.codegen.llvm.call import call_text
from ..compiler.codegen.llvm.machine import compile_module, llvm_binding
from ..compiler.ir.types import DType
from ..compiler.program import Program, Signature
from . import host, threads
from .dispatch import dispatch
from .native import NativeCallable
from .records import Record

if TYPE_CHECKING:
    import llvmlite.binding as llvm

    from .library import Library
    from .onednn import Primitive, Refused

_LIBRARY_NAME = re.compile(r"^declare .*(@tw\.lib\.[\w.]+)\(", re.MULTILINE)
_ONEDNN_NAME = re.compile(r"^@(tw\.onednn\.[\w.]+) = external", re.MULTILINE)
_BLAS_NAME = re.compile(r"^declare .*@(tw\.(?:blas|lapack)\.\w+)\(", re.MULTILINE)

# LLJIT keeps some 10 KB for the name of every library it ever linked: start afresh now and then.
_LIBRARIES_PER_SESSION = 256

# Reentrant: a finalizer that the garbage collector runs may load a program in the middle of load.
# A fork while another thread loads would leave the child with a locked lock: forks wait.
_lock = RLock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


class _Session:
    """One LLJIT; in its library `tw.host` programs find the symbols of this process."""

    def __init__(self) -> None:
        self.jit = llvm_binding().create_lljit_compiler(use_jit_link=True)
        builder = llvm_binding().JITLibraryBuilder()
        for name, address in (host.symbols() | dispatch().symbols()).items():
            builder.import_symbol(name, address)
        self._host = builder.link(self.jit, "tw.host")

    def __del__(self) -> None:
        self._host.close()
        self.jit.close()


class _Library:
    """The machine code of one program, its record and constants."""

    def __init__(self, session: _Session, name: str, program: Program) -> None:
        self._session = session  # lives as long as its libraries
        # what oneDNN has made for the program lives as long as its code
        self._primitives = _primitives(_ONEDNN_NAME.findall(program.llvm))
        self._code = _link(session, name, program, self._primitives)
        self.record = Record(program, self._code["tw.call"], self._code["tw.program"])

    def close(self) -> None:
        dispatch().free_arena(self.record.arena_address)
        self._code.close()


_libraries: dict[int, _Library] = {}
_retired: list[int] = []
_keys = count()

# Objects may outlive this module when the interpreter ends, and still be called: never cleared.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_libraries))


class _Lifetime(int):
    """A key of `_libraries`; the library goes with it. Not tracked by the garbage collector."""

    __slots__ = ()

    def __del__(self, retire: Callable[[int], None] = _retired.append) -> None:
        retire(int(self))


class Executable(NativeCallable):
    """A loaded program, callable with its inputs.

    Returns NotImplemented for arguments that do not match the signature. `record` and
    `vectorcall` are the addresses of its record and of the entry for callables that it is attached
    to, valid as long as this object lives.
    """

    __slots__ = ("__weakref__", "_lifetime", "program", "record", "vectorcall")

    def __init__(self, program: Program, library: _Library, lifetime: _Lifetime) -> None:
        self.program = program
        self.record = library.record.address
        self.vectorcall = dispatch().vectorcall
        self._lifetime = lifetime
        self._point_to(dispatch().leaves, library.record.alone)

    @property
    def call(self) -> Executable:
        """This object, as something to call."""
        return self


def load(program: Program) -> Executable:
    """Link the program's object code into this process."""
    with _lock:
        while _retired:
            _libraries.pop(_retired.pop()).close()
        key = next(_keys)
        library = _Library(_session(key // _LIBRARIES_PER_SESSION), f"tw{key}", program)
        _libraries[key] = library
    return Executable(program, library, _Lifetime(key))


def release_memory() -> None:
    """Give memory that is kept for the next large results back to the system."""
    dispatch().clear_pool()


def _link(
    session: _Session, name: str, program: Program, primitives: dict[str, Primitive | Refused]
) -> llvm.ResourceTracker:
    builder = llvm_binding().JITLibraryBuilder().add_object_img(program.object_code)
    builder.add_object_img(_call_code(program.signature))
    builder.add_jit_library("tw.host").add_current_process()
    builder.export_symbol("tw.call").export_symbol("tw.program")
    if "@tw.parallel(" in program.llvm:
        builder.import_symbol("tw.parallel", threads.parallel())
    leaves = (*program.signature.inputs, *program.signature.outputs)
    if any(leaf.type.dtype is DType.BF16 for leaf in leaves):
        for symbol, address in host.bfloat16_symbols().items():
            builder.import_symbol(symbol, address)
    functions = _LIBRARY_NAME.findall(program.llvm)
    for function, address in (_library_addresses(functions) if functions else {}).items():
        builder.import_symbol(function[1:], address)
    routines = _BLAS_NAME.findall(program.llvm)
    for routine, address in (host.blas_symbols(routines) if routines else {}).items():
        builder.import_symbol(routine, address)
    for symbol, primitive in primitives.items():
        builder.import_symbol(symbol, ctypes.addressof(primitive.words))
    return builder.link(session.jit, name)


def _primitives(names: list[str]) -> dict[str, Primitive | Refused]:
    if not names:
        return {}
    # imported late: few programs need it
    found: dict[str, Primitive | Refused] = import_module(".onednn", __package__).primitives(names)
    return found


def _library_addresses(names: list[str]) -> dict[str, int]:
    # imported late: many processes never need it
    library: Library = import_module(".library", __package__).library()
    return library.addresses(names)


@lru_cache(maxsize=128)
def _call_code(signature: Signature) -> bytes:
    return compile_module(call_text(signature), effort=0)


_newest: tuple[int, _Session] | None = None


def _session(generation: int) -> _Session:
    """The session of this generation; older ones live as long as their libraries."""
    global _newest
    if _newest is None or _newest[0] != generation:
        _newest = (generation, _Session())
    return _newest[1]
