"""Arrays at the end of memory that may be used: what reads further ends the process."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_PROT_NONE = 0


@contextmanager
def page_end(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """A float32 array whose last byte lies before a page that must not be read."""
    size = int(np.prod(shape)) * 4
    pages = -(-size // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    guard = ctypes.c_void_p(begin + pages * mmap.PAGESIZE)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    length = ctypes.c_size_t(mmap.PAGESIZE)
    assert protect(guard, length, _PROT_NONE) == 0
    offset = pages * mmap.PAGESIZE - size
    try:
        yield np.frombuffer(memory, np.float32, size // 4, offset).reshape(shape)
    finally:
        protect(guard, length, mmap.PROT_READ | mmap.PROT_WRITE)
