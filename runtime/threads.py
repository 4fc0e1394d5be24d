"""How many threads share loops, and what becomes of them after a fork.

Layer: runtime. The threads themselves belong to native code (codegen/llvm/threads.py), which starts
them when there is work for them. No thread comes along into a forked child, but the locks that
threads held do; the child starts anew.
"""

from __future__ import annotations

import ctypes
import operator
import os
from collections.abc import Callable
from pathlib import Path

from ..compiler.options import threads_wanted


def set_num_threads(count: int) -> None:
    """Let up to `count` threads share a loop; results have the same bits for any number.

    The default is OMP_NUM_THREADS, or else the number of CPUs that the process may use. Matrix
    products have threads of their own, which BLAS's variables limit (OPENBLAS_NUM_THREADS).

    Raises:
        ValueError: the number is below 1.
    """
    wanted = operator.index(count)
    if wanted < 1:
        raise ValueError(f"set_num_threads: {wanted} is no number of threads; it is 1 or more")
    _threads.set_most(wanted)


def get_num_threads() -> int:
    """How many threads may share a loop."""
    return _threads.most


class _Threads:
    """What native code is told, from when it is loaded."""

    def __init__(self) -> None:
        self.most = threads_wanted() or _usable_cpus()
        self._word: ctypes.c_int64 | None = None
        self._reset: Callable[[], None] | None = None

    def connect(self, most: int, reset: Callable[[], None]) -> None:
        """Take over the variable at the address `most`; `reset` forgets all threads."""
        self._word, self._reset = ctypes.c_int64.from_address(most), reset
        self.set_most(self.most)
        reset()

    def set_most(self, count: int) -> None:
        """Set the number of threads."""
        self.most = count
        if self._word is not None:
            self._word.value = count

    def after_fork(self) -> None:
        """In the child."""
        if self._reset is not None:
            self._reset()


def connect(most: int, reset: Callable[[], None]) -> None:
    """Connect with native code: the address of its number of threads, and a function of it."""
    _threads.connect(most, reset)


def _usable_cpus() -> int:
    """The CPUs that this process may use, and no more than its group's share of their time."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, -(-int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or no limit ("max")
        pass
    return max(1, count)


_threads = _Threads()
os.register_at_fork(after_in_child=_threads.after_fork)
