"""What the compiler hands to the runtime: data only.

Layer: compiler. A `Program` is LLVM text and object code for one graph and one signature, and
the description of what goes in and out. Nothing in it is an address of this process, so it could be
written to disk. `runtime/` turns it into something callable.

The module exports one constant, `@tw.program`, which points to its functions; codegen/llvm/entry.py
describes them. They know nothing of Python: checks and allocation are in codegen/llvm/dispatch.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeGuard

import numpy as np

from .ir.dims import Dim
from .ir.graph import Guard
from .ir.types import Size, TensorType


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

    @property
    def size_names(self) -> tuple[str, ...]:
        """The symbolic sizes of the inputs, in order of appearance."""
        sizes = (size for leaf in self.inputs for size in leaf.type.shape if _symbolic(size))
        return tuple(dict.fromkeys(name for size in sizes for name in sorted(size.names())))

    @property
    def derived_sizes(self) -> tuple[Dim, ...]:
        """The sizes of outputs that are neither ints nor names of sizes."""
        names = self.size_names
        sizes = (size for type in self.outputs for size in type.shape if _symbolic(size))
        return tuple(dict.fromkeys(size for size in sizes if str(size) not in names))


def _symbolic(size: Size) -> TypeGuard[Dim]:
    return isinstance(size, Dim)


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled graph: `constants[k]` is what word k of the `constants` table points to."""

    name: str
    signature: Signature
    constants: tuple[np.ndarray, ...]
    llvm: str
    object_code: bytes
