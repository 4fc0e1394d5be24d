"""One simulated device for all tests of arrays on a GPU: jitted operations are kept by process.

Its kernels run as Python functions of one thread, when something waits for them.
"""

from __future__ import annotations

import pytest

from .one_thread import CountingDriver, use

DEVICE = CountingDriver(late=True)


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> CountingDriver:
    """Make it the device of the process, for a test."""
    use(monkeypatch, DEVICE)
    return DEVICE
