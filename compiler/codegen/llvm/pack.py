"""The results of a native call: new arrays before the program runs, containers around them after.

Layer: compiler/codegen/llvm. In: a `Signature` and the function under construction.

Every array, number and container of the result has a word in one array, so that after an error
whatever has been made is dropped by one call. The children of a container lie side by side there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ... import abi
from ...errors import InternalError
from ...ir.types import DType, TensorType
from ...program import LeafKind, LeafSpec, Nest, NestKind, Signature
from .call_writer import CallWriter

# What makes a Python number: dtype, function, LLVM type of its parameter.
_NUMBERS = {
    LeafKind.FLOAT: (DType.F64, "@PyFloat_FromDouble", "double"),
    LeafKind.INT: (DType.I64, "@PyLong_FromLongLong", "i64"),
    LeafKind.BOOL: (DType.BOOL, "@PyBool_FromLong", "i64"),
}


class _Container(NamedTuple):
    """A container (or None) of the result, and where it, its children and its keys are."""

    nest: Nest
    word: int
    first_child: int
    first_key: int


class Packer:
    """Writes how one signature's result is made."""

    def __init__(self, writer: CallWriter, signature: Signature) -> None:
        self._writer = writer
        self._outputs = signature.outputs
        self._sources = {output: source for source, output in signature.reused}
        self._containers: list[_Container] = []  # outer ones first
        self._leaves: list[int] = []  # the word of each leaf
        self._count = 1
        self._key_count = len(signature.arguments.all_keys)
        self._lay_out(signature.result, 0)
        if any(leaf.type.rank for leaf in self._outputs[len(self._leaves) :]):
            raise InternalError("an array is computed that is not part of the result")
        self._objects = writer.words(self._count)
        self.data = writer.words(len(self._outputs))

    def _lay_out(self, nest: Nest, word: int) -> None:
        """Give words to all below `nest`, whose own is `word`."""
        if nest.kind is NestKind.LEAF:
            self._leaves.append(word)
            return
        first = self._count
        self._containers.append(_Container(nest, word, first, self._key_count))
        self._count += len(nest.children)
        self._key_count += len(nest.keys)
        for k, child in enumerate(nest.children):
            self._lay_out(child, first + k)

    def allocate(self, arguments: Sequence[str]) -> None:
        """Make the arrays, and stack slots for numbers; `data` then points to their memory.

        Arrays that are computed in the memory of one of the `arguments` are that object.
        """
        writer = self._writer
        for word in range(self._count):
            writer.store("ptr", "null", self._objects, 8 * word)
        for k, leaf in enumerate(self._outputs):
            if leaf.kind is not LeafKind.ARRAY:
                writer.store("ptr", writer.fn.alloca("i64", 8), self.data, 8 * k)
                continue
            source = self._sources.get(k)
            if source is None:
                array = self._new_array(leaf.type)
            else:
                array = arguments[source]
                self._retain(array)
            writer.store("ptr", array, self._objects, 8 * self._leaves[k])
            writer.store("ptr", writer.load("ptr", array, abi.ARRAY_DATA), self.data, 8 * k)

    def build(self) -> str:
        """Make numbers and containers; returns the result, which has no other owner any more."""
        for k, (word, leaf) in enumerate(zip(self._leaves, self._outputs, strict=False)):
            if leaf.kind is not LeafKind.ARRAY:
                self._own(self._new_number(self._writer.load("ptr", self.data, 8 * k), leaf), word)
        for container in reversed(self._containers):
            self._own(self._new_container(container), container.word)
        return self._writer.load("ptr", self._objects)

    def release(self) -> None:
        """Drop what has been made."""
        self._writer.release(self._objects, self._count)

    def _retain(self, object: str) -> None:
        retain = self._writer.module.declare("@Py_IncRef", "void", ["ptr"])
        self._writer.fn.line(f"call void {retain}(ptr {object})")

    def _own(self, made: str, word: int) -> None:
        self._writer.store("ptr", made, self._objects, 8 * word)

    def _new_array(self, type: TensorType) -> str:
        writer = self._writer
        dims = writer.words(type.rank)
        for axis, size in enumerate(type.shape or (1,)):  # no axes: one element
            writer.store("i64", writer.size(size), dims, 8 * axis)
        new = writer.module.declare("@tw.array.new", "ptr", ["ptr", "i32", "ptr", "i64"])
        descr, itemsize = writer.descr(type.dtype), type.dtype.itemsize
        return writer.made(
            f"call ptr {new}(ptr {descr}, i32 {type.rank}, ptr {dims}, i64 {itemsize})"
        )

    def _new_number(self, slot: str, leaf: LeafSpec) -> str:
        writer, dtype = self._writer, leaf.type.dtype
        if leaf.kind is LeafKind.NUMPY_SCALAR:
            new = writer.module.declare("@tw.np.Scalar", "ptr", ["ptr"] * 3)
            return writer.made(f"call ptr {new}(ptr {slot}, ptr {writer.descr(dtype)}, ptr null)")
        wanted, name, type = _NUMBERS[leaf.kind]
        if wanted is not dtype:
            raise InternalError(f"a Python {leaf.kind.value} cannot be made of {dtype}")
        new = writer.module.declare(name, "ptr", [type])
        if dtype is DType.BOOL:
            value = writer.fn.assign(f"zext i8 {writer.load('i8', slot)} to i64")
        else:
            value = writer.load(type, slot)
        return writer.made(f"call ptr {new}({type} {value})")

    def _new_container(self, container: _Container) -> str:
        writer, nest = self._writer, container.nest
        if nest.kind is NestKind.NONE:
            none = writer.module.external("@tw.py.None")
            self._retain(none)
            return none
        objects = writer.place(self._objects, 8 * container.first_child)
        types, values = ["ptr", "i64"], f"ptr {objects}, i64 {len(nest.children)}"
        if nest.kind is NestKind.DICT:
            types.append("ptr")
            values += f", ptr {writer.keys(container.first_key)}"
        pack = writer.module.declare(f"@tw.pack.{nest.kind.value}", "ptr", types)
        return writer.made(f"call ptr {pack}({values})")
