"""Public functions of tensors by the names that programs call them by, for what is kept of models.

Layer: frontend.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_ROOT = __package__.partition(".frontend")[0]
# Where functions are looked for.
_SPACES = (
    "", "math", "nn", "linalg", "image", "bitwise", "random", "keras.activations", "keras.backend",
)  # fmt: skip


def path_of(function: Callable[..., Any], name: str) -> str:
    """The namespace and the name of a function: "nn.relu".

    Raises:
        ValueError: it is in no namespace under this name.
    """
    for space in _SPACES:
        path = f"{space}.{name}".lstrip(".")
        if getattr(_found(path), "__wrapped__", None) is function:
            return path
    raise ValueError(
        f"The function {name!r} that the model calls has no public name, so it cannot be kept in"
        " configurations and pickles: put it into a layer."
    )


def function_at(path: str) -> Callable[..., Any]:
    """The function with this namespace and name."""
    function: Callable[..., Any] = _found(path).__wrapped__
    return function


def _found(path: str) -> Any:
    space, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"{_ROOT}.{space}".rstrip(".")), name, None)
