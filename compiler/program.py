"""What the compiler hands to the runtime: data only.

Layer: compiler. A `Program` is LLVM text and object code for one graph and one signature, and
the description of what goes in and out. Nothing in it is an address of this process, so it could be
written to disk. `runtime/` turns it into something callable.

The module defines (see codegen/llvm/entry.py)::

    ptr @tw.vectorcall(ptr callable, ptr args, i64 nargsf, ptr kwnames)   CPython's vectorcall
    ptr @tw.leaves(ptr self, ptr args, i64 nargs)                         METH_FASTCALL
    i64 @tw.run(ptr in, ptr out, ptr arena, ptr constants, ptr sizes)     the kernels, no Python
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from .ir.graph import Guard
from .ir.types import TensorType


class LeafKind(Enum):
    """The Python class that an argument must have."""

    ARRAY = "ndarray"
    NUMPY_SCALAR = "generic"  # np.float64(3.0): an instance of the dtype's scalar type
    FLOAT = "float"
    INT = "int"
    BOOL = "bool"


@dataclass(frozen=True, slots=True)
class LeafSpec:
    """One argument after flattening: its Python class and its type.

    A FLOAT is f64[], an INT i64[], a BOOL bool[]. Array dimensions are ints or single symbols.
    """

    kind: LeafKind
    type: TensorType

    def __str__(self) -> str:
        return str(self.type) if self.kind is LeafKind.ARRAY else self.kind.value


class ResultKind(Enum):
    """How the entry packs the outputs."""

    SINGLE = "single"  # the one output itself
    TUPLE = "tuple"  # a tuple of all outputs


@dataclass(frozen=True, slots=True)
class Signature:
    """Everything that the native entry checks and builds."""

    inputs: tuple[LeafSpec, ...]
    outputs: tuple[TensorType, ...]
    result: ResultKind
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled graph: `constants[k]` is what slot k of the `constants` table points to."""

    name: str
    signature: Signature
    constants: tuple[np.ndarray, ...]
    llvm: str
    object_code: bytes
