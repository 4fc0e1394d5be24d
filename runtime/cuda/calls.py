"""Calls that the device has not finished, and what is found out about them later.

Layer: runtime. A call returns before its kernels run. If these can find faults in the data, their
status is copied to the host behind them, and a `Pending` waits for it: whoever uses a result checks
it, and is told which call it was. What stops the device itself is told with the calls since the
device last had nothing to do, since it must have been one of these.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache, partial
from threading import RLock
from typing import Protocol

import numpy as np

from ...compiler.errors import DeviceError, Loc, layout
from ...compiler.launches import FAULTS

_PACKAGE = __name__.partition(".")[0]
_SLOTS = 1024  # calls whose status is on its way
_RECENT = 64  # calls that are remembered
_UNKNOWN = -1  # a status that has not arrived


class _Device(Protocol):
    """As `Driver`."""

    def pinned(self, nbytes: int) -> np.ndarray: ...
    def to_pinned(self, target: np.ndarray, source: int) -> None: ...
    def synchronize(self) -> None: ...


class Call:
    """A call of a program, and where the user made it."""

    __slots__ = ("_code", "_line", "program")

    def __init__(self, program: str) -> None:
        self.program = program
        frame = sys._getframe(1)  # of the innermost function that is not ours:
        while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
            frame = frame.f_back
        self._code, self._line = frame.f_code, frame.f_lineno

    @property
    def loc(self) -> Loc:
        """Where it was made."""
        return Loc(self._code.co_filename, self._line, self._code.co_name)

    def __str__(self) -> str:
        return f"{self.program}, called at {self.loc}"


@cache
def _is_ours(module: str) -> bool:
    return module == _PACKAGE or module.startswith(f"{_PACKAGE}.")


class Pending:
    """A call that may have failed, or that worked with results of such calls (`parents`)."""

    __slots__ = ("_call", "_log", "error", "parents", "slot")

    def __init__(
        self, log: CallLog, call: Call, parents: tuple[Pending, ...], slot: int | None
    ) -> None:
        self._log = log
        self._call = call
        self.parents = parents  # none when settled
        self.slot = slot  # of its status; None if it has none, or is settled
        self.error: Callable[[], Exception] | None = None

    def settle(self, status: int) -> None:
        """Take over what is known; the parents are settled."""
        self.error = next((p.error for p in self.parents if p.error), None)
        for bit, error, text in FAULTS:
            if self.error is None and status & bit:
                told = layout(text, got=f"in a call of {self._call.program}", loc=self._call.loc)
                self.error = partial(error, told)
        self.parents, self.slot = (), None

    def check(self) -> bool:
        """Whether the call is done; raises what went wrong with it.

        Raises:
            IndexError, ValueError, OverflowError: faults in the data, as NumPy raises them.
        """
        done = self._log.is_settled(self)
        if self.error is not None:
            raise self.error()
        return done


class CallLog:
    """The calls of one device."""

    def __init__(self, device: _Device) -> None:
        self._device = device
        self._lock = RLock()
        self._status: np.ndarray | None = None  # pinned
        self._slots: list[int] = list(range(_SLOTS))
        self._unsettled: deque[Pending] = deque()
        self._recent: deque[Call] = deque(maxlen=_RECENT)

    def enter(self, program: str) -> Call:
        """Remember a call that is being made."""
        call = Call(program)
        self._recent.append(call)
        return call

    def watch(
        self, call: Call, parents: Iterable[Pending], status: int | None = None
    ) -> Pending | None:
        """What must be checked before results of a call are used; None if nothing can be wrong.

        `status` is the address of its status word, if its kernels set one.
        """
        with self._lock:
            left = tuple(dict.fromkeys(p for p in parents if not p.check()))
            if status is None and len(left) <= 1:
                return left[0] if left else None
            pending = Pending(self, call, left, None if status is None else self._send(status))
            self._unsettled.append(pending)
            return pending

    def _send(self, status: int) -> int:
        """Let a status be copied to a slot."""
        if self._status is None:
            self._status = self._device.pinned(_SLOTS * 8).view(np.int64)
        if not self._slots:
            self._device.synchronize()
            self._settle()
        slot = self._slots.pop()
        self._status[slot] = _UNKNOWN
        self._device.to_pinned(self._status[slot : slot + 1], status)
        return slot

    def is_settled(self, pending: Pending) -> bool:
        """Whether all is known about a call, and it about itself."""
        with self._lock:
            self._settle()
            return pending.slot is None and not pending.parents

    def _settle(self) -> None:
        """Go through the calls that are done, in order, so that parents come first."""
        while self._unsettled:
            pending, status = self._unsettled[0], 0
            if pending.slot is not None:
                assert self._status is not None
                status = int(self._status[pending.slot])
                if status == _UNKNOWN:
                    return
                self._slots.append(pending.slot)
            self._unsettled.popleft()
            pending.settle(status)

    def idle(self) -> None:
        """The device has done all that was queued."""
        self._recent.clear()

    def stopped(self, reason: str) -> DeviceError:
        """The device accepts no more work because of an error in a kernel."""
        calls = [str(call) for call in self._recent]
        told = "\n            ".join(calls) or "a call that is not known"
        return DeviceError(
            f"the GPU stopped: {reason}",
            got=told if len(calls) == 1 else f"one of these calls failed: {told}",
            hint="start a new process: this one can no longer use the GPU",
        )
