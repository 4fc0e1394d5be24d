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
    """The Python class of an argument or a result."""

    ARRAY = "ndarray"
    NUMPY_SCALAR = "generic"  # np.float64(3.0): an instance of the dtype's scalar type
    FLOAT = "float"
    INT = "int"
    BOOL = "bool"


@dataclass(frozen=True, slots=True)
class LeafSpec:
    """One array or number after flattening: its Python class and its type.

    A FLOAT is f64[], an INT i64[], a BOOL bool[], a NUMPY_SCALAR has no axes. The dimensions of
    an argument are ints or single symbols.
    """

    kind: LeafKind
    type: TensorType

    @staticmethod
    def of(type: TensorType) -> LeafSpec:
        """What NumPy gives of this type: an array, or a scalar where there are no axes."""
        return LeafSpec(LeafKind.ARRAY if type.shape else LeafKind.NUMPY_SCALAR, type)

    def __str__(self) -> str:
        return str(self.type) if self.kind is LeafKind.ARRAY else self.kind.value


class NestKind(Enum):
    """What stands at one place of nested containers."""

    LEAF = "leaf"
    NONE = "None"
    TUPLE = "tuple"
    LIST = "list"
    DICT = "dict"


@dataclass(frozen=True, slots=True)
class Nest:
    """Nested containers, exactly of the builtin classes. `keys` are those of a dict, in order."""

    kind: NestKind
    children: tuple[Nest, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def all_keys(self) -> tuple[str, ...]:
        """The keys of all dicts: of the outer one first, of children from the first to the last."""
        return self.keys + tuple(key for child in self.children for key in child.all_keys)

    @property
    def leaf_count(self) -> int:
        """The number of leaves."""
        return int(self.kind is NestKind.LEAF) + sum(child.leaf_count for child in self.children)


LEAF = Nest(NestKind.LEAF)


def tuple_of_leaves(count: int) -> Nest:
    """The nesting of a flat tuple."""
    return Nest(NestKind.TUPLE, (LEAF,) * count)


@dataclass(frozen=True, slots=True)
class Signature:
    """Everything that the native entry checks and builds.

    `arguments` is the tuple of positional arguments, whose leaves are `inputs`. The leaves of
    `result` are the first `outputs`; further ones, without axes, are computed and dropped.

    `reused` are pairs (input, output) of arrays of one type. Before compilation: the caller does
    not need the input any more, so the output may be computed in its memory. In a `Program`: those
    outputs are the very objects that were passed, changed in place.
    """

    inputs: tuple[LeafSpec, ...]
    outputs: tuple[LeafSpec, ...]
    arguments: Nest
    result: Nest
    guards: tuple[Guard, ...] = ()
    reused: tuple[tuple[int, int], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all dicts, those of the arguments first."""
        return self.arguments.all_keys + self.result.all_keys

    @property
    def size_names(self) -> tuple[str, ...]:
        """The symbolic sizes of the inputs, in order of appearance."""
        sizes = (size for leaf in self.inputs for size in leaf.type.shape if _symbolic(size))
        return tuple(dict.fromkeys(name for size in sizes for name in sorted(size.names())))

    @property
    def derived_sizes(self) -> tuple[Dim, ...]:
        """The sizes of outputs that are neither ints nor names of sizes."""
        names = self.size_names
        sizes = (size for leaf in self.outputs for size in leaf.type.shape if _symbolic(size))
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
