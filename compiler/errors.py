"""Errors and source locations: the layout of every message that a user reads.

Layer: the bottom of the compiler; imports nothing of ours. There are two families. A `UserError`
says what in the user's program cannot be done, where, and what to write instead. An
`InternalError` says that the compiler broke its own rules, and names the place.

Every message has the same lines, each left out when it has nothing to say::

    ShapeError: add: shapes do not broadcast
      got:      f32[4, 8] and f32[4]
      expected: trailing dimensions equal, or one of them 1
      at:       model.py:27 in loss
                h = x @ w + b
      hint:     b[:, None] has shape [4, 1]
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loc:
    """A place in the user's source: file path, line (from 1), function name.

    `gradient` marks work that is not written there: the derivative of what is.
    """

    file: str
    line: int
    function: str = ""
    gradient: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        where = f"{where} in {self.function}" if self.function else where
        return f"{where} (gradient)" if self.gradient else where

    @property
    def source(self) -> str:
        """The line's text without indentation, or '' when the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()


def layout(
    what: str,
    *,
    got: str = "",
    expected: str = "",
    loc: Loc | None = None,
    hint: str = "",
) -> str:
    """The one message layout: `what`, then the labelled lines that have something to say."""
    lines = [what]
    if got:
        lines.append(f"  got:      {got}")
    if expected:
        lines.append(f"  expected: {expected}")
    if loc is not None:
        lines.append(f"  at:       {loc}")
        if loc.source:
            lines.append(f"            {loc.source}")
    if hint:
        lines.append(f"  hint:     {hint}")
    return "\n".join(lines)


class TensorwrightError(Exception):
    """Base of every error that tensorwright raises by itself."""


class UserError(TensorwrightError):
    """The user's program asks for something that cannot be done as written."""

    def __init__(
        self,
        what: str,
        *,
        got: str = "",
        expected: str = "",
        loc: Loc | None = None,
        hint: str = "",
    ) -> None:
        self.what, self.got, self.expected, self.loc, self.hint = what, got, expected, loc, hint
        super().__init__(what)

    def __str__(self) -> str:
        return layout(self.what, got=self.got, expected=self.expected, loc=self.loc, hint=self.hint)

    def at(self, loc: Loc | None) -> UserError:
        """Fill in the location if none is known yet; returns self, to be raised."""
        if self.loc is None:
            self.loc = loc
        return self


class TraceError(UserError, TypeError):
    """Python code needs the value of something that is only known when the function runs."""


class LeakedTracerError(TraceError):
    """A traced value is used after its trace has ended."""


class ShapeError(UserError, ValueError):
    """Shapes do not fit together."""


class DTypeError(UserError, TypeError):
    """A dtype is not accepted, or dtypes do not fit together."""


class PythonIntError(UserError, OverflowError):
    """A Python int does not fit into the dtype of the array that it meets."""


class TracedIndexError(UserError, IndexError):
    """An index lies outside of its dimension, or there are too many."""


class GradientError(UserError, TypeError):
    """Something cannot be differentiated."""


class UnsupportedError(UserError, NotImplementedError):
    """NumPy can do this, tensorwright cannot (yet)."""


class DeviceError(UserError, RuntimeError):
    """A device is asked for that this machine does not have, or cannot be used here."""


class InternalError(TensorwrightError):
    """The compiler broke its own rules; please report it with the text that follows."""
