"""Kernels for GPUs as plain Python functions of one thread, which any number of threads equals.

Numba's simulator replaces `numba.cuda` for a whole process; these need no Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.cuda import module
from tensorwright.compiler.launches import SIMULATED
from tensorwright.runtime.cuda import compiling, driver
from tensorwright.runtime.cuda.executable import GpuExecutable
from tensorwright.runtime.cuda.intrinsics import simulated_names
from tensorwright.runtime.cuda.libdevice import libdevice
from tensorwright.runtime.cuda.protocol import Driver, Node, Parameters
from tensorwright.runtime.cuda.simulated import SimulatedDriver, SimulatedGraph


def _set_bits(array: Any, index: int, bits: Any) -> None:
    array[index] |= bits


def _add(array: Any, index: int, value: Any) -> None:
    array[index] += value


def _cuda() -> SimpleNamespace:
    here, one = SimpleNamespace(x=0, y=0), SimpleNamespace(x=1, y=1)
    return SimpleNamespace(
        grid=lambda axes: 0,
        gridsize=lambda axes: 1,
        threadIdx=here,
        blockIdx=here,
        blockDim=one,
        gridDim=one,
        selp=lambda condition, x, y: x if condition else y,
        syncthreads=lambda: None,
        shared=SimpleNamespace(array=np.empty),
        local=SimpleNamespace(array=np.empty),
        atomic=SimpleNamespace(or_=_set_bits, add=_add),
    )


def kernels(source: str) -> dict[str, Callable[..., None]]:
    """The kernels of a source; each ignores the numbers of blocks and threads."""
    names = {"cuda": _cuda(), "libdevice": libdevice(), **simulated_names()}
    return {
        name: lambda blocks, threads, *arguments, f=each: _run(f, arguments)
        for name, each in compiling.functions(source, names).items()
    }


def _run(function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    with np.errstate(all="ignore"):
        function(*arguments)


class CountingDriver(SimulatedDriver):
    """Counts what it is asked for: `done[name]` is how often."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"kernels": kernels, **options})
        self.done = dict.fromkeys(
            ("allocate", "free", "launch", "synchronize", "graph", "graph launch", "update"), 0
        )

    def allocate(self, nbytes: int) -> int:
        self.done["allocate"] += 1
        return super().allocate(nbytes)

    def free(self, address: int) -> None:
        self.done["free"] += 1
        super().free(address)

    def launch(self, kernel: Any, blocks: int, threads: int, parameters: Parameters) -> None:
        self.done["launch"] += 1
        super().launch(kernel, blocks, threads, parameters)

    def synchronize(self) -> None:
        self.done["synchronize"] += 1
        super().synchronize()

    def graph(self, nodes: Any) -> SimulatedGraph:
        self.done["graph"] += 1
        return _CountingGraph(self, nodes)


class _CountingGraph(SimulatedGraph):
    def __init__(self, device: CountingDriver, nodes: Any) -> None:
        super().__init__(device, nodes)
        self._done = device.done

    def launch(self) -> None:
        self._done["graph launch"] += 1
        super().launch()

    def update(self, index: int, node: Node) -> None:
        self._done["update"] += 1
        super().update(index, node)


def use(monkeypatch: pytest.MonkeyPatch, device: Driver) -> None:
    """Make a device that of the process, for a test."""
    monkeypatch.setattr(driver, "_current", device)
    monkeypatch.setattr(module, "DEVICE", replace(SIMULATED, block=1, warp=1, tile=1))


def executable(function: Callable[..., Any], *types: str) -> GpuExecutable:
    """A function compiled for the device there is, for arguments of these types."""
    return GpuExecutable(tw.jit(function).lower(*types).compilation.gpu)
