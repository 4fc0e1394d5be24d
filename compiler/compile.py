"""A compilation: graph in, program out, and the stages on the way.

Layer: compiler, above passes, kernel and codegen. Its stages are what `tensorwright dump` shows;
stages.py makes them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from .codegen.llvm.machine import host_target
from .ir.graph import Graph
from .options import Options
from .program import Program, Signature
from .target import Target

if TYPE_CHECKING:
    from .kernel.form import KernelProgram
    from .launches import GpuProgram

T = TypeVar("T")
STAGES = ("graph", "optimized", "kernels", "report", "llvm", "asm")

# A fork in the middle of loading the stages would leave the child with a module that nobody loads
# to its end, so it waits.
_loading = RLock()
os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)


def _stages() -> ModuleType:
    # brings all passes and generators of code: a third of what it takes to import this package
    with _loading:
        return import_module(".stages", __package__)


class _Stage(Generic[T]):
    """A stage, made when it is first asked for, by the function of its name.

    As `functools.cached_property` without its lock: before Python 3.12 all instances share one.
    Threads would compile one after the other, and a fork while one does would lock its child out.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # the class's attribute, for documentation
        made: T = getattr(_stages(), self._name)(instance)
        instance.__dict__[self._name] = made
        return made


@dataclass(frozen=True)
class Compilation:
    """One graph on its way to a program.

    Attributes:
        graph: what is compiled.
        signature: the arguments and results of the program.
        options: for the passes and the code.
        target: the processor.
        optimized: the graph after all graph passes.
        lowered: the kernels, and the pairs of inputs and outputs that have one place.
        llvm: the text of the module.
        program: what the runtime loads.
        gpu: what the runtime of the GPU loads.
    """

    graph: Graph
    signature: Signature
    options: Options
    target: Target

    optimized: ClassVar[_Stage[Graph]] = _Stage()
    lowered: ClassVar[_Stage[tuple[KernelProgram, dict[int, int]]]] = _Stage()
    llvm: ClassVar[_Stage[str]] = _Stage()
    program: ClassVar[_Stage[Program]] = _Stage()
    gpu: ClassVar[_Stage[GpuProgram]] = _Stage()

    @property
    def kernels(self) -> KernelProgram:
        """Loops and library calls."""
        return self.lowered[0]

    def text(self, stage: str) -> str:
        """A stage as text, one of STAGES.

        Raises:
            ValueError: there is no such stage.
        """
        if stage not in STAGES:
            raise ValueError(f"unknown stage {stage!r}; stages are {', '.join(STAGES)}")
        return str(_stages().TEXTS[stage](self))


def optimize(graph: Graph, options: Options) -> Graph:
    """The graph after all graph passes."""
    found: Graph = _stages().run_pipeline(graph, options=options)
    return found


def compile_graph(graph: Graph, signature: Signature, options: Options | None = None) -> Program:
    """Compile `graph` for this machine."""
    return Compilation(graph, signature, options or Options(), host_target()).program
