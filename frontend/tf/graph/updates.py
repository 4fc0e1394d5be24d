"""Updates of variables by optimisers, as ops: one for a variable and its slots together.

Layer: frontend. The rules are those of v1/rules.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..abstract import TensorType
from ..arrays import fill, shape
from ..convert import convert_to_tensor
from ..dtypes import DType
from ..slices import IndexedSlices
from ..tensors import Tensor
from ..v1.rules import Rule, step
from .bodies import Body, Update
from .build import Maker, convert, make_constant
from .graph import Graph, get_default_graph
from .row_updates import RowsStep, is_large
from .scoping import get_variable_scope
from .symbolic import GraphTensor
from .variables import GraphVariable

_LARGEST_CONSTANT = 1000  # elements of an initial value that is written down
_fill = Maker(fill, "zeros", "Fill")
_shape = Maker(shape, "Shape", "Shape")


class _Step(Update):
    """A rule on a variable and its slots; the result is the variable's new value."""

    def __init__(
        self, rule: Rule, attrs: dict[str, Any], is_rows: bool, targets: Sequence[GraphVariable]
    ) -> None:
        def updated(*tensors: Tensor) -> Sequence[Tensor]:
            return step(rule, attrs, is_rows, tensors)

        super().__init__([v._storage for v in targets], updated, reads=True)

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        return super().__call__(inputs)[:1]


def update_op(
    rule: Rule,
    attrs: dict[str, Any],
    is_rows: bool,
    targets: Sequence[GraphVariable],
    operands: Sequence[Any],
) -> GraphTensor:
    """An op that updates a variable and its slots.

    Args:
        rule: how.
        attrs: the constants of the rule.
        is_rows: whether the gradient among the operands is rows and their places.
        targets: the variable, and its slots in the order of the rule.
        operands: tensors, in the order of the rule.
    """
    variable = targets[0]
    graph = variable.graph
    type = f"SparseApply{rule.op}" if is_rows else f"Apply{rule.op}"
    if is_rows and rule.op == "GradientDescent":
        type = "ScatterSub"
    inputs = [*(v._variable for v in targets), *(convert(x, None, None, graph) for x in operands)]
    in_place = is_rows and rule.touches_rows and is_large(variable._storage)
    body: Body = (
        RowsStep(rule, dict(attrs), [v._storage for v in targets])
        if in_place
        else _Step(rule, dict(attrs), is_rows, targets)
    )
    output = TensorType(variable.dtype, variable.shape)
    return graph.add(type, body, inputs, [output], None, dict(attrs)).outputs[0]


def checked_pairs(
    pairs: Sequence[tuple[Any, Any]], graph: Graph, op: str
) -> list[tuple[Any, GraphVariable]]:
    """The gradients as tensors (or `IndexedSlices`) that fit their variables.

    Raises:
        TypeError: a gradient is of another dtype.
        ValueError: a gradient has another shape.
    """
    return [(_checked(gradient, v, graph, op), v) for gradient, v in pairs]


def _checked(gradient: Any, variable: GraphVariable, graph: Graph, op: str) -> Any:
    is_rows = isinstance(gradient, IndexedSlices)
    found = gradient if is_rows else convert(gradient, None, None, graph)
    name = "delta" if op == "ApplyGradientDescent" else "grad"
    wanted = variable.dtype.base_dtype
    if found.dtype.base_dtype is not wanted:
        raise TypeError(
            f"Input '{name}' of '{op}' Op has type {found.dtype.base_dtype.name} that does not"
            f" match type {wanted.name} of argument 'var'."
        )
    if is_rows:
        return found
    if not variable.shape.is_compatible_with(found.shape):
        what = _difference(variable.shape._dims or (), found.shape._dims or ())
        raise ValueError(f"{what} for '{op}' of '{variable.op.name}'.")
    return found


def _difference(own: Sequence[int | None], other: Sequence[int | None]) -> str:
    shapes = " and ".join(
        f"[{','.join('?' if d is None else str(d) for d in s)}]" for s in (own, other)
    )
    if len(own) != len(other):
        what = f"Shapes must be equal rank, but are {len(own)} and {len(other)}"
    else:
        pairs = zip(own, other, strict=True)
        k, (a, b) = next((k, p) for k, p in enumerate(pairs) if None not in p and p[0] != p[1])
        what = f"Dimension {k} in both shapes must be equal, but are {a} and {b}"
    return f"{what}. Shapes are {shapes}."


def make_slot(variable: GraphVariable, start: Any, label: str) -> GraphVariable:
    """A variable of the shape of another one, called `<variable>/<label>`.

    Args:
        variable: whose slot it is.
        start: a number, or a tensor, that it is initialised with.
        label: what its name ends with.
    """
    graph = get_default_graph().root  # also in branches and loops
    dtype = variable.dtype.base_dtype
    own = f"{variable.op.name}/{label}"

    def initial() -> GraphTensor:
        if not np.isscalar(start):
            return convert(start, dtype, "Const", graph)
        return _filled(graph, variable, dtype, start)

    outer = get_variable_scope().name
    with graph.as_default(), graph.name_scope(None):
        return GraphVariable(
            initial,
            trainable=False,
            name=f"{outer}/{own}" if outer else own,
            validate_shape=variable.shape.is_fully_defined(),
        )


def _filled(graph: Graph, variable: GraphVariable, dtype: DType, start: Any) -> GraphTensor:
    number = dtype.numpy.type(start)
    sizes, count = variable.shape._dims, variable.shape.num_elements()
    if sizes is None or count is None:
        dims = _shape((variable.initial_value,), {})
    elif count < _LARGEST_CONSTANT:
        return make_constant(graph, convert_to_tensor(np.full(sizes, number)))  # type: ignore[arg-type]
    else:
        dims = make_constant(graph, Tensor(np.array(sizes, np.int32)), "shape")
    found: GraphTensor = _fill((dims, convert_to_tensor(number)), {})
    return found
