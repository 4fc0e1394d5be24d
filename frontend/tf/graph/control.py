"""Branches and loops of graphs: `tf.cond`, `tf.case`, `tf.while_loop`, as in TensorFlow 1.

Layer: frontend. The functions that are given are called once, when the op is made: what they build
is a sub-graph (subgraph.py), which runs as often as needed. A session compiles the branches and
loops into its programs; where these would not fit (shapes that change, Python functions), they run
on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import control as eager
from .. import dtypes, nest
from ..abstract import TensorType
from ..elementwise import cast
from ..reductions import reduce_sum
from ..shapes import TensorShape
from ..shaping import stack
from ..slices import IndexedSlices
from ..tensors import Tensor
from .bodies import Body
from .build import convert, graph_of, graph_op
from .checks import Assert
from .gradients import dense
from .graph import Graph, Operation
from .region import Region, structured
from .state import is_building
from .symbolic import GraphTensor
from .tensor_array import TensorArray, made_in_loop


class _Result(Body):
    """A result of a branch or a loop, under its own name."""

    is_pure = True

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        return inputs


def named_results(op: Operation, type: str, name: str) -> list[GraphTensor]:
    """The results of an op as ops of their own, called as TensorFlow 1 called them."""
    found = []
    for t in op.outputs:
        outputs = [TensorType(t.dtype, t.shape)]
        found.append(op.graph.add(type, _Result(), [t], outputs, name).outputs[0])
    return found


# -- branches -------------------------------------------------------------------------------------


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """What one of two functions returns, chosen by a truth value when the op runs.

    Args:
        pred: a scalar truth value.
        true_fn: takes nothing, returns tensors in any nesting.
        false_fn: as `true_fn`, of the same nesting and dtypes.
        strict: keep lists of one result, rather than return the result itself.
        name: of the scope.
        fn1: the old name of `true_fn`.
        fn2: the old name of `false_fn`.

    Raises:
        TypeError: a function is missing, given twice or none; `pred` is no tensor, or not of bool.
        ValueError: the results differ in nesting or dtypes; there are none.
    """
    true_fn = _either("cond", "true_fn", true_fn, "fn1", fn1)
    false_fn = _either("cond", "false_fn", false_fn, "fn2", fn2)
    if not is_building():
        return eager.cond(pred, true_fn, false_fn, name)
    for label, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"'{label}' must be callable.")
    if isinstance(pred, (bool, np.bool)):
        raise TypeError("'pred' must not be a Python bool.")
    graph = graph_of([pred])
    with graph.name_scope(name or "cond"):
        test = _condition(convert(pred, None, "pred", graph), "pred", "Switch")
        branches = [_Branch(graph, f, k) for k, f in ((True, true_fn), (False, false_fn))]
        structure = _common_structure(branches, strict)
        types = [
            TensorType(a.dtype.base_dtype, _common_shape(a.shape, b.shape))
            for a, b in zip(*(b.region.results for b in branches), strict=True)
        ]
        regions = [b.region for b in branches]
        op = structured(graph, "If", _branch, regions, [test], types, "Switch")
        found = [
            x.holding(t) if isinstance(x, TensorArray) else t
            for x, t in zip(
                nest.flatten(branches[0].returned), named_results(op, "Merge", "Merge"), strict=True
            )
        ]
        return nest.pack_sequence_as(structure, found)


def _branch(
    true_fn: Callable[[], list[Tensor]], false_fn: Callable[[], list[Tensor]], test: Tensor
) -> list[Tensor]:
    return list(eager.cond(test, true_fn, false_fn))


def _either(op: str, label: str, new: Any, old_label: str, old: Any) -> Any:
    if old is not None and new is not None:
        raise TypeError(f"{op}(): '{label}' and '{old_label}' may not be set simultaneously.")
    return old if new is None else new


def _condition(test: GraphTensor, label: str, op: str) -> GraphTensor:
    """The tensor, which has to be one truth value."""
    if test.dtype.base_dtype is not dtypes.bool_:
        raise TypeError(
            f"Input '{label}' of '{op}' Op has type {test.dtype.base_dtype.name} that does not"
            " match expected type of bool."
        )
    if test.shape.rank not in (None, 0):
        raise ValueError(
            f"Shape must be rank 0 but is rank {test.shape.rank} for '{{{{node {op}}}}} ="
            f" {op}[T=DT_BOOL]({test.op.name})' with input shapes: {test.shape}."
        )
    return test


class _Branch:
    """A branch that has been built.

    Attributes:
        returned: what the function returned.
        region: it as a function of nothing.
    """

    def __init__(self, graph: Graph, function: Any, side: bool) -> None:
        self.returned: Any = None

        def build() -> list[GraphTensor]:
            self.returned = returned = function()
            if returned is None:
                raise ValueError(f"'{'true_fn' if side else 'false_fn'}' must have a return value.")
            return [_leaf(x, side) for x in nest.flatten(returned)]

        self.region = Region(graph, build)


def _leaf(x: Any, side: bool) -> GraphTensor:
    """A result as a tensor; an operation as a truth value that is there when it has run."""
    if isinstance(x, TensorArray):
        return x.stored()
    if isinstance(x, IndexedSlices):
        return dense(x)  # type: ignore[no-any-return]
    if not isinstance(x, Operation):
        return convert(x)
    graph = graph_of([])
    with graph.control_dependencies([x]):
        given = convert(side)
        type = TensorType(given.dtype, given.shape)
        return graph.add("Identity", _Result(), [given], [type]).outputs[0]


def _common_structure(branches: Sequence[_Branch], strict: bool) -> Any:
    a, b = branches
    nest.assert_same_structure(a.returned, b.returned)
    types = [[t.dtype.base_dtype.name for t in branch.region.results] for branch in branches]
    if types[0] != types[1]:
        first, second = (", ".join(t) for t in types)
        raise ValueError(
            "Outputs of 'true_fn' and 'false_fn' must have the same type(s). Received"
            f" {first} from 'true_fn' and {second} from 'false_fn'."
        )
    structure = a.returned
    while not strict and isinstance(structure, (list, tuple)) and len(structure) == 1:
        structure = structure[0]
    return structure


def _common_shape(a: TensorShape, b: TensorShape) -> TensorShape:
    if a.rank is None or a.rank != b.rank:
        return TensorShape(None)
    pairs = zip(a.as_list(), b.as_list(), strict=True)
    return TensorShape([x if x == y else None for x, y in pairs])


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function behind the first true condition returns; else what `default` returns.

    Args:
        pred_fn_pairs: pairs of condition and function, in a list or a dict.
        default: a function. Without one, it is an error in a run if no condition is true.
        exclusive: whether it is an error in a run if several conditions are true.
        strict: keep lists of one result, rather than return the result itself.
        name: of the scope.

    Raises:
        TypeError: a condition is no tensor of bool; a function is none.
    """
    if isinstance(pred_fn_pairs, dict):
        pred_fn_pairs = list(pred_fn_pairs.items())
    if not is_building():
        return eager.case(pred_fn_pairs, default, exclusive, strict, name)
    pairs = [(p, f) for p, f in pred_fn_pairs]
    for p, f in pairs:
        if not isinstance(p, Tensor):
            raise TypeError(f"pred must be a Tensor, got: {p}")
        if not callable(f):
            raise TypeError(f"fn for pred {p.name} must be callable.")
    if default is not None and not callable(default):
        raise TypeError("default must be callable.")
    graph = graph_of([p for p, _ in pairs])
    with graph.name_scope(name):
        checks = _checks([p for p, _ in pairs], default is None, exclusive)
        with graph.control_dependencies(checks):
            return _first_true(pairs, default, strict)


def _first_true(pairs: list[Any], default: Any, strict: bool) -> Any:
    (test, function), *rest = pairs
    if not rest and default is None:
        return function()
    other = (lambda: _first_true(rest, default, True)) if rest else default
    return cond(test, function, other, strict)


def _checks(tests: list[Any], needs_one: bool, exclusive: bool) -> list[Any]:
    """Assertions about how many conditions are true."""
    if not (needs_one or exclusive):
        return []
    count = _count(tests)
    found = []
    values = f"Conditions: ({_names(tests)}), Values:"
    if exclusive:
        what = f"More than one condition evaluated as True but exclusive=True.  {values}"
        found.append(Assert(count <= 1, [what, *tests]))
    if needs_one:
        what = f"None of conditions evaluated as True. {values}"
        found.append(Assert(count >= 1, [what, *tests]))
    return found


def _names(tests: list[Any]) -> str:
    return ", ".join(t.name for t in tests)


def _number_of_true(tests: list[Tensor]) -> Tensor:
    found: Tensor = reduce_sum(cast(stack(tests), dtypes.int32))
    return found


_count = graph_op(_number_of_true, "preds_c", "Sum")


# -- loops ----------------------------------------------------------------------------------------


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """Repeat `loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds.

    Args:
        cond: takes the variables, returns a truth value.
        body: takes the variables, returns the next ones: of the same nesting and dtypes.
        loop_vars: a list or tuple of tensors, in any nesting.
        shape_invariants: shapes, nested as `loop_vars`, that hold in all iterations.
        parallel_iterations: for TensorFlow's signature.
        back_prop: for TensorFlow's signature.
        swap_memory: for TensorFlow's signature.
        name: of the scope.
        maximum_iterations: after how many to stop.
        return_same_structure: return a list of one variable as a list.

    Returns:
        The last variables, nested as `loop_vars`; a single one as itself.

    Raises:
        TypeError: a function is none; the condition is not of bool.
        ValueError: the variables change their nesting, dtype or shape.
    """
    if not callable(cond):
        raise TypeError("'cond' must be callable.")
    if not callable(body):
        raise TypeError("'body' must be callable.")
    if not loop_vars:
        raise ValueError("'loop_vars' must be provided.")
    if not is_building():
        return eager.while_loop(
            cond, body, loop_vars, shape_invariants, maximum_iterations=maximum_iterations
        )
    given = list(loop_vars) if isinstance(loop_vars, (list, tuple)) else [loop_vars]
    graph = graph_of([given])
    with graph.name_scope(name or "while"):
        loop = _Loop(graph, cond, body, given, shape_invariants)
        found = loop.add(maximum_iterations)
    if len(found) == 1 and not (return_same_structure and isinstance(loop_vars, (list, tuple))):
        return found[0]
    return found if loop.gives_list else tuple(found)


class _Loop:
    """A loop that is being built."""

    def __init__(
        self, graph: Graph, cond: Any, body: Any, given: list[Any], invariants: Any
    ) -> None:
        self._graph, self._given = graph, given
        self.gives_list = False  # whether the body returns a list, rather than a tuple
        self._leaves = leaves = nest.flatten(given)
        self._returned: list[Any] = []
        # None for an array that the body is the first to write to
        begin = [
            x.value if isinstance(x, TensorArray) else convert(x, None, "Const", graph)
            for x in leaves
        ]
        self._start = [None if t is None else graph.owned(t) for t in begin]
        types = [
            x.type() if isinstance(x, TensorArray) else TensorType(t.dtype.base_dtype, t.shape)  # type: ignore[union-attr]
            for x, t in zip(leaves, self._start, strict=True)
        ]
        shapes: list[Any] = [t.shape for t in types]
        if invariants is not None:
            listed = list(invariants) if isinstance(invariants, (list, tuple)) else [invariants]
            shapes = _shapes_of(listed, len(leaves))
        self._types = [
            TensorType(t.dtype, t.shape if isinstance(x, TensorArray) else TensorShape(s))
            for x, t, s in zip(leaves, types, shapes, strict=True)
        ]
        names = ["Identity"] * len(self._types)
        self._condition = Region(graph, lambda *xs: [self._holds(cond, xs)], self._types, names)
        self._body = Region(graph, lambda *xs: self._next(body, xs), self._types, names)

    def _packed(self, tensors: Sequence[GraphTensor]) -> list[Any]:
        """The variables, nested as they are given."""
        found = [
            x.holding(t) if isinstance(x, TensorArray) else t
            for x, t in zip(self._leaves, tensors, strict=True)
        ]
        return nest.pack_sequence_as(self._given, found)  # type: ignore[no-any-return]

    def _holds(self, cond: Any, xs: Sequence[GraphTensor]) -> GraphTensor:
        return _condition(convert(cond(*self._packed(xs))), "input", "LoopCond")

    def _next(self, body: Any, xs: Sequence[GraphTensor]) -> list[GraphTensor]:
        packed = self._packed(xs)
        returned = body(*packed)
        is_list = isinstance(returned, (list, tuple)) and (len(packed) > 1 or len(returned) == 1)
        new = list(returned) if is_list else [returned]
        self.gives_list = isinstance(returned, list)
        nest.assert_same_structure(packed, new, check_types=False)
        self._returned = nest.flatten(new)
        return [
            x.stored() if isinstance(x, TensorArray) else self._checked(x, k)
            for k, x in enumerate(self._returned)
        ]

    def _checked(self, x: Any, k: int) -> GraphTensor:
        """What the body returns for variable `k`."""
        type, start = self._types[k], self._start[k]
        assert start is not None
        found = convert(x, None if hasattr(x, "dtype") else type.dtype)
        if found.dtype.base_dtype is not type.dtype:
            raise TypeError(
                f"Input tensor '{start.name}' enters the loop with type {type.dtype.name}, but has"
                f" type {found.dtype.base_dtype.name} after one iteration."
            )
        if not type.shape.is_compatible_with(found.shape):
            raise ValueError(
                f"Input tensor '{start.name}' enters the loop with shape {type.shape}, but has"
                f" shape {found.shape} after one iteration. To allow the shape to vary across"
                " iterations, use the `shape_invariants` argument of tf.while_loop to specify a"
                " less-specific shape."
            )
        return found

    def add(self, limit: Any) -> list[Any]:
        """The op; its results, nested as the variables are."""
        operands = [
            made_in_loop(x, self._body, self._returned[k], self._start) if t is None else t
            for k, (x, t) in enumerate(zip(self._leaves, self._start, strict=True))
        ]
        types = [
            TensorType(t.dtype, x.shape) if isinstance(leaf, TensorArray) else t
            for t, x, leaf in zip(self._types, operands, self._leaves, strict=True)
        ]
        if limit is not None:
            operands.append(convert(limit, None, "maximum_iterations", self._graph))
        run = _repeat if limit is None else _repeat_at_most
        regions = [self._condition, self._body]
        op = structured(self._graph, "While", run, regions, operands, types, "LoopCond")
        found = named_results(op, "Exit", "Exit")
        for x, new in zip(self._leaves, self._returned, strict=True):
            if isinstance(x, TensorArray):
                x.element_shape = new.element_shape
        return self._packed(found)


def _shapes_of(invariants: Any, count: int) -> list[TensorShape]:
    found = [TensorShape(s) for s in _flat_shapes(invariants)]
    if len(found) != count:
        raise ValueError(
            f"shape_invariants has {len(found)} shapes, but there are {count} loop variables"
        )
    return found


def _flat_shapes(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [s for key in sorted(x) for s in _flat_shapes(x[key])]
    if isinstance(x, (list, tuple)):
        return [s for y in x for s in _flat_shapes(y)]
    return [x]


def _repeat(cond: Any, body: Any, *variables: Tensor) -> list[Tensor]:
    return list(eager.while_loop(lambda *xs: cond(*xs)[0], body, list(variables)))


def _repeat_at_most(cond: Any, body: Any, *operands: Tensor) -> list[Tensor]:
    variables, limit = list(operands[:-1]), operands[-1]
    return list(
        eager.while_loop(lambda *xs: cond(*xs)[0], body, variables, maximum_iterations=limit)
    )
