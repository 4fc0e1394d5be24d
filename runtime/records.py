"""Describes programs to the native entry: the records of compiler/abi.py.

Layer: runtime. In: a `Program` and where its code was loaded. Out: a `Record`, memory that native
code reads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from ..compiler import abi
from ..compiler.ir.types import Shape
from ..compiler.program import LeafKind, LeafSpec, Program, ResultKind, Signature

_SCALAR_CLASSES: dict[LeafKind, tuple[int, type]] = {
    LeafKind.FLOAT: (abi.INPUT_SCALAR, float),
    LeafKind.INT: (abi.INPUT_INT, int),
    LeafKind.BOOL: (abi.INPUT_BOOL, bool),
}

_Words = ctypes.Array[ctypes.c_int64]


class Record:
    """The record of one loaded program; `address` is valid as long as this object lives."""

    def __init__(self, program: Program, program_address: int) -> None:
        signature = program.signature
        self._constants = tuple(np.ascontiguousarray(c) for c in program.constants)
        pointers = _words([c.ctypes.data for c in self._constants])
        inputs, outputs = _words(_input_words(signature)), _words(_output_words(signature))
        sizes = len(signature.size_names) + len(signature.derived_sizes)
        counts = (len(signature.inputs), len(signature.outputs), sizes)
        head = [
            *counts,
            abi.stack_words(*counts),
            ctypes.addressof(inputs),
            ctypes.addressof(outputs),
            signature.result is ResultKind.TUPLE,
            ctypes.addressof(pointers),
            0,
        ]
        tail = _words([0] * (abi.RECORD_WORDS - len(head)))
        ctypes.memmove(tail, program_address, ctypes.sizeof(tail))
        self._words = _words([*head, *tail])
        self._kept = (pointers, inputs, outputs)
        self.address = ctypes.addressof(self._words)
        self.arena_address = self.address + abi.RECORD_ARENA
        self.alone = (ctypes.c_void_p * 2)(self.address)  # an array of records with just this one


def _words(values: Sequence[int]) -> _Words:
    return (ctypes.c_int64 * len(values))(*values)


def _input_words(signature: Signature) -> list[int]:
    words = []
    for leaf in signature.inputs:
        words += _leaf_words(leaf, _size_places(signature))
    return words


def _leaf_words(leaf: LeafSpec, places: dict[str, int]) -> list[int]:
    dtype = leaf.type.dtype.numpy
    if leaf.kind is LeafKind.ARRAY:
        head = [abi.INPUT_ARRAY, id(np.ndarray), id(dtype), leaf.type.rank]
        return [*head, *_codes(leaf.type.shape, places)]
    if leaf.kind is LeafKind.NUMPY_SCALAR:
        return [abi.INPUT_SCALAR, id(dtype.type)]
    kind, python_class = _SCALAR_CLASSES[leaf.kind]
    return [kind, id(python_class)]


def _output_words(signature: Signature) -> list[int]:
    places = _size_places(signature)
    words = []
    for type in signature.outputs:
        words += [id(type.dtype.numpy), type.rank, *_codes(type.shape, places)]
    return words


def _size_places(signature: Signature) -> dict[str, int]:
    """Where each symbolic size stands in the `sizes` array."""
    derived = map(str, signature.derived_sizes)
    return {name: k for k, name in enumerate([*signature.size_names, *derived])}


def _codes(shape: Shape, places: dict[str, int]) -> list[int]:
    return [size if isinstance(size, int) else ~places[str(size)] for size in shape]
