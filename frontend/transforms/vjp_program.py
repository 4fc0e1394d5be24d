"""`vjp` outside of a trace: a forward and a backward program.

Layer: frontend. The function and its derivative are traced as one graph, with the cotangents as
further inputs, optimised, and split: the forward program returns the function's results and what
the derivative reads of the forward pass (*residuals*); the backward program takes residuals and
cotangents. What is cheap to compute is computed again instead (see transforms/residuals.py). The
backward program is compiled when a pullback is called for the first time.

Residuals are copies: the caller may assign to arguments and results in between. Sizes are fixed in
both programs; other sizes compile anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from ...compiler.compile import Compilation, host_target, optimize
from ...compiler.ir.graph import Graph, Node, Value
from ...compiler.ir.types import TensorType
from ...compiler.options import Options
from ...compiler.program import LeafSpec, Nest, Signature, tuple_of_leaves
from ...compiler.transforms.residuals import split, subgraph
from ...runtime import cpu
from ..arguments import Call, signature_of
from ..context import require
from ..jit import Jitted
from ..trace import Output, TraceResult
from ..tree import TreeDef
from ..variants import Variants
from .matching import concrete_value, match

# (context, function, primals, has_aux) -> (result, pullback, aux), in a trace
TracedVjp = Callable[..., Any]
Loaded = Callable[..., Any]  # a program: from leaves to a tuple of results, or NotImplemented

_FRONTEND = __package__.rpartition(".")[0]


class VjpProgram(Jitted):
    """`vjp` of one function, called with its primals."""

    def __init__(
        self, function: Callable[[], Callable[..., Any]], traced_vjp: TracedVjp, has_aux: bool
    ) -> None:
        def joint(*primals: Any) -> Any:
            ctx = require()
            out, pullback, aux = traced_vjp(ctx, function(), primals, has_aux)
            self._result = (pullback.leaves.tree, pullback.leaves.types)
            cts = [ctx.builder.input(t._type, "ct") for t in pullback.leaves.floats]
            return (out, aux) if has_aux else (out,), pullback.of_values(cts)

        named = function()
        joint.__name__ = getattr(named, "__name__", "function")
        joint.__signature__ = signature_of(named)  # type: ignore[attr-defined]
        options = named._options if isinstance(named, Jitted) else None
        super().__init__(joint, options=options)

    def _compile(self, call: Call, variants: Variants, device: str) -> None:
        traced = self._trace(call, call.shapes, {})
        options = replace(self._options, device=device)
        # the result is that of this very trace
        variants.add(_Variant(traced, variants.nest, *self._result, options))


class _Variant:
    """Both programs for one kind of arguments, and how to build what callers get."""

    def __init__(
        self,
        traced: TraceResult,
        arguments: Nest | None,
        tree: TreeDef,
        types: Sequence[TensorType | None],
        options: Options,
    ) -> None:
        first, second = traced.output.parts()
        halves = _split(optimize(traced.graph, options), traced.inputs, first.count)
        self._tree, self._types, self._options = tree, types, options
        self._halves = halves
        self._out, self._gradient = first, second
        outputs = [*first.specs, *map(_spec, halves.forward.outputs[first.count :])]
        arguments = arguments or tuple_of_leaves(len(traced.inputs))
        signature = _signature_of(traced.inputs, outputs, arguments, traced.graph)
        self._forward = _loaded(halves.forward, signature, options)
        self._backward: Loaded | None = None

    def run(self, arguments: Sequence[Any], stays: bool = False) -> Any:
        """(out, pullback), or (out, pullback, aux); NotImplemented for other arguments.

        Of a program on the GPU, `stays` says whether its results stay there; residuals always do.
        """
        results = self._forward(*arguments)
        if results is NotImplemented:
            return results
        count = self._out.count
        residuals = results[count : count + self._halves.residuals]
        out, *aux = self._built(self._out, results[:count], stays)
        return (out, _Pullback(self, residuals, stays), *aux)

    def pull_back(self, residuals: Sequence[Any], ct: Any, stays: bool) -> tuple[Any, ...]:
        """The cotangents of the arguments."""
        pairs = match("vjp", "cotangent", ct, self._tree, self._types)
        cts = [concrete_value("vjp", *pair) for pair in pairs]
        if not self._gradient.count:
            return tuple(self._gradient.build(()))
        results = self._backward_program()(*residuals, *cts)
        found: tuple[Any, ...] = self._built(self._gradient, results, stays)
        return found

    def _built(self, output: Output, results: Sequence[Any], stays: bool) -> Any:
        if self._options.device == "gpu" and not stays:
            results = _device_calls().on_host(output.specs, results)
        return output.build(results)

    def _backward_program(self) -> Loaded:
        # threads may compile it twice, which is wasteful but right
        if self._backward is None:
            graph = self._halves.backward
            inputs = [_spec(v) for v in graph.inputs]
            arguments = tuple_of_leaves(len(inputs))
            signature = _signature_of(inputs, self._gradient.specs, arguments, graph)
            self._backward = _loaded(graph, signature, self._options)
        return self._backward


class _Pullback:
    """From a cotangent of the result to a tuple of cotangents of the arguments."""

    def __init__(self, variant: _Variant, residuals: Sequence[Any], stays: bool) -> None:
        self._variant = variant
        self._residuals = residuals
        self._stays = stays

    def __call__(self, ct: Any) -> tuple[Any, ...]:
        """Run the backward program."""
        return self._variant.pull_back(self._residuals, ct, self._stays)


def _spec(value: Value) -> LeafSpec:
    """How a result of one program is an argument of the other: numbers are NumPy scalars."""
    return LeafSpec.of(value.type)


def _signature_of(
    inputs: Sequence[LeafSpec], outputs: Sequence[LeafSpec], arguments: Nest, guarded: Graph
) -> Signature:
    result = tuple_of_leaves(len(outputs))
    return Signature(tuple(inputs), tuple(outputs), arguments, result, guarded.guards)


def _loaded(graph: Graph, signature: Signature, options: Options) -> Loaded:
    compilation = Compilation(graph, signature, options, host_target())
    if options.device == "gpu":
        loaded: Loaded = _device_calls().load(compilation)
        return loaded
    return cpu.load(compilation.program).call


def _device_calls() -> Any:
    """What only programs on the GPU need."""
    return import_module(f"{_FRONTEND}.device_calls")


@dataclass(frozen=True)
class _Halves:
    """`forward` gives the first outputs and then the residuals, `backward` the others."""

    forward: Graph
    backward: Graph
    residuals: int


def _split(graph: Graph, inputs: Sequence[LeafSpec], first: int) -> _Halves:
    """Split at what depends on the inputs behind `inputs`: the cotangents."""
    primals, cts = graph.inputs[: len(inputs)], graph.inputs[len(inputs) :]
    outputs, gradient = graph.outputs[:first], graph.outputs[first:]
    late: set[Value] = set(cts)
    forward: list[Node] = []
    backward: list[Node] = []
    for node in graph.nodes:
        is_late = not late.isdisjoint(node.inputs)
        late.update(node.outputs if is_late else ())
        (backward if is_late else forward).append(node)
    chosen = split(forward, gradient, backward, cts, ())
    again = [node for node in forward if node in chosen.again]
    # a program needs a result to return
    results = (*outputs, *chosen.kept) or primals[:1]
    return _Halves(
        subgraph(graph.name, primals, forward, results),
        subgraph(f"{graph.name}_vjp", (*chosen.kept, *cts), [*again, *backward], gradient),
        len(chosen.kept),
    )
