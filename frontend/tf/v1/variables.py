"""TensorFlow 1's `Variable`, and the functions that change variables.

Layer: frontend; eager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..convert import convert_to_tensor
from ..indexing import tensor_scatter_nd_add, tensor_scatter_nd_sub, tensor_scatter_nd_update
from ..random.stateful import uniform
from ..shapes import TensorShape
from ..shaping import expand_dims
from ..tensors import Tensor
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


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Callable[[Any], Any] | None = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Variable:
    """A new variable: eagerly, names are not looked up.

    Args:
        name: how it is printed.
        shape: sizes; not needed if `initializer` is a value.
        dtype: float32 by default.
        initializer: a value, or a function of the shape (and `dtype`) that returns it; by default
            uniform numbers of Glorot and Bengio's range, or zeros for integers.
        regularizer: for TensorFlow's signature, like the other arguments that are not named here.
        trainable: whether tapes watch it.
        constraint: applied by optimisers after an update.

    Raises:
        ValueError: neither a shape nor a value is given.
    """
    wanted = dtypes.float32 if dtype is None else dtypes.as_dtype(dtype)
    if initializer is not None and not callable(initializer):
        value = convert_to_tensor(initializer, dtype and wanted)
    elif shape is None:
        raise ValueError(
            f"Shape of a new variable ({name}) must be fully defined, but instead was <unknown>."
        )
    else:
        value = _initial(initializer, TensorShape(shape).as_list(), wanted)
    return VariableV1(value, trainable=trainable, name=name, constraint=constraint)


def _initial(initializer: Any, shape: list[Any], dtype: dtypes.DType) -> Tensor:
    if initializer is not None:
        function = initializer() if isinstance(initializer, type) else initializer
        return convert_to_tensor(function(shape, dtype=dtype), dtype)
    if not dtype.is_floating:
        return convert_to_tensor(np.zeros(shape, dtype.numpy))
    field = int(np.prod(shape[:-2], dtype=np.int64))
    ins, outs = (shape[-2] if len(shape) > 1 else sum(shape)), (shape[-1] if shape else 1)
    limit = float(np.sqrt(6.0 / max(1, field * (ins + outs))))
    return uniform(shape, -limit, limit, dtype)


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


def global_variables_initializer() -> None:
    """Eagerly, variables have their values when they are made."""


local_variables_initializer = global_variables_initializer
initialize_all_variables = global_variables_initializer


def variables_initializer(var_list: Any, name: str = "init") -> None:
    """Eagerly, variables have their values when they are made."""
