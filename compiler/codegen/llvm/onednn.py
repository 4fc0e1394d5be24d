"""Convolutions by oneDNN: how a program asks for one, and the native code that calls the library.

Layer: compiler/codegen/llvm; text and descriptions only. As with functions of our own library, what
is asked for is told by a name (`Asked.name`). It stands for a *record* that the runtime fills: what
oneDNN has made for this shape, and the function `run` of the module below. The record's first word
is null where oneDNN cannot do it.

oneDNN works in the threads of `@tw.parallel`, some images in a call, and is told to start none of
its own: a loop of OpenMP's ends when all its threads have run, which takes a time slice of the
system where another process has the processor. How many images a call does follows from sizes
alone, so results have the same bits for any number of threads.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import chain

Pair = tuple[int, int]  # along the height and the width

FORWARD, BY_INPUT = "forward", "by_input"


@dataclass(frozen=True, slots=True)
class Asked:
    """A convolution of f32 with two spatial axes, of some images, channels last.

    `source` are the sides of what is read, which has `channels`, and `result` of what is computed,
    which has `features`. By input, the source is the cotangent, and the filter is described as it
    is forward.
    """

    kind: str
    images: int
    channels: int
    features: int
    source: Pair
    result: Pair
    window: Pair
    steps: Pair
    dilation: Pair
    padding: Pair  # zeros before the first element, forward
    filter: tuple[int, int, int, int]  # strides along window, channels, features

    @property
    def name(self) -> str:
        """The symbol that stands for it, without @."""
        kind, *numbers = astuple(self)
        flat = chain.from_iterable(n if isinstance(n, tuple) else (n,) for n in numbers)
        return ".".join(["tw.onednn", kind, *map(str, flat)])

    @staticmethod
    def of_name(name: str) -> Asked:
        """What a name says."""
        kind, *texts = name.split(".")[2:]
        n = [int(text) for text in texts]
        pairs = [(n[k], n[k + 1]) for k in range(3, 15, 2)]
        source, result, window, steps, dilation, padding = pairs
        filter = (n[15], n[16], n[17], n[18])
        return Asked(
            kind, n[0], n[1], n[2], source, result, window, steps, dilation, padding, filter
        )


# The words of a record. Behind `run` and `engine` are a primitive, and one that reorders the filter
# (null: it is used as it lies); memory descriptors of a unit's input, the filter as the primitive
# reads it, a unit's result, the filter as it lies, and scratch memory; bytes of the reordered
# filter and of scratch memory; and as what the primitive takes input and result.
RECORD = (
    *("run", "engine", "primitive", "reorder", "x", "w", "y", "plain", "scratch"),
    *("w_bytes", "scratch_bytes", "x_role", "y_role"),
)

# The words of what a program says: where input, filter and result begin (null: the result is not
# kept), bytes from one unit to the next, and what is done behind a unit (null: nothing), a function
# of the context, the unit's result and its number. `run` adds the rest.
GIVEN = ("x", "w", "y", "x_step", "y_step", "behind", "context")
_WORK = (*GIVEN, "record", "weights", "failed")
WORK_TYPE = f"[{len(_WORK)} x i64]"

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
RUN = "tw.onednn.run"

# oneDNN's numbers: the roles of arguments, and the plain kind of stream.
SOURCE, RESULT, FILTER, SCRATCH = 1, 17, 33, 80
SOURCE_SLOPE, RESULT_SLOPE = 129, 145
_IN_ORDER = 1

_LINE = 64  # bytes that memory is aligned to, as that of `@tw.memory.malloc` is


def word(of: tuple[str, ...], name: str) -> int:
    """The offset of a word."""
    return 8 * of.index(name)


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
    return f"""  %{base}.{name}.to = getelementptr i8, ptr %{base}, i64 {word(_WORK, name)}
  store {value}, ptr %{base}.{name}.to"""


def _create(status: str, name: str, place: str) -> str:
    """Makes an argument of the primitive, an object that says where something lies."""
    arguments = f"ptr %{name}.made, ptr %work.record.{name}, ptr %engine, ptr {place}"
    return f"  %{status} = call i32 @dnnl_memory_create({arguments})"


_ARGUMENT = "{ i32, ptr }"
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
"""

_RUN = f"""
; Do all units; false if something failed: then what was written is to be written again.
define i1 @{RUN}(ptr %record, ptr %work, i64 %units, i64 %ns) {{
entry:
{_put("work", "record", "ptr %record")}
{_put("work", "failed", "i64 0")}
{_get("record", RECORD, "reorder", "w_bytes")}
{_get("work", _WORK, "w")}
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

_REORDER = f"""
; Put the filter into the order that the primitive wants.
define internal i32 @tw.onednn.reorder(ptr %record, ptr %from, ptr %to) {{
entry:
{_get("record", RECORD, "engine", "reorder", "w", "plain")}
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
  %b = call i32 @dnnl_memory_create(ptr %source, ptr %record.plain, ptr %record.engine, ptr %from)
  %c = call i32 @dnnl_memory_create(ptr %target, ptr %record.w, ptr %record.engine, ptr %to)
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
{_get("work", _WORK, *GIVEN, "record", "weights")}
{_get("work.record", RECORD, *RECORD[2:])}
  %engine.at = getelementptr i8, ptr %work.record, i64 {word(RECORD, "engine")}
  %engine = load ptr, ptr %engine.at
  %stream = alloca ptr
  store ptr null, ptr %stream
  %arguments = alloca [4 x {_ARGUMENT}], align 16
  store [4 x {_ARGUMENT}] zeroinitializer, ptr %arguments
  %x.role = trunc i64 %work.record.x_role to i32
  %y.role = trunc i64 %work.record.y_role to i32
  %w.at = getelementptr i8, ptr %arguments, i64 16
  %y.at = getelementptr i8, ptr %arguments, i64 32
  %scratch.at = getelementptr i8, ptr %arguments, i64 48
  store i32 %x.role, ptr %arguments
  store i32 {FILTER}, ptr %w.at
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
  %scratch.above = add i64 %work.record.scratch_bytes, {_LINE - 1}
  %scratch.room = and i64 %scratch.above, -{_LINE}
  %both = add i64 %y.room, %scratch.room
  %room = add i64 %both, {_LINE}
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
  %y.object = load ptr, ptr %y.made
  %x.offset = mul i64 %unit, %work.x_step
  %y.offset = mul i64 %unit, %work.y_step
  %x.place = getelementptr i8, ptr %work.x, i64 %x.offset
  %y.place = getelementptr i8, ptr %work.y, i64 %y.offset
  %y.target = select i1 %drops, ptr %result, ptr %y.place
  %f = call i32 @dnnl_memory_set_data_handle(ptr %x.object, ptr %x.place)
  %g = call i32 @dnnl_memory_set_data_handle(ptr %y.object, ptr %y.target)
  %primitive = load ptr, ptr %work.record.primitive.at
  %h = call i32 @dnnl_primitive_execute(ptr %primitive, ptr %queue, i32 4, ptr %arguments)
  %fg = or i32 %f, %g
  %fgh = or i32 %fg, %h
  %well = icmp eq i32 %fgh, 0
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
  %work.failed.to = getelementptr i8, ptr %work, i64 {word(_WORK, "failed")}
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

ONEDNN = _GLOBALS + _RUN + _REORDER + _PART
