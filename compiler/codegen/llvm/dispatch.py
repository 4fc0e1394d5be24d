"""The native entry that all programs share: one fixed LLVM module, loaded once per process.

Layer: compiler/codegen/llvm; text only. CPython calls `@tw.vectorcall` with a callable, which
points to the records of its programs (see compiler/abi.py). The first program whose inputs match
the arguments runs; if none does, the callable's Python method `__call__` is called. `@tw.leaves`
returns NotImplemented then.

A record is data, so that adding a program adds no code of this kind: code for the checks would
take LLVM longer to compile than the kernels do, and run at the same speed.

References are counted through API functions only. Nothing here keeps a reference beyond the call.
"""

from __future__ import annotations

from ... import abi
from ...ops.scalar import STATUS_INDEX, STATUS_NEGATIVE_POWER

STACK_ARENA_BYTES = 4096  # scratch up to this size lives on the stack
RELEASE_GIL_NS = 50_000  # programs that run longer let other Python threads run

# What @tw.try returns, beside objects and null, for arguments that do not match.
_MISMATCH = "inttoptr (i64 1 to ptr)"


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
{_field("arity", "i64", "%record", abi.RECORD_INPUT_COUNT)}
  %fits = icmp eq i64 %arity, %count
  br i1 %fits, label %attempt, label %mismatch
attempt:
  %result = call ptr @tw.try(ptr %record, ptr %args)
  %missed = icmp eq ptr %result, {_MISMATCH}
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

# A new reference, null after an error, or MISMATCH (nothing has happened then).
_TRY = f"""
define internal ptr @tw.try(ptr %record, ptr %args) {{
entry:
  %dims = alloca [{abi.MAX_RANK} x i64], align 16
  %overflow = alloca i32, align 4
{_field("inputs", "i64", "%record", abi.RECORD_INPUT_COUNT)}
{_field("outputs", "i64", "%record", abi.RECORD_OUTPUT_COUNT)}
{_field("size_count", "i64", "%record", abi.RECORD_SIZE_COUNT)}
{_field("words", "i64", "%record", abi.RECORD_STACK_WORDS)}
{_field("input_words", "ptr", "%record", abi.RECORD_INPUTS)}
{_field("output_words", "ptr", "%record", abi.RECORD_OUTPUTS)}
  ; data pointers of inputs, values of ints and bools, data pointers of outputs, output objects,
  ; values of 0-d outputs, sizes
  %in = alloca i64, i64 %words, align 16
  %values = getelementptr i64, ptr %in, i64 %inputs
  %out = getelementptr i64, ptr %values, i64 %inputs
  %objects = getelementptr i64, ptr %out, i64 %outputs
  %scalars = getelementptr i64, ptr %objects, i64 %outputs
  %sizes = getelementptr i64, ptr %scalars, i64 %outputs
  br label %clear

clear: ; no size is known yet: -1
  %c = phi i64 [0, %entry], [%c.next, %clear.one]
  %c.more = icmp ult i64 %c, %size_count
  br i1 %c.more, label %clear.one, label %input
clear.one:
  %c.at = getelementptr i64, ptr %sizes, i64 %c
  store i64 -1, ptr %c.at
  %c.next = add i64 %c, 1
  br label %clear

input: ; check argument k, find its data
  %k = phi i64 [0, %clear], [%k.next, %input.done]
  %w = phi ptr [%input_words, %clear], [%w.next, %input.done]
  %k.more = icmp ult i64 %k, %inputs
  br i1 %k.more, label %input.type, label %derive
input.type:
  %arg.at = getelementptr ptr, ptr %args, i64 %k
  %arg = load ptr, ptr %arg.at
{_field("type", "ptr", "%arg", abi.OBJECT_TYPE)}
{_field("kind", "i64", "%w", 0)}
{_field("type.wanted", "ptr", "%w", 8)}
  %w.scalar = getelementptr i8, ptr %w, i64 16
  %type.same = icmp eq ptr %type, %type.wanted
  br i1 %type.same, label %input.kind, label %miss
input.kind:
  switch i64 %kind, label %array [
    i64 {abi.INPUT_SCALAR}, label %scalar
    i64 {abi.INPUT_INT}, label %int
    i64 {abi.INPUT_BOOL}, label %bool
  ]

array:
{_field("descr", "ptr", "%arg", abi.ARRAY_DESCR)}
{_field("rank", "i32", "%arg", abi.ARRAY_NDIM)}
{_field("flags", "i32", "%arg", abi.ARRAY_FLAGS)}
{_field("shape", "ptr", "%arg", abi.ARRAY_DIMS)}
{_field("descr.wanted", "ptr", "%w", 16)}
{_field("rank.wanted", "i64", "%w", 24)}
  %codes = getelementptr i8, ptr %w, i64 32
  %w.array = getelementptr i64, ptr %codes, i64 %rank.wanted
  %rank.wide = zext i32 %rank to i64
  %layout = and i32 %flags, {abi.ARRAY_FLAG_C_CONTIGUOUS | abi.ARRAY_FLAG_ALIGNED}
  %descr.same = icmp eq ptr %descr, %descr.wanted
  %rank.same = icmp eq i64 %rank.wide, %rank.wanted
  %layout.good = icmp eq i32 %layout, {abi.ARRAY_FLAG_C_CONTIGUOUS | abi.ARRAY_FLAG_ALIGNED}
  %good.1 = and i1 %descr.same, %rank.same
  %good.2 = and i1 %good.1, %layout.good
  br i1 %good.2, label %axis, label %miss
axis:
  %a = phi i64 [0, %array], [%a.next, %axis.done]
  %a.more = icmp ult i64 %a, %rank.wanted
  br i1 %a.more, label %axis.static, label %array.done
axis.static:
  %code.at = getelementptr i64, ptr %codes, i64 %a
  %code = load i64, ptr %code.at
  %length.at = getelementptr i64, ptr %shape, i64 %a
  %length = load i64, ptr %length.at
  %length.same = icmp eq i64 %code, %length
  br i1 %length.same, label %axis.done, label %axis.other
axis.other:
  %symbolic = icmp slt i64 %code, 0
  br i1 %symbolic, label %axis.name, label %miss
axis.name:
  %name = xor i64 %code, -1
  %size.at = getelementptr i64, ptr %sizes, i64 %name
  %size = load i64, ptr %size.at
  %size.same = icmp eq i64 %size, %length
  br i1 %size.same, label %axis.done, label %axis.new
axis.new: ; sizes 0 and 1 have programs of their own: empty arrays and broadcasting
  %unknown = icmp eq i64 %size, -1
  %usual = icmp sge i64 %length, 2
  %take = and i1 %unknown, %usual
  br i1 %take, label %axis.take, label %miss
axis.take:
  store i64 %length, ptr %size.at
  br label %axis.done
axis.done:
  %a.next = add i64 %a, 1
  br label %axis
array.done:
{_field("data", "ptr", "%arg", abi.ARRAY_DATA)}
  br label %input.done

scalar:
  %value.inside = getelementptr i8, ptr %arg, i64 {abi.SCALAR_VALUE}
  br label %input.done
int:
  %int.value = call i64 @PyLong_AsLongLongAndOverflow(ptr %arg, ptr %overflow)
  %int.overflow = load i32, ptr %overflow
  %int.fits = icmp eq i32 %int.overflow, 0
  br i1 %int.fits, label %value, label %miss
bool:
  %bool.true = icmp eq ptr %arg, @tw.py.True
  %bool.value = zext i1 %bool.true to i64
  br label %value
value:
  %v = phi i64 [%int.value, %int], [%bool.value, %bool]
  %value.at = getelementptr i64, ptr %values, i64 %k
  store i64 %v, ptr %value.at
  br label %input.done

input.done:
  %pointer = phi ptr [%data, %array.done], [%value.inside, %scalar], [%value.at, %value]
  %w.next = phi ptr [%w.array, %array.done], [%w.scalar, %scalar], [%w.scalar, %value]
  %in.at = getelementptr ptr, ptr %in, i64 %k
  store ptr %pointer, ptr %in.at
  %k.next = add i64 %k, 1
  br label %input

derive: ; guards, and sizes computed from others
{_field("derive.code", "ptr", "%record", abi.RECORD_DERIVE)}
  %derive.none = icmp eq ptr %derive.code, null
  br i1 %derive.none, label %output, label %derive.call
derive.call:
  %holds = call i1 %derive.code(ptr %sizes)
  br i1 %holds, label %output, label %miss

output: ; a new array for output j; a 0-d output stays a value on the stack for now
  %j = phi i64 [0, %derive], [0, %derive.call], [%j.next, %output.done]
  %u = phi ptr [%output_words, %derive], [%output_words, %derive.call], [%u.next, %output.done]
  %j.more = icmp ult i64 %j, %outputs
  br i1 %j.more, label %output.one, label %scratch
output.one:
  %out.descr = load ptr, ptr %u
{_field("out.rank", "i64", "%u", 8)}
  %out.codes = getelementptr i8, ptr %u, i64 16
  %u.next = getelementptr i64, ptr %out.codes, i64 %out.rank
  %out.scalar = icmp eq i64 %out.rank, 0
  br i1 %out.scalar, label %output.scalar, label %dim
dim:
  %d = phi i64 [0, %output.one], [%d.next, %dim.done]
  %d.code.at = getelementptr i64, ptr %out.codes, i64 %d
  %d.code = load i64, ptr %d.code.at
  %d.symbolic = icmp slt i64 %d.code, 0
  br i1 %d.symbolic, label %dim.name, label %dim.done
dim.name:
  %d.name = xor i64 %d.code, -1
  %d.size.at = getelementptr i64, ptr %sizes, i64 %d.name
  %d.size = load i64, ptr %d.size.at
  br label %dim.done
dim.done:
  %d.length = phi i64 [%d.code, %dim], [%d.size, %dim.name]
  %d.at = getelementptr i64, ptr %dims, i64 %d
  store i64 %d.length, ptr %d.at
  %d.next = add i64 %d, 1
  %d.more = icmp ult i64 %d.next, %out.rank
  br i1 %d.more, label %dim, label %output.array
output.array: ; steals the reference to the descriptor; quicker than PyArray_Empty
  call void @Py_IncRef(ptr %out.descr)
  %out.rank.narrow = trunc i64 %out.rank to i32
  %array.new = call ptr @tw.np.NewFromDescr(ptr @tw.type.ndarray, ptr %out.descr,
    i32 %out.rank.narrow, ptr %dims, ptr null, ptr null, i32 0, ptr null)
  %array.failed = icmp eq ptr %array.new, null
  br i1 %array.failed, label %release, label %output.data
output.data:
{_field("array.data", "ptr", "%array.new", abi.ARRAY_DATA)}
  br label %output.done
output.scalar:
  %scalar.at = getelementptr i64, ptr %scalars, i64 %j
  br label %output.done
output.done:
  %object = phi ptr [%array.new, %output.data], [null, %output.scalar]
  %object.data = phi ptr [%array.data, %output.data], [%scalar.at, %output.scalar]
  %object.at = getelementptr ptr, ptr %objects, i64 %j
  store ptr %object, ptr %object.at
  %out.at = getelementptr ptr, ptr %out, i64 %j
  store ptr %object.data, ptr %out.at
  %j.next = add i64 %j, 1
  br label %output

scratch:
{_field("arena.static", "i64", "%record", abi.RECORD_ARENA_STATIC)}
{_field("arena.code", "ptr", "%record", abi.RECORD_ARENA_BYTES)}
  %arena.cell = getelementptr i8, ptr %record, i64 {abi.RECORD_ARENA}
  %arena.known = icmp eq ptr %arena.code, null
  br i1 %arena.known, label %scratch.kind, label %scratch.ask
scratch.ask:
  %arena.asked = call i64 %arena.code(ptr %sizes)
  br label %scratch.kind
scratch.kind:
  %arena.bytes = phi i64 [%arena.static, %scratch], [%arena.asked, %scratch.ask]
  %arena.small = icmp ule i64 %arena.bytes, {STACK_ARENA_BYTES}
  br i1 %arena.small, label %scratch.stack, label %scratch.heap
scratch.stack:
  %arena.stack = alloca i8, i64 %arena.bytes, align 64
  br label %run
scratch.heap:
  %arena.heap = call ptr @tw.arena.take(ptr %arena.cell, i64 %arena.bytes)
  %arena.failed = icmp eq ptr %arena.heap, null
  br i1 %arena.failed, label %release, label %run

run:
  %arena = phi ptr [%arena.stack, %scratch.stack], [%arena.heap, %scratch.heap]
{_field("constants", "ptr", "%record", abi.RECORD_CONSTANTS)}
{_field("cost.code", "ptr", "%record", abi.RECORD_COST)}
{_field("run.code", "ptr", "%record", abi.RECORD_RUN)}
  %cost = call i64 %cost.code(ptr %sizes)
  %long = icmp sgt i64 %cost, {RELEASE_GIL_NS}
  br i1 %long, label %run.long, label %run.short
run.short:
  %status.short = call i64 %run.code(ptr %in, ptr %out, ptr %arena, ptr %constants, ptr %sizes)
  br label %run.done
run.long:
  %thread = call ptr @PyEval_SaveThread()
  %status.long = call i64 %run.code(ptr %in, ptr %out, ptr %arena, ptr %constants, ptr %sizes)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %run.done
run.done:
  %status = phi i64 [%status.short, %run.short], [%status.long, %run.long]
  br i1 %arena.small, label %check, label %run.give
run.give:
  call void @tw.arena.give(ptr %arena.cell, ptr %arena)
  br label %check
check:
  %good = icmp eq i64 %status, 0
  br i1 %good, label %pack, label %raise
raise:
  call void @tw.raise(i64 %status)
  br label %release

pack:
{_field("is_tuple", "i64", "%record", abi.RECORD_IS_TUPLE)}
  %single = icmp eq i64 %is_tuple, 0
  br i1 %single, label %pack.single, label %pack.tuple
pack.single:
  %only = load ptr, ptr %objects
  %only.scalar = icmp eq ptr %only, null
  br i1 %only.scalar, label %pack.scalar, label %pack.array
pack.array:
  ret ptr %only
pack.scalar:
  %only.descr = load ptr, ptr %output_words
  %only.new = call ptr @tw.np.Scalar(ptr %scalars, ptr %only.descr, ptr null)
  ret ptr %only.new
pack.tuple:
  %tuple = call ptr @tw.pack(ptr %output_words, i64 %outputs, ptr %objects, ptr %scalars)
  ret ptr %tuple

release: ; j arrays have been made so far
  call void @tw.release(ptr %objects, i64 %j)
  ret ptr null
miss:
  ret ptr {_MISMATCH}
}}
"""

# A tuple of the outputs; takes over the references in `objects`, where null means a 0-d output.
_PACK = f"""
define internal ptr @tw.pack(ptr %output_words, i64 %outputs, ptr %objects, ptr %scalars) {{
entry:
  %tuple = call ptr @PyTuple_New(i64 %outputs)
  %tuple.failed = icmp eq ptr %tuple, null
  br i1 %tuple.failed, label %drop, label %item
item:
  %k = phi i64 [0, %entry], [%k.next, %item.set]
  %u = phi ptr [%output_words, %entry], [%u.next, %item.set]
  %more = icmp ult i64 %k, %outputs
  br i1 %more, label %item.one, label %done
item.one:
{_field("rank", "i64", "%u", 8)}
  %codes = getelementptr i8, ptr %u, i64 16
  %u.next = getelementptr i64, ptr %codes, i64 %rank
  %object.at = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %object.at
  %is_array = icmp ne ptr %object, null
  br i1 %is_array, label %item.set, label %item.scalar
item.scalar:
  %descr = load ptr, ptr %u
  %scalar.at = getelementptr i64, ptr %scalars, i64 %k
  %scalar = call ptr @tw.np.Scalar(ptr %scalar.at, ptr %descr, ptr null)
  %scalar.failed = icmp eq ptr %scalar, null
  br i1 %scalar.failed, label %fail, label %item.set
item.set: ; steals the reference
  %item.object = phi ptr [%object, %item.one], [%scalar, %item.scalar]
  %ignored = call i32 @PyTuple_SetItem(ptr %tuple, i64 %k, ptr %item.object)
  %k.next = add i64 %k, 1
  br label %item
done:
  ret ptr %tuple
fail: ; the tuple drops the items that it has
  call void @Py_DecRef(ptr %tuple)
  br label %drop
drop:
  %first = phi i64 [0, %entry], [%k, %fail]
  %rest = getelementptr ptr, ptr %objects, i64 %first
  %rest.count = sub i64 %outputs, %first
  call void @tw.release(ptr %rest, i64 %rest.count)
  ret ptr null
}}
"""

_RELEASE = """
define internal void @tw.release(ptr %array, i64 %count) {
entry:
  br label %head
head:
  %k = phi i64 [0, %entry], [%k.next, %next]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %body, label %done
body:
  %slot = getelementptr ptr, ptr %array, i64 %k
  %object = load ptr, ptr %slot
  %none = icmp eq ptr %object, null
  br i1 %none, label %next, label %drop
drop:
  call void @Py_DecRef(ptr %object)
  br label %next
next:
  %k.next = add i64 %k, 1
  br label %head
done:
  ret void
}
"""


def _message(name: str, text: str) -> str:
    return f'{name} = private constant [{len(text) + 1} x i8] c"{text}\\00"'


# One error is raised, the first of the list that occurred.
_RAISE = f"""
{_message("@text.power", "Integers to negative integer powers are not allowed.")}
{_message("@text.index", "index is out of bounds")}
{_message("@text.integer", "Python integer out of bounds")}
define internal void @tw.raise(i64 %status) {{
entry:
  %power.bit = and i64 %status, {STATUS_NEGATIVE_POWER}
  %index.bit = and i64 %status, {STATUS_INDEX}
  %power = icmp ne i64 %power.bit, 0
  %index = icmp ne i64 %index.bit, 0
  %type.at.1 = select i1 %index, ptr @PyExc_IndexError, ptr @PyExc_OverflowError
  %text.1 = select i1 %index, ptr @text.index, ptr @text.integer
  %type.at = select i1 %power, ptr @PyExc_ValueError, ptr %type.at.1
  %text = select i1 %power, ptr @text.power, ptr %text.1
  %type = load ptr, ptr %type.at
  call void @PyErr_SetString(ptr %type, ptr %text)
  ret void
}}
"""

# Scratch memory. A block is a header, whose first word is the capacity, then the memory. A cell
# holds at most one idle block; blocks are taken and given back atomically, so calls may overlap.
_HEADER = 64
_ARENA = f"""
define internal ptr @tw.arena.take(ptr %cell, i64 %bytes) {{
entry:
  %idle = atomicrmw xchg ptr %cell, ptr null acquire
  %none = icmp eq ptr %idle, null
  br i1 %none, label %new, label %measure
measure:
  %capacity = load i64, ptr %idle
  %fits = icmp uge i64 %capacity, %bytes
  br i1 %fits, label %found, label %drop
drop:
  call void @free(ptr %idle)
  br label %new
new:
  %padded = add i64 %bytes, {_HEADER + 63}
  %total = and i64 %padded, -64
  %block = call ptr @aligned_alloc(i64 64, i64 %total)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %fail, label %fresh
fresh:
  %room = sub i64 %total, {_HEADER}
  store i64 %room, ptr %block
  br label %found
found:
  %start = phi ptr [%idle, %measure], [%block, %fresh]
  %memory = getelementptr i8, ptr %start, i64 {_HEADER}
  ret ptr %memory
fail:
  %error = call ptr @PyErr_NoMemory()
  ret ptr null
}}

define internal void @tw.arena.give(ptr %cell, ptr %memory) {{
entry:
  %block = getelementptr i8, ptr %memory, i64 -{_HEADER}
  %swap = cmpxchg ptr %cell, ptr null, ptr %block release monotonic
  %kept = extractvalue {{ptr, i1}} %swap, 1
  br i1 %kept, label %done, label %drop
drop:
  call void @free(ptr %block)
  br label %done
done:
  ret void
}}

define void @tw.arena.free(ptr %cell) {{
entry:
  %idle = atomicrmw xchg ptr %cell, ptr null acquire
  call void @free(ptr %idle)
  ret void
}}
"""

_EXTERNALS = """
@PyExc_ValueError = external global ptr
@PyExc_IndexError = external global ptr
@PyExc_OverflowError = external global ptr
@tw.py.__call__ = external global i8
@tw.py.NotImplemented = external global i8
@tw.py.True = external global i8
@tw.type.ndarray = external global i8
declare ptr @PyErr_NoMemory()
declare void @PyErr_SetString(ptr, ptr)
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyEval_SaveThread()
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare void @PyMem_Free(ptr)
declare ptr @PyMem_Malloc(i64)
declare ptr @PyObject_VectorcallMethod(ptr, ptr, i64, ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare i64 @PyTuple_Size(ptr)
declare void @Py_DecRef(ptr)
declare void @Py_IncRef(ptr)
declare ptr @tw.np.NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare ptr @tw.np.Scalar(ptr, ptr, ptr)
declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""

DISPATCH = "".join(
    [
        _EXTERNALS,
        _vectorcall("@tw.vectorcall", _OTHERWISE_PYTHON),
        _vectorcall("@tw.leaves", _OTHERWISE_NOT_IMPLEMENTED),
        _TRY,
        _PACK,
        _CALL_PYTHON,
        _RELEASE,
        _RAISE,
        _ARENA,
    ]
)
