"""Describes programs to native code: the records of compiler/abi.py.

Layer: runtime. In: a `Program` and where its code was loaded. Out: memory that native code reads.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence

import numpy as np

from ..compiler import abi
from ..compiler.program import Program


class Record:
    """The record of one loaded program; its addresses are valid as long as this object lives.

    Args:
        program: what was loaded.
        call: the address of its `@tw.call`.
        table: the address of its `@tw.program`.
    """

    def __init__(self, program: Program, call: int, table: int) -> None:
        self._constants = tuple(np.ascontiguousarray(c) for c in program.constants)
        self._pointers = _words([c.ctypes.data for c in self._constants])
        signature = program.signature
        self._keys = [sys.intern(key) for key in signature.keys]
        self._key_pointers = _words([id(key) for key in self._keys])
        tables = [ctypes.addressof(self._pointers), 0, ctypes.addressof(self._key_pointers)]
        words = [len(signature.arguments.children), call, *tables]
        self._words = _words([*words, *[0] * (abi.RECORD_SIZE // 8 - len(words))])
        self.address = ctypes.addressof(self._words)
        self.arena_address = self.address + abi.RECORD_ARENA
        ctypes.memmove(
            self.address + abi.RECORD_PROGRAM, table, abi.RECORD_SIZE - abi.RECORD_PROGRAM
        )
        self.alone = (ctypes.c_void_p * 2)(self.address)  # an array of records with just this one


def _words(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(values))(*values)
