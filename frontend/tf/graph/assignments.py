"""What changes variables of graphs: `assign`, `scatter_add` and others.

Layer: frontend. `Assignable` has the methods of variables; the functions of `tf` take variables, or
what a change of one gave (which they then come after). Eager programs change values at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from ...tree import flatten, unflatten
from .. import dtypes
from ..abstract import TensorType
from ..apply import apply
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..indexing import (
    tensor_scatter_nd_add,
    tensor_scatter_nd_max,
    tensor_scatter_nd_min,
    tensor_scatter_nd_sub,
    tensor_scatter_nd_update,
)
from ..parts import packed_index, unpacked_index
from ..shapes import TensorShape
from ..shaping import expand_dims
from ..slices import IndexedSlices
from ..tensors import OPERATORS, STATE, Tensor
from ..v1 import variables as eager
from .bodies import Read, Update
from .build import convert, is_graph_value
from .graph import Graph, Operation
from .state import is_building, working_graph
from .symbolic import GRAPH_PART_METHODS, GraphTensor

if TYPE_CHECKING:
    from .variables import Storage

Rule = Callable[..., Sequence[Tensor]]


class Target(NamedTuple):
    """A variable that is to be changed, after other changes of it."""

    storage: Storage
    tensor: GraphTensor
    after: tuple[Operation, ...] = ()

    @property
    def graph(self) -> Graph:
        """The graph that changes go to: the variable's, or a branch or loop in it."""
        return working_graph(self.tensor.graph)


def target_of(ref: Any) -> Target:
    """What a reference stands for: a variable, its tensor, or the result of a change.

    Raises:
        AttributeError: it is none of these.
    """
    found = getattr(ref, "_target", None)
    if found is not None:
        return found()  # type: ignore[no-any-return]
    if isinstance(ref, GraphTensor) and ref.dtype is not ref.dtype.base_dtype:
        body = ref.op._body
        if isinstance(body, Read):
            return Target(body.storage, ref)
        if isinstance(body, Update):
            return Target(body.storages[0], ref.op.inputs[0], (ref.op,))
    raise AttributeError(f"'{_kind(ref)}' object has no attribute 'assign'")


def _kind(x: Any) -> str:
    return "Tensor" if isinstance(x, Tensor) else type(x).__name__


def change(
    target: Target,
    type: str,
    rule: Rule,
    operands: dict[str, Any],
    name: str | None = None,
    body: Callable[..., Update] = Update,
) -> GraphTensor:
    """An op that changes a variable; its result is the new value.

    Args:
        target: the variable.
        type: of the op.
        rule: takes the old value and the operands, gives the new value.
        operands: tensors or values; those named `indices` and the like are integers.
        name: of the op.
        body: makes the op's body.
    """
    graph, dtype = target.graph, target.storage.dtype
    with graph.name_scope(name or type) as scope:
        inputs = [
            convert(x, None, part, graph)
            if part.startswith("indices")
            else _operand(x, dtype, part, graph, type)
            for part, x in operands.items()
        ]
    reads = type != "Assign"
    shape = inputs[0].shape if body is _Unchecked else target.storage.shape
    outputs = [TensorType(dtypes.reference(dtype), shape)]
    made_body = body([target.storage], rule, reads)
    made_body.is_host = made_body.is_host or dtype is dtypes.string
    given = [target.tensor, *inputs]
    made = graph.add(type, made_body, given, outputs, scope, {"dtype": dtype}, target.after)
    return made.outputs[0]


def _operand(x: Any, dtype: dtypes.DType, part: str, graph: Graph, type: str) -> GraphTensor:
    try:
        return convert(x, dtype, part, graph)
    except ValueError:
        found = convert(x, None, part, graph).dtype.base_dtype
        if found is dtype:
            raise
        raise TypeError(
            f"Input '{part}' of '{type}' Op has type {found.name} that does not match type"
            f" {dtype.name} of argument 'ref'."
        ) from None


def _check_shape(target: Target, type: str, value: Any) -> None:
    shape = value.shape
    if not target.storage.shape.is_compatible_with(shape):
        raise ValueError(
            f"Shapes must be equal, but are {target.storage.shape} and {shape} for"
            f" '{{{{node {type}}}}} = {type}({target.storage.name}, {type}/value)'"
        )


# -- rules ----------------------------------------------------------------------------------------


def _new(value: Tensor) -> Sequence[Tensor]:
    return [value]


def _added(old: Tensor, delta: Tensor) -> Sequence[Tensor]:
    return [OPERATORS["add"](old, delta)]


def _subtracted(old: Tensor, delta: Tensor) -> Sequence[Tensor]:
    return [OPERATORS["sub"](old, delta)]


class _Unchecked(Update):
    """An assignment of a value of any shape."""

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        STATE.environment.cell(self.storages[0]).write(inputs[0])
        return [inputs[0]]


class _OnHost(Update):
    """A change that is computed between native programs."""

    is_host = True


def assigned(
    target: Target, value: Any, name: str | None, validate_shape: bool = True
) -> GraphTensor:
    """An op that puts another value into a variable.

    Raises:
        TypeError: the dtype does not fit.
        ValueError: the shape does not fit.
    """
    if not validate_shape:
        return change(target, "Assign", _new, {"value": value}, name, _Unchecked)
    found = change(target, "Assign", _new, {"value": value}, name)
    _check_shape(target, "Assign", found.op.inputs[1])
    return found


def _moved(target: Target, type: str, rule: Rule, delta: Any, name: str | None) -> GraphTensor:
    found = change(target, type, rule, {"value": delta}, name)
    _check_shape(target, type, found.op.inputs[1])
    return found


# -- rows and elements ----------------------------------------------------------------------------


def _rows(op: Callable[..., Tensor]) -> Rule:
    """A rule that changes rows: `indices` of any shape name them, a scalar goes to all."""

    def rule(old: Tensor, indices: Tensor, updates: Tensor) -> Sequence[Tensor]:
        return [op(old, expand_dims(indices, -1), updates)]

    return rule


def _elements(op: Callable[..., Tensor]) -> Rule:
    """A rule that changes what the last axis of `indices` names."""

    def rule(old: Tensor, indices: Tensor, updates: Tensor) -> Sequence[Tensor]:
        return [op(old, indices, updates)]

    return rule


def _times(old: Tensor, indices: Tensor, updates: Tensor) -> Sequence[Tensor]:
    _check_rows(old, indices)
    return [apply("ScatterMul", _scaled, (old, indices, updates), {"how": np.multiply})]


def _over(old: Tensor, indices: Tensor, updates: Tensor) -> Sequence[Tensor]:
    _check_rows(old, indices)
    how = np.floor_divide if old.dtype.is_integer else np.divide
    return [apply("ScatterDiv", _scaled, (old, indices, updates), {"how": how})]


def _scaled(x: Any, indices: Any, updates: Any, *, how: np.ufunc) -> Any:
    result = np.array(x)
    how.at(result, indices, updates)
    return result


def _check_rows(old: Tensor, indices: Tensor) -> None:
    at, count = np.ravel(np.asarray(indices)), old.shape[0]
    outside = np.flatnonzero((at < 0) | (at >= count))
    if outside.size:
        k = int(outside[0])
        raise InvalidArgumentError(f"indices[{k}] = {at[k]} is not in [0, {count})")


class _Scatter(NamedTuple):
    rule: Rule
    body: type[Update] = Update


_SCATTERS = {
    "ScatterUpdate": _Scatter(_rows(tensor_scatter_nd_update)),
    "ScatterAdd": _Scatter(_rows(tensor_scatter_nd_add)),
    "ScatterSub": _Scatter(_rows(tensor_scatter_nd_sub)),
    # products of rows named twice, and the largest of them: NumPy's, on the host
    "ScatterMul": _Scatter(_times, _OnHost),
    "ScatterDiv": _Scatter(_over, _OnHost),
    "ScatterMin": _Scatter(_rows(tensor_scatter_nd_min), _OnHost),
    "ScatterMax": _Scatter(_rows(tensor_scatter_nd_max), _OnHost),
    "ScatterNdUpdate": _Scatter(_elements(tensor_scatter_nd_update)),
    "ScatterNdAdd": _Scatter(_elements(tensor_scatter_nd_add)),
    "ScatterNdSub": _Scatter(_elements(tensor_scatter_nd_sub)),
}


def _scattered(
    type: str, target: Target, indices: Any, updates: Any, name: str | None
) -> GraphTensor:
    rule, body = _SCATTERS[type]
    found = change(target, type, rule, {"indices": indices, "updates": updates}, name, body)
    at, rows = (TensorShape(t.shape) for t in found.op.inputs[1:])
    shape = target.storage.shape
    if type.startswith("ScatterNd") or rows.rank == 0 or None in (at.rank, shape.rank):
        return found
    expected = at.concatenate(shape[1:])
    if not rows.is_compatible_with(expected):
        raise ValueError(
            f"Shapes must be equal: updates have {rows}, indices and variable ask for {expected},"
            f" for '{{{{node {found.op.name}}}}} = {type}'"
        )
    return found


# -- methods of variables -------------------------------------------------------------------------


class Assignable:
    """The methods that change a variable of a graph. They give tensors of the new value."""

    def _target(self) -> Target:
        raise NotImplementedError

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """An op that puts another value in place.

        Args:
            value: of the same shape and dtype.
            use_locking: for TensorFlow's signature: changes never mix.
            name: of the op.
            read_value: whether its result is wanted, rather than the op.

        Raises:
            TypeError: the dtype does not fit.
            ValueError: the shape does not fit.
        """
        return _tensor_or_op(assigned(self._target(), value, name), read_value)

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """An op that adds to the value; arguments as of `assign`."""
        found = _moved(self._target(), "AssignAdd", _added, delta, name)
        return _tensor_or_op(found, read_value)

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """An op that subtracts from the value; arguments as of `assign`."""
        found = _moved(self._target(), "AssignSub", _subtracted, delta, name)
        return _tensor_or_op(found, read_value)

    def assign_part(self, part: GraphTensor, value: Any, name: str | None = None) -> GraphTensor:
        """An op that replaces what `variable[index]` gave; its result is the whole new value."""
        leaves, tree = flatten(packed_index(part._part[1]))
        places = {f"indices{k}": x for k, x in enumerate(leaves) if is_graph_value(x)}

        def replaced(old: Tensor, new: Tensor, *at: Tensor) -> Sequence[Tensor]:
            rest = iter(at)
            index = unflatten(tree, [next(rest) if is_graph_value(x) else x for x in leaves])
            return [OPERATORS["replace_part"](old, unpacked_index(index), new)]

        label = name or f"{part.op.name}/_assign/"
        operands = {"value": value, **places}
        return change(self._target(), "StridedSliceAssign", replaced, operands, label)

    def count_up_to(self, limit: int) -> NoReturn:
        """Refused: use `assign_add` and compare."""
        count_up_to(self, limit)


def _tensor_or_op(tensor: GraphTensor, is_tensor: bool) -> Any:
    return tensor if is_tensor else tensor.op


def _slices_method(type: str) -> Callable[..., GraphTensor]:
    def method(
        self: Assignable, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> GraphTensor:
        if not isinstance(sparse_delta, IndexedSlices):
            raise TypeError(f"sparse_delta is not IndexedSlices: {sparse_delta}")
        rows, at = sparse_delta.values, sparse_delta.indices
        return _scattered(type, self._target(), at, rows, name)

    method.__doc__ = f"{type} with the rows of an `IndexedSlices`."
    return method


def _elements_method(type: str) -> Callable[..., GraphTensor]:
    def method(
        self: Assignable, indices: Any, updates: Any, name: str | None = None
    ) -> GraphTensor:
        return _scattered(type, self._target(), indices, updates, name)

    method.__doc__ = f"{type} with the elements that the last axis of `indices` names."
    return method


for _how in ("update", "add", "sub", "mul", "div", "min", "max"):
    setattr(Assignable, f"scatter_{_how}", _slices_method(f"Scatter{_how.title()}"))
for _how in ("update", "add", "sub"):
    setattr(Assignable, f"scatter_nd_{_how}", _elements_method(f"ScatterNd{_how.title()}"))


def _assign_part(part: GraphTensor, value: Any, name: str | None = None) -> GraphTensor:
    variable: Assignable = part._part[0]
    return variable.assign_part(part, value, name)


GRAPH_PART_METHODS["assign"] = _assign_part


# -- functions ------------------------------------------------------------------------------------


def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Any:
    """Put another value into a variable.

    Args:
        ref: the variable, or the result of another change of it.
        value: of the same dtype.
        validate_shape: whether the shape has to fit; by default it has.
        use_locking: for TensorFlow's signature.
        name: of the op.
    """
    if not is_building():
        return eager.assign(ref, value)
    return assigned(target_of(ref), value, name, validate_shape is not False)


def assign_add(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Add to a variable."""
    if not is_building():
        return eager.assign_add(ref, value)
    return _moved(target_of(ref), "AssignAdd", _added, value, name)


def assign_sub(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Subtract from a variable."""
    if not is_building():
        return eager.assign_sub(ref, value)
    return _moved(target_of(ref), "AssignSub", _subtracted, value, name)


def _function(type: str, eagerly: Callable[..., Any], doc: str) -> Callable[..., Any]:
    def scatter(
        ref: Any,
        indices: Any,
        updates: Any,
        use_locking: bool = True,
        name: str | None = None,
    ) -> Any:
        if not is_building():
            return eagerly(ref, indices, updates)
        return _scattered(type, target_of(ref), indices, updates, name)

    scatter.__doc__ = doc
    return scatter


def _at_once(type: str, ref: Any, indices: Any, updates: Any) -> Any:
    """A scatter of an eager program."""
    at, rows = convert_to_tensor(indices), convert_to_tensor(updates, ref.dtype)
    return ref.assign(_SCATTERS[type].rule(ref.value(), at, rows)[0])


scatter_update = _function("ScatterUpdate", eager.scatter_update, "Replace rows of a variable.")
scatter_add = _function("ScatterAdd", eager.scatter_add, "Add to rows of a variable.")
scatter_sub = _function("ScatterSub", eager.scatter_sub, "Subtract from rows of a variable.")
scatter_mul = _function(
    "ScatterMul", partial(_at_once, "ScatterMul"), "Multiply rows of a variable."
)
scatter_div = _function("ScatterDiv", partial(_at_once, "ScatterDiv"), "Divide rows of a variable.")
scatter_min = _function(
    "ScatterMin", partial(_at_once, "ScatterMin"), "Keep the smaller of rows and updates."
)
scatter_max = _function(
    "ScatterMax", partial(_at_once, "ScatterMax"), "Keep the larger of rows and updates."
)
scatter_nd_update = _function(
    "ScatterNdUpdate", eager.scatter_nd_update, "Replace elements of a variable."
)
scatter_nd_add = _function("ScatterNdAdd", eager.scatter_nd_add, "Add to elements of a variable.")
scatter_nd_sub = _function(
    "ScatterNdSub", eager.scatter_nd_sub, "Subtract from elements of a variable."
)


def count_up_to(ref: Any, limit: int, name: str | None = None) -> NoReturn:
    """Refused: use `assign_add` and compare.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("tf.count_up_to is not supported: use tf.assign_add(ref, 1)")
