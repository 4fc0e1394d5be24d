"""The entry that Python calls: checks arguments, allocates results, runs the kernels.

Layer: compiler/codegen/llvm. In: a `Signature`. Out: these functions in the module that already
holds (or will hold) the kernels::

    ptr @tw.vectorcall(ptr callable, ptr args, i64 nargsf, ptr kwnames)
        CPython's vectorcall. Arguments that do not match go to the next specialisation
        (`@tw.next`), in the end to the Python method `__call__` of the callable.
    ptr @tw.leaves(ptr self, ptr args, i64 nargs)
        METH_FASTCALL. Returns NotImplemented for arguments that do not match.

They expect from the kernels' side::

    define internal i64 @tw.run(ptr %in, ptr %out, ptr %arena, ptr %constants, ptr %sizes)
    define internal i64 @tw.arena_bytes(ptr %sizes)   ; only if `arena_bytes` is None
    define internal i64 @tw.cost(ptr %sizes)          ; nanoseconds, only roughly

`in` and `out` are arrays of data pointers, `sizes` an array of i64 in the order of `size_names`.
`@tw.run` returns a sum of STATUS_* bits, 0 when all went well. Globals that the runtime fills in
after loading: `@tw.next` (ptr) and `@tw.constants` (array of ptr); `@tw.arena` is a block of
scratch memory that one call leaves behind for the next, to be freed by the runtime.

Every reference is counted through API functions, every field is read at an offset of abi.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from ... import abi
from ...errors import InternalError
from ...ir.types import DType, Size, TensorType
from ...program import LeafKind, LeafSpec, ResultKind, Signature
from .sizes import emit_size
from .support import MISMATCH, declare
from .writer import FunctionWriter, ModuleWriter

STACK_ARENA_BYTES = 4096  # scratch up to this size lives on the stack
RELEASE_GIL_NS = 50_000  # calls that run longer let other Python threads run

_RELATIONS = {"==": "eq", "!=": "ne", ">=": "sge"}


def emit_entry(
    module: ModuleWriter,
    signature: Signature,
    size_names: Sequence[str],
    constants: int,
    arena_bytes: int | None = None,
) -> None:
    """Write the entry functions and the globals they share with the runtime.

    Args:
        module: the module to write into.
        signature: what to check and to build.
        size_names: the symbolic sizes in the order of the kernels' `sizes` array.
        constants: the number of constant arrays.
        arena_bytes: scratch bytes if known now (0: none); None asks `@tw.arena_bytes` at run time.
    """
    module.global_("@tw.next", "global ptr null")
    module.global_("@tw.arena", "global ptr null")
    module.global_("@tw.constants", f"global [{max(constants, 1)} x ptr] zeroinitializer")
    _Try(module, signature, size_names, arena_bytes).emit()
    _emit_vectorcall(module, len(signature.inputs))
    _emit_leaves(module, len(signature.inputs))


def _emit_vectorcall(module: ModuleWriter, arity: int) -> None:
    fn = module.function(
        "ptr",
        "@tw.vectorcall",
        [("ptr", "%callable"), ("ptr", "%args"), ("i64", "%nargsf"), ("ptr", "%kwnames")],
    )
    attempt, done, miss = fn.label("attempt"), fn.label("done"), fn.label("miss")
    following, python = fn.label("next"), fn.label("python")
    count = fn.assign(f"and i64 %nargsf, {abi.VECTORCALL_COUNT_MASK}")
    right_count = fn.assign(f"icmp eq i64 {count}, {arity}")
    no_keywords = fn.assign("icmp eq ptr %kwnames, null")
    fn.branch(fn.assign(f"and i1 {right_count}, {no_keywords}"), attempt, miss)
    fn.start(attempt)
    result = fn.assign("call ptr @tw.try(ptr %args)")
    fn.branch(fn.assign(f"icmp eq ptr {result}, {MISMATCH}"), miss, done)
    fn.start(done)
    fn.line(f"ret ptr {result}")
    fn.start(miss)
    other = fn.assign("load ptr, ptr @tw.next")
    fn.branch(fn.assign(f"icmp eq ptr {other}, null"), python, following)
    fn.start(following)
    passed_on = fn.assign(
        f"musttail call ptr {other}(ptr %callable, ptr %args, i64 %nargsf, ptr %kwnames)"
    )
    fn.line(f"ret ptr {passed_on}")
    fn.start(python)
    slow = fn.assign(
        f"call ptr {declare(module, '@tw.call_python')}"
        f"(ptr %callable, ptr %args, i64 {count}, ptr %kwnames)"
    )
    fn.line(f"ret ptr {slow}")


def _emit_leaves(module: ModuleWriter, arity: int) -> None:
    fn = module.function(
        "ptr", "@tw.leaves", [("ptr", "%self"), ("ptr", "%args"), ("i64", "%nargs")]
    )
    attempt, done, miss = fn.label("attempt"), fn.label("done"), fn.label("miss")
    fn.branch(fn.assign(f"icmp eq i64 %nargs, {arity}"), attempt, miss)
    fn.start(attempt)
    result = fn.assign("call ptr @tw.try(ptr %args)")
    fn.branch(fn.assign(f"icmp eq ptr {result}, {MISMATCH}"), miss, done)
    fn.start(done)
    fn.line(f"ret ptr {result}")
    fn.start(miss)
    not_implemented = module.external("@tw.py.NotImplemented")
    fn.line(f"call void {module.declare('@Py_IncRef', 'void', ['ptr'])}(ptr {not_implemented})")
    fn.line(f"ret ptr {not_implemented}")


class _Try:
    """Writes `ptr @tw.try(ptr %args)`: a new reference, null after an error, or MISMATCH."""

    def __init__(
        self,
        module: ModuleWriter,
        signature: Signature,
        size_names: Sequence[str],
        arena_bytes: int | None,
    ) -> None:
        self.module = module
        self.signature = signature
        self.size_names = size_names
        self.arena_bytes = arena_bytes
        self.fn = module.function("ptr", "@tw.try", [("ptr", "%args")], linkage="internal")
        self.names: dict[str, str] = {}  # size name -> i64 operand
        self.miss = self.fn.label("miss")
        self.release = self.fn.label("release")
        self.inputs = self._pointers("inputs", len(signature.inputs))
        self.data = self._pointers("data", len(signature.outputs))
        self.objects = self._pointers("objects", len(signature.outputs))

    def emit(self) -> None:
        fn = self.fn
        for k, leaf in enumerate(self.signature.inputs):
            self._store(self.inputs, k, self._check_leaf(k, leaf))
        sizes = self._emit_sizes()
        self._check_guards()
        self._emit_allocations()
        status = self._emit_run(sizes)
        packed, failed = fn.label("pack"), fn.label("failed")
        fn.branch(fn.assign(f"icmp eq i64 {status}, 0"), packed, failed)
        fn.start(packed)
        self._emit_result()
        fn.start(failed)
        fn.line(f"call void {declare(self.module, '@tw.raise')}(i64 {status})")
        fn.jump(self.release)
        fn.start(self.release)
        if self._has_arrays or self.signature.result is ResultKind.TUPLE:
            count = len(self.signature.outputs)
            fn.line(
                f"call void {declare(self.module, '@tw.release')}(ptr {self.objects}, i64 {count})"
            )
        fn.line("ret ptr null")
        fn.start(self.miss)
        fn.line(f"ret ptr {MISMATCH}")

    # arguments

    def _check_leaf(self, k: int, leaf: LeafSpec) -> str:
        """Emit the checks of argument k; returns the pointer to its data."""
        fn = self.fn
        argument = self._load("ptr", "%args", 8 * k)
        if leaf.kind is LeafKind.ARRAY:
            return self._check_array(argument, leaf.type)
        if leaf.kind is LeafKind.BOOL:
            return self._check_bool(argument)
        name = {
            LeafKind.NUMPY_SCALAR: f"@tw.type.{leaf.type.dtype}",
            LeafKind.FLOAT: "@tw.py.float",
            LeafKind.INT: "@tw.py.int",
        }[leaf.kind]
        self._check_type(argument, name)
        if leaf.kind is LeafKind.INT:
            return self._unpack_int(argument)
        return fn.assign(f"getelementptr i8, ptr {argument}, i64 {abi.SCALAR_VALUE}")

    def _check_type(self, argument: str, name: str) -> None:
        """Exactly this type: a subclass may mean something else by every operation."""
        actual = self._load("ptr", argument, abi.OBJECT_TYPE)
        self._require(f"icmp eq ptr {actual}, {self.module.external(name)}")

    def _check_array(self, argument: str, type: TensorType) -> str:
        fn = self.fn
        self._check_type(argument, "@tw.type.ndarray")
        descr = self._load("ptr", argument, abi.ARRAY_DESCR)
        rank = self._load("i32", argument, abi.ARRAY_NDIM)
        flags = self._load("i32", argument, abi.ARRAY_FLAGS)
        wanted = abi.FLAG_C_CONTIGUOUS | abi.FLAG_ALIGNED
        layout = fn.assign(f"and i32 {flags}, {wanted}")
        conditions = [
            f"icmp eq ptr {descr}, {self._descr(type.dtype)}",
            f"icmp eq i32 {rank}, {type.rank}",
            f"icmp eq i32 {layout}, {wanted}",
        ]
        self._require(*conditions)
        if type.rank:
            self._check_dims(self._load("ptr", argument, abi.ARRAY_DIMS), type.shape)
        return self._load("ptr", argument, abi.ARRAY_DATA)

    def _check_dims(self, dims: str, shape: tuple[Size, ...]) -> None:
        """Known sizes must agree; a size name seen for the first time takes its value here."""
        conditions = []
        for axis, size in enumerate(shape):
            actual = self._load("i64", dims, 8 * axis)
            name = str(size)
            if isinstance(size, int):
                conditions.append(f"icmp eq i64 {actual}, {size}")
            elif name in self.names:
                conditions.append(f"icmp eq i64 {actual}, {self.names[name]}")
            elif name in self.size_names:
                # sizes 0 and 1 have programs of their own: empty arrays and broadcasting
                self.names[name] = actual
                conditions.append(f"icmp sge i64 {actual}, 2")
            else:
                raise InternalError(f"argument dimension {size} is neither an int nor a name")
        self._require(*conditions)

    def _check_bool(self, argument: str) -> str:
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
        overflow = fn.alloca("i32", 4)
        value = fn.assign(f"call i64 {convert}(ptr {argument}, ptr {overflow})")
        self._require(f"icmp eq i32 {self._load('i32', overflow, 0)}, 0")
        slot = fn.alloca("i64", 8)
        fn.line(f"store i64 {value}, ptr {slot}")
        return slot

    def _emit_sizes(self) -> str:
        missing = [name for name in self.size_names if name not in self.names]
        if missing:
            raise InternalError(f"no argument defines the sizes {', '.join(missing)}")
        if not self.size_names:
            return "null"
        sizes = self.fn.alloca(f"[{len(self.size_names)} x i64]", 8)
        for k, name in enumerate(self.size_names):
            pointer = self.fn.assign(f"getelementptr i8, ptr {sizes}, i64 {8 * k}")
            self.fn.line(f"store i64 {self.names[name]}, ptr {pointer}")
        return sizes

    def _check_guards(self) -> None:
        for guard in self.signature.guards:
            value = emit_size(self.fn, guard.size, self.names)
            self._require(f"icmp {_RELATIONS[guard.relation]} i64 {value}, 0")

    # results

    @property
    def _has_arrays(self) -> bool:
        return any(type.rank for type in self.signature.outputs)

    def _emit_allocations(self) -> None:
        """New arrays for the outputs; a 0-d output gets a stack slot until it becomes a scalar."""
        fn, outputs = self.fn, self.signature.outputs
        for k in range(len(outputs)):
            self._store(self.objects, k, "null")
        for k, type in enumerate(outputs):
            if type.rank == 0:
                self._store(self.data, k, fn.alloca("i64", 8))
                continue
            array = self._new_array(type)
            self._unless_null(array)
            self._store(self.objects, k, array)
            self._store(self.data, k, self._load("ptr", array, abi.ARRAY_DATA))

    def _new_array(self, type: TensorType) -> str:
        """PyArray_NewFromDescr, which is quicker than PyArray_Empty; it steals the descriptor."""
        fn = self.fn
        dims = fn.alloca(f"[{type.rank} x i64]", 8)
        for axis, size in enumerate(type.shape):
            pointer = fn.assign(f"getelementptr i8, ptr {dims}, i64 {8 * axis}")
            fn.line(f"store i64 {emit_size(fn, size, self.names)}, ptr {pointer}")
        descr = self._descr(type.dtype)
        ndarray = self.module.external("@tw.type.ndarray")
        new = self.module.declare(
            "@tw.np.NewFromDescr",
            "ptr",
            ["ptr", "ptr", "i32", "ptr", "ptr", "ptr", "i32", "ptr"],
        )
        fn.line(f"call void {self.module.declare('@Py_IncRef', 'void', ['ptr'])}(ptr {descr})")
        return fn.assign(
            f"call ptr {new}(ptr {ndarray}, ptr {descr}, i32 {type.rank}, ptr {dims}, "
            "ptr null, ptr null, i32 0, ptr null)"
        )

    def _emit_result(self) -> None:
        fn, outputs = self.fn, self.signature.outputs
        make_scalar = "@tw.np.Scalar"
        for k, type in enumerate(outputs):
            if type.rank == 0:
                self.module.declare(make_scalar, "ptr", ["ptr", "ptr", "ptr"])
                slot = self._load("ptr", self.data, 8 * k)
                scalar = fn.assign(
                    f"call ptr {make_scalar}(ptr {slot}, ptr {self._descr(type.dtype)}, ptr null)"
                )
                self._unless_null(scalar)
                self._store(self.objects, k, scalar)
        if self.signature.result is ResultKind.SINGLE:
            fn.line(f"ret ptr {self._load('ptr', self.objects, 0)}")
            return
        new_tuple = self.module.declare("@PyTuple_New", "ptr", ["i64"])
        set_item = self.module.declare("@PyTuple_SetItem", "i32", ["ptr", "i64", "ptr"])
        result = fn.assign(f"call ptr {new_tuple}(i64 {len(outputs)})")
        self._unless_null(result)
        for k in range(len(outputs)):
            item = self._load("ptr", self.objects, 8 * k)
            fn.assign(f"call i32 {set_item}(ptr {result}, i64 {k}, ptr {item})")
        fn.line(f"ret ptr {result}")

    # the run

    def _emit_run(self, sizes: str) -> str:
        """Emit scratch memory, the GIL's release for long runs, and the run; returns the status."""
        fn = self.fn
        if self.arena_bytes is not None and self.arena_bytes <= STACK_ARENA_BYTES:
            arena = fn.alloca(f"[{self.arena_bytes} x i8]", 64) if self.arena_bytes else "null"
            return self._emit_timed_run(arena, sizes)
        needed = str(self.arena_bytes)
        if self.arena_bytes is None:
            needed = fn.assign(f"call i64 @tw.arena_bytes(ptr {sizes})")
        arena = fn.assign(
            f"call ptr {declare(self.module, '@tw.arena.take')}(ptr @tw.arena, i64 {needed})"
        )
        self._unless_null(arena)
        status = self._emit_timed_run(arena, sizes)
        fn.line(f"call void {declare(self.module, '@tw.arena.give')}(ptr @tw.arena, ptr {arena})")
        return status

    def _emit_timed_run(self, arena: str, sizes: str) -> str:
        fn = self.fn
        long, short, done = fn.label("long"), fn.label("short"), fn.label("done")
        arguments = (
            f"(ptr {self.inputs}, ptr {self.data}, ptr {arena}, ptr @tw.constants, ptr {sizes})"
        )
        cost = fn.assign(f"call i64 @tw.cost(ptr {sizes})")
        fn.branch(fn.assign(f"icmp sgt i64 {cost}, {RELEASE_GIL_NS}"), long, short)
        fn.start(long)
        save = self.module.declare("@PyEval_SaveThread", "ptr", [])
        restore = self.module.declare("@PyEval_RestoreThread", "void", ["ptr"])
        thread = fn.assign(f"call ptr {save}()")
        without_gil = fn.assign(f"call i64 @tw.run{arguments}")
        fn.line(f"call void {restore}(ptr {thread})")
        fn.jump(done)
        fn.start(short)
        with_gil = fn.assign(f"call i64 @tw.run{arguments}")
        fn.jump(done)
        fn.start(done)
        return fn.assign(f"phi i64 [{without_gil}, {long}], [{with_gil}, {short}]")

    # small helpers

    def _pointers(self, what: str, count: int) -> str:
        return self.fn.alloca(f"[{max(count, 1)} x ptr]", 8)

    def _load(self, type: str, base: str, offset: int) -> str:
        if offset:
            base = self.fn.assign(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self.fn.assign(f"load {type}, ptr {base}")

    def _store(self, array: str, k: int, pointer: str) -> None:
        slot = self.fn.assign(f"getelementptr i8, ptr {array}, i64 {8 * k}") if k else array
        self.fn.line(f"store ptr {pointer}, ptr {slot}")

    def _require(self, *conditions: str) -> None:
        """Go on only if all conditions (right-hand sides of type i1) hold; one branch for all."""
        fn = self.fn
        met = ""
        for condition in conditions:
            one = fn.assign(condition)
            met = fn.assign(f"and i1 {met}, {one}") if met else one
        following = fn.label("ok")
        fn.branch(met, following, self.miss)
        fn.start(following)

    def _unless_null(self, pointer: str) -> None:
        fn = self.fn
        following = fn.label("have")
        fn.branch(fn.assign(f"icmp ne ptr {pointer}, null"), following, self.release)
        fn.start(following)

    def _descr(self, dtype: DType) -> str:
        return self.module.external(f"@tw.descr.{dtype}")
