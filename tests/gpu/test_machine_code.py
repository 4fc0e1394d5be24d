"""The kernels of all the tests' cases as machine code, for two generations of GPUs.

NVIDIA's linker assembles them; on a real GPU, and in the simulator, they are run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.one_thread import CountingDriver
from support.simulated_gpu import cases
from tensorwright.compiler.errors import UnsupportedError
from tensorwright.runtime.cuda import cache, compiling, driver
from tensorwright.runtime.cuda.protocol import Image

pytest.importorskip("numba.cuda", reason="the compiler is Numba CUDA")
pytest.importorskip("nvidia", reason="NVIDIA's compiler is not installed")

TARGETS = ("sm_80", "sm_90")
# What names begin with: the first of each is checked, all of them by `pytest -m exhaustive`.
FEW = ("op copysign", "reverse convolve-", "function rows by threads", "function running sums")


class Compiled(Exception):
    """There is machine code: there is no device to run it."""


class NoDevice(CountingDriver):
    """Kernels are compiled for the target, and no further."""

    def load(self, image: Image) -> dict[str, Callable[..., None]]:
        assert image.code.startswith(b"\x7fELF") and image.entries
        raise Compiled


@pytest.fixture(params=TARGETS)
def device(request, monkeypatch):
    device = NoDevice()
    device.target = request.param
    monkeypatch.setattr(driver, "_current", device)
    monkeypatch.setattr(cache, "image", compiling.machine_image)  # nothing from earlier runs


def check(name):
    with pytest.raises((Compiled, UnsupportedError)):
        cases()[name]()


@pytest.mark.parametrize("start", FEW)
def test_some_kernels_are_assembled(device, start):
    check(next(name for name in cases() if name.startswith(start)))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", cases())
def test_all_kernels_are_assembled(device, name):
    check(name)
