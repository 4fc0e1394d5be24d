"""Names that JAX and TensorFlow have in common: which form a call means.

Layer: frontend. `scan`, `cond`, `while_loop`, `stop_gradient` and `TensorSpec` have JAX's signature
in the NumPy dialect. TensorFlow's form is meant where a keyword of its own is used, where tensors
or variables are among the data, while a tf.function is traced, or where JAX's form could not call
the function that is given; it is loaded then.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from ..compiler.ir.types import TensorType
from . import arguments, control, transforms
from .context import current
from .tree import flatten

_TENSORFLOW = f"{__package__}.tf"
SHARED = ("TensorSpec", "cond", "scan", "stop_gradient", "while_loop")


def has_tensor(x: Any) -> bool:
    """Whether tensors or variables are among the leaves, or a tf.function is traced."""
    loaded = sys.modules.get(f"{_TENSORFLOW}.tensors")
    if loaded is None:
        return False
    if loaded.STATE.function is not None:
        return True
    return any(type(leaf).__module__.startswith(_TENSORFLOW) for leaf in flatten(x)[0])


def _takes(function: Any, count: int) -> bool:
    """Whether a function can be called with that many positional arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # no signature to be had
        return True
    return True


def _either(
    jax_form: Callable[..., Any], module: str, is_tensorflow: Callable[..., bool]
) -> Callable[..., Any]:
    """JAX's form of a function, which hands calls of TensorFlow's form on to it."""
    name = jax_form.__name__
    own = frozenset(inspect.signature(jax_form).parameters)

    @functools.wraps(jax_form)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not own.issuperset(kwargs) or is_tensorflow(*args, **kwargs):
            found = importlib.import_module(f"{_TENSORFLOW}.{module}")
            deferred = importlib.import_module(f"{_TENSORFLOW}.deferred")
            return deferred.deferring(getattr(found, name), name)(*args, **kwargs)
        return jax_form(*args, **kwargs)

    return call


def _any_tensor(*args: Any, **kwargs: Any) -> bool:
    return has_tensor((args, kwargs))


def _takes_each(cond: Any, variables: Any) -> bool:
    """Whether a loop's functions take one argument per variable, as in tf.while_loop."""
    if type(variables) not in (list, tuple):
        return False
    return not _takes(cond, 1) and _takes(cond, len(variables))


def _is_loop(*args: Any, **kwargs: Any) -> bool:
    """tf.while_loop(cond, body, loop_vars), but for arrays in a function of the NumPy dialect.

    There the two functions may take one argument per variable all the same (`_while_loop`).
    """
    if has_tensor((args, kwargs)):
        return True
    return len(args) >= 3 and current() is None and _takes_each(args[0], args[2])


@functools.wraps(control.while_loop)
def _while_loop(cond_fun: Any, body_fun: Any, init_val: Any, **kwargs: Any) -> Any:
    if not _takes_each(cond_fun, init_val):
        return control.while_loop(cond_fun, body_fun, init_val, **kwargs)

    @functools.wraps(body_fun)
    def body(variables: Any) -> Any:
        found = body_fun(*variables)
        return type(init_val)(found) if isinstance(found, (list, tuple)) else found

    @functools.wraps(cond_fun)
    def cond(variables: Any) -> Any:
        return cond_fun(*variables)

    return control.while_loop(cond, body, init_val, **kwargs)


def _is_scan(*args: Any, **kwargs: Any) -> bool:
    """tf.scan(fn, elems): without data as a third argument, JAX's form needs a length."""
    return has_tensor((args, kwargs)) or (len(args) == 2 and not kwargs and current() is None)


scan = _either(control.scan, "control", _is_scan)
cond = _either(control.cond, "control", _any_tensor)
while_loop = _either(_while_loop, "control", _is_loop)
stop_gradient = _either(transforms.stop_gradient, "scopes", _any_tensor)


class _EitherSpec(type):
    """Makes the TensorSpec of the dialect that the first argument belongs to."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else kwargs.get("type")
        if isinstance(first, (str, TensorType)):
            return arguments.TensorSpec(*args, **kwargs)
        return cls._tensorflow(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        if isinstance(instance, arguments.TensorSpec):
            return True
        kind = type(instance)
        return kind.__name__ == "TensorSpec" and kind.__module__.startswith(_TENSORFLOW)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls._tensorflow, name)

    @property
    def _tensorflow(cls) -> Any:
        return importlib.import_module(f"{_TENSORFLOW}.specs").TensorSpec


class TensorSpec(metaclass=_EitherSpec):
    """The type of an array argument, for compiling without data.

    `TensorSpec("f64[n, 3]")`, or in TensorFlow's form `TensorSpec([None, 3], tf.float64)`.
    """
