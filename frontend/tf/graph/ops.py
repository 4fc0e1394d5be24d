"""Ops of graphs that have no eager form: placeholders, waiting, calls of Python, messages.

Layer: frontend.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import dtypes, scopes
from ..abstract import TensorType
from ..shapes import TensorShape
from ..tensors import Tensor
from .bodies import Body, Fed, Host, Nothing
from .build import convert, graph_of, graph_op
from .graph import Graph, Operation, get_default_graph
from .showing import summary
from .state import is_building
from .symbolic import GraphTensor


def _graph(name: str) -> Graph:
    """The default graph, for ops that eager programs cannot have."""
    if not is_building():
        raise RuntimeError(f"tf.{name}() is not compatible with eager execution.")
    return get_default_graph()


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> GraphTensor:
    """A tensor that every run has to be given: `session.run(y, {x: value})`.

    Args:
        dtype: of the values.
        shape: sizes, None where any will do; None for any shape.
        name: of the op.

    Raises:
        RuntimeError: in an eager program.
    """
    graph = _graph("placeholder")
    type = TensorType(dtypes.as_dtype(dtype), TensorShape(shape))
    attributes = {"dtype": type.dtype, "shape": type.shape}
    op = graph.add("Placeholder", Fed(), (), [type], name, attributes)
    return op.outputs[0]


class _Default(Body):
    """Its input, where nothing is fed."""

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        return inputs


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> GraphTensor:
    """A tensor that can be fed, and else has the value of `input`."""
    graph = _graph("placeholder_with_default")
    value = convert(input, None, "input", graph)
    type = TensorType(value.dtype, TensorShape(shape))
    value.shape.assert_is_compatible_with(type.shape)
    return graph.add("PlaceholderWithDefault", _Default(), [value], [type], name).outputs[0]


# -- order ----------------------------------------------------------------------------------------


@contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Ops made inside run after these operations and tensors."""
    if not is_building():
        yield
        return
    with get_default_graph().control_dependencies(control_inputs):
        yield


def no_op(name: str | None = None) -> Any:
    """An op that does nothing but wait for its control inputs."""
    if not is_building():
        return None
    return get_default_graph().add("NoOp", Nothing(), name=name)


def group(*inputs: Any, name: str | None = None, **kwargs: Any) -> Any:
    """An op that has run when all of these tensors and operations have."""
    if not is_building():
        return None
    flat = [x for item in inputs for x in (item if isinstance(item, (list, tuple)) else [item])]
    graph = graph_of(flat)
    ops = [graph._as_operation(x) for x in flat if x is not None]
    return graph.add("NoOp", Nothing(), name=name or "group_deps", control_inputs=ops)


identity_after = graph_op(lambda x: x, "control_dependency", "Identity")


def tuple_of(tensors: Sequence[Any], name: str | None = None, control_inputs: Any = None) -> Any:
    """The tensors, each of which is there only when all of them are computed."""
    if not is_building():
        return scopes.tuple_of(tensors)
    graph = graph_of(list(tensors))
    with graph.name_scope(name or "tuple"):
        present = [t for t in tensors if t is not None]
        gate = group(*present, *(control_inputs or ()))
        with graph.control_dependencies([gate]):
            return [None if t is None else identity_after(t) for t in tensors]


def with_dependencies(
    dependencies: Sequence[Any], output_tensor: Any, name: str | None = None
) -> Any:
    """The tensor, which is there only when the dependencies have run."""
    with control_dependencies(dependencies):
        return identity_after(output_tensor, name=name)


# -- Python and messages --------------------------------------------------------------------------


def py_func(
    func: Callable[..., Any],
    inp: Sequence[Any],
    Tout: Any,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """An op that calls a Python function with arrays, whenever it runs.

    Args:
        func: takes arrays, returns an array or several.
        inp: tensors.
        Tout: the dtype of the result, or a list of dtypes.
        stateful: for TensorFlow's signature; the function is called once in each run.
        name: of the op.
    """
    if not is_building():
        return scopes.numpy_function(func, inp, Tout)
    graph = graph_of(list(inp))
    wanted = Tout if isinstance(Tout, (list, tuple)) else [Tout]
    types = [TensorType(dtypes.as_dtype(d), TensorShape(None)) for d in wanted]

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        found = func(*[a[()] if not a.ndim else a for a in arrays])
        several = isinstance(found, (list, tuple)) and len(types) != 1
        results = list(found) if several else [found]
        if not types:
            return []
        if len(results) != len(types):
            raise ValueError(f"pyfunc returned {len(results)} values, not {len(types)}")
        return [np.asarray(x, t.dtype.numpy) for x, t in zip(results, types, strict=True)]

    inputs = [convert(x, None, "input", graph) for x in inp]
    op = graph.add("PyFunc", Host(call, writes=not types), inputs, types, name)
    if isinstance(Tout, (list, tuple)):
        return list(op.outputs) if types else op
    return op.outputs[0]


def Print(
    input_: Any,
    data: Sequence[Any],
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """The tensor itself; when it is computed, `data` are written to standard error.

    Args:
        input_: a tensor.
        data: tensors to write.
        message: what is written before them.
        first_n: only so many times.
        summarize: how many elements of each; 3 by default, -1 for all.
        name: of the op.
    """
    limit = 3 if summarize is None else summarize
    written = [0]

    def write(tensor: np.ndarray, *arrays: np.ndarray) -> Sequence[Any]:
        if first_n is None or first_n < 0 or written[0] < first_n:
            written[0] += 1
            parts = "".join(f"[{summary(a, limit)}]" for a in arrays)
            sys.stderr.write(f"{message or ''}{parts}\n")
        return [tensor]

    if not is_building():
        values = [np.asarray(x) for x in data]
        write(np.zeros(()), *values)
        return input_
    graph = graph_of([input_, list(data)])
    inputs = [convert(x, None, "input", graph) for x in (input_, *data)]
    type = TensorType(inputs[0].dtype.base_dtype, inputs[0].shape)
    return graph.add("Print", Host(write), inputs, [type], name).outputs[0]


def host_op(
    type: str,
    function: Callable[..., Sequence[Any]],
    inputs: Sequence[Any],
    outputs: Sequence[tuple[Any, Any]],
    name: str | None = None,
    writes: bool = False,
) -> Operation:
    """An op that runs a Python function of arrays on the host.

    Args:
        type: the op's type, and default name.
        function: takes arrays, gives as many arrays as there are outputs.
        inputs: tensors, or what `convert` makes tensors of.
        outputs: (dtype, shape) of each.
        name: of the op.
        writes: whether it is there for its effect.
    """
    graph = graph_of(list(inputs))
    tensors = [convert(x, None, "input", graph) for x in inputs]
    types = [TensorType(dtypes.as_dtype(d), TensorShape(s)) for d, s in outputs]
    return graph.add(type, Host(function, writes), tensors, types, name)
