"""Sharing work out among threads: a fixed module, loaded with the first program that needs it.

Layer: compiler/codegen/llvm; text only. `@tw.parallel` is what parallel.py calls. It describes the
work as a *job*, in which each thread has a block of the units, so that it meets the same data in
one loop after the other. A thread does its block piece by piece, and takes pieces of other blocks
when it is done.

The threads are our own, and may join a job while it goes on: whoever has the job waits for pieces
that others are at, never for a thread to wake up. (OpenMP's loops end when all threads have been
there. Where another process has the processor, that is the system's time slice, 8 ms.) One job goes
on at a time; callers that find the threads at work do theirs alone.
"""

from __future__ import annotations

from ...target import SHARE_NS

_MOST = 512  # threads
_PIECES = 8  # of a block
_LINE = 64  # bytes: threads that count in one cache line would wait for each other
_PATIENCE = 200  # times that an idle thread offers its processor to others before it sleeps

# A job lies in the stack of the thread that has it: a head of words, and for each block a cache
# line with the first unit of it that nobody has taken.
_PART, _CONTEXT, _COUNT, _THREADS, _PIECE, _HEAD = 0, 8, 16, 24, 32, 64

# One word says how many threads have joined the job, how many more may, and the job's number, by
# which a thread knows that it has been there. These are the ones of the second and third.
_ROOM, _NUMBER = 1 << 16, 1 << 32
_JOINED = _ROOM - 1  # the bits of the first


def _word(name: str, type: str, offset: int) -> str:
    return f"""  %{name}.at = getelementptr i8, ptr %job, i64 {offset}
  %{name} = load {type}, ptr %{name}.at"""


_GLOBALS = """
@tw.threads.most = global i64 1 ; set by the runtime
@tw.threads.busy = internal global i32 0 ; whether there is a job
@tw.threads.state = internal global i64 0
@tw.threads.job = internal global ptr null
@tw.threads.count = internal global i64 0 ; that have been started
@tw.threads.asleep = internal global i64 0
@tw.threads.lock = internal global [128 x i8] zeroinitializer, align 64 ; pthread_mutex_t
@tw.threads.wake = internal global [128 x i8] zeroinitializer, align 64 ; pthread_cond_t
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @sched_yield()
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
  br i1 %alone, label %serial, label %claim
claim:
  %claimed = cmpxchg ptr @tw.threads.busy, i32 0, i32 1 acquire monotonic
  %mine = extractvalue {{i32, i1}} %claimed, 1
  br i1 %mine, label %share, label %serial
serial:
  call void %part(ptr %context, i64 0, i64 %count)
  ret void
share:
  %lines = mul i64 %threads, {_LINE}
  %bytes = add i64 %lines, {_HEAD}
  %job = alloca i8, i64 %bytes, align {_LINE}
  %pieces = mul i64 %threads, {_PIECES}
  %even = udiv i64 %count, %pieces
  %piece = call i64 @llvm.umax.i64(i64 %even, i64 1)
  store ptr %part, ptr %job
  %context.at = getelementptr i8, ptr %job, i64 {_CONTEXT}
  store ptr %context, ptr %context.at
  %count.at = getelementptr i8, ptr %job, i64 {_COUNT}
  store i64 %count, ptr %count.at
  %threads.at = getelementptr i8, ptr %job, i64 {_THREADS}
  store i64 %threads, ptr %threads.at
  %piece.at = getelementptr i8, ptr %job, i64 {_PIECE}
  store i64 %piece, ptr %piece.at
  br label %block
block:
  %k = phi i64 [0, %share], [%k.next, %block]
  %first = call i64 @tw.job.first(ptr %job, i64 %k)
  %next.at = call ptr @tw.job.next(ptr %job, i64 %k)
  store i64 %first, ptr %next.at
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %threads
  br i1 %more, label %block, label %go
go:
  call void @tw.job.run(ptr %job, i64 %threads)
  store atomic i32 0, ptr @tw.threads.busy release, align 4
  ret void
}}
"""

_JOB = f"""
; The first unit of block k.
define internal i64 @tw.job.first(ptr %job, i64 %k) {{
entry:
{_word("count", "i64", _COUNT)}
{_word("threads", "i64", _THREADS)}
  %all = mul i64 %count, %k
  %first = udiv i64 %all, %threads
  ret i64 %first
}}

; Where the next unit of block k stands.
define internal ptr @tw.job.next(ptr %job, i64 %k) {{
entry:
  %line = mul i64 %k, {_LINE}
  %offset = add i64 %line, {_HEAD}
  %next.at = getelementptr i8, ptr %job, i64 %offset
  ret ptr %next.at
}}

; Do pieces until there are none left, those of one's own block first.
define internal void @tw.job.help(ptr %job, i64 %member) {{
entry:
{_word("part", "ptr", _PART)}
{_word("context", "ptr", _CONTEXT)}
{_word("threads", "i64", _THREADS)}
{_word("piece", "i64", _PIECE)}
  br label %block
block:
  %k = phi i64 [0, %entry], [%k.next, %done]
  %further = add i64 %member, %k
  %b = urem i64 %further, %threads
  %b.next = add i64 %b, 1
  %end = call i64 @tw.job.first(ptr %job, i64 %b.next)
  %next.at = call ptr @tw.job.next(ptr %job, i64 %b)
  br label %take
take:
  %begin = atomicrmw add ptr %next.at, i64 %piece monotonic
  %left = icmp ult i64 %begin, %end
  br i1 %left, label %run, label %done
run:
  %whole = add i64 %begin, %piece
  %until = call i64 @llvm.umin.i64(i64 %whole, i64 %end)
  call void %part(ptr %context, i64 %begin, i64 %until)
  br label %take
done:
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %threads
  br i1 %more, label %block, label %leave
leave:
  ret void
}}

; Do a job, with the help of other threads; returns when all of it is done.
define internal void @tw.job.run(ptr %job, i64 %threads) {{
entry:
  %others = sub i64 %threads, 1
  call void @tw.threads.start(i64 %others)
  store ptr %job, ptr @tw.threads.job
  %before = load atomic i64, ptr @tw.threads.state monotonic, align 8
  %room = mul i64 %others, {_ROOM}
  %next = add i64 %before, {_NUMBER}
  %opened = or i64 %next, %room
  store atomic i64 %opened, ptr @tw.threads.state seq_cst, align 8
  %asleep = load atomic i64, ptr @tw.threads.asleep seq_cst, align 8
  %wakened = call i64 @llvm.umin.i64(i64 %asleep, i64 %others)
  call void @tw.threads.rouse(i64 %wakened)
  call void @tw.job.help(ptr %job, i64 0)
  atomicrmw and ptr @tw.threads.state, i64 {-_NUMBER | _JOINED} monotonic
  br label %test
test: ; those who have joined may be at their last piece
  %state = load atomic i64, ptr @tw.threads.state acquire, align 8
  %joined = and i64 %state, {_JOINED}
  %left = icmp eq i64 %joined, 0
  br i1 %left, label %done, label %wait
wait:
  call i32 @sched_yield()
  br label %test
done:
  ret void
}}
"""

_POOL = f"""
; Start threads until there are `wanted`, or the system refuses.
define internal void @tw.threads.start(i64 %wanted) {{
entry:
  %id = alloca i64, align 8
  br label %test
test:
  %count = load i64, ptr @tw.threads.count
  %enough = icmp uge i64 %count, %wanted
  br i1 %enough, label %done, label %create
create: ; the thread that has the job is member 0
  %member = add i64 %count, 1
  %argument = inttoptr i64 %member to ptr
  %error = call i32 @pthread_create(ptr %id, ptr null, ptr @tw.threads.member, ptr %argument)
  %failed = icmp ne i32 %error, 0
  br i1 %failed, label %done, label %created
created:
  %thread = load i64, ptr %id
  call i32 @pthread_detach(i64 %thread)
  store i64 %member, ptr @tw.threads.count
  br label %test
done:
  ret void
}}

; Wake so many threads.
define internal void @tw.threads.rouse(i64 %count) {{
entry:
  %none = icmp eq i64 %count, 0
  br i1 %none, label %done, label %lock
lock:
  call i32 @pthread_mutex_lock(ptr @tw.threads.lock)
  br label %wake
wake:
  %k = phi i64 [%count, %lock], [%k.left, %wake]
  call i32 @pthread_cond_signal(ptr @tw.threads.wake)
  %k.left = sub i64 %k, 1
  %more = icmp ne i64 %k.left, 0
  br i1 %more, label %wake, label %unlock
unlock:
  call i32 @pthread_mutex_unlock(ptr @tw.threads.lock)
  br label %done
done:
  ret void
}}

; What a thread does all its life.
define internal ptr @tw.threads.member(ptr %argument) {{
entry:
  %member = ptrtoint ptr %argument to i64
  br label %next
next:
  %seen = phi i64 [0, %entry], [%seen, %next], [%number, %help]
  %state = call i64 @tw.threads.await(i64 %seen)
  %one.more = add i64 %state, {1 - _ROOM}
  %join = cmpxchg ptr @tw.threads.state, i64 %state, i64 %one.more acquire monotonic
  %joined = extractvalue {{i64, i1}} %join, 1
  br i1 %joined, label %help, label %next
help: ; the job stays until this thread has left it
  %number = udiv i64 %state, {_NUMBER}
  %job = load ptr, ptr @tw.threads.job
  call void @tw.job.help(ptr %job, i64 %member)
  atomicrmw sub ptr @tw.threads.state, i64 1 release
  br label %next
}}

; Wait until there is a job to join, other than job `seen`; returns the state.
define internal i64 @tw.threads.await(i64 %seen) {{
entry:
  br label %look
look:
  %k = phi i64 [0, %entry], [0, %awake], [%k.next, %offer]
  %state = load atomic i64, ptr @tw.threads.state monotonic, align 8
  %new = call i1 @tw.threads.is_new(i64 %state, i64 %seen)
  br i1 %new, label %done, label %offer
offer:
  call i32 @sched_yield()
  %k.next = add i64 %k, 1
  %patient = icmp ult i64 %k.next, {_PATIENCE}
  br i1 %patient, label %look, label %sleep
sleep: ; who opens a job looks for sleepers afterwards: it sees this one, or this one sees the job
  call i32 @pthread_mutex_lock(ptr @tw.threads.lock)
  atomicrmw add ptr @tw.threads.asleep, i64 1 seq_cst
  %last = load atomic i64, ptr @tw.threads.state seq_cst, align 8
  %newer = call i1 @tw.threads.is_new(i64 %last, i64 %seen)
  br i1 %newer, label %awake, label %rest
rest:
  call i32 @pthread_cond_wait(ptr @tw.threads.wake, ptr @tw.threads.lock)
  br label %awake
awake:
  atomicrmw sub ptr @tw.threads.asleep, i64 1 monotonic
  call i32 @pthread_mutex_unlock(ptr @tw.threads.lock)
  br label %look
done:
  ret i64 %state
}}

define internal i1 @tw.threads.is_new(i64 %state, i64 %seen) {{
entry:
  %room = and i64 %state, {_NUMBER - _ROOM}
  %open = icmp ne i64 %room, 0
  %number = udiv i64 %state, {_NUMBER}
  %other = icmp ne i64 %number, %seen
  %new = and i1 %open, %other
  ret i1 %new
}}

; Forget all threads: before the first use, and in a forked child, where there are none.
define void @tw.threads.reset() {{
entry:
  call i32 @pthread_mutex_init(ptr @tw.threads.lock, ptr null)
  call i32 @pthread_cond_init(ptr @tw.threads.wake, ptr null)
  store i64 0, ptr @tw.threads.asleep
  store i64 0, ptr @tw.threads.count
  store i64 0, ptr @tw.threads.state
  store i32 0, ptr @tw.threads.busy
  ret void
}}
"""

THREADS = _GLOBALS + _PARALLEL + _JOB + _POOL
