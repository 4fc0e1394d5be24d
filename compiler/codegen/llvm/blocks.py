"""Memory for results and scratch: functions that the fixed module of dispatch.py contains.

Layer: compiler/codegen/llvm; text only. `@tw.memory.handler` has the layout of NumPy's
PyDataMem_Handler (NEP 49), so arrays can own such memory. Blocks are aligned to 64 bytes, which
full-width vectors need to run at full speed; NumPy aligns to 16.

Blocks of `@tw.memory.large` bytes or more are mapped in huge pages and pooled when freed, because
the page faults of fresh memory take longer than most programs that write to it. Idle blocks are
given to the kernel with MADV_FREE: it takes them when memory is short, else they are ready for
use. Without such a remedy a sum of two arrays of 512 MiB takes three times as long.

Before each block stands a header: its capacity, the address to free, and the length of the mapping
(0: from malloc). Functions may be called without the GIL.
"""

from __future__ import annotations

HEADER = 64
_HUGE = 1 << 21  # bytes of a huge page
_ENTRIES = 32  # of the pool
_MADV_FREE, _MADV_HUGEPAGE = 8, 14
_PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS = 3, 0x22
_NAME = "tensorwright" + "\\00" * 115  # of the handler

_GLOBALS = f"""
@tw.memory.large = global i64 -1
@tw.memory.limit = global i64 0
@tw.memory.handler = global {{[127 x i8], i8, ptr, ptr, ptr, ptr, ptr}} {{
  [127 x i8] c"{_NAME}", i8 1, ptr null,
  ptr @tw.memory.malloc, ptr @tw.memory.calloc, ptr @tw.memory.realloc, ptr @tw.memory.free}}
@tw.pool.lock = internal global i32 0
@tw.pool.count = internal global i64 0
@tw.pool.bytes = internal global i64 0
@tw.pool.entries = internal global [{_ENTRIES} x ptr] zeroinitializer ; oldest first
declare ptr @malloc(i64)
declare void @free(ptr)
declare ptr @mmap(ptr, i64, i32, i32, i32, i64)
declare i32 @munmap(ptr, i64)
declare i32 @madvise(ptr, i64, i32)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""

_HANDLER = f"""
define ptr @tw.memory.malloc(ptr %context, i64 %bytes) {{
entry:
  %threshold = load i64, ptr @tw.memory.large
  %large = icmp uge i64 %bytes, %threshold
  br i1 %large, label %pooled, label %small
pooled:
  %idle = call ptr @tw.pool.take(i64 %bytes)
  %none = icmp eq ptr %idle, null
  br i1 %none, label %map, label %found
found:
  ret ptr %idle
map:
  %mapped = call ptr @tw.memory.map(i64 %bytes)
  %refused = icmp eq ptr %mapped, null
  br i1 %refused, label %again, label %fresh
fresh:
  ret ptr %mapped
again: ; idle blocks may stand in the way
  call void @tw.pool.clear()
  %second = call ptr @tw.memory.map(i64 %bytes)
  ret ptr %second
small:
  %total = add i64 %bytes, {2 * HEADER}
  %base = call ptr @malloc(i64 %total)
  %failed = icmp eq ptr %base, null
  br i1 %failed, label %fail, label %align
align:
  %address = ptrtoint ptr %base to i64
  %after = add i64 %address, {2 * HEADER - 1}
  %aligned = and i64 %after, {-HEADER}
  %data = inttoptr i64 %aligned to ptr
  call void @tw.memory.head(ptr %data, i64 %bytes, ptr %base, i64 0)
  ret ptr %data
fail:
  ret ptr null
}}

define ptr @tw.memory.calloc(ptr %context, i64 %count, i64 %size) {{
entry:
  %bytes = mul i64 %count, %size
  %data = call ptr @tw.memory.malloc(ptr %context, i64 %bytes)
  %failed = icmp eq ptr %data, null
  br i1 %failed, label %done, label %clear
clear:
  call void @llvm.memset.p0.i64(ptr %data, i8 0, i64 %bytes, i1 false)
  br label %done
done:
  ret ptr %data
}}

define ptr @tw.memory.realloc(ptr %context, ptr %old, i64 %bytes) {{
entry:
  %capacity.at = getelementptr i8, ptr %old, i64 {-HEADER}
  %capacity = load i64, ptr %capacity.at
  %fits = icmp ule i64 %bytes, %capacity
  br i1 %fits, label %same, label %grow
same:
  ret ptr %old
grow:
  %data = call ptr @tw.memory.malloc(ptr %context, i64 %bytes)
  %failed = icmp eq ptr %data, null
  br i1 %failed, label %done, label %move
move:
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %old, i64 %capacity, i1 false)
  call void @tw.memory.free(ptr %context, ptr %old, i64 %capacity)
  br label %done
done:
  ret ptr %data
}}

define void @tw.memory.free(ptr %context, ptr %data, i64 %bytes) {{
entry:
  %none = icmp eq ptr %data, null
  br i1 %none, label %done, label %look
look:
  %base.at = getelementptr i8, ptr %data, i64 {-HEADER + 8}
  %base = load ptr, ptr %base.at
  %length.at = getelementptr i8, ptr %data, i64 {-HEADER + 16}
  %length = load i64, ptr %length.at
  %from_malloc = icmp eq i64 %length, 0
  br i1 %from_malloc, label %small, label %large
small:
  call void @free(ptr %base)
  ret void
large:
  call void @tw.pool.put(ptr %data)
  ret void
done:
  ret void
}}
"""

_MAPPING = f"""
define internal void @tw.memory.head(ptr %data, i64 %capacity, ptr %base, i64 %length) {{
entry:
  %capacity.at = getelementptr i8, ptr %data, i64 {-HEADER}
  store i64 %capacity, ptr %capacity.at
  %base.at = getelementptr i8, ptr %data, i64 {-HEADER + 8}
  store ptr %base, ptr %base.at
  %length.at = getelementptr i8, ptr %data, i64 {-HEADER + 16}
  store i64 %length, ptr %length.at
  ret void
}}

; A block that starts at a huge page, the header in the page before it.
define internal ptr @tw.memory.map(i64 %bytes) {{
entry:
  %round = add i64 %bytes, {_HUGE - 1}
  %capacity = and i64 %round, {-_HUGE}
  %length = add i64 %capacity, {_HUGE}
  %base = call ptr @mmap(ptr null, i64 %length, i32 {_PROT_READ_WRITE},
    i32 {_MAP_PRIVATE_ANONYMOUS}, i32 -1, i64 0)
  %address = ptrtoint ptr %base to i64
  %failed = icmp eq i64 %address, -1
  br i1 %failed, label %fail, label %place
place:
  %next = add i64 %address, {_HUGE}
  %aligned = and i64 %next, {-_HUGE}
  %data = inttoptr i64 %aligned to ptr
  %ignored = call i32 @madvise(ptr %data, i64 %capacity, i32 {_MADV_HUGEPAGE})
  call void @tw.memory.head(ptr %data, i64 %capacity, ptr %base, i64 %length)
  ret ptr %data
fail:
  ret ptr null
}}

define internal void @tw.memory.unmap(ptr %data) {{
entry:
  %base.at = getelementptr i8, ptr %data, i64 {-HEADER + 8}
  %base = load ptr, ptr %base.at
  %length.at = getelementptr i8, ptr %data, i64 {-HEADER + 16}
  %length = load i64, ptr %length.at
  %ignored = call i32 @munmap(ptr %base, i64 %length)
  ret void
}}
"""

_POOL = f"""
define internal void @tw.pool.acquire() {{
entry:
  br label %again
again:
  %was = atomicrmw xchg ptr @tw.pool.lock, i32 1 acquire
  %free = icmp eq i32 %was, 0
  br i1 %free, label %done, label %again
done:
  ret void
}}

define internal void @tw.pool.release() {{
entry:
  store atomic i32 0, ptr @tw.pool.lock release, align 4
  ret void
}}

; Take entry k out; the caller holds the lock.
define internal ptr @tw.pool.remove(i64 %k) {{
entry:
  %place = getelementptr ptr, ptr @tw.pool.entries, i64 %k
  %data = load ptr, ptr %place
  %capacity.at = getelementptr i8, ptr %data, i64 {-HEADER}
  %capacity = load i64, ptr %capacity.at
  %bytes = load i64, ptr @tw.pool.bytes
  %bytes.left = sub i64 %bytes, %capacity
  store i64 %bytes.left, ptr @tw.pool.bytes
  %count = load i64, ptr @tw.pool.count
  %count.left = sub i64 %count, 1
  store i64 %count.left, ptr @tw.pool.count
  %behind = sub i64 %count.left, %k
  %behind.bytes = shl i64 %behind, 3
  %next = getelementptr i8, ptr %place, i64 8
  call void @llvm.memmove.p0.p0.i64(ptr %place, ptr %next, i64 %behind.bytes, i1 false)
  ret ptr %data
}}

; The newest idle block that is long enough and at most a quarter too long, or null.
define internal ptr @tw.pool.take(i64 %bytes) {{
entry:
  %quarter = lshr i64 %bytes, 2
  %slack = add i64 %quarter, {_HUGE}
  %most = add i64 %bytes, %slack
  call void @tw.pool.acquire()
  %count = load i64, ptr @tw.pool.count
  br label %next
next:
  %above = phi i64 [%count, %entry], [%k, %look]
  %none = icmp eq i64 %above, 0
  br i1 %none, label %missing, label %look
look:
  %k = sub i64 %above, 1
  %place = getelementptr ptr, ptr @tw.pool.entries, i64 %k
  %data = load ptr, ptr %place
  %capacity.at = getelementptr i8, ptr %data, i64 {-HEADER}
  %capacity = load i64, ptr %capacity.at
  %enough = icmp uge i64 %capacity, %bytes
  %close = icmp ule i64 %capacity, %most
  %fits = and i1 %enough, %close
  br i1 %fits, label %found, label %next
found:
  %taken = call ptr @tw.pool.remove(i64 %k)
  call void @tw.pool.release()
  ret ptr %taken
missing:
  call void @tw.pool.release()
  ret ptr null
}}

; Keep a block for later; the oldest ones make room for it.
define internal void @tw.pool.put(ptr %data) {{
entry:
  %capacity.at = getelementptr i8, ptr %data, i64 {-HEADER}
  %capacity = load i64, ptr %capacity.at
  %ignored = call i32 @madvise(ptr %data, i64 %capacity, i32 {_MADV_FREE})
  call void @tw.pool.acquire()
  br label %measure
measure:
  %limit = load i64, ptr @tw.memory.limit
  %bytes = load i64, ptr @tw.pool.bytes
  %bytes.then = add i64 %bytes, %capacity
  %count = load i64, ptr @tw.pool.count
  %short = icmp ugt i64 %bytes.then, %limit
  %full = icmp uge i64 %count, {_ENTRIES}
  %crowded = or i1 %short, %full
  br i1 %crowded, label %evict, label %keep
evict:
  %empty = icmp eq i64 %count, 0
  br i1 %empty, label %refuse, label %drop
drop:
  %oldest = call ptr @tw.pool.remove(i64 0)
  call void @tw.memory.unmap(ptr %oldest)
  br label %measure
refuse:
  call void @tw.pool.release()
  call void @tw.memory.unmap(ptr %data)
  ret void
keep:
  %place = getelementptr ptr, ptr @tw.pool.entries, i64 %count
  store ptr %data, ptr %place
  %count.then = add i64 %count, 1
  store i64 %count.then, ptr @tw.pool.count
  store i64 %bytes.then, ptr @tw.pool.bytes
  call void @tw.pool.release()
  ret void
}}

; Unmap all idle blocks.
define void @tw.pool.clear() {{
entry:
  call void @tw.pool.acquire()
  br label %next
next:
  %count = load i64, ptr @tw.pool.count
  %none = icmp eq i64 %count, 0
  br i1 %none, label %done, label %drop
drop:
  %oldest = call ptr @tw.pool.remove(i64 0)
  call void @tw.memory.unmap(ptr %oldest)
  br label %next
done:
  call void @tw.pool.release()
  ret void
}}
"""

# Scratch memory of programs. A cell holds at most one idle block; blocks are taken and given back
# atomically, so calls may overlap. Large blocks go back to the pool at once.
_ARENA = f"""
define internal ptr @tw.arena.take(ptr %cell, i64 %bytes) {{
entry:
  %threshold = load i64, ptr @tw.memory.large
  %large = icmp uge i64 %bytes, %threshold
  br i1 %large, label %new, label %look
look:
  %idle = atomicrmw xchg ptr %cell, ptr null acquire
  %none = icmp eq ptr %idle, null
  br i1 %none, label %new, label %measure
measure:
  %capacity.at = getelementptr i8, ptr %idle, i64 {-HEADER}
  %capacity = load i64, ptr %capacity.at
  %fits = icmp uge i64 %capacity, %bytes
  br i1 %fits, label %found, label %drop
drop:
  call void @tw.memory.free(ptr null, ptr %idle, i64 0)
  br label %new
new:
  %fresh = call ptr @tw.memory.malloc(ptr null, i64 %bytes)
  %failed = icmp eq ptr %fresh, null
  br i1 %failed, label %fail, label %found
found:
  %memory = phi ptr [%idle, %measure], [%fresh, %new]
  ret ptr %memory
fail:
  %error = call ptr @PyErr_NoMemory()
  ret ptr null
}}

define internal void @tw.arena.give(ptr %cell, ptr %memory) {{
entry:
  %length.at = getelementptr i8, ptr %memory, i64 {-HEADER + 16}
  %length = load i64, ptr %length.at
  %large = icmp ne i64 %length, 0
  br i1 %large, label %drop, label %keep
keep:
  %swap = cmpxchg ptr %cell, ptr null, ptr %memory release monotonic
  %kept = extractvalue {{ptr, i1}} %swap, 1
  br i1 %kept, label %done, label %drop
drop:
  call void @tw.memory.free(ptr null, ptr %memory, i64 0)
  br label %done
done:
  ret void
}}

define void @tw.arena.free(ptr %cell) {{
entry:
  %idle = atomicrmw xchg ptr %cell, ptr null acquire
  call void @tw.memory.free(ptr null, ptr %idle, i64 0)
  ret void
}}
"""

BLOCKS = _GLOBALS + _HANDLER + _MAPPING + _POOL + _ARENA
