"""`get_variable`: variables that are shared by name.

Layer: frontend. What is not given comes from the current scope (scoping.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...arguments import signature_of
from .. import dtypes
from ..shapes import TensorShape
from ..tensors import Tensor
from ..v1 import initializers
from ..v1.variables import VariableV1
from .graph import get_default_graph
from .keys import GraphKeys
from .scoping import VariableScope, get_variable_scope, store
from .state import is_building
from .surroundings import name_scope
from .variables import Variable


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
) -> Any:
    """The variable of this name in the current scope: shared or new, as the scope's `reuse` says.

    Args:
        name: behind the scope's prefix.
        shape: sizes; not needed if `initializer` is a value.
        dtype: float32 by default.
        initializer: a value; a function of the shape and `dtype`; or one without arguments. By
            default uniform numbers of Glorot and Bengio's range, zeros for integers.
        regularizer: a function of the variable; its result joins the regularisation losses.
        trainable: whether optimisers change it; they do by default.
        collections: names of lists that it joins.
        caching_device: for TensorFlow's signature, like the others that are not named here.
        partitioner: refused.
        validate_shape: whether values that are assigned must have its shape.
        custom_getter: called instead of this function, with it as the first argument.
        constraint: applied by optimisers after an update.

    Raises:
        ValueError: it exists and may not be shared, or does not exist and has to; shape or dtype
            are not those of the variable; there is no initial value.
        NotImplementedError: a partitioner is given.
    """
    scope = get_variable_scope()
    _check_value(initializer, dtype)
    arguments = _with_defaults(
        scope,
        {
            "shape": shape, "dtype": dtype, "initializer": initializer, "regularizer": regularizer,
            "trainable": trainable, "collections": collections, "caching_device": caching_device,
            "partitioner": partitioner, "validate_shape": validate_shape,
            "use_resource": use_resource, "constraint": constraint,
            "synchronization": synchronization, "aggregation": aggregation,
        },
    )  # fmt: skip
    full = f"{scope.name}/{name}" if scope.name else name
    getter = scope.custom_getter if custom_getter is None else custom_getter
    if custom_getter is not None and scope.custom_getter is not None:
        getter = _chained(custom_getter, scope)
    if getter is None:
        return _shared_or_new(full, **arguments)
    return getter(_shared_or_new, full, **arguments)


def _with_defaults(scope: VariableScope, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with the scope's where they are None."""
    found = {**given, "reuse": scope.reuse}
    has_value = given["initializer"] is not None and not callable(given["initializer"])
    for name in ("initializer", "regularizer", "partitioner", "constraint", "dtype"):
        if given[name] is None and not (name == "dtype" and has_value):
            found[name] = getattr(scope, name)
    return found


def _chained(inner: Callable[..., Any], scope: VariableScope) -> Callable[..., Any]:
    def getter(last: Any, *args: Any, **kwargs: Any) -> Any:
        def through(*a: Any, **k: Any) -> Any:
            return scope.custom_getter(last, *a, **k)

        return inner(through, *args, **kwargs)

    return getter


def get_local_variable(name: str, *args: Any, **kwargs: Any) -> Any:
    """`get_variable` of a local variable: not saved, not trained; arguments as there."""
    kwargs.setdefault("collections", [GraphKeys.LOCAL_VARIABLES])
    kwargs["trainable"] = False
    return get_variable(name, *args, **kwargs)


def _check_value(initializer: Any, dtype: Any) -> None:
    if dtype is None or initializer is None or callable(initializer):
        return
    wanted = dtypes.as_dtype(dtype)
    if isinstance(initializer, Tensor) and initializer.dtype.base_dtype is not wanted:
        raise ValueError(
            f"Initializer type '{initializer.dtype!r}' and explicit dtype '{wanted!r}' don't match."
        )


def _shared_or_new(
    name: str,
    shape: Any = None,
    dtype: Any = dtypes.float32,
    initializer: Any = None,
    regularizer: Any = None,
    reuse: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    if partitioner is not None:
        raise NotImplementedError(
            f"variable {name}: partitioners are not supported; variables are kept in one part"
        )
    kept = store()
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    sizes = None if shape is None else TensorShape(shape)
    found = kept.variables.get(name) if kept.shares else None
    if found is not None:
        return _shared(found, name, sizes, wanted, reuse)
    if reuse is True and kept.shares:
        raise ValueError(
            f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you"
            " mean to set reuse=tf.AUTO_REUSE in VarScope?"
        )
    value, base = _initial(name, sizes, wanted, initializer)
    root = get_default_graph() if is_building() else None
    with name_scope(None):
        made = Variable(
            value,
            True if trainable is None else trainable,
            collections,
            validate_shape,
            name=name or None,
            dtype=base,
            constraint=constraint,
        )
    if root is not None:
        kept.variables[name] = made
        if regularizer is not None:
            _regularize(made, name, regularizer)
    return made


def _shared(found: VariableV1, name: str, shape: Any, dtype: Any, reuse: Any) -> VariableV1:
    if not reuse:
        raise ValueError(
            f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or"
            " reuse=tf.AUTO_REUSE in VarScope?"
        )
    if shape is not None and not shape.is_compatible_with(found.shape):
        raise ValueError(
            f"Trying to share variable {name}, but specified shape {shape} and found shape"
            f" {found.shape}."
        )
    if dtype is not None and dtype.base_dtype is not found.dtype.base_dtype:
        raise ValueError(
            f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype"
            f" {found.dtype.name}."
        )
    return found


def _initial(name: str, shape: Any, dtype: Any, initializer: Any) -> tuple[Any, Any]:
    """The initial value, or a function that makes it, and its dtype."""
    if initializer is None and shape is None:
        raise ValueError(
            f"Variable {name} did not get an initializer, so its `shape` argument must be"
            " specified."
        )
    if initializer is not None and not callable(initializer):
        if shape is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        return initializer, dtype
    if initializer is None:
        if not shape.is_fully_defined():
            raise ValueError(
                f"Shape of a new variable ({name}) must be fully defined, but instead was {shape}."
            )
        initializer = _default(name, dtype)
    if isinstance(initializer, type):
        initializer = initializer()
    if shape is not None and shape.is_fully_defined():
        return _of_shape(initializer, shape.as_list(), dtype), dtype
    if _takes_nothing(initializer):
        return initializer, None
    raise ValueError(
        "The initializer passed is not valid. It should be a callable with no arguments and the"
        " shape should not be provided or an instance of `tf.keras.initializers.*' and `shape`"
        " should be fully defined."
    )


def _of_shape(initializer: Any, shape: list[int], dtype: Any) -> Callable[[], Any]:
    def value() -> Any:
        return initializer(shape, dtype=dtype)

    return value


def _takes_nothing(function: Any) -> bool:
    signature = signature_of(function)
    if signature is None:
        return False
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = signature.parameters.values()
    return all(p.default is not p.empty or p.kind in variadic for p in parameters)


def _default(name: str, dtype: Any) -> Any:
    if dtype.is_floating:
        return initializers.GlorotUniform()
    if dtype.is_integer or dtype.is_bool or dtype is dtypes.string:
        return initializers.Zeros()
    raise ValueError(f"An initializer for variable {name} of {dtype!r} is required")


def _regularize(variable: VariableV1, name: str, regularizer: Any) -> None:
    """Add what the regulariser gives to the losses; it may give None."""
    graph = get_default_graph()
    with graph.control_dependencies(None), name_scope(f"{name}/Regularizer/"):
        loss = regularizer(variable)
    if loss is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
