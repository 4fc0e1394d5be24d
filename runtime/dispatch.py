"""Loads the fixed module that all native calls share, and gives it its memory to manage.

Layer: runtime. Out: addresses of its functions. It is loaded once and never freed: arrays that it
allocated, and callables that lead into it, may outlive everything else.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

from ..compiler.codegen.llvm.dispatch import DISPATCH
from ..compiler.codegen.llvm.machine import compile_module, llvm_binding
from . import host

# Blocks from here on are mapped in huge pages and pooled; below, malloc reuses memory well enough.
_LARGE_BYTES = 4 << 20
# Idle blocks may take this part of the physical memory; the kernel can take them back.
_POOL_SHARE = 1 / 8

# What programs call.
_FUNCTIONS = (
    "tw.array.check",
    "tw.array.new",
    "tw.dict.value",
    "tw.execute",
    "tw.pack.dict",
    "tw.pack.list",
    "tw.pack.tuple",
    "tw.release",
    "tw.retain",
)
# What the runtime needs.
_OTHERS = (
    "tw.arena.free",
    "tw.leaves",
    "tw.memory.capsule",
    "tw.memory.free",
    "tw.memory.handler",
    "tw.memory.large",
    "tw.memory.limit",
    "tw.memory.malloc",
    "tw.pool.clear",
    "tw.vectorcall",
)


class Dispatch:
    """The loaded module."""

    def __init__(self) -> None:
        self._jit = llvm_binding().create_lljit_compiler(use_jit_link=True)
        builder = (
            llvm_binding().JITLibraryBuilder().add_object_img(compile_module(DISPATCH, effort=0))
        )
        builder.add_current_process()
        for name, address in host.symbols().items():
            builder.import_symbol(name, address)
        for name in (*_FUNCTIONS, *_OTHERS):
            builder.export_symbol(name)
        self._code = builder.link(self._jit, "tw.dispatch")
        self.vectorcall: int = self._code["tw.vectorcall"]
        self.leaves: int = self._code["tw.leaves"]
        self.free_arena = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self._code["tw.arena.free"])
        self.clear_pool = ctypes.PYFUNCTYPE(None)(self._code["tw.pool.clear"])
        self._set_up_memory()

    def symbols(self) -> dict[str, int]:
        """The functions that programs call."""
        return {name: self._code[name] for name in _FUNCTIONS}

    def memory_symbols(self) -> dict[str, int]:
        """Memory for what is computed with, from the pool if it is large."""
        return {name: self._code[name] for name in ("tw.memory.free", "tw.memory.malloc")}

    def _set_up_memory(self) -> None:
        capsule = host.new_handler_capsule(self._code["tw.memory.handler"])
        self._pointer("tw.memory.capsule").value = capsule
        if sys.platform == "linux":  # whose mmap and madvise the module knows
            self._pointer("tw.memory.large").value = _LARGE_BYTES
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            self._pointer("tw.memory.limit").value = int(memory * _POOL_SHARE)

    def _pointer(self, name: str) -> ctypes.c_void_p:
        return ctypes.c_void_p.from_address(self._code[name])


@cache
def dispatch() -> Dispatch:
    """The module, loaded by the first call."""
    loaded = Dispatch()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(loaded))  # survives the end of the interpreter
    return loaded
