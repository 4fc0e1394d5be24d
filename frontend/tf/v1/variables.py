"""TensorFlow 1's `Variable`, and the functions that change variables.

Layer: frontend; eager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..convert import convert_to_tensor
from ..indexing import tensor_scatter_nd_add, tensor_scatter_nd_sub, tensor_scatter_nd_update
from ..shapes import TensorShape
from ..shaping import expand_dims
from ..variables import Variable


class VariableV1(Variable):
    """A variable, with the order of arguments that TensorFlow 1 had.

    Args:
        initial_value: what it starts with; or a function that returns it.
        trainable: whether tapes watch it and optimisers change it.
        collections: for TensorFlow's signature, like the other arguments that are not named here.
        name: how it is printed.
        dtype: what the initial value is converted to.
        constraint: applied by optimisers after an update.
        shape: the declared shape; sizes may be None.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Callable[[Any], Any] | None = None,
        use_resource: bool | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        declared = TensorShape(None) if shape is None and not validate_shape else shape
        super().__init__(
            initial_value,
            trainable=trainable,
            name=name,
            dtype=dtype,
            constraint=constraint,
            shape=declared,
        )


# -- changing variables ---------------------------------------------------------------------------


def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Any:
    """Put another value into a variable."""
    return ref.assign(value)


def assign_add(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Add to a variable."""
    return ref.assign_add(value)


def assign_sub(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Subtract from a variable."""
    return ref.assign_sub(value)


def _scattered(op: Any, doc: str) -> Any:
    def scatter(
        ref: Any,
        indices: Any,
        updates: Any,
        use_locking: bool = False,
        name: str | None = None,
    ) -> Any:
        at = convert_to_tensor(indices)
        rows = convert_to_tensor(updates, ref.dtype)
        return ref.assign(op(ref.value(), expand_dims(at, -1), rows))

    scatter.__doc__ = doc
    return scatter


def _scattered_nd(op: Any, doc: str) -> Any:
    def scatter(
        ref: Any,
        indices: Any,
        updates: Any,
        use_locking: bool = False,
        name: str | None = None,
    ) -> Any:
        return ref.assign(op(ref.value(), indices, convert_to_tensor(updates, ref.dtype)))

    scatter.__doc__ = doc
    return scatter


scatter_update = _scattered(tensor_scatter_nd_update, "Replace rows of a variable.")
scatter_add = _scattered(tensor_scatter_nd_add, "Add to rows of a variable.")
scatter_sub = _scattered(tensor_scatter_nd_sub, "Subtract from rows of a variable.")
scatter_nd_update = _scattered_nd(tensor_scatter_nd_update, "Replace elements of a variable.")
scatter_nd_add = _scattered_nd(tensor_scatter_nd_add, "Add to elements of a variable.")
scatter_nd_sub = _scattered_nd(tensor_scatter_nd_sub, "Subtract from elements of a variable.")
