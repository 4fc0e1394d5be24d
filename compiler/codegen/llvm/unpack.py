"""The arguments of a native call: their nesting, classes, types and sizes are checked.

Layer: compiler/codegen/llvm. In: a `Signature` and the function under construction. Out: code that
finds the data of every leaf, and goes to `miss` at the first difference. Until all checks are done
it changes nothing and runs no Python code, so containers cannot change meanwhile.

While the program runs they can: it may let other threads run. A number in a list or dict is copied
for that reason, and an array gets a reference more until the end of the call.
"""

from __future__ import annotations

from ... import abi
from ...errors import InternalError
from ...ir.types import Size, TensorType
from ...program import LeafKind, LeafSpec, Nest, NestKind, Signature
from .call_writer import CallWriter

_SCALAR_TYPES = {LeafKind.FLOAT: "@tw.py.float", LeafKind.INT: "@tw.py.int"}


class Unpacker:
    """Writes the checks of one signature's arguments."""

    def __init__(self, writer: CallWriter, signature: Signature) -> None:
        self._writer = writer
        self._signature = signature
        self._inputs = iter(signature.inputs)
        self._key_count = 0  # of dicts seen so far
        self._count = 0  # of leaves seen so far
        self._shared: list[str] = []  # arrays that other threads could take away
        self.data = writer.words(len(signature.inputs))
        self.objects: list[str] = []  # of each leaf
        self._kept = ""

    def emit(self) -> None:
        """Check all arguments; `data` then points to their data."""
        for k, nest in enumerate(self._signature.arguments.children):
            self._visit(self._writer.load("ptr", "%args", 8 * k), nest, shared=False)

    def retain(self) -> None:
        """Take references to what could go away while the program runs."""
        writer, count = self._writer, len(self._shared)
        if not count:
            return
        self._kept = writer.words(count)
        for k, array in enumerate(self._shared):
            writer.store("ptr", array, self._kept, 8 * k)
        retain = writer.module.declare("@tw.retain", "void", ["ptr", "i64"])
        writer.fn.line(f"call void {retain}(ptr {self._kept}, i64 {count})")

    def release(self) -> None:
        """Drop them again."""
        self._writer.release(self._kept, len(self._shared))

    # -- containers ---------------------------------------------------------------------------

    def _visit(self, argument: str, nest: Nest, shared: bool) -> None:
        """Check what is at one place; `shared`: others could remove it from where it is."""
        if nest.kind is NestKind.LEAF:
            data = self._check_leaf(argument, next(self._inputs), shared)
            self._writer.store("ptr", data, self.data, 8 * self._count)
            self.objects.append(argument)
            self._count += 1
        elif nest.kind is NestKind.NONE:
            none = self._writer.module.external("@tw.py.None")
            self._writer.require(f"icmp eq ptr {argument}, {none}")
        else:
            self._check_container(argument, nest)
            if nest.kind is NestKind.DICT:
                self._visit_dict(argument, nest)
            else:
                self._visit_sequence(argument, nest, shared)

    def _check_container(self, argument: str, nest: Nest) -> None:
        self._require_class(argument, f"@tw.py.{nest.kind.value}")
        size = self._writer.load("i64", argument, abi.CONTAINER_SIZE)
        self._writer.require(f"icmp eq i64 {size}, {len(nest.children)}")

    def _visit_sequence(self, argument: str, nest: Nest, shared: bool) -> None:
        writer, first = self._writer, abi.TUPLE_ITEMS
        if nest.kind is NestKind.LIST:
            argument, first, shared = writer.load("ptr", argument, abi.LIST_ITEMS), 0, True
        for k, child in enumerate(nest.children):
            self._visit(writer.load("ptr", argument, first + 8 * k), child, shared)

    def _visit_dict(self, argument: str, nest: Nest) -> None:
        writer, first = self._writer, self._key_count
        self._key_count += len(nest.keys)
        if not nest.keys:
            return
        get = writer.module.declare("@tw.dict.value", "ptr", ["ptr"] * 3)
        position, keys = writer.words(1), writer.keys(first)
        writer.store("i64", "0", position)
        for k, child in enumerate(nest.children):
            key = writer.load("ptr", keys, 8 * k)
            value = writer.fn.assign(f"call ptr {get}(ptr {argument}, ptr {position}, ptr {key})")
            writer.require(f"icmp ne ptr {value}, null")
            self._visit(value, child, shared=True)

    # -- leaves -------------------------------------------------------------------------------

    def _check_leaf(self, argument: str, leaf: LeafSpec, shared: bool) -> str:
        """Emit the checks of one array or number; returns the pointer to its data."""
        if leaf.kind is LeafKind.ARRAY:
            if shared:
                self._shared.append(argument)
            return self._check_array(argument, leaf.type)
        if leaf.kind is LeafKind.BOOL:
            return self._unpack_bool(argument)
        name = _SCALAR_TYPES.get(leaf.kind, f"@tw.type.{leaf.type.dtype}")
        self._require_class(argument, name)
        if leaf.kind is LeafKind.INT:
            return self._unpack_int(argument)
        place = self._writer.place(argument, abi.SCALAR_VALUE)
        return self._copy(place, f"i{8 * leaf.type.dtype.itemsize}") if shared else place

    def _check_array(self, argument: str, type: TensorType) -> str:
        writer = self._writer
        check = writer.module.declare("@tw.array.check", "i1", ["ptr", "ptr", "i32"])
        descr = writer.descr(type.dtype)
        writer.require(f"call i1 {check}(ptr {argument}, ptr {descr}, i32 {type.rank})")
        dims = writer.load("ptr", argument, abi.ARRAY_DIMS) if type.rank else ""
        for axis, size in enumerate(type.shape):
            self._check_dim(writer.load("i64", dims, 8 * axis), size)
        return writer.load("ptr", argument, abi.ARRAY_DATA)

    def _check_dim(self, actual: str, size: Size) -> None:
        """A known size must agree; a name that is seen for the first time takes its value here."""
        writer, name = self._writer, str(size)
        if isinstance(size, int) or name in writer.sizes:
            writer.require(f"icmp eq i64 {actual}, {writer.size(size)}")
        elif name in self._signature.size_names:
            # sizes 0 and 1 have programs of their own: empty arrays and broadcasting
            writer.require(f"icmp sge i64 {actual}, 2")
            writer.sizes[name] = actual
        else:
            raise InternalError(f"the size {size} of an argument is neither an int nor a name")

    def _require_class(self, argument: str, name: str) -> None:
        """Exactly this class, no subclass."""
        actual = self._writer.load("ptr", argument, abi.OBJECT_TYPE)
        self._writer.require(f"icmp eq ptr {actual}, {self._writer.module.external(name)}")

    def _unpack_bool(self, argument: str) -> str:
        writer, fn = self._writer, self._writer.fn
        true = fn.assign(f"icmp eq ptr {argument}, {writer.module.external('@tw.py.True')}")
        false = fn.assign(f"icmp eq ptr {argument}, {writer.module.external('@tw.py.False')}")
        writer.require(f"or i1 {true}, {false}")
        slot = fn.alloca("i8", 1)
        writer.store("i8", fn.assign(f"zext i1 {true} to i8"), slot)
        return slot

    def _unpack_int(self, argument: str) -> str:
        writer, fn = self._writer, self._writer.fn
        convert = writer.module.declare("@PyLong_AsLongLongAndOverflow", "i64", ["ptr", "ptr"])
        overflow, slot = fn.alloca("i32", 4), fn.alloca("i64", 8)
        value = fn.assign(f"call i64 {convert}(ptr {argument}, ptr {overflow})")
        writer.require(f"icmp eq i32 {writer.load('i32', overflow)}, 0")
        writer.store("i64", value, slot)
        return slot

    def _copy(self, place: str, type: str) -> str:
        slot = self._writer.fn.alloca("i64", 8)
        self._writer.store(type, self._writer.load(type, place), slot)
        return slot
