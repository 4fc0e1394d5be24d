"""Sub-graphs as functions of tensors, and ops that consist of such functions.

Layer: frontend. A `Region` replays the operations of a sub-graph: on traced tensors, where they
become part of a native program, or on concrete ones on the host. `Structured` is the body of an op
that calls regions: a branch, a loop. What the regions capture are inputs of the op, behind its own
operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np

from .. import dtypes
from ..abstract import TensorType
from ..apply import apply
from ..random.philox import RESERVED, further
from ..shapes import TensorShape
from ..tensors import STATE, Tensor
from ..variables import Cell
from .bodies import Body, computed
from .graph import Graph, Operation
from .plan import needed_ops, ordered
from .state import Environment
from .subgraph import SubGraph
from .symbolic import GraphTensor

_MOST_DRAWN = 1 << 44  # numbers that one op draws in one run of a loop, at most


class Region:
    """A function that has been called once with tensors of a sub-graph.

    Attributes:
        graph: the sub-graph.
        parameters: the tensors that it was called with.
        results: the tensors that it gave.
    """

    def __init__(
        self,
        outer: Graph,
        function: Callable[..., Sequence[GraphTensor]],
        parameters: Sequence[TensorType] = (),
        names: Sequence[str] = (),
    ) -> None:
        self.graph = graph = SubGraph(outer)
        with graph.as_default():
            self.parameters = [
                graph.parameter(t, names[k] if names else "Placeholder")
                for k, t in enumerate(parameters)
            ]
            self.results = [graph.owned(t) for t in function(*self.parameters)]
        given = [*self.parameters, *graph.captured.values()]
        ops = needed_ops(self.results, given)
        self._order = ordered(ops, set(given), set())
        # what is not needed is not captured either
        used = self.read
        graph.captured = {x: t for x, t in graph.captured.items() if t in used}
        graph.close()

    def part(self, results: Sequence[GraphTensor]) -> Region:
        """The function that gives other tensors of the sub-graph."""
        found = copy(self)
        found.results = list(results)
        given = [*self.parameters, *self.graph.captured.values()]
        found._order = ordered(needed_ops(results, given), set(given), set())
        return found

    @property
    def read(self) -> set[GraphTensor]:
        """The tensors that are read to find the results."""
        return {t for op in self._order for t in op.inputs} | set(self.results)

    @property
    def bodies(self) -> list[Body]:
        """The bodies of the operations that run."""
        return [op._body for op in self._order]

    def __call__(
        self, arguments: Sequence[Tensor], captured: dict[GraphTensor, Tensor]
    ) -> list[Tensor]:
        """The results for these arguments; `captured` are the values of tensors around."""
        env = dict(zip(self.parameters, arguments, strict=True))
        env.update((t, captured[x]) for x, t in self.graph.captured.items())
        environment = STATE.environment
        for op in self._order:
            with environment.again(op):
                found = computed(op, [env[t] for t in op.needed])
            env.update(zip(op.outputs, found, strict=True))
        return [env[t] for t in self.results]


class Structured(Body):
    """The body of an op that calls regions.

    Args:
        function: takes the operands, and each region as a function of tensors.
        regions: what it calls.
        variables: how many of the op's inputs only name variables.
        captured: the tensors behind the operands.
    """

    is_differentiable = True

    def __init__(
        self,
        function: Callable[..., Sequence[Tensor]],
        regions: Sequence[Region],
        variables: int,
        captured: Sequence[GraphTensor],
    ) -> None:
        bodies = [body for r in regions for body in r.bodies]
        self.is_host = any(body.is_host for body in bodies)
        self.writes = any(body.writes for body in bodies)
        self.names_first = variables
        self.regions = tuple(regions)
        self._function = function
        self._captured = tuple(captured)
        self._starts: dict[tuple[Operation, int], tuple[str, int | None, Any]] = {}

    @property
    def is_movable(self) -> bool:
        """What does not fit one program, as branches of different shapes, runs on the host."""
        return True

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        count = len(inputs) - len(self._captured)
        captured = dict(zip(self._captured, inputs[count:], strict=True))

        def callable_of(region: Region) -> Callable[..., list[Tensor]]:
            return lambda *arguments: region(arguments, captured)

        functions = [callable_of(r) for r in self.regions]
        while True:
            try:
                with _inside(self._starts) as environment:
                    return self._function(*functions, *inputs[:count])
            except _NeedsStart as found:
                if found.environment is not environment:
                    raise
                self._starts.update(found.wanted)


def structured(
    graph: Graph,
    type: str,
    function: Callable[..., Sequence[Tensor]],
    regions: Sequence[Region],
    operands: Sequence[GraphTensor],
    outputs: Sequence[TensorType],
    name: str,
) -> Operation:
    """An op that calls regions.

    Args:
        graph: where it is added.
        type: of the op.
        function: takes the regions and the operands; see `Structured`.
        regions: of sub-graphs of `graph`.
        operands: its own inputs.
        outputs: dtype and shape of each result.
        name: of the op.
    """
    captured = list(dict.fromkeys(x for r in regions for x in r.graph.captured))
    variables = list(dict.fromkeys(x for r in regions for x in r.graph.variables))
    waits = list(dict.fromkeys(op for r in regions for op in r.graph.waits))
    body = Structured(function, regions, len(variables), captured)
    return graph.add(
        type, body, [*variables, *operands, *captured], outputs, name, control_inputs=waits
    )


# -- random numbers -------------------------------------------------------------------------------


class _NeedsStart(Exception):
    """Random streams that have to be started before a branch or a loop begins."""

    def __init__(self, environment: Environment, wanted: dict[Any, Any]) -> None:
        super().__init__("random stream")
        self.environment = environment
        self.wanted = wanted


class _Position(Cell):
    """How many numbers of a stream an op of a region has drawn; carried by the loop around it."""

    __slots__ = ()

    def __init__(self) -> None:
        zero = Tensor(np.zeros((), np.uint64)[()], dtypes.uint64)
        super().__init__(zero, "random_state", False, TensorShape([]))
        if STATE.function is not None:
            self.array = None
            STATE.function.current[self] = zero

    def forget(self) -> None:
        """It is no state of the program."""
        if STATE.function is not None:
            STATE.function.current.pop(self, None)
            STATE.function.written.pop(self, None)


class _Inside(Environment):
    """What operations of regions ask for: each draws on from the iteration before."""

    def __init__(self, around: Environment, starts: dict[Any, Any]) -> None:
        super().__init__()
        self.around = around
        self._positions = {key: _Position() for key in starts}
        self._starts: dict[Any, Tensor] = {}
        for op in dict.fromkeys(op for op, _ in starts):
            with around.again(op):
                for key in [k for k in starts if k[0] is op]:
                    self._starts[key] = around.random_start(*starts[key])

    def cell(self, storage: Any) -> Any:
        return self.around.cell(storage)

    def random_start(self, name: str, seed: int | None, size: int) -> Tensor:
        key = self._next_draw()
        if key not in self._starts:
            raise _NeedsStart(self, {key: (name, seed, _MOST_DRAWN)})
        position = self._positions[key]
        drawn = position.read()
        position.write(apply("Add", _advanced, [drawn], {"count": size * RESERVED}))
        found: Tensor = apply("RandomStart", further, [self._starts[key], drawn])
        return found

    def forget(self) -> None:
        """The op is done."""
        for position in self._positions.values():
            position.forget()


def outermost(environment: Any) -> Any:
    """The environment of the session, also inside of branches and loops."""
    while isinstance(environment, _Inside):
        environment = environment.around
    return environment


@contextmanager
def _inside(starts: dict[Any, Any]) -> Iterator[_Inside]:
    around = STATE.environment
    STATE.environment = inside = _Inside(around, starts)
    try:
        yield inside
    finally:
        STATE.environment = around
        inside.forget()


def _advanced(drawn: Any, *, count: Any) -> Any:
    return drawn + np.uint64(count)
