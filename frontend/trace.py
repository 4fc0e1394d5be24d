"""From a Python function and the types of its arguments to a Graph.

Layer: frontend. The function runs once, on tracers in place of its arguments. What it returns is
a tree whose traced leaves become the graph's outputs; other leaves (None, strings, numbers made
while tracing, concrete arrays) are kept as they are.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from ..compiler.errors import Loc, UnsupportedError, UserError
from ..compiler.ir.dims import Dim
from ..compiler.ir.graph import Graph, Value
from ..compiler.ir.types import TensorType
from ..compiler.ops.markers import without_custom
from ..compiler.program import LeafKind, LeafSpec, Nest, Signature, tuple_of_leaves
from . import dispatch as _dispatch  # noqa: F401  fills the table of functions
from . import values
from .context import Specialise, TraceContext, entered
from .creation import patched_numpy
from .lift import lift
from .nesting import nest_of
from .selection import Selection
from .symint import SymInt
from .tracer import Tracer
from .tree import TreeDef, flatten, unflatten

_WEAK = {LeafKind.FLOAT: float, LeafKind.INT: int, LeafKind.BOOL: bool}
_KINDS = {cls: kind for kind, cls in _WEAK.items()}
FROZEN = "assigning to an argument would change the caller's array"


@dataclass(frozen=True)
class Output:
    """What a call returns: a tree of graph outputs and constant objects.

    `specs` has the class and the type of every graph output. `slots[k]` is, for leaf k of `tree`,
    the number of a graph output, or None where `constants[k]` is returned itself.
    """

    tree: TreeDef
    specs: tuple[LeafSpec, ...]
    slots: tuple[int | None, ...]
    constants: tuple[Any, ...]

    @property
    def nest(self) -> Nest | None:
        """The nesting of the result, if the native entry can build all of it."""
        return None if None in self.slots else nest_of(self.tree)

    @property
    def count(self) -> int:
        """How many graph outputs it takes."""
        return sum(slot is not None for slot in self.slots)

    def parts(self) -> list[Output]:
        """Of a container: one for each of its children, which take their outputs one by one."""
        made: list[Output] = []
        leaf = used = 0
        for child in self.tree.children:
            stop = leaf + sum(1 for _ in child.paths())
            numbers = count()
            slots = tuple(None if s is None else next(numbers) for s in self.slots[leaf:stop])
            specs = self.specs[used : used + next(numbers)]
            made.append(Output(child, specs, slots, self.constants[leaf:stop]))
            leaf, used = stop, used + len(specs)
        return made

    def build(self, results: Sequence[Any]) -> Any:
        """The object to return, from the values of the graph's outputs."""
        leaves = [
            constant if slot is None else results[slot]
            for slot, constant in zip(self.slots, self.constants, strict=True)
        ]
        return unflatten(self.tree, leaves)


@dataclass(frozen=True)
class TraceResult:
    """A graph, the argument types it was traced for (symbols may have been fixed), its output."""

    graph: Graph
    inputs: tuple[LeafSpec, ...]
    output: Output

    def signature(
        self, arguments: Nest | None = None, reused: tuple[tuple[int, int], ...] = ()
    ) -> Signature:
        """What a program of it accepts and gives; what it has captured comes behind the arguments.

        Args:
            arguments: how they are nested; by default they stand side by side.
            reused: see `Signature`.
        """
        captured = [LeafSpec.of(v.type) for v in self.graph.inputs[len(self.inputs) :]]
        inputs, outputs = (*self.inputs, *captured), self.output.specs
        return Signature(
            inputs,
            outputs,
            arguments or tuple_of_leaves(len(inputs)),
            self.output.nest or tuple_of_leaves(len(outputs)),
            self.graph.guards,
            reused,
        )


def trace(
    function: Callable[..., Any],
    rebuild: Callable[[list[Any]], tuple[Sequence[Any], Mapping[str, Any]]],
    inputs: Sequence[LeafSpec],
    names: Sequence[str],
    sizes: Mapping[str, int],
) -> TraceResult:
    """Trace `function`.

    Args:
        function: the user's function.
        rebuild: makes (args, kwargs) from one object per leaf.
        inputs: the types of the leaves.
        names: what to call each leaf in messages and in the printed graph.
        sizes: the size of every symbol in `inputs`, in the call that is traced.
    """
    specs = tuple(inputs)
    with patched_numpy() as patch:
        while True:
            try:
                result = _trace_once(function, rebuild, specs, names, sizes)
                if not patch.has_grown():
                    return result
            except Specialise as restart:
                specs = tuple(_substitute(spec, restart.replacement) for spec in specs)


def _trace_once(
    function: Callable[..., Any],
    rebuild: Callable[[list[Any]], tuple[Sequence[Any], Mapping[str, Any]]],
    inputs: tuple[LeafSpec, ...],
    names: Sequence[str],
    sizes: Mapping[str, int],
) -> TraceResult:
    context = TraceContext(getattr(function, "__name__", "function"), sizes)
    try:
        with entered(context):
            leaves = [argument(context, s, n, FROZEN) for s, n in zip(inputs, names, strict=True)]
            args, kwargs = rebuild(leaves)
            given = {key: flatten(x) for key, x in _listed(args, kwargs)}
            returned = function(*args, **kwargs)
            check_unchanged(function, given, args, kwargs)
            outputs, output = _returned(context, function, returned)
    except UserError:
        raise
    except Exception as error:
        # NumPy wraps what an operand's __array__ or __float__ raises: ours says what to do.
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise
    finally:
        context.active = False
    graph = without_custom(context.builder.finish(outputs))
    return TraceResult(graph, inputs, output)


def argument(context: TraceContext, spec: LeafSpec, name: str, frozen: str) -> Tracer:
    """A new input of the graph; `frozen` says why an array must not be assigned to, or is ""."""
    value = context.builder.input(spec.type, _value_name(name))
    return tracer_of(context, spec, value, name, frozen)


def tracer_of(
    context: TraceContext, spec: LeafSpec, value: Value, name: str = "", frozen: str = ""
) -> Tracer:
    """An array, a NumPy scalar or a Python number, whose value is `value`."""
    is_array = spec.kind is LeafKind.ARRAY
    return Tracer(
        context,
        spec.type,
        value,
        scalar=not is_array,
        weak=_WEAK.get(spec.kind),
        frozen=frozen if is_array else "",
        name=name,
    )


def _listed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[int | str, Any]]:
    return [*enumerate(args), *kwargs.items()]


def check_unchanged(
    function: Callable[..., Any],
    given: Mapping[int | str, tuple[list[Any], TreeDef]],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> None:
    """Refuse changes of lists, dicts and dataclasses that the caller would see in NumPy only."""
    for key, x in _listed(args, kwargs):
        old_leaves, old_tree = given[key]
        leaves, tree = flatten(x)
        same = len(leaves) == len(old_leaves) and all(map(operator.is_, leaves, old_leaves))
        if same and tree == old_tree:
            continue
        code = getattr(function, "__code__", None)
        name = key
        if isinstance(key, int):
            name = code.co_varnames[key] if code and key < code.co_argcount else f"args[{key}]"
        raise UnsupportedError(
            f"the function changes its argument {name}, a {type(x).__name__} of the caller's",
            loc=start_of(function),
            hint="change a copy, and return it",
        )


def start_of(function: Callable[..., Any]) -> Loc | None:
    """Where a Python function begins; None for what is none."""
    code = getattr(function, "__code__", None)
    return code and Loc(code.co_filename, code.co_firstlineno, code.co_name)


def _value_name(name: str) -> str:
    """An identifier for the printed graph: params['w'] as params_w."""
    letters = "".join(c if c.isalnum() else "_" for c in name)
    return "_".join(part for part in letters.split("_") if part)


def _returned(
    context: TraceContext, function: Callable[..., Any], returned: Any
) -> tuple[list[Value], Output]:
    leaves, tree = flatten(returned)
    outputs: list[Value] = []
    specs: list[LeafSpec] = []
    slots: list[int | None] = []
    for leaf in leaves:
        if isinstance(leaf, (SymInt, Selection)):
            leaf = lift(leaf)  # a selection cannot be returned, and says so
        if isinstance(leaf, Tracer):
            slots.append(len(outputs))
            outputs.append(leaf._read())
            specs.append(LeafSpec(_kind_of(leaf), outputs[-1].type))
        else:
            check_constant(function, leaf)
            slots.append(None)
    constants = tuple(None if isinstance(leaf, (Tracer, SymInt)) else leaf for leaf in leaves)
    if not outputs:
        # A program needs a result to return; this one is dropped.
        outputs.append(values.constant(context, False))
        specs.append(LeafSpec(LeafKind.NUMPY_SCALAR, outputs[0].type))
    return outputs, Output(tree, tuple(specs), tuple(slots), constants)


def _kind_of(leaf: Tracer) -> LeafKind:
    if leaf._weak is not None:
        return _KINDS[leaf._weak]
    return LeafKind.NUMPY_SCALAR if leaf._scalar else LeafKind.ARRAY


def check_constant(function: Callable[..., Any], leaf: Any) -> None:
    """Refuse results that stand for work still to be done when the trace is over."""
    if hasattr(leaf, "__next__") or hasattr(leaf, "__await__"):
        raise UnsupportedError(
            f"the function returns a {type(leaf).__name__}, which would run after the trace",
            loc=start_of(function),
            hint="return a list or a tuple",
        )


def _substitute(spec: LeafSpec, replacement: Mapping[str, int | Dim]) -> LeafSpec:
    shape = tuple(
        replacement.get(str(size), size) if isinstance(size, Dim) else size
        for size in spec.type.shape
    )
    return replace(spec, type=TensorType(spec.type.dtype, shape))
