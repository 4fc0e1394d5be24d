"""Sharing work out among threads: functions that the fixed module of dispatch.py contains.

Layer: compiler/codegen/llvm; text only. `@tw.parallel` is what parallel.py calls. The runtime sets
`@tw.threads.most`, and how threads are got hold of: `@tw.threads.fork` is null (there are none), or
has the interface of GNU's GOMP_parallel, and `@tw.threads.self` that of omp_get_thread_num.

Each thread has a block of the units, so that it meets the same data in one loop after the other,
and does it piece by piece; when it is done it takes pieces of the others' blocks. So no work is
lost if there are fewer threads than asked for, and little time if one of them is held up.
"""

from __future__ import annotations

SHARE_NS = 20_000  # work for each thread; starting and joining them takes one or two us
_MOST = 512  # threads
_PIECES = 8  # of a block
_LINE = 64  # bytes: threads that count in one cache line would wait for each other

# The work that threads share, in the stack of the thread that has it: a head of words, and for each
# block a cache line with the first unit of it that nobody has taken.
_PART, _CONTEXT, _COUNT, _THREADS, _PIECE, _HEAD = 0, 8, 16, 24, 32, 64


def _word(name: str, type: str, offset: int) -> str:
    return f"""  %{name}.at = getelementptr i8, ptr %team, i64 {offset}
  %{name} = load {type}, ptr %{name}.at"""


_GLOBALS = """
@tw.threads.most = global i64 1
@tw.threads.fork = global ptr null
@tw.threads.self = global ptr null
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)
"""

_PARALLEL = f"""
define void @tw.parallel(ptr %part, ptr %context, i64 %count, i64 %ns) {{
entry:
  %worth = udiv i64 %ns, {SHARE_NS}
  %most = load atomic i64, ptr @tw.threads.most monotonic, align 8
  %useful = call i64 @llvm.umin.i64(i64 %worth, i64 %count)
  %wanted = call i64 @llvm.umin.i64(i64 %useful, i64 %most)
  %threads = call i64 @llvm.umin.i64(i64 %wanted, i64 {_MOST})
  %alone = icmp ult i64 %threads, 2
  br i1 %alone, label %serial, label %look
look:
  %fork = load atomic ptr, ptr @tw.threads.fork acquire, align 8
  %none = icmp eq ptr %fork, null
  br i1 %none, label %serial, label %share
serial:
  call void %part(ptr %context, i64 0, i64 %count)
  ret void
share:
  %lines = mul i64 %threads, {_LINE}
  %bytes = add i64 %lines, {_HEAD}
  %team = alloca i8, i64 %bytes, align {_LINE}
  %pieces = mul i64 %threads, {_PIECES}
  %even = udiv i64 %count, %pieces
  %piece = call i64 @llvm.umax.i64(i64 %even, i64 1)
  store ptr %part, ptr %team
  %context.at = getelementptr i8, ptr %team, i64 {_CONTEXT}
  store ptr %context, ptr %context.at
  %count.at = getelementptr i8, ptr %team, i64 {_COUNT}
  store i64 %count, ptr %count.at
  %threads.at = getelementptr i8, ptr %team, i64 {_THREADS}
  store i64 %threads, ptr %threads.at
  %piece.at = getelementptr i8, ptr %team, i64 {_PIECE}
  store i64 %piece, ptr %piece.at
  br label %block
block:
  %k = phi i64 [0, %share], [%k.next, %block]
  %first = call i64 @tw.team.first(ptr %team, i64 %k)
  %next.at = call ptr @tw.team.next(ptr %team, i64 %k)
  store i64 %first, ptr %next.at
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %threads
  br i1 %more, label %block, label %go
go:
  %number = trunc i64 %threads to i32
  call void %fork(ptr @tw.team.member, ptr %team, i32 %number, i32 0)
  ret void
}}
"""

_TEAM = f"""
; The first unit of block k.
define internal i64 @tw.team.first(ptr %team, i64 %k) {{
entry:
{_word("count", "i64", _COUNT)}
{_word("threads", "i64", _THREADS)}
  %all = mul i64 %count, %k
  %first = udiv i64 %all, %threads
  ret i64 %first
}}

; Where the next unit of block k stands.
define internal ptr @tw.team.next(ptr %team, i64 %k) {{
entry:
  %line = mul i64 %k, {_LINE}
  %offset = add i64 %line, {_HEAD}
  %next.at = getelementptr i8, ptr %team, i64 %offset
  ret ptr %next.at
}}

; What each thread runs.
define internal void @tw.team.member(ptr %team) {{
entry:
  %self = load ptr, ptr @tw.threads.self
  %number = call i32 %self()
  %member = zext i32 %number to i64
  call void @tw.team.work(ptr %team, i64 %member)
  ret void
}}

define internal void @tw.team.work(ptr %team, i64 %member) {{
entry:
{_word("part", "ptr", _PART)}
{_word("context", "ptr", _CONTEXT)}
{_word("threads", "i64", _THREADS)}
{_word("piece", "i64", _PIECE)}
  br label %block
block: ; one's own first
  %k = phi i64 [0, %entry], [%k.next, %done]
  %turned = add i64 %member, %k
  %b = urem i64 %turned, %threads
  %b.next = add i64 %b, 1
  %end = call i64 @tw.team.first(ptr %team, i64 %b.next)
  %next.at = call ptr @tw.team.next(ptr %team, i64 %b)
  br label %take
take:
  %begin = atomicrmw add ptr %next.at, i64 %piece monotonic
  %left = icmp ult i64 %begin, %end
  br i1 %left, label %run, label %done
run:
  %all = add i64 %begin, %piece
  %until = call i64 @llvm.umin.i64(i64 %all, i64 %end)
  call void %part(ptr %context, i64 %begin, i64 %until)
  br label %take
done:
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %threads
  br i1 %more, label %block, label %leave
leave:
  ret void
}}
"""

THREADS = _GLOBALS + _PARALLEL + _TEAM
