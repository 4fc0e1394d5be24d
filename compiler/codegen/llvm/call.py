"""The call of one program: checks of the arguments, new arrays for the results.

Layer: compiler/codegen/llvm. In: a `Signature`. Out: the text of a module with one function::

    ptr @tw.call(ptr %record, ptr %args)

It returns a new reference, null after an error, or MISMATCH if the arguments are not those of the
signature (nothing has happened then). The code is straight, with all that is the same for every
program called in dispatch.py: it should be quick even if LLVM spends no time on it.
"""

from __future__ import annotations

from ... import abi
from ...errors import InternalError
from ...ir.types import DType, Size, TensorType
from ...program import LeafKind, LeafSpec, ResultKind, Signature
from .dispatch import MISMATCH
from .writer import ModuleWriter

_SCALAR_TYPES = {LeafKind.FLOAT: "@tw.py.float", LeafKind.INT: "@tw.py.int"}


def call_text(signature: Signature) -> str:
    """The module that checks and builds what `signature` says."""
    module = ModuleWriter()
    _CallEmitter(module, signature).emit()
    return module.text()


class _CallEmitter:
    """Writes `@tw.call`."""

    def __init__(self, module: ModuleWriter, signature: Signature) -> None:
        self.module = module
        self.signature = signature
        self.fn = module.function("ptr", "@tw.call", [("ptr", "%record"), ("ptr", "%args")])
        self.sizes: dict[str, str] = {}  # size -> i64 operand
        self.miss = self.fn.label("miss")
        self.fail = self.fn.label("fail")

    def emit(self) -> None:
        fn, signature = self.fn, self.signature
        inputs = self._words(len(signature.inputs))
        for k, leaf in enumerate(signature.inputs):
            self._store("ptr", self._check_leaf(self._load("ptr", "%args", 8 * k), leaf), inputs, k)
        sizes = self._emit_sizes()
        objects, data = self._emit_outputs()
        arguments = f"(ptr %record, ptr {inputs}, ptr {data}, ptr {sizes})"
        execute = self.module.declare("@tw.execute", "i1", ["ptr"] * 4)
        self._branch(f"call i1 {execute}{arguments}", self.fail)
        self._emit_result(objects, data)
        fn.start(self.fail)
        release = self.module.declare("@tw.release", "void", ["ptr", "i64"])
        fn.line(f"call void {release}(ptr {objects}, i64 {len(signature.outputs)})")
        fn.line("ret ptr null")
        fn.start(self.miss)
        fn.line(f"ret ptr {MISMATCH}")

    # -- arguments ----------------------------------------------------------------------------

    def _check_leaf(self, argument: str, leaf: LeafSpec) -> str:
        """Emit the checks of one argument; returns the pointer to its data."""
        if leaf.kind is LeafKind.ARRAY:
            return self._check_array(argument, leaf.type)
        if leaf.kind is LeafKind.BOOL:
            return self._unpack_bool(argument)
        name = _SCALAR_TYPES.get(leaf.kind, f"@tw.type.{leaf.type.dtype}")
        actual = self._load("ptr", argument, abi.OBJECT_TYPE)
        self._require(f"icmp eq ptr {actual}, {self.module.external(name)}")
        if leaf.kind is LeafKind.INT:
            return self._unpack_int(argument)
        return self.fn.assign(f"getelementptr i8, ptr {argument}, i64 {abi.SCALAR_VALUE}")

    def _check_array(self, argument: str, type: TensorType) -> str:
        check = self.module.declare("@tw.array.check", "i1", ["ptr", "ptr", "i32"])
        descr = self._descr(type.dtype)
        self._require(f"call i1 {check}(ptr {argument}, ptr {descr}, i32 {type.rank})")
        dims = self._load("ptr", argument, abi.ARRAY_DIMS) if type.rank else ""
        for axis, size in enumerate(type.shape):
            self._check_dim(self._load("i64", dims, 8 * axis), size)
        return self._load("ptr", argument, abi.ARRAY_DATA)

    def _check_dim(self, actual: str, size: Size) -> None:
        """A known size must agree; a name that is seen for the first time takes its value here."""
        name = str(size)
        if isinstance(size, int):
            self._require(f"icmp eq i64 {actual}, {size}")
        elif name in self.sizes:
            self._require(f"icmp eq i64 {actual}, {self.sizes[name]}")
        elif name in self.signature.size_names:
            # sizes 0 and 1 have programs of their own: empty arrays and broadcasting
            self._require(f"icmp sge i64 {actual}, 2")
            self.sizes[name] = actual
        else:
            raise InternalError(f"the size {size} of an argument is neither an int nor a name")

    def _unpack_bool(self, argument: str) -> str:
        fn = self.fn
        true = fn.assign(f"icmp eq ptr {argument}, {self.module.external('@tw.py.True')}")
        false = fn.assign(f"icmp eq ptr {argument}, {self.module.external('@tw.py.False')}")
        self._require(f"or i1 {true}, {false}")
        slot = fn.alloca("i8", 1)
        fn.line(f"store i8 {fn.assign(f'zext i1 {true} to i8')}, ptr {slot}")
        return slot

    def _unpack_int(self, argument: str) -> str:
        fn = self.fn
        convert = self.module.declare("@PyLong_AsLongLongAndOverflow", "i64", ["ptr", "ptr"])
        overflow, slot = fn.alloca("i32", 4), fn.alloca("i64", 8)
        value = fn.assign(f"call i64 {convert}(ptr {argument}, ptr {overflow})")
        self._require(f"icmp eq i32 {fn.assign(f'load i32, ptr {overflow}')}, 0")
        fn.line(f"store i64 {value}, ptr {slot}")
        return slot

    def _emit_sizes(self) -> str:
        """The array of sizes; the program checks its guards and appends the derived sizes."""
        signature = self.signature
        derived = signature.derived_sizes
        sizes = self._words(len(signature.size_names) + len(derived))
        for k, name in enumerate(signature.size_names):
            self._store("i64", self.sizes[name], sizes, k)
        if derived or signature.guards:
            derive = self._load("ptr", "%record", abi.RECORD_DERIVE)
            self._require(f"call i1 {derive}(ptr {sizes})")
        for k, size in enumerate(derived, start=len(signature.size_names)):
            self.sizes[str(size)] = self._load("i64", sizes, 8 * k)
        return sizes

    # -- results ------------------------------------------------------------------------------

    def _emit_outputs(self) -> tuple[str, str]:
        """New arrays, and stack slots for 0-d outputs, which become NumPy scalars in the end.

        Returns the array of objects (null for 0-d outputs) and the array of data pointers.
        """
        fn, outputs = self.fn, self.signature.outputs
        objects, data = self._words(len(outputs)), self._words(len(outputs))
        for k in range(len(outputs)):
            self._store("ptr", "null", objects, k)
        for k, type in enumerate(outputs):
            if type.rank == 0:
                self._store("ptr", fn.alloca("i64", 8), data, k)
                continue
            array = self._new_array(type)
            self._store("ptr", array, objects, k)
            self._unless_null(array)
            self._store("ptr", self._load("ptr", array, abi.ARRAY_DATA), data, k)
        return objects, data

    def _new_array(self, type: TensorType) -> str:
        fn = self.fn
        dims = self._words(type.rank)
        for axis, size in enumerate(type.shape):
            value = str(size) if isinstance(size, int) else self.sizes[str(size)]
            self._store("i64", value, dims, axis)
        new = self.module.declare("@tw.array.new", "ptr", ["ptr", "i32", "ptr", "i64"])
        descr, itemsize = self._descr(type.dtype), type.dtype.itemsize
        return fn.assign(
            f"call ptr {new}(ptr {descr}, i32 {type.rank}, ptr {dims}, i64 {itemsize})"
        )

    def _emit_result(self, objects: str, data: str) -> None:
        fn, outputs = self.fn, self.signature.outputs
        for k, type in enumerate(outputs):
            if type.rank == 0:
                scalar = self._new_scalar(self._load("ptr", data, 8 * k), type.dtype)
                self._store("ptr", scalar, objects, k)
                self._unless_null(scalar)
        if self.signature.result is ResultKind.SINGLE:
            fn.line(f"ret ptr {self._load('ptr', objects, 0)}")
            return
        pack = self.module.declare("@tw.pack", "ptr", ["ptr", "i64"])
        fn.line(f"ret ptr {fn.assign(f'call ptr {pack}(ptr {objects}, i64 {len(outputs)})')}")

    def _new_scalar(self, value: str, dtype: DType) -> str:
        new = self.module.declare("@tw.np.Scalar", "ptr", ["ptr", "ptr", "ptr"])
        return self.fn.assign(f"call ptr {new}(ptr {value}, ptr {self._descr(dtype)}, ptr null)")

    # -- small helpers ------------------------------------------------------------------------

    def _words(self, count: int) -> str:
        return self.fn.alloca(f"[{max(count, 1)} x i64]", 8)

    def _load(self, type: str, base: str, offset: int) -> str:
        if offset:
            base = self.fn.assign(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self.fn.assign(f"load {type}, ptr {base}")

    def _store(self, type: str, value: str, words: str, k: int) -> None:
        place = self.fn.assign(f"getelementptr i8, ptr {words}, i64 {8 * k}") if k else words
        self.fn.line(f"store {type} {value}, ptr {place}")

    def _require(self, condition: str) -> None:
        """Go on only if `condition`, the right-hand side of an i1, holds."""
        self._branch(condition, self.miss)

    def _unless_null(self, pointer: str) -> None:
        self._branch(f"icmp ne ptr {pointer}, null", self.fail)

    def _branch(self, condition: str, otherwise: str) -> None:
        following = self.fn.label("ok")
        self.fn.branch(self.fn.assign(condition), following, otherwise)
        self.fn.start(following)

    def _descr(self, dtype: DType) -> str:
        return self.module.external(f"@tw.descr.{dtype}")
