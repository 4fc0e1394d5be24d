"""How many threads share loops, and what becomes of them after a fork.

Layer: runtime. The threads themselves belong to native code (codegen/llvm/threads.py), which starts
them when there is work for them. No thread comes along into a forked child, but the locks that
threads held do; the child starts anew.
"""

from __future__ import annotations

import ctypes
import operator
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.codegen.llvm.machine import compile_module, llvm_binding
from ..compiler.codegen.llvm.threads import THREADS
from ..compiler.options import threads_wanted

if TYPE_CHECKING:
    import llvmlite.binding as llvm


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


@cache
def parallel() -> int:
    """The address of `@tw.parallel`; its module is loaded by the first call."""
    return _threads.load()


class _Threads:
    """What native code is told, from when it is loaded."""

    def __init__(self) -> None:
        self.most = threads_wanted() or _usable_cpus()
        self._code: llvm.ResourceTracker | None = None

    def load(self) -> int:
        """Load the module; it is never freed, because threads run its code until the end."""
        self._jit = llvm_binding().create_lljit_compiler(use_jit_link=True)
        builder = llvm_binding().JITLibraryBuilder()
        builder.add_object_img(compile_module(THREADS, effort=0)).add_current_process()
        for name in ("tw.parallel", "tw.threads.most", "tw.threads.reset"):
            builder.export_symbol(name)
        self._code = builder.link(self._jit, "tw.threads")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        self.start_anew()
        self.set_most(self.most)
        address: int = self._code["tw.parallel"]
        return address

    def set_most(self, count: int) -> None:
        """Set the number of threads."""
        self.most = count
        if self._code is not None:
            ctypes.c_int64.from_address(self._code["tw.threads.most"]).value = count

    def start_anew(self) -> None:
        """Forget threads that are not there: in a forked child."""
        if self._code is not None:
            ctypes.PYFUNCTYPE(None)(self._code["tw.threads.reset"])()


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
os.register_at_fork(after_in_child=_threads.start_anew)
