"""A stand-in for the module `cudnn` on the host's memory, with the arguments of the real one.

Graphs have one convolution, which is computed as the sums that it is defined by.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from tensorwright.runtime.cuda.cudnn import ALIGNMENT

ROOM = 4096  # bytes that a plan works in


class cudnnGraphNotSupportedError(Exception):
    """There is no plan."""


class data_type(enum.Enum):
    FLOAT = np.float32
    DOUBLE = np.float64


class heur_mode(enum.Enum):
    A = 0
    FALLBACK = 1


class numerical_note(enum.Enum):
    TENSOR_CORE = 0
    DOWN_CONVERT_INPUTS = 1
    REDUCED_PRECISION_REDUCTION = 2
    FFT = 3
    NONDETERMINISTIC = 4
    WINOGRAD = 5


class Handle:
    def __init__(self) -> None:
        self.stream = 0


class FakeTensor:
    def __init__(self) -> None:
        self.uid, self.dim, self.stride = 0, [0], [0]
        self.is_output = False

    def set_output(self, is_output: bool) -> FakeTensor:
        self.is_output = is_output
        return self

    def set_uid(self, uid: int) -> FakeTensor:
        self.uid = uid
        return self

    def set_dim(self, dim: Sequence[int]) -> FakeTensor:
        self.dim = list(dim)
        return self

    def set_stride(self, stride: Sequence[int]) -> FakeTensor:
        self.stride = list(stride)
        return self

    def view(self, address: int, dtype: Any) -> np.ndarray:
        """The elements at an address."""
        assert address % ALIGNMENT == 0, "cuDNN takes alignment for granted"
        itemsize = np.dtype(dtype).itemsize
        last = sum((size - 1) * stride for size, stride in zip(self.dim, self.stride, strict=True))
        kind = np.ctypeslib.as_ctypes_type(dtype)
        flat = np.ctypeslib.as_array((kind * (last + 1)).from_address(address))
        strides = [stride * itemsize for stride in self.stride]
        return np.lib.stride_tricks.as_strided(flat, self.dim, strides)


class FakeCudnn:
    """The module; `done` has what was executed: its kind, and the stream."""

    data_type, heur_mode, numerical_note = data_type, heur_mode, numerical_note
    cudnnGraphNotSupportedError = cudnnGraphNotSupportedError

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.plans = 0
        self.refused: list[set[numerical_note]] = []
        self.rooms: set[int] = set()
        self.room = ROOM
        self.unsupported = ""  # the step at which graphs are refused
        self.failing = ""  # what execution says

    def create_handle(self) -> Handle:
        return Handle()

    def set_stream(self, handle: Handle, stream: int) -> None:
        handle.stream = stream

    def pygraph(self, **options: Any) -> FakeGraph:
        return FakeGraph(self, **options)


class FakeGraph:
    def __init__(
        self,
        cudnn: FakeCudnn,
        *,
        io_data_type: data_type,
        intermediate_data_type: data_type,
        compute_data_type: data_type,
        handle: Handle,
    ) -> None:
        assert io_data_type is intermediate_data_type is compute_data_type
        self._cudnn = cudnn
        self._dtype = io_data_type.value
        self._steps: list[str] = []
        self._kind = ""
        self._tensors: dict[str, FakeTensor] = {}
        self._how: tuple[Any, ...] = ()

    def tensor(self, dim: list[int], stride: list[int], uid: int) -> FakeTensor:
        return FakeTensor().set_uid(uid).set_dim(dim).set_stride(stride)

    def conv_fprop(self, image: FakeTensor, weight: FakeTensor, **how: Any) -> FakeTensor:
        return self._operation("fprop", "y", how, x=image, w=weight)

    def conv_dgrad(self, loss: FakeTensor, filter: FakeTensor, **how: Any) -> FakeTensor:
        return self._operation("dgrad", "x", how, y=loss, w=filter)

    def conv_wgrad(self, image: FakeTensor, loss: FakeTensor, **how: Any) -> FakeTensor:
        return self._operation("wgrad", "w", how, x=image, y=loss)

    def _operation(self, kind: str, result: str, how: Any, **given: FakeTensor) -> FakeTensor:
        self._kind, self._tensors = kind, {**given, result: FakeTensor()}
        self._how = how["padding"], how["stride"], how["dilation"]
        return self._tensors[result]

    def validate(self) -> None:
        self._did("validate")
        x, w, y = (self._tensors[name].dim for name in "xwy")
        assert (x[0], w[0]) == (y[0], y[1]) and x[1] % w[1] == 0
        for size, window, places, pad, stride, dilation in zip(
            x[2:], w[2:], y[2:], *self._how, strict=True
        ):
            assert places == (size + 2 * pad - (window - 1) * dilation - 1) // stride + 1
        (output,) = (t for t in self._tensors.values() if t.is_output)
        assert output.uid

    def build_operation_graph(self) -> None:
        self._did("build_operation_graph", "validate")

    def create_execution_plans(self, modes: list[heur_mode]) -> None:
        self._did("create_execution_plans", "build_operation_graph")

    def deselect_numeric_notes(self, notes: list[numerical_note]) -> None:
        self._did("deselect_numeric_notes", "create_execution_plans")
        self._cudnn.refused.append(set(notes))

    def deselect_workspace_greater_than(self, nbytes: int) -> None:
        self._did("deselect_workspace_greater_than")

    def check_support(self) -> None:
        self._did("check_support", "create_execution_plans")

    def build_plans(self) -> None:
        self._did("build_plans", "check_support")
        self._cudnn.plans += 1

    def get_workspace_size(self) -> int:
        self._did("get_workspace_size", "build_plans")
        return self._cudnn.room

    def _did(self, step: str, after: str = "") -> None:
        assert not after or after in self._steps, f"{step} before {after}"
        self._steps.append(step)
        if self._cudnn.unsupported == step:
            raise cudnnGraphNotSupportedError("No valid engine configs")

    def execute(self, pack: dict[int, int], workspace: int, handle: Handle) -> None:
        assert "build_plans" in self._steps and workspace % ALIGNMENT == 0
        if self._cudnn.failing:
            raise RuntimeError(self._cudnn.failing)
        self._cudnn.done.append((self._kind, handle.stream))
        self._cudnn.rooms.add(workspace)
        arrays = {name: t.view(pack[t.uid], self._dtype) for name, t in self._tensors.items()}
        convolve(self._kind, *(arrays[name] for name in "xwy"), *self._how)


def convolve(kind: str, x: Any, w: Any, y: Any, padding: Any, strides: Any, dilation: Any) -> None:
    """Compute one of the three arrays of a convolution, in place, in float64."""
    groups, dtype = x.shape[1] // w.shape[1], x.dtype
    around = [(0, 0), (0, 0), *((p, p) for p in padding)]
    padded = np.pad(np.zeros(x.shape) if kind == "dgrad" else x.astype(float), around)
    sums = np.zeros(w.shape if kind == "wgrad" else y.shape)
    parts, each = x.shape[1] // groups, w.shape[0] // groups
    for g, index in product(range(groups), np.ndindex(*w.shape[2:])):
        seen = padded[
            (
                slice(None),
                slice(g * parts, (g + 1) * parts),
                *(
                    slice(i * d, i * d + (n - 1) * s + 1, s)
                    for i, d, n, s in zip(index, dilation, y.shape[2:], strides, strict=True)
                ),
            )
        ]
        outputs = slice(g * each, (g + 1) * each)
        filters = w[(outputs, slice(None), *index)]
        if kind == "fprop":
            sums[:, outputs] += np.einsum("nc...,fc->nf...", seen, filters)
        elif kind == "wgrad":
            images, losses = (a.reshape(*a.shape[:2], -1) for a in (seen, y[:, outputs]))
            sums[(outputs, slice(None), *index)] = np.einsum("ncp,nfp->fc", images, losses)
        else:
            seen += np.einsum("nf...,fc->nc...", y[:, outputs].astype(float), filters)
    if kind == "dgrad":
        inside = tuple(slice(p, p + n) for p, n in zip(padding, x.shape[2:], strict=True))
        x[...] = padded[(slice(None), slice(None), *inside)].astype(dtype)
    else:
        target = y if kind == "fprop" else w
        target[...] = sums.astype(dtype)
