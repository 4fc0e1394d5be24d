"""The memory of tapes: what a `while` records, as long as nobody knows how much it will be.

Layer: compiler/codegen/llvm. The tapes of one run of a loop are a block of words::

    next block | number of tapes | data of tape 0 | data of tape 1 | ...

and a token is the address of its `data` word. The blocks form a list whose head stands behind the
status word (see run.py). Memory comes from C's allocator. Where there is none left, a bit of the
status says so and the data stays as it is.
"""

from __future__ import annotations

from ...ops.scalar import STATUS_MEMORY
from .writer import FunctionWriter, ModuleWriter

_NAME = "tapes"
_FIRST_DATA = 16  # bytes into a block

_TAPES = f"""\
declare ptr @tw.c.calloc(i64, i64)
declare ptr @tw.c.realloc(ptr, i64)
declare void @tw.c.free(ptr)

define internal void @tw.tape.fail(ptr %status) nounwind {{
entry:
  %before = load i64, ptr %status
  %after = or i64 %before, {STATUS_MEMORY}
  store i64 %after, ptr %status
  ret void
}}

define internal ptr @tw.tapes.new(ptr %status, i64 %count) nounwind {{
entry:
  %words = add i64 %count, 2
  %block = call ptr @tw.c.calloc(i64 %words, i64 8)
  %none = icmp eq ptr %block, null
  br i1 %none, label %fail, label %link
fail:
  call void @tw.tape.fail(ptr %status)
  ret ptr null
link:
  %head.at = getelementptr i64, ptr %status, i64 1
  %head = load ptr, ptr %head.at
  store ptr %head, ptr %block
  %count.at = getelementptr i64, ptr %block, i64 1
  store i64 %count, ptr %count.at
  store ptr %block, ptr %head.at
  ret ptr %block
}}

define internal i1 @tw.tape.grow(ptr %status, ptr %tape, i64 %bytes) nounwind {{
entry:
  %old = load ptr, ptr %tape
  %some = add i64 %bytes, 8
  %new = call ptr @tw.c.realloc(ptr %old, i64 %some)
  %none = icmp eq ptr %new, null
  br i1 %none, label %fail, label %done
fail:
  call void @tw.tape.fail(ptr %status)
  ret i1 false
done:
  store ptr %new, ptr %tape
  ret i1 true
}}

define internal void @tw.tapes.free(ptr %status, ptr %until) nounwind {{
entry:
  %head.at = getelementptr i64, ptr %status, i64 1
  br label %block.test
block.test:
  %block = load ptr, ptr %head.at
  %last = icmp eq ptr %block, %until
  br i1 %last, label %done, label %block.free
block.free:
  %next = load ptr, ptr %block
  %count.at = getelementptr i64, ptr %block, i64 1
  %count = load i64, ptr %count.at
  br label %tape
tape:
  %k = phi i64 [ 0, %block.free ], [ %following, %tape ]
  %word = add i64 %k, 2
  %data.at = getelementptr i64, ptr %block, i64 %word
  %data = load ptr, ptr %data.at
  call void @tw.c.free(ptr %data)
  %following = add i64 %k, 1
  %more = icmp slt i64 %following, %count
  br i1 %more, label %tape, label %block.done
block.done:
  store ptr %next, ptr %head.at
  call void @tw.c.free(ptr %block)
  br label %block.test
done:
  ret void
}}
"""


def head(fn: FunctionWriter, status: str) -> str:
    """The address where the list of blocks starts."""
    return fn.assign(f"getelementptr i64, ptr {status}, i64 1")


def new_tapes(fn: FunctionWriter, status: str, count: int) -> list[str]:
    """The addresses of `count` new tapes; the status is set if there is no memory."""
    _define(fn.module)
    block = fn.assign(f"call ptr @tw.tapes.new(ptr {status}, i64 {count})")
    return [
        fn.assign(f"getelementptr i8, ptr {block}, i64 {_FIRST_DATA + 8 * k}") for k in range(count)
    ]


def grow(fn: FunctionWriter, status: str, tape: str, size: str) -> str:
    """Give a tape `size` bytes; an i1 that says whether it has them."""
    _define(fn.module)
    return fn.assign(f"call i1 @tw.tape.grow(ptr {status}, ptr {tape}, i64 {size})")


def free_since(fn: FunctionWriter, status: str, until: str) -> None:
    """Free the blocks that were made after `until` was the head of the list."""
    _define(fn.module)
    fn.line(f"call void @tw.tapes.free(ptr {status}, ptr {until})")


def are_used(module: ModuleWriter) -> bool:
    """Whether anything is recorded in the module."""
    return module.has_text(_NAME)


def _define(module: ModuleWriter) -> None:
    module.add_text(_NAME, _TAPES)
