"""Runs a graph as machine code: what the differential tests compare with `interpret`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorwright.compiler.codegen.llvm.machine import compile_module, host_target
from tensorwright.compiler.codegen.llvm.module import emit_module
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.types import TensorType
from tensorwright.compiler.kernel.steps import lower_graph
from tensorwright.compiler.program import LeafKind, LeafSpec, Program, Signature, tuple_of_leaves
from tensorwright.compiler.target import Target
from tensorwright.runtime import Executable, load


def compile_native(graph: Graph, target: Target | None = None) -> Executable:
    """Compile without any graph pass; all arguments are arrays, the result is a tuple."""
    signature = Signature(
        tuple(LeafSpec(LeafKind.ARRAY, v.type) for v in graph.inputs),
        tuple(_result(v.type) for v in graph.outputs),
        tuple_of_leaves(len(graph.inputs)),
        tuple_of_leaves(len(graph.outputs)),
        graph.guards,
    )
    kernels = lower_graph(graph)
    target = target or host_target()
    llvm = emit_module(kernels, signature, graph.size_names(), target)
    code = compile_module(llvm, target)
    return load(Program(graph.name, signature, kernels.constants, llvm, code))


def _result(type: TensorType) -> LeafSpec:
    return LeafSpec(LeafKind.ARRAY if type.rank else LeafKind.NUMPY_SCALAR, type)


def run_native(graph: Graph, *arrays: Any, target: Target | None = None) -> tuple[Any, ...]:
    """The outputs of a graph for these arrays."""
    result = compile_native(graph, target).call(*arrays)
    assert result is not NotImplemented, "the native entry refuses the arguments"
    return result


def assert_same(
    graph: Graph, *arrays: Any, rtol: float = 0.0, target: Target | None = None
) -> None:
    """Machine code and interpreter agree in dtype, shape and values."""
    expected = interpret(graph, arrays)
    for got, wanted in zip(run_native(graph, *arrays, target=target), expected, strict=True):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=0)
