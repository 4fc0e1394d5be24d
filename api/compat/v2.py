"""`tf.compat.v2`: the names of the package root."""

import importlib
from typing import Any

_ROOT = __name__.removesuffix(".compat.v2")


def __getattr__(name: str) -> Any:
    """A name of the package root."""
    return getattr(importlib.import_module(_ROOT), name)


def __dir__() -> list[str]:
    return dir(importlib.import_module(_ROOT))
