"""A traced program of a `tf.function` as text, and a function that runs such texts.

Layer: frontend. The text is the graph of docs/ir.md; beside it stands what the call needs: the
nesting of arguments and results, the Python values among them, and which variables are read and
written. Programs are compiled when they are first called.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....compiler.compile import Compilation, host_target
from ....compiler.ir.graph import Graph
from ....compiler.ir.parser import parse
from ....compiler.ir.printer import to_text
from ....compiler.options import Options
from ....compiler.program import LeafSpec, Signature, tuple_of_leaves
from ....runtime import cpu
from ...context import current, require
from ...lift import lift, tracer
from ...placement import on_host
from ...trace import TraceResult
from ...transforms.marked import copy_into
from ...transforms.resize import fits
from ...tree import flatten, unflatten
from ..apply import apply
from ..concrete import ConcreteFunction
from ..convert import convert_to_tensor
from ..functions import Function
from ..specs import TensorSpec
from ..tensors import Tensor
from ..variables import Cell, Variable

# -- trees of arguments and results as JSON -------------------------------------------------------

_LEAF = "*"


def encoded_tree(x: Any, leaf: Callable[[Any], Any]) -> Any:
    """Nested containers as JSON; `leaf` gives what stands for a leaf."""
    if x is None:
        return None
    if isinstance(x, dict):
        return {"dict": {str(k): encoded_tree(v, leaf) for k, v in x.items()}}
    if isinstance(x, (list, tuple)):
        kind = "list" if isinstance(x, list) else "tuple"
        return {kind: [encoded_tree(v, leaf) for v in x]}
    return leaf(x)


def decoded_tree(x: Any, leaf: Callable[[Any], Any]) -> Any:
    """The containers again."""
    if x is None:
        return None
    if isinstance(x, dict) and "dict" in x:
        return {k: decoded_tree(v, leaf) for k, v in x["dict"].items()}
    if isinstance(x, dict) and "list" in x:
        return [decoded_tree(v, leaf) for v in x["list"]]
    if isinstance(x, dict) and "tuple" in x:
        return tuple(decoded_tree(v, leaf) for v in x["tuple"])
    return leaf(x)


def _static(x: Any) -> Any:
    """A Python value among arguments or results, which the file holds as it is."""
    if isinstance(x, (bool, int, float, str)):
        return {"value": x}
    raise ValueError(
        f"a tf.function that is called with, or returns, {x!r} cannot be saved: only tensors,"
        " numbers, strings and None can"
    )


# -- saving ---------------------------------------------------------------------------------------


class _Traced(ConcreteFunction):
    """A concrete function that is traced for its text only, and not compiled."""

    def _load(self, result: TraceResult, options: Options) -> None:
        self.graph = result.graph


def saved_programs(
    function: Function, number_of: Callable[[Cell], Any], parameters: Sequence[str] | None
) -> dict[str, Any]:
    """A function as JSON.

    Args:
        function: what is saved; its methods' `self` is bound already.
        number_of: what stands for a variable in the file.
        parameters: the names of the arguments.
    """
    concrete = list(_concrete(function))
    return {
        "parameters": parameters,
        "signature": _encoded_signature(function.input_signature),
        "programs": [_saved(c, number_of) for c in concrete],
    }


def _encoded_signature(signature: Sequence[TensorSpec] | None) -> Any:
    if signature is None:
        return None
    return [[s.shape.as_list(), s.dtype.name, s.name] for s in signature]


def _concrete(function: Function) -> list[ConcreteFunction]:
    """The programs to save: those that there are, or with a signature one for each kind of size."""
    if function.input_signature is None:
        return [c for programs in function._programs.values() for c in programs]
    if not function._programs:
        function.get_concrete_function()  # the first trace may create variables
    made: list[ConcreteFunction] = []
    for sizes in _open_sizes(function.input_signature):
        rest = iter(sizes)
        arrays = [
            np.zeros([next(rest) if s is None else s for s in spec.shape], spec.dtype.numpy)
            for spec in function.input_signature
        ]
        call = function._read([convert_to_tensor(a) for a in arrays], {})
        specs, symbols = function._specs(call)
        made.append(_Traced(function.python_function, call, specs, symbols, function._options))
    return made


def _open_sizes(signature: Sequence[TensorSpec]) -> list[tuple[int, ...]]:
    """Sizes for the open axes: a program with symbols takes 2 and more, 0 and 1 need their own."""
    first = [k == 0 for spec in signature for k, s in enumerate(spec.shape) if s is None]
    if len(first) <= 2:
        return list(itertools.product((2, 1, 0), repeat=len(first)))
    # more would be too many programs: all large, or the batch of all arguments 1 or 0
    return [tuple(batch if is_first else 2 for is_first in first) for batch in (2, 1, 0)]


def _saved(concrete: ConcreteFunction, number_of: Callable[[Cell], Any]) -> dict[str, Any]:
    call = concrete._call
    count = len(call.tensors)
    leaves = [_LEAF if repr(s) == "tensor" else _static(s) for s in call.statics]
    results = unflatten(concrete._tree, list(range(len(concrete._constants))))
    return {
        "arguments": encoded_tree(unflatten(call.tree, range(len(leaves))), leaves.__getitem__),
        "count": count,
        "results": encoded_tree(results, lambda k: _result(concrete, k)),
        "reads": [number_of(cell) for cell in concrete.cells],
        "writes": [number_of(cell) for cell in concrete.written],
        "scalars": [not v.type.shape for v in concrete.graph.outputs],
        "text": to_text(concrete.graph),
    }


def _result(concrete: ConcreteFunction, number: int) -> Any:
    x = concrete._constants[number]
    is_data = isinstance(x, (Tensor, Variable)) or hasattr(x, "shape")
    return _LEAF if is_data or type(x) in (int, float, bool) else _static(x)


# -- loading --------------------------------------------------------------------------------------


class _Program:
    """One program that was read."""

    def __init__(self, saved: dict[str, Any], cells: dict[Any, Cell]) -> None:
        self.statics, self.tree = flatten(decoded_tree(saved["arguments"], _marked))
        self.reads = [cells[k] for k in saved["reads"]]
        self.writes = [cells[k] for k in saved["writes"]]
        self._results = saved["results"]
        self._text = saved["text"]
        self._graph: Graph | None = None
        self._native: Any = None

    @property
    def graph(self) -> Graph:
        """The graph, read when it is first needed."""
        if self._graph is None:
            self._graph = parse(self._text)
        return self._graph

    def fits(self, tree: Any, leaves: Sequence[Any]) -> list[Tensor] | None:
        """The tensors among the arguments, if the others are those of this program."""
        if tree != self.tree:
            return None
        tensors = []
        for leaf, wanted in zip(leaves, self.statics, strict=True):
            if wanted is _DATA:
                if not _is_data(leaf):
                    return None
                tensors.append(convert_to_tensor(leaf))
            elif type(leaf) is not type(wanted) or leaf != wanted:
                return None
        dtypes = [v.type.dtype.numpy for v in self.graph.inputs[: len(tensors)]]
        if [t.dtype.numpy for t in tensors] != dtypes:
            return None
        if not fits(self.graph, [t._value.shape for t in tensors]):
            return None
        return tensors

    def run(self, tensors: Sequence[Tensor]) -> Any:
        """The results; NotImplemented if sizes do not fit after all."""
        inputs = [*tensors, *[cell.read() for cell in self.reads]]
        found = apply("StatefulPartitionedCall", self._op, inputs)
        first = len(found) - len(self.writes)
        for cell, tensor in zip(self.writes, found[first:], strict=True):
            cell.write(tensor)
        rest = iter(found[:first])
        return decoded_tree(self._results, lambda x: next(rest) if x == _LEAF else x["value"])

    def _op(self, *arrays: Any) -> tuple[Any, ...]:
        if current() is not None:
            ctx = require()
            inputs = [lift(x)._read() for x in arrays]
            return tuple(tracer(ctx, v) for v in copy_into(ctx.builder, self.graph, inputs))
        if self._native is None:
            self._executable = cpu.load(_compiled(self.graph))
            self._native = self._executable.call
        found = self._native(*map(on_host, arrays))
        if found is NotImplemented:
            raise ValueError("the sizes of the arguments are not those of the saved program")
        return tuple(found)


class _Mark:
    def __repr__(self) -> str:
        return "tensor"


_DATA = _Mark()


def _marked(x: Any) -> Any:
    return _DATA if x == _LEAF else x["value"]


def _is_data(x: Any) -> bool:
    return isinstance(x, (Tensor, Variable, np.ndarray, np.generic))


def _compiled(graph: Graph) -> Any:
    signature = Signature(
        tuple(LeafSpec.of(v.type) for v in graph.inputs),
        tuple(LeafSpec.of(v.type) for v in graph.outputs),
        tuple_of_leaves(len(graph.inputs)),
        tuple_of_leaves(len(graph.outputs)),
        graph.guards,
    )
    return Compilation(graph, signature, Options.from_environment(), host_target()).program


class RestoredFunction:
    """A function that was loaded: it runs the programs that were saved."""

    def __init__(
        self,
        name: str,
        saved: dict[str, Any],
        cells: dict[Any, Cell],
        gives_dict: bool = False,
    ) -> None:
        self.__name__ = name
        self._gives_dict = gives_dict
        self._parameters = saved["parameters"] or []
        self._programs = [_Program(p, cells) for p in saved["programs"]]
        signature = saved["signature"]
        self.input_signature = (
            None if signature is None else tuple(TensorSpec(*entry) for entry in signature)
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the saved program for these arguments.

        Raises:
            ValueError: none was saved for such arguments.
        """
        if not self._programs:
            raise ValueError(f"Found zero restored functions for caller function {self.__name__}.")
        args, kwargs = self._ordered(args, kwargs)
        leaves, tree = flatten((args, kwargs))
        for program in self._programs:
            tensors = program.fits(tree, leaves)
            if tensors is not None:
                found = program.run(tensors)
                return _named(found) if self._gives_dict else found
        options = "\n".join(f"  {p.graph.inputs[: len(p.statics)]}" for p in self._programs)
        raise ValueError(
            "Could not find matching concrete function to call loaded from the SavedModel. Got:\n"
            f"  {args} {kwargs}\nExpected these arguments to match one of the following"
            f" {len(self._programs)} option(s):\n{options}"
        )

    def _ordered(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Keyword arguments in the places of their names; Python values as the signature wants."""
        given = list(args)
        rest = dict(kwargs)
        for name in self._parameters[len(given) :]:
            if name not in rest:
                break
            given.append(rest.pop(name))
        if self.input_signature is not None and len(given) == len(self.input_signature):
            given = [
                convert_to_tensor(x, spec.dtype)
                for x, spec in zip(given, self.input_signature, strict=True)
            ]
        return tuple(given), rest

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> RestoredFunction:
        """The function itself."""
        return self


def _named(results: Any) -> dict[str, Any]:
    """The results of a signature, which have names."""
    if isinstance(results, dict):
        return results
    several = results if isinstance(results, (list, tuple)) else [results]
    return {f"output_{k}": x for k, x in enumerate(several)}
