"""What ops are made in: name scopes, devices, containers; the seed of a graph.

Layer: frontend. In eager programs name scopes and devices are those of TensorFlow 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any

import numpy as np

from .. import devices, scopes
from ..random import seeds
from .build import graph_of
from .graph import get_default_graph
from .state import is_building


class name_scope:
    """A prefix for the names of the ops made inside.

    Args:
        name: the prefix; made unique. With a slash at its end it is entered again; None for
            `default_name`.
        default_name: the prefix if there is no name.
        values: tensors, whose graph the ops belong to.
    """

    def __init__(
        self, name: str | None = None, default_name: str | None = None, values: Any = None
    ) -> None:
        if not (name is None or isinstance(name, str)):
            raise TypeError(f"`name` for name_scope must be a string, got {name!r}")
        if not (default_name is None or isinstance(default_name, str)):
            raise TypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. You likely"
                " meant to pass this into the `values` kwarg."
            )
        self._name = default_name if name is None else name
        self._values = values
        self._entered: list[AbstractContextManager[Any]] = []

    @property
    def name(self) -> str | None:
        """The prefix that was asked for."""
        return self._name

    def __enter__(self) -> str:
        if not is_building():
            return scopes.name_scope(self._name or "").__enter__()
        graph = graph_of(list(self._values or ()))
        outer = nullcontext() if graph is get_default_graph() else graph.as_default()
        outer.__enter__()
        inner = graph.name_scope(self._name)
        self._entered = [outer, inner]
        return inner.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._entered:
            self._entered.pop().__exit__(kind, error, traceback)


op_scope = name_scope


@contextmanager
def device(device_name_or_function: Any) -> Iterator[None]:
    """Note a device with the ops made inside; all of them run on this one.

    Args:
        device_name_or_function: "/cpu:0" and the like; a function of an op; or None.
    """
    if not is_building():
        with devices.device(device_name_or_function):
            yield
        return
    with get_default_graph().device(device_name_or_function):
        yield


@contextmanager
def container(container_name: str) -> Iterator[str]:
    """Nothing: sessions keep the values of variables by themselves."""
    yield container_name


@contextmanager
def colocate_with(op: Any, ignore_existing: bool = False) -> Iterator[None]:
    """Nothing: there is one device."""
    yield


def set_random_seed(seed: int) -> None:
    """Let the random ops of the default graph give the same numbers in every session.

    Args:
        seed: an integer.
    """
    if not is_building():
        seeds.set_seed(seed)
        return
    if not isinstance(seed, (int, np.integer)):
        raise TypeError(f"the seed has to be an integer, got {seed!r}")
    get_default_graph().seed = int(seed)


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The seeds of the graph and of an op, as an op made now would use them."""
    graph = get_default_graph()
    if graph.seed is None:
        return (None, None) if op_seed is None else (seeds.DEFAULT_GLOBAL_SEED, op_seed)
    return graph.seed, graph.root.take_seeds(1) if op_seed is None else op_seed
