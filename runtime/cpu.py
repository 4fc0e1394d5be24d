"""Loads programs into this process.

Layer: runtime. In: a `Program`. Out: an `Executable`. Machine code lives in libraries of LLVM's
LLJIT. `_libraries` is the only owner of the loaded ones; each is kept by a `_Lifetime`, which
everything that can run the code holds a reference to.

A `_Lifetime` is not a container for the garbage collector, so it ends only when the last reference
to it is dropped, never while an object of a dying cycle could still call the code from its
`__del__`. The code itself is freed by the next `load`, by then no such object is left half alive.
"""

from __future__ import annotations

import ctypes
import os
import re
from functools import cache
from itertools import count
from threading import Lock
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from ..compiler.codegen.llvm.machine import compile_module
from ..compiler.codegen.llvm.support import SIGNATURES, SUPPORT
from ..compiler.program import Program
from . import host

_METH_FASTCALL = 0x0080
_EXPORTS = ("tw.vectorcall", "tw.leaves", "tw.next", "tw.constants", "tw.arena")
_BLAS_NAME = re.compile(r"^declare .*@(tw\.blas\.\w+)\(", re.MULTILINE)

# LLJIT keeps some 10 KB for the name of every library it ever linked: start afresh now and then.
_LIBRARIES_PER_SESSION = 256

_lock = Lock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


class _MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Session:
    """One LLJIT with the support code and the symbols of this process, as library `tw.host`."""

    def __init__(self) -> None:
        self.jit = llvm.create_lljit_compiler(use_jit_link=True)
        builder = llvm.JITLibraryBuilder().add_object_img(_support_code()).add_current_process()
        for name, address in (host.python_symbols() | host.numpy_symbols()).items():
            builder.import_symbol(name, address)
        for name in SIGNATURES:
            builder.export_symbol(name[1:])
        self.host = builder.link(self.jit, "tw.host")
        prototype = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
        self.free_arena = prototype(self.host["tw.arena.free"])

    def __del__(self) -> None:
        self.host.close()
        self.jit.close()


class _Library:
    """Machine code in memory and what it refers to."""

    def __init__(self, session: _Session, code: llvm.ResourceTracker, program: Program) -> None:
        self.session = session
        self.code = code
        self.constants = tuple(np.ascontiguousarray(c) for c in program.constants)
        self.method = _MethodDef(program.name.encode(), code["tw.leaves"], _METH_FASTCALL, None)

    def close(self) -> None:
        self.session.free_arena(self.code["tw.arena"])
        self.code.close()


class _Lifetime(int):
    """A key of `_libraries`; the library goes with it. Not tracked by the garbage collector."""

    __slots__ = ()

    def __del__(self) -> None:
        _retired.append(int(self))


_libraries: dict[int, _Library] = {}
_retired: list[int] = []
_keys = count()

# Objects may outlive this module when the interpreter ends, and still be called. The process
# frees the code.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_libraries))


class Executable:
    """A loaded program.

    `call(*leaves)` is a builtin function: it returns the outputs, or NotImplemented if the leaves
    do not match the signature. `vectorcall` is the address of the entry for a `NativeCallable`,
    valid as long as this object or `call` lives.
    """

    __slots__ = ("__weakref__", "_lifetime", "_next", "call", "program", "vectorcall")

    def __init__(self, program: Program, library: _Library, lifetime: _Lifetime) -> None:
        self.program = program
        self.vectorcall: int = library.code["tw.vectorcall"]
        self._next = ctypes.c_void_p.from_address(library.code["tw.next"])
        self._lifetime = lifetime
        self.call: Any = _new_function(ctypes.addressof(library.method), lifetime, None)

    def follow_with(self, vectorcall: int | None) -> None:
        """Let calls whose arguments do not match go on to the entry at this address."""
        self._next.value = vectorcall


def load(program: Program) -> Executable:
    """Link the program's object code into this process."""
    with _lock:
        _free_retired()
        key = next(_keys)
        session = _session(key // _LIBRARIES_PER_SESSION)
        library = _Library(session, _link(session.jit, program, f"tw{key}"), program)
        _libraries[key] = library
    table = (ctypes.c_void_p * len(library.constants)).from_address(library.code["tw.constants"])
    for k, constant in enumerate(library.constants):
        table[k] = constant.ctypes.data
    return Executable(program, library, _Lifetime(key))


def _link(jit: llvm.LLJIT, program: Program, name: str) -> llvm.ResourceTracker:
    builder = llvm.JITLibraryBuilder().add_object_img(program.object_code)
    builder.add_jit_library("tw.host").add_current_process()
    routines = _BLAS_NAME.findall(program.llvm)
    for routine, address in (host.blas_symbols(routines) if routines else {}).items():
        builder.import_symbol(routine, address)
    for symbol in _EXPORTS:
        builder.export_symbol(symbol)
    return builder.link(jit, name)


def _free_retired() -> None:
    while _retired:
        _libraries.pop(_retired.pop()).close()


@cache
def _support_code() -> bytes:
    return compile_module(SUPPORT)


_newest: tuple[int, _Session] | None = None


def _session(generation: int) -> _Session:
    """The session of this generation; older ones live as long as their libraries."""
    global _newest
    if _newest is None or _newest[0] != generation:
        _newest = (generation, _Session())
    return _newest[1]


_new_function = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
)(("PyCFunction_NewEx", ctypes.pythonapi))
