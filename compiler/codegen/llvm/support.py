"""Native helpers of the generated entries: one fixed module, loaded once per process.

Layer: compiler/codegen/llvm; text only. Entries declare what they call here (`SIGNATURES`); the
runtime compiles `SUPPORT` before it loads the first program. What is rare or the same for every
program stands here, so that it is not compiled again with each one.

A scratch block ("arena") is `HEADER` bytes, the first eight of which hold its capacity, then the
memory itself, aligned to 64 bytes. A cell is a global pointer of a program: it holds at most one
idle block, and a block is taken from it and given back to it atomically, so calls may overlap.
"""

from __future__ import annotations

from ...ops.scalar import STATUS_INDEX, STATUS_NEGATIVE_POWER, STATUS_PYTHON_INT
from .writer import ModuleWriter

# What @tw.try returns, beside objects and null, for arguments that do not match.
MISMATCH = "inttoptr (i64 1 to ptr)"

_HEADER = 64

SIGNATURES: dict[str, tuple[str, list[str]]] = {
    # calls type(callable).__call__(callable, *args): ptr callable, args, i64 count, ptr kwnames
    "@tw.call_python": ("ptr", ["ptr", "ptr", "i64", "ptr"]),
    # sets the Python exception of an i64 status that is not 0
    "@tw.raise": ("void", ["i64"]),
    # drops the references in an array of pointers, some of which may be null: ptr array, i64 count
    "@tw.release": ("void", ["ptr", "i64"]),
    # scratch memory of so many bytes, or null with MemoryError set: ptr cell, i64 bytes
    "@tw.arena.take": ("ptr", ["ptr", "i64"]),
    # gives back what take returned: ptr cell, ptr memory
    "@tw.arena.give": ("void", ["ptr", "ptr"]),
    # frees the idle block of a cell
    "@tw.arena.free": ("void", ["ptr"]),
}


def declare(module: ModuleWriter, name: str) -> str:
    """Declare a helper in `module`; returns its name."""
    result, params = SIGNATURES[name]
    return module.declare(name, result, params)


def _message(name: str, text: str) -> str:
    return f'{name} = private constant [{len(text) + 1} x i8] c"{text}\\00"'


SUPPORT = f"""
{_message("@power", "Integers to negative integer powers are not allowed.")}
{_message("@index", "index is out of bounds")}
{_message("@integer", "Python integer out of bounds")}
@PyExc_ValueError = external global ptr
@PyExc_IndexError = external global ptr
@PyExc_OverflowError = external global ptr
@tw.py.__call__ = external global i8
declare ptr @PyMem_Malloc(i64)
declare void @PyMem_Free(ptr)
declare ptr @PyErr_NoMemory()
declare void @PyErr_SetString(ptr, ptr)
declare void @Py_DecRef(ptr)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyObject_VectorcallMethod(ptr, ptr, i64, ptr)
declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define ptr @tw.call_python(ptr %callable, ptr %args, i64 %count, ptr %kwnames) {{
  %positional = icmp eq ptr %kwnames, null
  br i1 %positional, label %copy, label %keywords
keywords:
  %names = call i64 @PyTuple_Size(ptr %kwnames)
  br label %copy
copy:
  %extra = phi i64 [0, %0], [%names, %keywords]
  %given = add i64 %count, %extra
  %bytes = shl i64 %given, 3
  %more = add i64 %bytes, 8
  %array = call ptr @PyMem_Malloc(i64 %more)
  %none = icmp eq ptr %array, null
  br i1 %none, label %fail, label %go
go:
  store ptr %callable, ptr %array
  %rest = getelementptr i8, ptr %array, i64 8
  call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %args, i64 %bytes, i1 false)
  %all = add i64 %count, 1
  %result = call ptr @PyObject_VectorcallMethod(ptr @tw.py.__call__, ptr %array, i64 %all, ptr %kwnames)
  call void @PyMem_Free(ptr %array)
  ret ptr %result
fail:
  %e = call ptr @PyErr_NoMemory()
  ret ptr null
}}

define void @tw.raise(i64 %status) {{
  %p = and i64 %status, {STATUS_NEGATIVE_POWER}
  %is_power = icmp ne i64 %p, 0
  %i = and i64 %status, {STATUS_INDEX}
  %is_index = icmp ne i64 %i, 0
  %value_error = load ptr, ptr @PyExc_ValueError
  %index_error = load ptr, ptr @PyExc_IndexError
  %overflow_error = load ptr, ptr @PyExc_OverflowError
  %type0 = select i1 %is_index, ptr %index_error, ptr %overflow_error
  %text0 = select i1 %is_index, ptr @index, ptr @integer
  %type = select i1 %is_power, ptr %value_error, ptr %type0
  %text = select i1 %is_power, ptr @power, ptr %text0
  call void @PyErr_SetString(ptr %type, ptr %text)
  ret void
}}

define void @tw.release(ptr %array, i64 %count) {{
  br label %head
head:
  %k = phi i64 [0, %0], [%k1, %next]
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
  %k1 = add i64 %k, 1
  br label %head
done:
  ret void
}}

define ptr @tw.arena.take(ptr %cell, i64 %bytes) {{
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
  %e = call ptr @PyErr_NoMemory()
  ret ptr null
}}

define void @tw.arena.give(ptr %cell, ptr %memory) {{
  %block = getelementptr i8, ptr %memory, i64 -{_HEADER}
  %swap = cmpxchg ptr %cell, ptr null, ptr %block release monotonic
  %kept = extractvalue {{ptr, i1}} %swap, 1
  br i1 %kept, label %done, label %drop
drop:
  call void @free(ptr %block)
  ret void
done:
  ret void
}}

define void @tw.arena.free(ptr %cell) {{
  %idle = atomicrmw xchg ptr %cell, ptr null acquire
  call void @free(ptr %idle)
  ret void
}}
"""
