"""The whole compilation on one screen: graph in, program out.

Layer: compiler, above passes, kernel and codegen. Its stages are what
`tensorwright dump` shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .codegen.llvm.machine import assembly, compile_module, host_target
from .codegen.llvm.module import emit_module
from .ir.graph import Graph
from .ir.printer import to_text
from .kernel.form import KernelProgram
from .kernel.printer import print_program
from .kernel.report import report
from .kernel.schedule import schedule
from .kernel.steps import lower_in_place
from .options import Options
from .pipeline import run_pipeline
from .program import Program, Signature
from .target import Target

if TYPE_CHECKING:
    from .launches import GpuProgram

T = TypeVar("T")
STAGES = ("graph", "optimized", "kernels", "report", "llvm", "asm")


class _Stage(Generic[T]):
    """`functools.cached_property` without its lock: before Python 3.12 all instances share one.

    Threads would compile one after the other, and a fork while one does would lock its child out.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # the class's attribute, for documentation
        made = instance.__dict__[self._name] = self._make(instance)
        return made


@dataclass(frozen=True)
class Compilation:
    """One graph on its way to a program; every stage is made when it is first asked for."""

    graph: Graph
    signature: Signature
    options: Options
    target: Target

    @_Stage
    def optimized(self) -> Graph:
        """The graph after all graph passes."""
        return run_pipeline(self.graph, options=self.options)

    @_Stage
    def lowered(self) -> tuple[KernelProgram, dict[int, int]]:
        """Loops and library calls, and the pairs of inputs and outputs that have one place."""
        return lower_in_place(self.optimized, dict(self.signature.reused))

    @property
    def kernels(self) -> KernelProgram:
        """Loops and library calls."""
        return self.lowered[0]

    @_Stage
    def llvm(self) -> str:
        """The module's text."""
        names = self.graph.size_names()
        return emit_module(self.kernels, self.signature, names, self.target)

    @_Stage
    def program(self) -> Program:
        """What the runtime loads."""
        return Program(
            self.graph.name,
            replace(self.signature, reused=tuple(self.lowered[1].items())),
            self.kernels.constants,
            self.llvm,
            compile_module(self.llvm, self.target),
        )

    @_Stage
    def gpu(self) -> GpuProgram:
        """What the runtime of the GPU loads."""
        # most processes never need the generator of its code
        cuda = import_module(".codegen.cuda.module", __package__)
        found: GpuProgram = cuda.emit_program(
            self.kernels, self.signature, self.graph.name, self.options.fast_math
        )
        return found

    def text(self, stage: str) -> str:
        """A stage as text, one of STAGES.

        Raises:
            ValueError: there is no such stage.
        """
        if stage == "graph":
            return to_text(self.graph)
        if stage == "optimized":
            return to_text(self.optimized)
        if stage == "kernels":
            return print_program(self.kernels, lambda k: str(schedule(k, self.target)))
        if stage == "report":
            return report(self.optimized, self.kernels)
        if stage == "llvm":
            return self.llvm
        if stage == "asm":
            return assembly(self.llvm, self.target)
        raise ValueError(f"unknown stage {stage!r}; stages are {', '.join(STAGES)}")


def compile_graph(graph: Graph, signature: Signature, options: Options | None = None) -> Program:
    """Compile `graph` for this machine."""
    return Compilation(graph, signature, options or Options(), host_target()).program
