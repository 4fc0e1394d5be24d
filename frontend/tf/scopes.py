"""What programs wrap their ops in: stop_gradient, name_scope, init_scope, py_function, is_tensor.

Layer: frontend.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np

from ..context import entered
from ..tracer import Tracer
from ..transforms import stop_gradient as stop_array
from . import dtypes
from .convert import convert_to_tensor
from .errors import OperatorNotAllowedInGraphError
from .tensors import STATE, Tensor


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the same elements, which is a constant for derivatives."""
    value = convert_to_tensor(input)._value
    # not recorded: for tapes it has no origin
    return Tensor(stop_array(value) if type(value) is Tracer else value)


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor or a variable."""
    return isinstance(x, Tensor) or hasattr(x, "_read_tensor")


def executing_eagerly() -> bool:
    """Whether ops run at once: everywhere but in a function that is traced."""
    return STATE.function is None


def inside_function() -> bool:
    """Whether a function is traced."""
    return STATE.function is not None


class _Names(threading.local):
    """The scopes that a thread has entered, as one prefix."""

    prefix = ""


_NAMES = _Names()


class name_scope:
    """A prefix for the names of summaries; names of ops are not shown here.

    Args:
        name: the prefix, below those of scopes around it; with a slash at its end, in their place.
    """

    def __init__(self, name: str, default_name: Any = None, values: Any = None) -> None:
        if not isinstance(name, str) and name is not None:
            raise ValueError("name for name_scope must be a string.")
        self.name = name
        self._before: list[str] = []

    def __enter__(self) -> str:
        before = _NAMES.prefix
        self._before.append(before)
        name = self.name or ""
        if name.endswith("/") or not name:
            _NAMES.prefix = name.rstrip("/")
        else:
            _NAMES.prefix = f"{before}/{name}" if before else name
        return f"{_NAMES.prefix}/" if name else ""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _NAMES.prefix = self._before.pop()


def in_scope(name: str) -> str:
    """The name, below the scopes that have been entered."""
    return f"{_NAMES.prefix}/{name}" if _NAMES.prefix else name


@contextmanager
def init_scope() -> Iterator[None]:
    """Inside of it ops run at once, also while a function is traced, and tapes record nothing."""
    function, recorders = STATE.function, STATE.recorders
    STATE.function, STATE.recorders = None, ()
    try:
        with entered(None):
            yield
    finally:
        STATE.function, STATE.recorders = function, recorders


@contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Ops run in the order of the program, so there is nothing to do."""
    yield


def no_op(name: str | None = None) -> None:
    """Nothing."""


def group(*inputs: Any, **kwargs: Any) -> None:
    """Nothing: its arguments have run already."""


def tuple_of(tensors: Any, control_inputs: Any = None, name: str | None = None) -> list[Any]:
    """The tensors, as a list."""
    return [None if t is None else convert_to_tensor(t) for t in tensors]


def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether a tensor stands for a value that is known only when a traced function runs."""
    return isinstance(tensor, Tensor) and tensor.is_symbolic


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The array of a tensor, None if it is known only when a traced function runs."""
    found = convert_to_tensor(tensor)
    return None if found.is_symbolic else found.numpy()


def get_logger() -> logging.Logger:
    """The logger that messages go to."""
    return logging.getLogger("tensorflow")


def timestamp(name: str | None = None) -> Tensor:
    """The seconds since the epoch (float64)."""
    return convert_to_tensor(np.float64(time.time()))


def gradients(*args: Any, **kwargs: Any) -> Any:
    """Refused: gradients come from `tf.GradientTape`.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError(
        "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape"
        " instead."
    )


# -- Python functions as ops ----------------------------------------------------------------------


def py_function(
    func: Callable[..., Any] | None = None,
    inp: Sequence[Any] | None = None,
    Tout: Any = None,
    name: str | None = None,
) -> Any:
    """Call a Python function with tensors; its results are converted to the dtypes of `Tout`.

    Raises:
        OperatorNotAllowedInGraphError: a function is traced, and the arguments have no values.
    """
    tensors = [convert_to_tensor(x) for x in inp or ()]
    _check_values("py_function", tensors)
    assert func is not None
    return _typed(func(*tensors), Tout)


def numpy_function(
    func: Callable[..., Any] | None = None,
    inp: Sequence[Any] | None = None,
    Tout: Any = None,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """Call a Python function with arrays; its results become tensors of the dtypes of `Tout`.

    Raises:
        OperatorNotAllowedInGraphError: a function is traced, and the arguments have no values.
    """
    tensors = [convert_to_tensor(x) for x in inp or ()]
    _check_values("numpy_function", tensors)
    assert func is not None
    return _typed(func(*[t.numpy() for t in tensors]), Tout)


def _check_values(op: str, tensors: Sequence[Tensor]) -> None:
    if any(t.is_symbolic for t in tensors):
        raise OperatorNotAllowedInGraphError(
            f"tf.{op} calls Python with values, and there are none while a tf.function is traced:"
            " call it outside of the function"
        )


def _typed(found: Any, wanted: Any) -> Any:
    if wanted is None or (isinstance(wanted, (list, tuple)) and not wanted):
        return None
    if isinstance(wanted, (list, tuple)):
        given = found if isinstance(found, (list, tuple)) else [found]
        return [_one(x, d) for x, d in zip(given, wanted, strict=True)]
    single = found[0] if isinstance(found, (list, tuple)) and len(found) == 1 else found
    return _one(single, wanted)


def _one(x: Any, wanted: Any) -> Tensor:
    dtype = dtypes.as_dtype(getattr(wanted, "dtype", wanted))
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype != dtype.numpy:
        x = np.asarray(x).astype(dtype.numpy)
    return convert_to_tensor(x, dtype)
