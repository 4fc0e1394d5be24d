"""The threads that share loops: how many, and where they come from.

Layer: runtime. Threads belong to an OpenMP runtime with GNU's entry points, which is looked for
when the first program that may use it is loaded: one that is in the process already, the system's,
one that another package ships. Without one, loops run in one thread. So they do in a child after
`fork`, to which no thread comes along, but the locks that threads held do.
"""

from __future__ import annotations

import ctypes
import operator
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from ..compiler.options import threads_wanted

_LOADED = re.compile(r"\S*/lib(?:gomp|omp|iomp5)[-.\w]*\.so\S*$", re.MULTILINE)
_NAMES = ("libgomp.so.1", "libomp.so.5", "libiomp5.so")
# Of packages that ship one: scikit-learn, PyTorch, and others whose wheels were repaired.
_SHIPPED = ("*.libs/libgomp*.so*", "torch/lib/libgomp*.so*", "*.libs/libomp*.so*")
_ENTRIES = ("GOMP_parallel", "omp_get_thread_num")


def set_num_threads(count: int) -> None:
    """Let up to `count` threads share a loop; results have the same bits for any number.

    The default is OMP_NUM_THREADS, or else the number of CPUs that the process may use. Matrix
    products have threads of their own, which BLAS's variables limit (OPENBLAS_NUM_THREADS).

    Raises:
        ValueError: the number is below 1.
    """
    wanted = operator.index(count)
    if wanted < 1:
        raise ValueError(f"set_num_threads: {count} is no number of threads; it is 1 or more")
    _team.set_most(wanted)


def get_num_threads() -> int:
    """How many threads may share a loop."""
    return _team.most


class _Team:
    """What native code is told about threads, before and after it is loaded."""

    def __init__(self) -> None:
        self.most = threads_wanted() or _usable_cpus()
        self._words: dict[str, ctypes.c_size_t] = {}
        self._has_looked = False
        self._lock = Lock()

    def connect(self, most: int, fork: int, self_number: int) -> None:
        """Take over the variables of threads.py, given their addresses."""
        addresses = {"most": most, "fork": fork, "self": self_number}
        self._words = {k: ctypes.c_size_t.from_address(v) for k, v in addresses.items()}
        self.set_most(self.most)

    def set_most(self, count: int) -> None:
        """Set the number of threads."""
        self.most = count
        if self._words:
            self._words["most"].value = count

    def find(self) -> None:
        """Look for a runtime, once."""
        with self._lock:
            if self._has_looked:
                return
            self._has_looked = True
            entries = _find_entries()
            if entries is not None:
                fork, number = entries
                self._words["self"].value = number
                self._words["fork"].value = fork

    def after_fork(self) -> None:
        """In the child: GNU's runtime waits for threads that are not there."""
        self._lock = Lock()
        self._has_looked = True
        if self._words:
            self._words["fork"].value = 0


def connect(most: int, fork: int, self_number: int) -> None:
    """Take over the variables of codegen/llvm/threads.py, given their addresses."""
    _team.connect(most, fork, self_number)


def find_threads() -> None:
    """Make threads available to loops, if there is a runtime for them."""
    _team.find()


def _find_entries() -> tuple[int, int] | None:
    """The addresses of the entry points of the first runtime that has them."""
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        if all(hasattr(library, entry) for entry in _ENTRIES):
            fork, number = (
                ctypes.cast(getattr(library, entry), ctypes.c_void_p).value for entry in _ENTRIES
            )
            if fork and number:
                return fork, number
    return None


def _candidates() -> Iterator[str]:
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:  # another system than Linux
        maps = ""
    yield from dict.fromkeys(_LOADED.findall(maps))
    yield from _NAMES
    for folder in sys.path:
        for pattern in _SHIPPED:
            yield from map(str, sorted(Path(folder or ".").glob(pattern)))


def _usable_cpus() -> int:
    """The CPUs that this process may use, and no more than the group's share of time allows."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, -(-int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or "max": no limit
        pass
    return max(1, count)


_team = _Team()
os.register_at_fork(after_in_child=_team.after_fork)
