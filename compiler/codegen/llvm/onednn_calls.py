"""The native code that calls oneDNN: a fixed module, loaded with the library.

Layer: compiler/codegen/llvm; text only. `run` and `run_filter` are what records (onednn.py) have
for programs to call::

    i1 run(ptr %record, ptr %work, i64 %units, i64 %ns)

They return false if the library has failed; nothing but the result has been written then. %ns is an
estimate of the time that all of the work takes one thread.
"""

from __future__ import annotations

from .onednn import GIVEN, RECORD, WORK, word

RUN, RUN_FILTER = "tw.onednn.run", "tw.onednn.run_filter"

# What is bound to functions of the library.
LIBRARY_FUNCTIONS = (
    "dnnl_memory_create",
    "dnnl_memory_destroy",
    "dnnl_memory_set_data_handle",
    "dnnl_primitive_execute",
    "dnnl_stream_create",
    "dnnl_stream_destroy",
    "omp_get_max_threads",
    "omp_set_num_threads",
)

# oneDNN's numbers: the roles of arguments, and the plain kind of stream.
SOURCE, RESULT, FILTER, SCRATCH = 1, 17, 33, 80
SOURCE_SLOPE, RESULT_SLOPE, FILTER_SLOPE = 129, 145, 161
_IN_ORDER = 1

LINE = 64  # bytes that memory is aligned to, as that of `@tw.memory.malloc` is
_BLOCK, _LANES = 4096, 16  # elements of sums that are a unit of work, and of a vector


def _get(base: str, of: tuple[str, ...], *names: str) -> str:
    """Loads words into %base.name; words of bytes and roles are i64."""
    lines = []
    for name in names:
        is_number = name.endswith(("_bytes", "_role", "_step"))
        type = "i64" if is_number else "ptr"
        lines.append(f"  %{base}.{name}.at = getelementptr i8, ptr %{base}, i64 {word(of, name)}")
        lines.append(f"  %{base}.{name} = load {type}, ptr %{base}.{name}.at")
    return "\n".join(lines)


def _put(base: str, name: str, value: str) -> str:
    return f"""  %{base}.{name}.to = getelementptr i8, ptr %{base}, i64 {word(WORK, name)}
  store {value}, ptr %{base}.{name}.to"""


def _create(status: str, name: str, place: str) -> str:
    """Makes an argument of the primitive, an object that says where something lies."""
    arguments = f"ptr %{name}.made, ptr %work.record.{name}, ptr %engine, ptr {place}"
    return f"  %{status} = call i32 @dnnl_memory_create({arguments})"


_ARGUMENT = "{ i32, ptr }"
_SUMS = "{ ptr, ptr, i64, i64, i64 }"  # from, to, units, bytes between units, elements
_ADDITIONS_PER_NS = 4
_GLOBALS = """
declare i32 @dnnl_memory_create(ptr, ptr, ptr, ptr)
declare i32 @dnnl_memory_destroy(ptr)
declare i32 @dnnl_memory_set_data_handle(ptr, ptr)
declare i32 @dnnl_primitive_execute(ptr, ptr, i32, ptr)
declare i32 @dnnl_stream_create(ptr, ptr, i32)
declare i32 @dnnl_stream_destroy(ptr)
declare i32 @omp_get_max_threads()
declare void @omp_set_num_threads(i32)
declare void @tw.parallel(ptr, ptr, i64, i64)
declare ptr @tw.memory.malloc(ptr, i64)
declare void @tw.memory.free(ptr, ptr, i64)
declare i64 @llvm.smin.i64(i64, i64)
"""

_RUN = f"""
; All units: of a convolution, or of its derivative by the input.
define i1 @{RUN}(ptr %record, ptr %work, i64 %units, i64 %ns) {{
entry:
{_put("work", "record", "ptr %record")}
{_put("work", "failed", "i64 0")}
{_get("record", RECORD, "reorder", "w_bytes")}
{_get("work", WORK, "w")}
  %lies = icmp eq ptr %record.reorder, null
  br i1 %lies, label %share, label %take
take:
  %ordered = call ptr @tw.memory.malloc(ptr null, i64 %record.w_bytes)
  %lacks = icmp eq ptr %ordered, null
  br i1 %lacks, label %failure, label %turn
turn:
  %status = call i32 @tw.onednn.reorder(ptr %record, ptr %work.w, ptr %ordered)
  %done = icmp eq i32 %status, 0
  br i1 %done, label %share, label %give_back
give_back:
  call void @tw.memory.free(ptr null, ptr %ordered, i64 0)
  br label %failure
share:
  %weights = phi ptr [ %work.w, %entry ], [ %ordered, %turn ]
{_put("work", "weights", "ptr %weights")}
  call void @tw.parallel(ptr @tw.onednn.part, ptr %work, i64 %units, i64 %ns)
  br i1 %lies, label %shared, label %drop
drop:
  call void @tw.memory.free(ptr null, ptr %weights, i64 0)
  br label %shared
shared:
  %failed = load atomic i64, ptr %work.failed.to monotonic, align 8
  %well = icmp eq i64 %failed, 0
  ret i1 %well
failure:
  ret i1 false
}}
"""

_RUN_FILTER = f"""
; The derivative by the filter: each unit has a filter of its own, and they are summed up in order.
define i1 @{RUN_FILTER}(ptr %record, ptr %work, i64 %units, i64 %ns) {{
entry:
{_put("work", "record", "ptr %record")}
{_put("work", "failed", "i64 0")}
{_get("record", RECORD, "reorder", "w_bytes", "w_step")}
{_get("work", WORK, "w")}
  %room = mul i64 %units, %record.w_step
  %weights = call ptr @tw.memory.malloc(ptr null, i64 %room)
  %lacks = icmp eq ptr %weights, null
  br i1 %lacks, label %failure, label %share
share:
{_put("work", "weights", "ptr %weights")}
  call void @tw.parallel(ptr @tw.onednn.part, ptr %work, i64 %units, i64 %ns)
  %failed = load atomic i64, ptr %work.failed.to monotonic, align 8
  %well = icmp eq i64 %failed, 0
  br i1 %well, label %sum, label %drop
sum:
  %lies = icmp eq ptr %record.reorder, null
  %to = select i1 %lies, ptr %work.w, ptr %weights
  %sums = alloca {_SUMS}
  %a = insertvalue {_SUMS} poison, ptr %weights, 0
  %b = insertvalue {_SUMS} %a, ptr %to, 1
  %c = insertvalue {_SUMS} %b, i64 %units, 2
  %d = insertvalue {_SUMS} %c, i64 %record.w_step, 3
  %count = udiv i64 %record.w_bytes, 4
  %e = insertvalue {_SUMS} %d, i64 %count, 4
  store {_SUMS} %e, ptr %sums
  %above = add i64 %count, {_BLOCK - 1}
  %blocks = udiv i64 %above, {_BLOCK}
  %additions = mul i64 %count, %units
  %sum.ns = udiv i64 %additions, {_ADDITIONS_PER_NS}
  call void @tw.parallel(ptr @tw.onednn.sum, ptr %sums, i64 %blocks, i64 %sum.ns)
  br i1 %lies, label %drop, label %turn
turn:
  %status = call i32 @tw.onednn.reorder(ptr %record, ptr %weights, ptr %work.w)
  %turned = icmp eq i32 %status, 0
  br label %drop
drop:
  %done = phi i1 [ false, %share ], [ true, %sum ], [ %turned, %turn ]
  call void @tw.memory.free(ptr null, ptr %weights, i64 0)
  ret i1 %done
failure:
  ret i1 false
}}
"""


def _summed(label: str, type: str, lanes: int) -> str:
    """A block that sums up some elements of all filters, and goes on with the next ones."""
    return f"""
{label}:
  %{label}.from = getelementptr float, ptr %from, i64 %i
  %{label}.first = load {type}, ptr %{label}.from, align 4
  br label %{label}.test
{label}.test:
  %{label}.unit = phi i64 [ 1, %{label} ], [ %{label}.after, %{label}.add ]
  %{label}.sum = phi {type} [ %{label}.first, %{label} ], [ %{label}.more, %{label}.add ]
  %{label}.goes = icmp slt i64 %{label}.unit, %units
  br i1 %{label}.goes, label %{label}.add, label %{label}.done
{label}.add:
  %{label}.offset = mul i64 %{label}.unit, %step
  %{label}.place = getelementptr i8, ptr %{label}.from, i64 %{label}.offset
  %{label}.next = load {type}, ptr %{label}.place, align 4
  %{label}.more = fadd {type} %{label}.sum, %{label}.next
  %{label}.after = add i64 %{label}.unit, 1
  br label %{label}.test
{label}.done:
  %{label}.to = getelementptr float, ptr %to, i64 %i
  store {type} %{label}.sum, ptr %{label}.to, align 4
  %{label}.i = add i64 %i, {lanes}
  br label %loop"""


_SUM = f"""
; Blocks of the sum of all units' filters.
define internal void @tw.onednn.sum(ptr %sums, i64 %begin, i64 %stop) {{
entry:
  %given = load {_SUMS}, ptr %sums
  %from = extractvalue {_SUMS} %given, 0
  %to = extractvalue {_SUMS} %given, 1
  %units = extractvalue {_SUMS} %given, 2
  %step = extractvalue {_SUMS} %given, 3
  %count = extractvalue {_SUMS} %given, 4
  %first = mul i64 %begin, {_BLOCK}
  %whole = mul i64 %stop, {_BLOCK}
  %end = call i64 @llvm.smin.i64(i64 %whole, i64 %count)
  br label %loop
loop:
  %i = phi i64 [ %first, %entry ], [ %many.i, %many.done ], [ %one.i, %one.done ]
  %left = sub i64 %end, %i
  %is_wide = icmp sge i64 %left, {_LANES}
  br i1 %is_wide, label %many, label %narrow
narrow:
  %is_done = icmp sle i64 %left, 0
  br i1 %is_done, label %done, label %one
{_summed("many", f"<{_LANES} x float>", _LANES)}
{_summed("one", "float", 1)}
done:
  ret void
}}
"""

_REORDER = f"""
; Reorder a filter.
define internal i32 @tw.onednn.reorder(ptr %record, ptr %from, ptr %to) {{
entry:
{_get("record", RECORD, "engine", "reorder", "from", "to")}
  %stream = alloca ptr
  store ptr null, ptr %stream
  %arguments = alloca [2 x {_ARGUMENT}]
  store [2 x {_ARGUMENT}] zeroinitializer, ptr %arguments
  %target.at = getelementptr i8, ptr %arguments, i64 16
  store i32 {SOURCE}, ptr %arguments
  store i32 {RESULT}, ptr %target.at
  %source = getelementptr i8, ptr %arguments, i64 8
  %target = getelementptr i8, ptr %arguments, i64 24
  %before = call i32 @omp_get_max_threads()
  call void @omp_set_num_threads(i32 1)
  %a = call i32 @dnnl_stream_create(ptr %stream, ptr %record.engine, i32 {_IN_ORDER})
  %b = call i32 @dnnl_memory_create(ptr %source, ptr %record.from, ptr %record.engine, ptr %from)
  %c = call i32 @dnnl_memory_create(ptr %target, ptr %record.to, ptr %record.engine, ptr %to)
  %ab = or i32 %a, %b
  %abc = or i32 %ab, %c
  %made = icmp eq i32 %abc, 0
  br i1 %made, label %go, label %done
go:
  %queue = load ptr, ptr %stream
  %r = call i32 @dnnl_primitive_execute(ptr %record.reorder, ptr %queue, i32 2, ptr %arguments)
  br label %done
done:
  %status = phi i32 [ %abc, %entry ], [ %r, %go ]
  %source.made = load ptr, ptr %source
  %target.made = load ptr, ptr %target
  %stream.made = load ptr, ptr %stream
  call i32 @dnnl_memory_destroy(ptr %source.made)
  call i32 @dnnl_memory_destroy(ptr %target.made)
  call i32 @dnnl_stream_destroy(ptr %stream.made)
  call void @omp_set_num_threads(i32 %before)
  ret i32 %status
}}
"""

_PART = f"""
; The units from %begin to %stop, in one thread.
define internal void @tw.onednn.part(ptr %work, i64 %begin, i64 %stop) {{
entry:
{_get("work", WORK, *GIVEN, "record", "weights")}
{_get("work.record", RECORD, *RECORD[2:])}
  %engine.at = getelementptr i8, ptr %work.record, i64 {word(RECORD, "engine")}
  %engine = load ptr, ptr %engine.at
  %stream = alloca ptr
  store ptr null, ptr %stream
  %arguments = alloca [4 x {_ARGUMENT}], align 16
  store [4 x {_ARGUMENT}] zeroinitializer, ptr %arguments
  %x.role = trunc i64 %work.record.x_role to i32
  %w.role = trunc i64 %work.record.w_role to i32
  %y.role = trunc i64 %work.record.y_role to i32
  %w.at = getelementptr i8, ptr %arguments, i64 16
  %y.at = getelementptr i8, ptr %arguments, i64 32
  %scratch.at = getelementptr i8, ptr %arguments, i64 48
  store i32 %x.role, ptr %arguments
  store i32 %w.role, ptr %w.at
  store i32 %y.role, ptr %y.at
  store i32 {SCRATCH}, ptr %scratch.at
  %x.made = getelementptr i8, ptr %arguments, i64 8
  %w.made = getelementptr i8, ptr %arguments, i64 24
  %y.made = getelementptr i8, ptr %arguments, i64 40
  %scratch.made = getelementptr i8, ptr %arguments, i64 56
  %before = call i32 @omp_get_max_threads()
  call void @omp_set_num_threads(i32 1)
  %drops = icmp eq ptr %work.y, null
  %y.room = select i1 %drops, i64 %work.y_step, i64 0
  %scratch.above = add i64 %work.record.scratch_bytes, {LINE - 1}
  %scratch.room = and i64 %scratch.above, -{LINE}
  %both = add i64 %y.room, %scratch.room
  %room = add i64 %both, {LINE}
  %memory = call ptr @tw.memory.malloc(ptr null, i64 %room)
  %lacks = icmp eq ptr %memory, null
  br i1 %lacks, label %failure, label %make
make:
  %result = getelementptr i8, ptr %memory, i64 %scratch.room
  %a = call i32 @dnnl_stream_create(ptr %stream, ptr %engine, i32 {_IN_ORDER})
{_create("b", "x", "%work.x")}
{_create("c", "w", "%work.weights")}
{_create("d", "y", "%result")}
{_create("e", "scratch", "%memory")}
  %ab = or i32 %a, %b
  %cd = or i32 %c, %d
  %abcd = or i32 %ab, %cd
  %all = or i32 %abcd, %e
  %made = icmp eq i32 %all, 0
  br i1 %made, label %loop, label %failure
loop:
  %unit = phi i64 [ %begin, %make ], [ %unit.next, %next ]
  %goes = icmp slt i64 %unit, %stop
  br i1 %goes, label %go, label %done
go:
  %queue = load ptr, ptr %stream
  %x.object = load ptr, ptr %x.made
  %w.object = load ptr, ptr %w.made
  %y.object = load ptr, ptr %y.made
  %x.offset = mul i64 %unit, %work.x_step
  %w.offset = mul i64 %unit, %work.record.w_step
  %y.offset = mul i64 %unit, %work.y_step
  %x.place = getelementptr i8, ptr %work.x, i64 %x.offset
  %w.place = getelementptr i8, ptr %work.weights, i64 %w.offset
  %y.place = getelementptr i8, ptr %work.y, i64 %y.offset
  %y.target = select i1 %drops, ptr %result, ptr %y.place
  %f = call i32 @dnnl_memory_set_data_handle(ptr %x.object, ptr %x.place)
  %g = call i32 @dnnl_memory_set_data_handle(ptr %w.object, ptr %w.place)
  %k = call i32 @dnnl_memory_set_data_handle(ptr %y.object, ptr %y.target)
  %primitive = load ptr, ptr %work.record.primitive.at
  %h = call i32 @dnnl_primitive_execute(ptr %primitive, ptr %queue, i32 4, ptr %arguments)
  %fg = or i32 %f, %g
  %kh = or i32 %k, %h
  %every = or i32 %fg, %kh
  %well = icmp eq i32 %every, 0
  br i1 %well, label %behind, label %failure
behind:
  %ends = icmp eq ptr %work.behind, null
  br i1 %ends, label %next, label %further
further:
  call void %work.behind(ptr %work.context, ptr %y.target, i64 %unit)
  br label %next
next:
  %unit.next = add i64 %unit, 1
  br label %loop
failure:
  %work.failed.to = getelementptr i8, ptr %work, i64 {word(WORK, "failed")}
  store atomic i64 1, ptr %work.failed.to monotonic, align 8
  br label %done
done:
  %x.last = load ptr, ptr %x.made
  %w.last = load ptr, ptr %w.made
  %y.last = load ptr, ptr %y.made
  %scratch.last = load ptr, ptr %scratch.made
  %stream.last = load ptr, ptr %stream
  call i32 @dnnl_memory_destroy(ptr %x.last)
  call i32 @dnnl_memory_destroy(ptr %w.last)
  call i32 @dnnl_memory_destroy(ptr %y.last)
  call i32 @dnnl_memory_destroy(ptr %scratch.last)
  call i32 @dnnl_stream_destroy(ptr %stream.last)
  br i1 %lacks, label %end, label %give_back
give_back:
  call void @tw.memory.free(ptr null, ptr %memory, i64 0)
  br label %end
end:
  call void @omp_set_num_threads(i32 %before)
  ret void
}}
"""

ONEDNN = _GLOBALS + _RUN + _RUN_FILTER + _SUM + _REORDER + _PART
