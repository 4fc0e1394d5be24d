"""The device of this process.

Layer: runtime. `current` gives the driver of the GPU, or the simulator's where the environment
asks for it (NUMBA_ENABLE_CUDASIM=1).
"""

from __future__ import annotations

from threading import Lock

from ...compiler.errors import DeviceError
from ...compiler.options import simulates_gpu
from .protocol import Driver
from .simulated import SimulatedDriver

_current: Driver | None = None
_lock = Lock()


def current() -> Driver:
    """The driver of the GPU, or of the simulator.

    Raises:
        DeviceError: there is neither.
    """
    global _current
    if _current is not None:
        return _current
    with _lock:
        if _current is None:
            _current = _found()
        return _current


def _found() -> Driver:
    if simulates_gpu():
        return SimulatedDriver()
    raise DeviceError(
        "there is no GPU",
        expected="an NVIDIA GPU and its driver",
        hint="leave out device='gpu' to run on the CPU",
    )
