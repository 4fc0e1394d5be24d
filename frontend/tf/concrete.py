"""One program of a function of tensors: traced, compiled, called with the values of its variables.

Layer: frontend. While the function is traced, a `FunctionTrace` makes the variables that it reads
arguments of the program and those that it assigns results. A `ConcreteFunction` is the program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...compiler.compile import Compilation, host_target
from ...compiler.options import Options
from ...compiler.program import LeafSpec
from ...runtime import cpu
from .. import values
from ..context import TraceContext, current, require
from ..lift import lift, tracer
from ..placement import GPU, on_host
from ..trace import TraceResult, argument, trace
from ..tracer import Tracer
from ..transforms.marked import copy_into
from ..tree import TreeDef, flatten, unflatten
from . import dtypes, placing
from .apply import apply
from .convert import convert_to_tensor
from .errors import InvalidArgumentError, OperatorNotAllowedInGraphError
from .in_place import Lending, given_away
from .specs import TensorSpec
from .tensors import STATE, Tensor
from .variables import Cell, Variable, in_order

# What is done after a run with the values of some tensors.
Effect = tuple[Callable[[Sequence[Tensor]], None], tuple[Tensor, ...]]


class FunctionTrace:
    """The state of one trace: the variables that it has read and assigned."""

    def __init__(self, ctx: TraceContext) -> None:
        self.ctx = ctx
        self.read_cells: dict[Cell, None] = {}
        self.written: dict[Cell, None] = {}
        self.current: dict[Cell, Tensor] = {}
        self._arguments: dict[Cell, Tensor] = {}  # as the program is called with them
        self.new_variables: list[Variable] = []
        self.effects: list[Effect] = []

    def read(self, cell: Cell) -> Tensor:
        """The value of a variable at this point of the function."""
        found = self.current.get(cell)
        if found is None:
            type = values.type_of(cell.tensor._value)
            with self.ctx.outside():
                tracer = argument(self.ctx, LeafSpec.of(type), cell.name, "")
            self.read_cells[cell] = None
            found = self.current[cell] = self._arguments[cell] = Tensor(tracer, cell.dtype)
        return found

    def restore(self, current: dict[Cell, Tensor], written: dict[Cell, None]) -> None:
        """Go back to values from before a region was traced; what it has read stays known."""
        self.current = self._arguments | current
        self.written = written

    def write(self, cell: Cell, tensor: Tensor) -> None:
        """Another value from here on."""
        if cell not in self.current:
            self.read(cell)  # its old value is what the program is called with
        self.current[cell] = tensor
        self.written[cell] = None

    def created(self, variable: Variable) -> None:
        """A variable made by the function: only its first trace may do that."""
        self.new_variables.append(variable)

    def initial_value(self, tensor: Tensor) -> Tensor:
        """Refuse initial values that are known only when the function runs."""
        raise ValueError(
            "Tensor-typed variable initializers must either be wrapped in an init_scope or"
            f" callable: the initial value {tensor!r} depends on an argument of the tf.function"
        )

    def defer(self, what: str, effect: Callable[[Sequence[Tensor]], None], data: Any) -> None:
        """Call `effect` with the values of tensors after each run, before variables change.

        Raises:
            OperatorNotAllowedInGraphError: a loop or a branch is traced, which has no results for
                this.
        """
        if self.ctx.scope.parent is not None:
            raise OperatorNotAllowedInGraphError(
                f"{what} in a loop or a branch of a tf.function: return the tensors from it, and"
                f" call {what} behind it"
            )
        self.effects.append((effect, tuple(data)))

    def results(self) -> tuple[Any, ...]:
        """The last values of the variables that were assigned to, and what effects read."""
        values = [self.current[cell] for cell in self.written]
        values += [t for _, data in self.effects for t in data]
        return tuple(lift(t._value) for t in values)


@dataclass(frozen=True)
class FlatCall:
    """Arguments taken apart: the tensors, and a key of everything else."""

    tensors: list[Any]  # concrete arrays
    objects: list[Tensor]  # the tensors that hold them
    key: Any
    tree: TreeDef
    statics: tuple[Any, ...]  # per leaf: the object, or DATA

    def rebuild(self, tensors: Sequence[Any]) -> Any:
        """(args, kwargs) with these tensors."""
        rest = iter(tensors)
        return unflatten(self.tree, [next(rest) if s is DATA else s for s in self.statics])


@functools.lru_cache(maxsize=64)
def flat_call(count: int) -> TreeDef:
    """The tree of a call with `count` positional leaves."""
    return flatten(((0.0,) * count, {}))[1]


class _Data:
    def __repr__(self) -> str:
        return "tensor"


DATA = _Data()


class ConcreteFunction:
    """One traced program of a function.

    Attributes: `graph` (see `Lowered`), `structured_outputs`, `captured_inputs`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        call: FlatCall,
        specs: Sequence[LeafSpec],
        sizes: dict[str, int],
        options: Options,
    ) -> None:
        self._call = call
        self._function = function
        self.name = getattr(function, "__name__", "function")
        result = self._trace(specs, sizes)
        self.cells = tuple(self._state.read_cells)
        self.written = tuple(self._state.written)
        self._effects = [(effect, len(data)) for effect, data in self._state.effects]
        self._load(result, options)

    def _trace(self, specs: Sequence[LeafSpec], sizes: dict[str, int]) -> TraceResult:
        def traced(*leaves: Tracer) -> Any:
            before = STATE.function
            self._state = STATE.function = FunctionTrace(require())
            recorders, STATE.recorders = STATE.recorders, ()
            try:
                args, kwargs = self._call.rebuild([Tensor(x) for x in leaves])
                returned = self._function(*args, **kwargs)
                objects, self._tree = flatten(returned)
                self._is_tensor = [isinstance(x, (Tensor, Variable)) for x in objects]
                self._constants = objects
                results = [convert_to_tensor(x)._value for x in objects if _is_output(x)]
                self._count = len(results)
                return (*(lift(x) for x in results), *self._state.results())
            finally:
                STATE.function = before
                STATE.recorders = recorders

        traced.__name__ = self.name
        names = [f"arg{k}" for k in range(len(specs))]

        def rebuild(leaves: list[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
            return leaves, {}

        return trace(traced, rebuild, specs, names, sizes)

    def _load(self, result: TraceResult, options: Options) -> None:
        graph, output = result.graph, result.output
        self.graph = graph
        self._output = None if output.nest else output
        # effects may raise errors, which have to find variables as they were before
        first = len(result.inputs)
        reused = () if self._effects else given_away(self.cells, self.written, first, self._count)
        signature = result.signature(reused=reused)
        self.compilation = Compilation(graph, signature, options, host_target())
        self._is_single = self._tree.is_leaf and self._count == 1
        self._dtype = dtypes.of_numpy(output.specs[0].type.dtype.numpy)
        self._first = first
        self._on_gpu = placing.DeviceProgram(self.compilation)
        self._native: Callable[..., Any] | None = None

    def _load_native(self) -> Callable[..., Any]:
        """The program for the CPU."""
        self._executable = cpu.load(self.compilation.program)
        reused = self._executable.program.signature.reused
        self._lending = Lending(self.cells, self._first, reused)
        self._native = self._executable.call
        return self._native

    def run(self, arrays: Sequence[Any]) -> Any:
        """The function's result for concrete tensors; NotImplemented if sizes do not fit."""
        if GPU.in_use and self._on_gpu.is_wanted(arrays, self.cells):
            found = self._on_gpu(*arrays, *[cell.array for cell in self.cells])
        else:
            if GPU.in_use:
                arrays = [on_host(x) for x in arrays]
            native = self._native or self._load_native()
            found = native(*arrays, *self._lending.arguments())
        if found is NotImplemented:
            return found
        if self._output is not None:
            found = self._output.build(found)
        count = self._count
        if self._effects:
            self._run_effects([Tensor(x) for x in found])
        for k, cell in enumerate(self.written, count):
            cell.put(found[k])
        if self._is_single:
            return Tensor(found[0], self._dtype)
        return self._rebuild([Tensor(x) for x in found[:count]])

    def _run_effects(self, outputs: Sequence[Tensor]) -> None:
        """Print and check what the function printed and checked."""
        at = self._count + len(self.written)
        for effect, count in self._effects:
            effect(outputs[at : at + count])
            at += count

    def _rebuild(self, results: Sequence[Tensor]) -> Any:
        if self._is_single:
            return results[0]
        rest = iter(results)
        leaves = [next(rest) if _is_output(x) else x for x in self._constants]
        return unflatten(self._tree, leaves)

    def run_recorded(self, tensors: Sequence[Tensor]) -> Any:
        """As `run`, as an op that tapes record: its inputs are the tensors and the variables."""
        reads = [cell.read() for cell in self.cells]
        outputs = apply("PartitionedCall", self._op, [*tensors, *reads])
        self._run_effects(outputs)
        for k, cell in enumerate(self.written, self._count):
            cell.write(outputs[k])
        return self._rebuild(outputs[: self._count])

    def _op(self, *arrays: Any) -> tuple[Any, ...]:
        """The program on concrete arrays; its graph, copied, on traced ones."""
        if current() is not None:
            ctx = require()
            inputs = [lift(x)._read() for x in arrays]
            return tuple(tracer(ctx, v) for v in copy_into(ctx.builder, self.graph, inputs))
        if GPU.in_use and self._on_gpu.is_wanted(arrays, ()):
            found = self._on_gpu(*arrays)
        else:
            native = self._native or self._load_native()
            found = native(*self._lending.copies(arrays))  # tapes keep what the variables were
        if found is NotImplemented:
            raise InvalidArgumentError(f"{self.name}: the sizes are not those of the program")
        return tuple(found if self._output is None else self._output.build(found))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with these tensors, in the order of the arguments."""
        tensors = [convert_to_tensor(x) for x in (*args, *kwargs.values())]
        found = self.run([in_order(t._value) for t in tensors])
        if found is NotImplemented:
            raise InvalidArgumentError(
                f"{self.name}: the arguments are not those of this concrete function: got "
                + ", ".join(str(TensorSpec.from_tensor(t)) for t in tensors)
            )
        return found


def _is_output(x: Any) -> bool:
    return isinstance(x, (Tensor, Variable, Tracer, np.ndarray, np.generic, int, float, bool))
