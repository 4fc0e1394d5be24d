"""What all native calls share: one fixed LLVM module, loaded once per process.

Layer: compiler/codegen/llvm; text only. CPython calls `@tw.vectorcall` with a callable, which
points to the records of its programs (see compiler/abi.py). The first program that accepts the
arguments runs (see call.py); if none does, the callable's Python method `__call__` is called.
`@tw.leaves` returns NotImplemented then.

References are counted through API functions only. Nothing keeps a reference beyond the call.
"""

from __future__ import annotations

from ... import abi
from ...launches import FAULTS
from ...ops.scalar import STATUS_MEMORY
from .blocks import BLOCKS
from .containers import CONTAINERS

STACK_ARENA_BYTES = 4096  # scratch up to this size lives on the stack
RELEASE_GIL_NS = 50_000  # programs that run longer let other Python threads run

# What a record's call returns, beside objects and null, for arguments that do not match.
MISMATCH = "inttoptr (i64 1 to ptr)"

# ndarray flags that an argument must have and a result gets
_LAYOUT = abi.ARRAY_FLAG_C_CONTIGUOUS | abi.ARRAY_FLAG_ALIGNED
_SMALLEST = 16  # bytes; any allocation of NumPy's is at least so long
_ALIGNED_BYTES = 2048  # arrays from here on are aligned for vectors


def _field(name: str, type: str, base: str, offset: int) -> str:
    """`%name = *(type*)(base + offset)`."""
    return f"""  %{name}.at = getelementptr i8, ptr {base}, i64 {offset}
  %{name} = load {type}, ptr %{name}.at"""


def _vectorcall(name: str, otherwise: str) -> str:
    """A vectorcall function that does `otherwise` if no program matches the arguments."""
    return f"""
define ptr {name}(ptr %callable, ptr %args, i64 %nargsf, ptr %kwnames) {{
entry:
  %count = and i64 %nargsf, {abi.VECTORCALL_COUNT_MASK}
  %positional = icmp eq ptr %kwnames, null
{_field("records", "ptr", "%callable", abi.CALLABLE_RECORDS)}
  br i1 %positional, label %next, label %otherwise
next:
  %place = phi ptr [%records, %entry], [%following, %mismatch]
  %record = load ptr, ptr %place
  %none = icmp eq ptr %record, null
  br i1 %none, label %otherwise, label %compare
compare:
{_field("arity", "i64", "%record", abi.RECORD_ARITY)}
  %fits = icmp eq i64 %arity, %count
  br i1 %fits, label %attempt, label %mismatch
attempt:
{_field("call", "ptr", "%record", abi.RECORD_CALL)}
  %result = call ptr %call(ptr %record, ptr %args)
  %missed = icmp eq ptr %result, {MISMATCH}
  br i1 %missed, label %mismatch, label %done
mismatch:
  %following = getelementptr i8, ptr %place, i64 8
  br label %next
done:
  ret ptr %result
otherwise:
{otherwise}
}}
"""


_OTHERWISE_PYTHON = """
  %slow = call ptr @tw.call_python(ptr %callable, ptr %args, i64 %count, ptr %kwnames)
  ret ptr %slow"""

_OTHERWISE_NOT_IMPLEMENTED = """
  call void @Py_IncRef(ptr @tw.py.NotImplemented)
  ret ptr @tw.py.NotImplemented"""

# type(callable).__call__(callable, *args): the array of arguments is copied behind the callable
_CALL_PYTHON = """
define internal ptr @tw.call_python(ptr %callable, ptr %args, i64 %count, ptr %kwnames) {
entry:
  %positional = icmp eq ptr %kwnames, null
  br i1 %positional, label %allocate, label %keywords
keywords:
  %names = call i64 @PyTuple_Size(ptr %kwnames)
  br label %allocate
allocate:
  %extra = phi i64 [0, %entry], [%names, %keywords]
  %given = add i64 %count, %extra
  %bytes = shl i64 %given, 3
  %more = add i64 %bytes, 8
  %array = call ptr @PyMem_Malloc(i64 %more)
  %failed = icmp eq ptr %array, null
  br i1 %failed, label %fail, label %go
go:
  store ptr %callable, ptr %array
  %rest = getelementptr i8, ptr %array, i64 8
  call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %args, i64 %bytes, i1 false)
  %all = add i64 %count, 1
  %result = call ptr @PyObject_VectorcallMethod(
    ptr @tw.py.__call__, ptr %array, i64 %all, ptr %kwnames)
  call void @PyMem_Free(ptr %array)
  ret ptr %result
fail:
  %error = call ptr @PyErr_NoMemory()
  ret ptr null
}
"""

# Whether an argument is exactly an ndarray (a subclass may mean something else by every operation)
# with this descriptor and rank, C-contiguous and aligned.
_ARRAY_CHECK = f"""
define i1 @tw.array.check(ptr %arg, ptr %descr.wanted, i32 %rank.wanted) {{
entry:
{_field("type", "ptr", "%arg", abi.OBJECT_TYPE)}
  %is_array = icmp eq ptr %type, @tw.type.ndarray
  br i1 %is_array, label %look, label %no
look:
{_field("descr", "ptr", "%arg", abi.ARRAY_DESCR)}
{_field("rank", "i32", "%arg", abi.ARRAY_NDIM)}
{_field("flags", "i32", "%arg", abi.ARRAY_FLAGS)}
  %layout = and i32 %flags, {_LAYOUT}
  %descr.same = icmp eq ptr %descr, %descr.wanted
  %rank.same = icmp eq i32 %rank, %rank.wanted
  %layout.good = icmp eq i32 %layout, {_LAYOUT}
  %same = and i1 %descr.same, %rank.same
  %good = and i1 %same, %layout.good
  ret i1 %good
no:
  ret i1 false
}}
"""

# A new C-contiguous array, or null. NumPy would look for the memory handler of the current context
# and check its capsule first, a quarter of the time that a small array takes. We choose the
# handler, NumPy's default one or that of blocks.py, and tell the array so.
_ARRAY_NEW = f"""
define ptr @tw.array.new(ptr %descr, i32 %rank, ptr %dims, i64 %itemsize) {{
entry:
  %count = zext i32 %rank to i64
  br label %axis
axis:
  %k = phi i64 [0, %entry], [%k.next, %axis]
  %bytes = phi i64 [%itemsize, %entry], [%bytes.next, %axis]
  %dim.at = getelementptr i64, ptr %dims, i64 %k
  %dim = load i64, ptr %dim.at
  %bytes.next = mul i64 %bytes, %dim
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %count
  br i1 %more, label %axis, label %allocate
allocate: ; NumPy frees an empty array as if it had one byte
  %empty = icmp eq i64 %bytes.next, 0
  %size = select i1 %empty, i64 {_SMALLEST}, i64 %bytes.next
  %small = icmp ult i64 %size, {_ALIGNED_BYTES}
  %capsule.at = select i1 %small, ptr @tw.np.capsule, ptr @tw.memory.capsule
  %handler.at = select i1 %small, ptr @tw.np.handler, ptr @tw.memory.handler.at
  %capsule = load ptr, ptr %capsule.at
  %handler = load ptr, ptr %handler.at
{_field("context", "ptr", "%handler", abi.HANDLER_CONTEXT)}
{_field("malloc", "ptr", "%handler", abi.HANDLER_MALLOC)}
  %data = call ptr %malloc(ptr %context, i64 %size)
  %failed = icmp eq ptr %data, null
  br i1 %failed, label %fail, label %wrap
wrap: ; steals the reference to the descriptor, also if it fails
  call void @Py_IncRef(ptr %descr)
  %array = call ptr @tw.np.NewFromDescr(ptr @tw.type.ndarray, ptr %descr, i32 %rank, ptr %dims,
    ptr null, ptr %data, i32 {_LAYOUT | abi.ARRAY_FLAG_WRITEABLE}, ptr null)
  %refused = icmp eq ptr %array, null
  br i1 %refused, label %drop, label %own
own:
  call void @Py_IncRef(ptr %capsule)
  %owner.at = getelementptr i8, ptr %array, i64 {abi.ARRAY_HANDLER}
  store ptr %capsule, ptr %owner.at
{_field("flags", "i32", "%array", abi.ARRAY_FLAGS)}
  %flags.own = or i32 %flags, {abi.ARRAY_FLAG_OWNDATA}
  store i32 %flags.own, ptr %flags.at
  ret ptr %array
drop:
{_field("free", "ptr", "%handler", abi.HANDLER_FREE)}
  call void %free(ptr %context, ptr %data, i64 %size)
  ret ptr null
fail:
  %error = call ptr @PyErr_NoMemory()
  ret ptr null
}}
"""

# Runs a program with scratch memory, without the GIL if it takes long; false: an exception is set.
_EXECUTE = f"""
define i1 @tw.execute(ptr %record, ptr %in, ptr %out, ptr %sizes) {{
entry:
{_field("run", "ptr", "%record", abi.RECORD_RUN)}
{_field("cost", "ptr", "%record", abi.RECORD_COST)}
{_field("arena_bytes", "ptr", "%record", abi.RECORD_ARENA_BYTES)}
{_field("arena_static", "i64", "%record", abi.RECORD_ARENA_STATIC)}
{_field("constants", "ptr", "%record", abi.RECORD_CONSTANTS)}
  %cell = getelementptr i8, ptr %record, i64 {abi.RECORD_ARENA}
  %known = icmp eq ptr %arena_bytes, null
  br i1 %known, label %scratch, label %ask
ask:
  %asked = call i64 %arena_bytes(ptr %sizes)
  br label %scratch
scratch:
  %bytes = phi i64 [%arena_static, %entry], [%asked, %ask]
  %small = icmp ule i64 %bytes, {STACK_ARENA_BYTES}
  br i1 %small, label %stack, label %heap
stack:
  %arena.stack = alloca i8, i64 %bytes, align 64
  br label %start
heap:
  %arena.heap = call ptr @tw.arena.take(ptr %cell, i64 %bytes)
  %failed = icmp eq ptr %arena.heap, null
  br i1 %failed, label %no, label %start
start:
  %arena = phi ptr [%arena.stack, %stack], [%arena.heap, %heap]
  %ns = call i64 %cost(ptr %sizes)
  %long = icmp sgt i64 %ns, {RELEASE_GIL_NS}
  br i1 %long, label %run.long, label %run.short
run.short:
  %status.short = call i64 %run(ptr %in, ptr %out, ptr %arena, ptr %constants, ptr %sizes)
  br label %ran
run.long:
  %thread = call ptr @PyEval_SaveThread()
  %status.long = call i64 %run(ptr %in, ptr %out, ptr %arena, ptr %constants, ptr %sizes)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %ran
ran:
  %status = phi i64 [%status.short, %run.short], [%status.long, %run.long]
  br i1 %small, label %check, label %give
give:
  call void @tw.arena.give(ptr %cell, ptr %arena)
  br label %check
check:
  %good = icmp eq i64 %status, 0
  br i1 %good, label %yes, label %raise
yes:
  ret i1 true
raise:
  call void @tw.raise(i64 %status)
  ret i1 false
no:
  ret i1 false
}}
"""


def _message(name: str, text: str) -> str:
    return f'{name} = private constant [{len(text) + 1} x i8] c"{text}\\00"'


def _raise() -> str:
    """`@tw.raise`: sets one error, the first that occurred in the order of the list."""
    texts = [_message(f"@text.{bit}", text) for bit, _, text in FAULTS]
    lines = []
    for bit, error, _ in FAULTS:
        lines += [
            f"  %bit.{bit} = and i64 %status, {bit}",
            f"  %is.{bit} = icmp ne i64 %bit.{bit}, 0",
            f"  br i1 %is.{bit}, label %set.{bit}, label %not.{bit}",
            f"set.{bit}:",
            f"  %type.{bit} = load ptr, ptr @PyExc_{error.__name__}",
            f"  call void @PyErr_SetString(ptr %type.{bit}, ptr @text.{bit})",
            "  ret void",
            f"not.{bit}:",
        ]
    names = sorted({error.__name__ for _, error, _ in FAULTS})
    types = [f"@PyExc_{name} = external global ptr" for name in names]
    body = [
        "define internal void @tw.raise(i64 %status) {",
        "entry:",
        f"  %memory.bit = and i64 %status, {STATUS_MEMORY}",
        "  %memory = icmp ne i64 %memory.bit, 0",
        "  br i1 %memory, label %no.memory, label %other",
        "no.memory:",
        "  call ptr @PyErr_NoMemory()",
        "  ret void",
        "other:",
        *lines,
        "  ret void",
        "}",
    ]
    return "\n".join(["", *texts, *types, *body, ""])


_EXTERNALS = """
@tw.py.__call__ = external global i8
@tw.py.NotImplemented = external global i8
@tw.memory.capsule = global ptr null ; set by the runtime
@tw.memory.handler.at = internal global ptr @tw.memory.handler
@tw.np.capsule = external global ptr
@tw.np.handler = external global ptr
@tw.type.ndarray = external global i8
declare ptr @PyErr_NoMemory()
declare void @PyErr_SetString(ptr, ptr)
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyMem_Free(ptr)
declare ptr @PyMem_Malloc(i64)
declare ptr @PyObject_VectorcallMethod(ptr, ptr, i64, ptr)
declare i64 @PyTuple_Size(ptr)
declare void @Py_DecRef(ptr)
declare void @Py_IncRef(ptr)
declare ptr @tw.np.NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
"""

DISPATCH = "".join(
    [
        _EXTERNALS,
        _vectorcall("@tw.vectorcall", _OTHERWISE_PYTHON),
        _vectorcall("@tw.leaves", _OTHERWISE_NOT_IMPLEMENTED),
        _ARRAY_CHECK,
        _ARRAY_NEW,
        _EXECUTE,
        _CALL_PYTHON,
        _raise(),
        BLOCKS,
        CONTAINERS,
    ]
)
