"""tf.function: a Python function traced once per kind of arguments, run as one native program.

Layer: frontend. Tensors among the arguments are data: one program for each pattern of dtypes and
shapes. Everything else (Python numbers, strings, objects) is part of the key. Variables that the
function reads become arguments of the program behind the tensors, those that it assigns to become
results; a call reads and replaces their values around one native call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import RLock
from types import MethodType
from typing import Any

import numpy as np

from ...compiler.compile import Compilation, host_target
from ...compiler.errors import InternalError
from ...compiler.ir.dims import Dim
from ...compiler.ir.types import Shape
from ...compiler.options import Options
from ...compiler.program import LeafSpec, Signature, tuple_of_leaves
from ...runtime import cpu
from .. import values
from ..context import TraceContext, current, require
from ..lift import lift, tracer
from ..placement import GPU
from ..trace import TraceResult, argument, trace
from ..tracer import Tracer
from ..transforms.marked import copy_into
from ..transforms.resize import fits
from ..tree import TreeDef, flatten, unflatten
from . import dtypes, placing
from .apply import apply
from .convert import convert_to_tensor
from .errors import InvalidArgumentError, OperatorNotAllowedInGraphError
from .in_place import Lending, given_away
from .shapes import TensorShape
from .tensors import STATE, Tensor
from .variables import Cell, Variable, in_order


class TensorSpec:
    """The dtype and shape of a tensor; sizes may be None."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> None:
        self.shape = TensorShape(shape)
        self.dtype = dtypes.as_dtype(dtype)
        self.name = name

    @staticmethod
    def from_tensor(tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec of a tensor."""
        return TensorSpec(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor or another spec has this dtype and a shape that fits."""
        return self.dtype == other.dtype and self.shape.is_compatible_with(other.shape)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TensorSpec)
            and self.dtype is other.dtype
            and self.shape == other.shape
        )

    def __hash__(self) -> int:
        return hash((self.dtype, self.shape))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


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
class _Call:
    """Arguments taken apart: the tensors, and a key of everything else."""

    tensors: list[Any]  # concrete arrays
    objects: list[Tensor]  # the tensors that hold them
    key: Any
    tree: TreeDef
    statics: tuple[Any, ...]  # per leaf: the object, or _DATA

    def rebuild(self, tensors: Sequence[Any]) -> Any:
        """(args, kwargs) with these tensors."""
        rest = iter(tensors)
        return unflatten(self.tree, [next(rest) if s is _DATA else s for s in self.statics])


@functools.lru_cache(maxsize=64)
def flat_call(count: int) -> TreeDef:
    """The tree of a call with `count` positional leaves."""
    return flatten(((0.0,) * count, {}))[1]


class _Data:
    def __repr__(self) -> str:
        return "tensor"


_DATA = _Data()


class ConcreteFunction:
    """One traced program of a function.

    Attributes: `graph` (see `Lowered`), `structured_outputs`, `captured_inputs`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        call: _Call,
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
        captured = [LeafSpec.of(v.type) for v in graph.inputs[len(result.inputs) :]]
        inputs = (*result.inputs, *captured)
        nest = output.nest or tuple_of_leaves(len(output.specs))
        self._output = None if output.nest else output
        # effects may raise errors, which have to find variables as they were before
        first = len(result.inputs)
        reused = () if self._effects else given_away(self.cells, self.written, first, self._count)
        signature = Signature(
            inputs, output.specs, tuple_of_leaves(len(inputs)), nest, graph.guards, reused
        )
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
                arrays = [placing.on_host(x) for x in arrays]
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


class Function:
    """A function that compiles itself; made by `tf.function`."""

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Sequence[Any] | None = None,
        fast_math: bool = False,
    ) -> None:
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._options = Options.from_environment()
        self._programs: dict[Any, list[ConcreteFunction]] = {}
        self._signature = _signature_of(python_function)
        self._lock = RLock()
        self._has_traced = False
        self._last: ConcreteFunction | None = None  # of flat tensors, to be tried first

    # -- calling ----------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments; trace and compile it if there is none."""
        if self._last is not None and not kwargs and not STATE.recorders:
            arrays = [x._value for x in args if type(x) is Tensor]
            if len(arrays) == len(args):  # the program itself checks dtypes and shapes
                found = self._last.run(arrays)
                if found is not NotImplemented:
                    return found
        if STATE.function is not None:
            return self.python_function(*args, **kwargs)
        call = self._read(args, kwargs)
        if STATE.recorders:
            return self._recorded(call)
        for concrete in self._programs.get(call.key, ()):
            found = concrete.run(call.tensors)
            if found is not NotImplemented:
                return found
        found = self._compile(call).run(call.tensors)
        if found is NotImplemented:
            raise InternalError(f"{self!r}: a new program does not accept {call.key}")
        return found

    def _recorded(self, call: _Call) -> Any:
        """Run the program as one op, whose derivative is that of its graph."""
        shapes = [x.shape for x in call.tensors]
        for concrete in self._programs.get(call.key, ()):
            if fits(concrete.graph, shapes):
                return concrete.run_recorded(call.objects)
        return self._compile(call).run_recorded(call.objects)

    def _read(self, args: Sequence[Any], kwargs: dict[str, Any]) -> _Call:
        if self._signature is not None and (kwargs or self.input_signature):
            bound = self._signature.bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        if self.input_signature is not None:
            args = [
                convert_to_tensor(x, spec.dtype)
                for x, spec in zip(args, self.input_signature, strict=True)
            ]
        leaves, tree = flatten((tuple(args), dict(kwargs)))
        tensors: list[Any] = []
        found: list[Tensor] = []
        keys: list[Any] = []
        statics: list[Any] = []
        for k, leaf in enumerate(leaves):
            if isinstance(leaf, (np.ndarray, np.generic)):
                leaf = convert_to_tensor(leaf)
            if isinstance(leaf, Tensor):
                tensors.append(in_order(leaf._value))
                found.append(leaf)
                keys.append(self._data_key(k, leaf))
                statics.append(_DATA)
            else:
                keys.append(_static_key(leaf))
                statics.append(leaf)
        return _Call(tensors, found, (tree, tuple(keys)), tree, tuple(statics))

    def _data_key(self, position: int, tensor: Tensor) -> Any:
        if self.input_signature is not None:
            spec = self.input_signature[position]
            if not spec.is_compatible_with(tensor):
                raise TypeError(
                    f"Binding inputs to tf.function failed: argument {position} is"
                    f" {TensorSpec.from_tensor(tensor)}, expected {spec}"
                )
            return spec
        return tensor._value.dtype, tensor._value.shape

    def _compile(self, call: _Call) -> ConcreteFunction:
        with self._lock:
            specs, sizes = self._specs(call)
            concrete = ConcreteFunction(self.python_function, call, specs, sizes, self._options)
            if concrete._state.new_variables:
                if self._has_traced:
                    raise ValueError(
                        "tf.function only supports singleton tf.Variables created on the first"
                        " call. Make sure the tf.Variable is only created once or created outside"
                        " tf.function."
                    )
                self._has_traced = True
                concrete = ConcreteFunction(  # as TensorFlow: traced again, without creating any
                    self.python_function, call, specs, sizes, self._options
                )
                if concrete._state.new_variables:
                    raise ValueError(
                        "tf.function-decorated function tried to create variables on non-first"
                        " call."
                    )
            self._has_traced = True
            self._programs.setdefault(call.key, []).insert(0, concrete)
            only_data = all(s is _DATA for s in call.statics) and self.input_signature is None
            if only_data and call.tree == flat_call(len(call.tensors)):
                self._last = concrete
            return concrete

    def _specs(self, call: _Call) -> tuple[list[LeafSpec], dict[str, int]]:
        sizes: dict[str, int] = {}
        specs = []
        for k, value in enumerate(call.tensors):
            type = values.type_of(value)
            if self.input_signature is not None:
                type = type.with_shape(self._open_shape(k, type.shape, sizes))
            specs.append(LeafSpec.of(type))
        return specs, sizes

    def _open_shape(self, position: int, shape: Shape, sizes: dict[str, int]) -> Shape:
        """Sizes that the input signature leaves open as symbols, but for 0 and 1."""
        assert self.input_signature is not None
        made: list[Any] = []
        for axis, (size, declared) in enumerate(
            zip(shape, self.input_signature[position].shape, strict=True)
        ):
            if declared is not None or not isinstance(size, int) or size < 2:
                made.append(size)
                continue
            name = f"n{position}_{axis}"
            sizes[name] = size
            made.append(Dim.symbol(name))
        return tuple(made)

    # -- looking at it ----------------------------------------------------------------------------

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Any:
        """The program for these arguments, which may be given as `TensorSpec`s."""
        leaves, tree = flatten((args or self.input_signature or (), kwargs))
        made = [_example(x) if isinstance(x, TensorSpec) else x for x in leaves]
        full_args, full_kwargs = unflatten(tree, made)
        call = self._read(full_args, full_kwargs)
        found = self._programs.get(call.key)
        return found[0] if found else self._compile(call)

    def experimental_get_tracing_count(self) -> int:
        """How many programs there are."""
        return sum(len(p) for p in self._programs.values())

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The arguments of every program."""
        lines = []
        for key in self._programs:
            parts = [f"{k!r}" for k in key[1]]
            lines.append(f"{self.__name__}({', '.join(parts)})")  # type: ignore[attr-defined]
        return "\n\n".join(lines)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        bound = MethodType(self.python_function, instance)
        kept = getattr(instance, "__dict__", None)
        if kept is None:
            return MethodType(self, instance)
        # one for each object, whose programs read the variables of that object
        key = f"_tf_function_{id(self)}"
        found = kept.get(key)
        if found is None:
            found = kept[key] = Function(bound, self.input_signature)
        return found

    def __repr__(self) -> str:
        return (
            "<tensorflow.python.eager.polymorphic_function.polymorphic_function.Function object at "
            f"{hex(id(self))}>"
        )


def _example(spec: TensorSpec) -> Tensor:
    """A tensor that a spec describes; open sizes are 2."""
    shape = [2 if size is None else size for size in spec.shape]
    return convert_to_tensor(np.zeros(shape, spec.dtype.numpy))


def _signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _static_key(x: Any) -> Any:
    """What tells a Python argument from others: its class and value, or its identity."""
    if isinstance(x, Variable):
        return "variable", id(x._cell)
    try:
        hash(x)
    except TypeError:
        return type(x), id(x)
    return type(x), x


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: str | None = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Any:
    """Compile a function of tensors; a decorator, with or without arguments.

    Args:
        func: what to compile.
        input_signature: a `TensorSpec` per argument: one program serves all sizes that are None.

    The other arguments are TensorFlow's and change nothing here.
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    return Function(func, input_signature)
