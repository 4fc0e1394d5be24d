"""The device of this process.

Layer: runtime. `current` gives the driver of the GPU, or the simulator's where the environment
asks for it (NUMBA_ENABLE_CUDASIM=1).
"""

from __future__ import annotations

import os
from threading import Lock

from ...compiler.errors import DeviceError
from ...compiler.options import simulates_gpu
from .bindings import CudaDriver
from .protocol import Driver
from .simulated import SimulatedDriver

_current: Driver | None = None
_forked = False  # from a process that has used the GPU
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
    if _forked:
        raise DeviceError(
            "the GPU cannot be used in a process forked from one that has used it",
            hint="start processes with multiprocessing.get_context('spawn')",
        )
    try:
        # optional (the extra `cuda`)
        from cuda.bindings import driver as cuda
    except ImportError as error:
        raise DeviceError(
            "the GPU is used through cuda-bindings",
            got=str(error),
            hint="pip install 'tensorwright[cuda]'",
        ) from None
    try:
        return CudaDriver(cuda)
    except RuntimeError as error:  # DeviceErrors, and that of the bindings where is no driver
        raise DeviceError(
            "there is no GPU",
            got=error.got if isinstance(error, DeviceError) else str(error),
            expected="an NVIDIA GPU and its driver",
            hint="leave out device='gpu', and arrays on the GPU, to run on the CPU",
        ) from None


def _renew() -> None:
    """What is left of the device in a forked process: memory of the host, but no GPU."""
    global _current, _forked, _lock
    _lock = Lock()
    if _current is not None and not isinstance(_current, SimulatedDriver):
        _current, _forked = None, True


os.register_at_fork(after_in_child=_renew)
