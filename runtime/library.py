"""The library of functions that programs share: loaded piece by piece, as programs need them.

Layer: runtime. The text is written by codegen/llvm/library.py. Its code is never freed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from ..compiler.codegen.llvm.library import library_module
from ..compiler.codegen.llvm.machine import compile_module, llvm_binding

if TYPE_CHECKING:
    import llvmlite.binding as llvm


class Library:
    """What is loaded, by name (with @); callers hold the lock of `cpu.load`."""

    def __init__(self) -> None:
        self._jit = llvm_binding().create_lljit_compiler(use_jit_link=True)
        self._pieces: list[llvm.ResourceTracker] = []
        self._addresses: dict[str, int] = {}

    def addresses(self, names: Iterable[str]) -> dict[str, int]:
        """The addresses of these functions; what is missing is compiled."""
        wanted = list(names)
        missing = [name for name in wanted if name not in self._addresses]
        if missing:
            self._load(missing)
        return {name: self._addresses[name] for name in wanted}

    def _load(self, names: list[str]) -> None:
        module = library_module(names, self._addresses)
        builder = llvm_binding().JITLibraryBuilder()
        builder.add_object_img(compile_module(module.text())).add_current_process()
        for name, address in self._addresses.items():
            builder.import_symbol(name[1:], address)
        defined = module.defined()
        for name in defined:
            builder.export_symbol(name[1:])
        piece = builder.link(self._jit, f"tw.lib.{len(self._pieces)}")
        self._pieces.append(piece)
        self._addresses.update((name, piece[name[1:]]) for name in defined)


@cache
def library() -> Library:
    """The one of this process."""
    return Library()
