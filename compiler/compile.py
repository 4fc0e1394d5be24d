"""The whole compilation on one screen: graph in, program out.

Layer: compiler, above passes, kernel and codegen. Its stages are what
`tensorwright dump` shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .codegen.llvm.machine import assembly, compile_module, host_target
from .codegen.llvm.module import emit_module
from .ir.graph import Graph
from .ir.printer import to_text
from .kernel.form import KernelProgram
from .kernel.printer import print_program
from .kernel.schedule import schedule
from .kernel.steps import lower_graph
from .options import Options
from .pipeline import run_pipeline
from .program import Program, Signature
from .target import Target

STAGES = ("graph", "optimized", "kernels", "llvm", "asm")


@dataclass(frozen=True)
class Compilation:
    """One graph on its way to a program; every stage is made when it is first asked for."""

    graph: Graph
    signature: Signature
    options: Options
    target: Target

    @cached_property
    def optimized(self) -> Graph:
        """The graph after all graph passes."""
        return run_pipeline(self.graph, options=self.options)

    @cached_property
    def kernels(self) -> KernelProgram:
        """Loops and library calls."""
        return lower_graph(self.optimized)

    @cached_property
    def llvm(self) -> str:
        """The module's text."""
        names = self.graph.size_names()
        return emit_module(self.kernels, self.signature, names, self.target)

    @cached_property
    def program(self) -> Program:
        """What the runtime loads."""
        return Program(
            self.graph.name,
            self.signature,
            self.kernels.constants,
            self.llvm,
            compile_module(self.llvm, self.target),
        )

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
        if stage == "llvm":
            return self.llvm
        if stage == "asm":
            return assembly(self.llvm, self.target)
        raise ValueError(f"unknown stage {stage!r}; stages are {', '.join(STAGES)}")


def compile_graph(graph: Graph, signature: Signature, options: Options | None = None) -> Program:
    """Compile `graph` for this machine."""
    return Compilation(graph, signature, options or Options(), host_target()).program
