"""Parts of the pieces of memory that a call works with.

Layer: runtime. Pieces are numbered; where each lies is known when the call is made.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """`nbytes` bytes of the piece of memory number `base`, from `offset` on."""

    base: int
    offset: int
    nbytes: int

    def part(self, start: int, nbytes: int) -> View:
        """Some of the bytes."""
        return View(self.base, self.offset + start, nbytes)

    def after(self, start: int) -> View:
        """The bytes from `start` on."""
        return self.part(start, self.nbytes - start)
