"""Segments as programs: traced through the bodies of their ops, compiled, called.

Layer: frontend. A native segment becomes one program for each pattern of ranks and dtypes; sizes
that placeholders leave open are symbols, so that another batch size runs the same program.
Variables that the segment reads are further arguments, those that it changes further results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....compiler.compile import Compilation, host_target
from ....compiler.ir.dims import Dim
from ....compiler.options import Options
from ....compiler.program import LeafSpec
from ....runtime import cpu
from ... import values
from ...context import SMALLEST_SYMBOLIC, TraceContext, require
from ...lift import lift
from ...trace import TraceResult, trace
from .. import dtypes
from ..concrete import FunctionTrace
from ..errors import FailedPreconditionError, InvalidArgumentError, OpError
from ..in_place import Lending, given_away
from ..random.philox import RESERVED, further, start_of
from ..random.seeds import DEFAULT_GLOBAL_SEED, entropy
from ..shapes import TensorShape
from ..tensors import STATE, Tensor
from ..variables import Cell
from .bodies import computed
from .graph import Operation
from .infer import NEEDS_VALUES
from .plan import Segment
from .state import Environment, running
from .symbolic import GraphTensor
from .variables import Storage


class NeedsHost(Exception):
    """An op cannot be compiled: it has to run on the host."""

    def __init__(self, op: Operation) -> None:
        super().__init__(op.name)
        self.op = op


class State(Environment):
    """The values that one session keeps: of variables, and of random streams."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[Storage, Cell] = {}
        self._streams: dict[tuple[Operation, int], _Stream] = {}
        self._drawn: dict[tuple[Operation, int], Tensor] = {}  # by the segment that runs
        self._moved: list[_Stream] = []

    def begin_segment(self) -> None:
        """A segment is about to run, or to be traced."""
        self._drawn.clear()

    def end_run(self) -> None:
        """All segments of a run are done: its streams go on from where it ended."""
        for stream in self._moved:
            stream.move()
        self._moved.clear()

    def cell(self, storage: Storage) -> Cell:
        """Where the value of a variable is; its array is None before it is initialised."""
        found = self.cells.get(storage)
        if found is None:
            found = _SessionCell(storage)
            self.cells[storage] = found
        return found

    def random_start(self, name: str, seed: int | None, size: int) -> Tensor:
        """Each op draws from a stream of its own, which goes on from run to run."""
        key = self._next_draw()
        found = self._drawn.get(key)
        if found is None:
            if key not in self._streams:
                graph_seed, number = self.op.random_seed
                start = _stream_start(graph_seed, number + key[1], seed)
                self._streams[key] = _Stream(self, start)
            stream = self._streams[key]
            drawn = stream.read()
            stream.write(Tensor(drawn._value + _as_words(size * RESERVED), dtypes.uint64))
            found = Tensor(further(stream.start, drawn._value), dtypes.uint64)
            self._drawn[key] = found
        return found

    def moves(self, stream: _Stream) -> None:
        """A stream goes on when the run is over."""
        self._moved.append(stream)


class _Stream(Cell):
    """How many numbers of a random stream are used. All segments of a run see the same count."""

    __slots__ = ("_next", "_state", "start")

    def __init__(self, state: State, start: np.ndarray) -> None:
        zero = Tensor(np.zeros((), np.uint64)[()], dtypes.uint64)
        super().__init__(zero, "random_state", False, TensorShape([]))
        self.start = start
        self._state = state
        self._next: Any = None

    def put(self, array: Any) -> None:
        self._next = array
        self._state.moves(self)

    def write(self, tensor: Tensor) -> None:
        if STATE.function is None:
            self.put(tensor._value)
        else:
            STATE.function.write(self, tensor)

    def move(self) -> None:
        """Go on behind what was drawn."""
        super().put(self._next)


def _as_words(count: Any) -> Any:
    return np.uint64(count) if type(count) is int else lift(count).astype(np.uint64)


def _stream_start(graph_seed: int | None, number: int, seed: int | None) -> np.ndarray:
    """TensorFlow's: the graph's seed is the key, the op's seed (or number) half of the counter."""
    if graph_seed is None and seed is None:
        return start_of(0, entropy(64), entropy(64))
    key = DEFAULT_GLOBAL_SEED if graph_seed is None else graph_seed
    return start_of(0, number if seed is None else seed, key)


class _SessionCell(Cell):
    """A variable's value in a session; there is none before it is initialised."""

    __slots__ = ()

    def __init__(self, storage: Storage) -> None:
        self.array = None
        self._tensor = None
        self.dtype, self.shape, self.name = storage.dtype, storage.shape, storage.name
        self.trainable = False

    def read(self) -> Tensor:
        trace = STATE.function
        if self.array is None and (trace is None or self not in trace.current):
            raise uninitialized(self.name)
        return super().read()


def uninitialized(name: str) -> FailedPreconditionError:
    """The error for reading a variable that has no value."""
    return FailedPreconditionError(
        f"Attempting to use uninitialized value {name}\n\t [[{{{{node {name}/read}}}}]]"
    )


class _RunTrace(FunctionTrace):
    """Variables may be written without having been read: they may have no value yet."""

    def write(self, cell: Cell, tensor: Tensor) -> None:
        self.current[cell] = tensor
        self.written[cell] = None

    def restore(self, current: dict[Cell, Tensor], written: dict[Cell, None]) -> None:
        for cell in self.written:
            if cell not in self._arguments and cell.array is not None:
                self._known(cell)
        super().restore(current, written)

    def _known(self, cell: Cell) -> None:
        kept = self.current.pop(cell, None)
        self.read(cell)
        if kept is not None:
            self.current[cell] = kept


def run_on_host(segment: Segment, state: State, env: dict[GraphTensor, Any]) -> None:
    """Run ops one after the other; `env` has the tensors that they read and gets their results."""
    state.begin_segment()
    with running(state):
        for op in segment.ops:
            state.begin(op)
            given = [Tensor(env[t], t.dtype.base_dtype) for t in op.needed]
            found = computed(op, given)
            env.update((t, x._value) for t, x in zip(op.outputs, found, strict=True))


class Program:
    """A native segment for arguments of certain ranks and dtypes.

    Attributes:
        cells: the variables that are arguments, behind the inputs.
        written: those that are results, behind the outputs.
        draws: whether it draws random numbers.
    """

    def __init__(self, segment: Segment, state: State, arrays: Sequence[Any]) -> None:
        self._segment = segment
        sizes: dict[str, int] = {}
        specs = [
            _spec(k, t, x, sizes)
            for k, (t, x) in enumerate(zip(segment.inputs, arrays, strict=True))
        ]
        result = self._trace(state, specs, sizes)
        self.cells = tuple(self._state.read_cells)
        self.written = tuple(self._state.written)
        self._count = len(segment.outputs)
        self.draws = any(isinstance(cell, _Stream) for cell in self.written)
        self.graph = result.graph
        output = result.output
        self._build: Callable[..., Any] | None = None if output.nest else output.build
        reused = given_away(self.cells, self.written, len(result.inputs), self._count)
        signature, options = result.signature(reused=reused), Options.from_environment()
        self.compilation = Compilation(self.graph, signature, options, host_target())
        self._executable = cpu.load(self.compilation.program)
        self.native = self._executable.call
        kept = self._executable.program.signature.reused
        self._lending = Lending(self.cells, len(result.inputs), kept)

    def _trace(self, state: State, specs: Sequence[LeafSpec], sizes: dict[str, int]) -> TraceResult:
        segment = self._segment

        def traced(*leaves: Any) -> Any:
            before, recorders = STATE.function, STATE.recorders
            self._state = STATE.function = _RunTrace(require())
            STATE.recorders = ()
            state.begin_segment()
            try:
                env = {
                    t: Tensor(x, t.dtype.base_dtype)
                    for t, x in zip(segment.inputs, leaves, strict=True)
                }
                _trace_ops(segment.ops, state, env, require())
                results = [lift(env[t]._value) for t in segment.outputs]
                return (*results, *self._state.results())
            finally:
                STATE.function, STATE.recorders = before, recorders

        traced.__name__ = "session"
        names = [t.op.name for t in segment.inputs]
        with running(state):
            return trace(traced, lambda leaves: (leaves, {}), specs, names, sizes)

    def __call__(self, arrays: Sequence[Any]) -> Any:
        """The outputs; NotImplemented if the program is not for these arrays."""
        try:
            found = self.native(*arrays, *self._lending.arguments())
        except IndexError as error:
            raise self._out_of_bounds(error) from None
        if found is NotImplemented:
            return found
        if self._build is not None:
            found = self._build(found)
        k = self._count
        if self.draws:
            for cell in self.written:
                cell.put(found[k])
                k += 1
        else:  # as `put`, which takes as long as a small program if it is called for each
            for cell in self.written:
                cell.array, cell._tensor = found[k], None
                k += 1
        return found

    def _out_of_bounds(self, error: IndexError) -> InvalidArgumentError:
        """The error for indices that are not in the range; it names the ops that take indices."""
        ops = [op for op in self._segment.ops if op.type.startswith(("Gather", "Scatter"))]
        nodes = "".join(f"\n\t [[{{{{node {op.name}}}}}]]" for op in ops)
        return InvalidArgumentError(None, ops[0] if ops else None, f"indices: {error}{nodes}")


def _trace_ops(
    ops: Sequence[Operation], state: State, env: dict[GraphTensor, Tensor], ctx: TraceContext
) -> None:
    for op in ops:
        state.begin(op)
        given = [env[t] for t in op.needed]
        try:
            found = computed(op, given)
        except OpError:
            raise
        except NEEDS_VALUES:
            if not op._body.is_movable:
                raise
            raise NeedsHost(op) from None  # with a cause, the trace would raise that
        env.update(zip(op.outputs, found, strict=True))


def _spec(number: int, tensor: GraphTensor, array: Any, sizes: dict[str, int]) -> LeafSpec:
    """The type of an input; sizes that the graph leaves open are symbols, but for 0 and 1."""
    type = values.type_of(np.asarray(array))
    dims = tensor.shape._dims or (None,) * len(type.shape)
    shape: list[Any] = []
    for axis, (size, declared) in enumerate(zip(type.shape, dims, strict=True)):
        if declared is None and isinstance(size, int) and size >= SMALLEST_SYMBOLIC:
            name = f"n{number}_{axis}"
            sizes[name] = size
            shape.append(Dim.symbol(name))
        else:
            shape.append(size)
    return LeafSpec.of(type.with_shape(tuple(shape)))
