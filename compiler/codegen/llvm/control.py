"""Loops and branches around the steps of regions.

Layer: compiler/codegen/llvm. Each function writes one step at the place that `fn` is at. A set
status ends a `while`, whose condition may be computed from garbage then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...kernel.form import Region, ReplayLoop, ScanLoop, Slices, Switch, WhileLoop
from . import tapes
from .arena import multiply
from .carries import Carries
from .frame import Frame
from .loops import counted_loop, when
from .sizes import emit_size
from .writer import FunctionWriter

_FIRST_CAPACITY = 4  # iterations

# Writes the steps of a region, whose frame is bound.
Steps = Callable[[Frame], None]


class ControlWriter:
    """Writes loops and branches into one function; `steps` writes what is inside of them."""

    def __init__(self, fn: FunctionWriter, status: str, steps: Steps) -> None:
        self.fn = fn
        self.status = status
        self.steps = steps

    def _run(
        self, region: Region, frame: Frame, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        """One run of a region."""
        frame.bind(inputs, outputs)
        if not region.frees_tapes:
            self.steps(frame)
            return
        before = self.fn.assign(f"load ptr, ptr {tapes.head(self.fn, self.status)}")
        self.steps(frame)
        tapes.free_since(self.fn, self.status, before)

    # -- slices -------------------------------------------------------------------------------

    def _arrays(self, frame: Frame, slices: Sequence[Slices]) -> list[tuple[str, str]]:
        """(address, bytes of a slice) of arrays."""
        return [(frame.address(s.array), emit_size(self.fn, s.size, frame.names)) for s in slices]

    def _at(self, arrays: Sequence[tuple[str, str]], index: str) -> list[str]:
        """The addresses of the slices with this index."""
        return [
            self.fn.assign(f"getelementptr i8, ptr {start}, i64 {multiply(self.fn, index, size)}")
            for start, size in arrays
        ]

    def _from_last(self, count: str, index: str) -> str:
        """count - 1 - index"""
        last = self.fn.assign(f"sub i64 {count}, 1")
        return self.fn.assign(f"sub i64 {last}, {index}")

    # -- loops --------------------------------------------------------------------------------

    def scan(self, step: ScanLoop, frame: Frame) -> None:
        """A loop over slices."""
        length = emit_size(self.fn, step.length, frame.names)
        xs, ys = self._arrays(frame, step.xs), self._arrays(frame, step.ys)
        captured = [frame.address(a) for a in step.captured]
        carries = Carries(frame, step.carries)
        body = frame.region(step.body)

        def iteration(i: str, pointers: list[str]) -> list[str]:
            at = self._from_last(length, i) if step.reverse else i
            inputs = [*carries.inputs(pointers), *self._at(xs, at), *captured]
            outputs = [*carries.outputs(pointers), *self._at(ys, at)]
            self._run(step.body, body, inputs, outputs)
            return carries.following(pointers)

        results = counted_loop(self.fn, "0", length, 1, carries.start(length), iteration)
        carries.finish(results, length)

    def replay(self, step: ReplayLoop, frame: Frame) -> None:
        """A loop over tapes, backwards."""
        fn = self.fn
        count = fn.assign(f"load i64, ptr {frame.address(step.count)}")
        tokens = [
            (fn.assign(f"load ptr, ptr {place}"), size)
            for place, size in self._arrays(frame, step.tapes)
        ]
        captured = [frame.address(a) for a in step.captured]
        carries = Carries(frame, step.carries)
        body = frame.region(step.body)

        def iteration(i: str, pointers: list[str]) -> list[str]:
            # a loop that was never run has left no tapes: they are read here, not before
            data = [(fn.assign(f"load ptr, ptr {token}"), size) for token, size in tokens]
            recorded = self._at(data, self._from_last(count, i))
            inputs = [*carries.inputs(pointers), *recorded, *captured]
            self._run(step.body, body, inputs, carries.outputs(pointers))
            return carries.following(pointers)

        results = counted_loop(fn, "0", count, 1, carries.start(count), iteration)
        carries.finish(results, count)

    def while_(self, step: WhileLoop, frame: Frame) -> None:
        """A loop with a condition; what it records is on tapes."""
        fn = self.fn
        captured = [frame.address(a) for a in step.captured]
        flag = frame.pointer(step.flag)
        carries = Carries(frame, step.carries)
        condition, body = frame.region(step.condition), frame.region(step.body)
        recorder = _Recorder(self, step, frame) if step.records else None
        start = carries.start(None) + ([("i64", "0"), ("i64", "0")] if recorder else [])
        moving = len(start) - (2 if recorder else 0)

        loop, inside, done = fn.label("while"), fn.label("do"), fn.label("done")
        before = fn.block
        fn.jump(loop)
        fn.start(loop)
        phis = [fn.fresh() for _ in start]
        slots = [fn.placeholder() for _ in start]
        pointers = phis[:moving]
        inputs = [*carries.inputs(pointers), *captured]
        self._run(step.condition, condition, inputs, [flag])
        fn.branch(self._goes_on(flag), inside, done)
        fn.start(inside)
        outputs = carries.outputs(pointers)
        following = carries.following(pointers)
        if recorder is not None:
            count, capacity = phis[moving:]
            capacity = recorder.make_room(count, capacity, done)
            outputs += recorder.slots(count)
            following += [fn.assign(f"add i64 {count}, 1"), capacity]
        self._run(step.body, body, inputs, outputs)
        latch = fn.block
        fn.jump(loop)
        for slot, phi, (type, value), result in zip(slots, phis, start, following, strict=True):
            fn.fill(slot, f"{phi} = phi {type} [ {value}, {before} ], [ {result}, {latch} ]")
        fn.start(done)
        carries.finish(pointers, None)
        if step.count is not None:
            fn.line(f"store i64 {phis[moving]}, ptr {frame.address(step.count)}")

    def _goes_on(self, flag: str) -> str:
        """An i1: whether the condition holds and nothing has gone wrong."""
        fn = self.fn
        byte = fn.assign(f"load i8, ptr {flag}")
        holds = fn.assign(f"icmp ne i8 {byte}, 0")
        faults = fn.assign(f"load i64, ptr {self.status}")
        well = fn.assign(f"icmp eq i64 {faults}, 0")
        return fn.assign(f"and i1 {holds}, {well}")

    # -- branches -----------------------------------------------------------------------------

    def switch(self, step: Switch, frame: Frame) -> None:
        """One of several regions."""
        fn = self.fn
        index = fn.assign(f"load i64, ptr {frame.address(step.index)}")
        operands = [frame.address(a) for a in step.operands]
        results = [frame.address(a) for a in step.results]
        for branch in step.branches:  # before the paths part: it stays valid after them
            if branch.scratch is not None:
                frame.pointer(branch.scratch)
        limited = fn.assign(f"call i64 {self._smax()}(i64 {index}, i64 0)")
        labels = [fn.label("branch") for _ in step.branches]
        done = fn.label("done")
        cases = " ".join(f"i64 {k}, label {label}" for k, label in enumerate(labels[:-1]))
        fn.line(f"switch i64 {limited}, label {labels[-1]} [ {cases} ]")
        for label, branch in zip(labels, step.branches, strict=True):
            fn.start(label)
            self._run(branch, frame.region(branch), operands, results)
            fn.jump(done)
        fn.start(done)

    def _smax(self) -> str:
        return self.fn.module.declare("@llvm.smax.i64", "i64", ["i64", "i64"])


class _Recorder:
    """The tapes that one `while` writes."""

    def __init__(self, control: ControlWriter, step: WhileLoop, frame: Frame) -> None:
        self.fn = fn = control.fn
        self.status = control.status
        self.tapes = tapes.new_tapes(fn, self.status, len(step.records))
        self.sizes = [emit_size(fn, r.size, frame.names) for r in step.records]
        for record, tape in zip(step.records, self.tapes, strict=True):
            fn.line(f"store ptr {tape}, ptr {frame.address(record.array)}")

    def make_room(self, count: str, capacity: str, otherwise: str) -> str:
        """Let the tapes hold one more iteration, or go to `otherwise`; the new capacity."""
        fn = self.fn

        def grow() -> list[str]:
            doubled = fn.assign(f"shl i64 {capacity}, 1")
            smallest = fn.module.declare("@llvm.smax.i64", "i64", ["i64", "i64"])
            larger = fn.assign(f"call i64 {smallest}(i64 {doubled}, i64 {_FIRST_CAPACITY})")
            granted = "true"
            for tape, size in zip(self.tapes, self.sizes, strict=True):
                has = tapes.grow(fn, self.status, tape, multiply(fn, larger, size))
                granted = fn.assign(f"and i1 {granted}, {has}")
            return [larger, granted]

        full = fn.assign(f"icmp eq i64 {count}, {capacity}")
        larger, granted = when(fn, full, [("i64", capacity), ("i1", "true")], grow)
        go_on = fn.label("room")
        fn.branch(granted, go_on, otherwise)
        fn.start(go_on)
        return larger

    def slots(self, count: str) -> list[str]:
        """Where iteration `count` writes."""
        fn = self.fn
        return [
            fn.assign(
                f"getelementptr i8, ptr {fn.assign(f'load ptr, ptr {tape}')}, "
                f"i64 {multiply(fn, count, size)}"
            )
            for tape, size in zip(self.tapes, self.sizes, strict=True)
        ]
