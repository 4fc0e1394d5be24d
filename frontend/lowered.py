"""A compilation to look at: every stage as text.

Layer: frontend. `Jitted.lower` makes it from arguments or from their types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from ..compiler.compile import STAGES, Compilation
from ..compiler.ir.graph import Graph
from ..compiler.ir.parser import ParseError
from ..compiler.ir.types import Shape
from .arguments import ArgumentReader, Call, TensorSpec, array_key
from .tree import LEAF_CLASSES, flatten, unflatten

_RUNTIME = f"{__package__.rpartition('.')[0]}.runtime"
CUDA_STAGES = ("source", "ptx")
_PYTHON_TYPES: dict[str, Any] = {"float": 1.0, "int": 1, "bool": True}


@dataclass(frozen=True)
class Lowered:
    """What a function becomes for one kind of arguments."""

    compilation: Compilation

    @property
    def graph(self) -> Graph:
        """The traced graph, before any pass."""
        return self.compilation.graph

    @property
    def stages(self) -> tuple[str, ...]:
        """The names that `text` accepts, in order."""
        return STAGES

    def text(self, stage: str = "graph") -> str:
        """One stage: graph, optimized, kernels, report, llvm or asm."""
        return self.compilation.text(stage)

    def cuda(self, stage: str = "source", capability: tuple[int, int] = (8, 0)) -> str:
        """What a GPU gets: the source of the kernels, or their PTX (needs the extra `cuda`).

        Raises:
            ValueError: there is no such stage.
        """
        program = self.compilation.gpu
        if stage == "source":
            return program.source
        if stage == "ptx":
            compiling = import_module(f"{_RUNTIME}.cuda.compiling")  # loads Numba
            return "\n".join(compiling.ptx(program, capability).values())
        raise ValueError(f"unknown stage {stage!r}; stages are {', '.join(CUDA_STAGES)}")

    def report(self) -> str:
        """What the program takes memory for; of a gradient, what is kept for it, and where from."""
        return self.text("report")

    def __str__(self) -> str:
        return self.text()


def spec_call(
    reader: ArgumentReader, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Call, list[Shape], dict[str, int]]:
    """A call with types in place of some arguments, the leaves' shapes, and a size per symbol."""
    stand_ins: dict[int, TensorSpec] = {}
    args = [_with_stand_ins(x, stand_ins) for x in args]
    kwargs = {name: _with_stand_ins(x, stand_ins) for name, x in kwargs.items()}
    call = reader.read(args, kwargs)
    shapes: list[Shape] = []
    keys = list(call.keys)
    for k, leaf in enumerate(call.leaves):
        spec = stand_ins.get(id(leaf))
        if spec is None:
            shapes.append(np.shape(leaf))
            continue
        shapes.append(spec.shape)
        keys[k] = array_key(spec.type)
    names: dict[str, None] = {}
    for shape in shapes:
        for size in shape:
            if not isinstance(size, int):
                names.update(dict.fromkeys(sorted(size.names())))
    # Different sizes, so that only what is written the same is taken for equal.
    sizes = {name: 1000 + 10 * k for k, name in enumerate(names)}
    return Call(call.structure, call.leaves, tuple(keys)), shapes, sizes


def _with_stand_ins(argument: Any, stand_ins: dict[int, TensorSpec]) -> Any:
    """The argument with arrays in place of the types in it, however deeply nested."""
    leaves, tree = flatten(argument, LEAF_CLASSES | {TensorSpec})
    made = [_stand_in(x, stand_ins) for x in leaves]
    if all(x is y for x, y in zip(leaves, made, strict=True)):
        return argument
    return unflatten(tree, made)


def _stand_in(x: Any, stand_ins: dict[int, TensorSpec]) -> Any:
    """An array in place of a type, to be read like an argument."""
    if isinstance(x, str):
        if x in _PYTHON_TYPES:
            return _PYTHON_TYPES[x]
        try:
            x = TensorSpec(x)
        except ParseError:
            return x  # a static argument
    if not isinstance(x, TensorSpec):
        return x
    array = np.empty((0,) * x.type.rank, x.type.dtype.numpy)
    stand_ins[id(array)] = x
    return array
