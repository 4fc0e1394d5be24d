"""The memory of the process."""

import os

import pytest

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")


def resident() -> int:
    """Bytes of memory that the process uses."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
