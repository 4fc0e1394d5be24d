"""Carried values on their way through a loop, as pointers.

Layer: compiler/codegen/llvm. A carry that has a spare place is read where the last iteration wrote
it (at first where it was before the loop) and written to the other of its two places. Which comes
first is chosen so that the last one is the final one, if the number of iterations is known by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...kernel.form import Carry
from .frame import Frame
from .loops import when
from .sizes import emit_size
from .writer import FunctionWriter


@dataclass(frozen=True, slots=True)
class _Places:
    init: str
    final: str
    spare: str | None
    size: str


class Carries:
    """The carries of one loop. What goes around it are three pointers for each that alternates:
    where it is read, where it is written, and where it is written next.
    """

    def __init__(self, frame: Frame, carries: Sequence[Carry]) -> None:
        self.fn = frame.fn
        self.places = [
            _Places(
                frame.address(c.init),
                frame.address(c.final),
                None if c.spare is None else frame.pointer(c.spare),
                emit_size(frame.fn, c.size, frame.names),
            )
            for c in carries
        ]

    def start(self, iterations: str | None) -> list[tuple[str, str]]:
        """The pointers before the loop, typed; `iterations` (None: not known) is an i64."""
        pointers: list[str] = []
        for p in self.places:
            if p.spare is None:
                _copy_if_elsewhere(self.fn, p.final, p.init, p.size)
            else:
                pointers += [p.init, *self._order(p.final, p.spare, iterations)]
        return [("ptr", pointer) for pointer in pointers]

    def _order(self, final: str, spare: str, iterations: str | None) -> tuple[str, str]:
        if iterations is None:
            return final, spare
        if not iterations.startswith("%"):
            return (final, spare) if int(iterations) % 2 else (spare, final)
        odd = self.fn.assign(f"trunc i64 {iterations} to i1")
        first = self.fn.assign(f"select i1 {odd}, ptr {final}, ptr {spare}")
        second = self.fn.assign(f"select i1 {odd}, ptr {spare}, ptr {final}")
        return first, second

    def inputs(self, pointers: Sequence[str]) -> list[str]:
        """Where the body reads."""
        moving = iter(pointers[0::3])
        return [p.final if p.spare is None else next(moving) for p in self.places]

    def outputs(self, pointers: Sequence[str]) -> list[str]:
        """Where the body writes."""
        moving = iter(pointers[1::3])
        return [p.final if p.spare is None else next(moving) for p in self.places]

    @staticmethod
    def following(pointers: Sequence[str]) -> list[str]:
        """The pointers of the next iteration."""
        result: list[str] = []
        for k in range(0, len(pointers), 3):
            _, written, other = pointers[k : k + 3]
            result += [written, other, written]
        return result

    def finish(self, pointers: Sequence[str], iterations: str | None) -> None:
        """After the loop: bring values that are not in their final place there."""
        if iterations is not None and not iterations.startswith("%") and int(iterations) > 0:
            return
        moving = iter(pointers[0::3])
        for p in self.places:
            if p.spare is not None:
                _copy_if_elsewhere(self.fn, p.final, next(moving), p.size)


def _copy_if_elsewhere(fn: FunctionWriter, target: str, source: str, size: str) -> None:
    name = fn.module.declare("@llvm.memcpy.p0.p0.i64", "void", ["ptr", "ptr", "i64", "i1"])

    def copy() -> list[str]:
        fn.line(f"call void {name}(ptr {target}, ptr {source}, i64 {size}, i1 false)")
        return []

    when(fn, fn.assign(f"icmp ne ptr {target}, {source}"), [], copy)
