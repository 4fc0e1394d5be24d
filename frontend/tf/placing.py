"""Which device an op or a compiled function runs on, and moving its operands there.

Layer: frontend. Asked only when a GPU is in use. In a block of `tf.device` that is the block's
device, elsewhere the GPU if an operand lies there. What the GPU cannot do is done on the CPU,
unless soft placement is switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from ...compiler.compile import Compilation
from ...compiler.errors import DeviceError, UserError
from ..devices import Placement
from ..placement import CHOSEN, at_host, is_on_gpu, on_host, placed
from ..tracer import Tracer
from .variables import Cell

_FRONTEND = __package__.rpartition(".")[0]


def run(function: Callable[..., Any], arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """An op on arrays, where it belongs."""
    if any(type(x) is Tracer for x in arrays):
        return function(*arrays, **attrs)
    if CHOSEN.device == "cpu":
        return function(*map(on_host, arrays), **attrs)
    given = [placed(x) for x in arrays]
    if not any(map(is_on_gpu, given)):
        return function(*given, **attrs)
    try:
        return function(*given, **attrs)
    except DeviceError:
        raise
    except UserError:
        if not Placement.is_soft:
            raise
    return at_host(function)(*map(on_host, arrays), **attrs)  # jitted ones follow the block


class DeviceProgram:
    """A compiled function of tensors and variables on the GPU."""

    def __init__(self, compilation: Compilation) -> None:
        # arrays on the GPU never change, so no variable is changed in place
        signature = replace(compilation.signature, reused=())
        self._compilation = replace(compilation, signature=signature)
        self._dtypes = [leaf.type.dtype.numpy for leaf in signature.inputs]
        self._program: Callable[..., Any] | None = None
        self._is_impossible = False

    def is_wanted(self, arrays: Sequence[Any], cells: Sequence[Cell]) -> bool:
        """Whether a call belongs to the GPU. The variables are moved to where it belongs."""
        chosen = CHOSEN.device
        if chosen is None:
            is_there = any(map(is_on_gpu, arrays)) or any(is_on_gpu(c.array) for c in cells)
            chosen = "gpu" if is_there else "cpu"
        if chosen == "gpu" and self._is_possible():
            move = import_module(f"{_FRONTEND}.device_arrays").put
            for cell in cells:
                if not is_on_gpu(cell.array):
                    cell.put(move(cell.array, cell.name))
            return True
        for cell in cells:
            if is_on_gpu(cell.array):
                cell.put(on_host(cell.array))
        return False

    def _is_possible(self) -> bool:
        if self._program is None and not self._is_impossible:
            try:
                self._program = import_module(f"{_FRONTEND}.device_calls").load(self._compilation)
            except DeviceError:
                raise
            except UserError:
                if not Placement.is_soft:
                    raise
                self._is_impossible = True
        return not self._is_impossible

    def __call__(self, *arrays: Any) -> Any:
        """The results, on the GPU; NotImplemented for other dtypes or sizes."""
        assert self._program is not None
        if any(x.dtype != d for x, d in zip(arrays, self._dtypes, strict=True)):
            return NotImplemented
        return self._program(*arrays)
