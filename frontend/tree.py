"""Nested containers as a flat list of leaves and a hashable description of the nesting.

Layer: frontend, imports nothing of ours. Containers are tuple, list, dict (in insertion order),
named tuples, dataclass instances and None (a container without leaves); all else is a leaf.

    >>> leaves, tree = flatten({"w": 1, "b": (2, None)})
    >>> leaves, unflatten(tree, [10, 20])
    ([1, 2], {'w': 10, 'b': (20, None)})
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np


class TreeDef(NamedTuple):
    """The nesting of one object: its container class, its keys, and the trees of its children.

    `kind` is None for a leaf. `keys` are dict keys or field names, empty for sequences. A tuple,
    because every call of a jitted function hashes and compares one.
    """

    kind: type | None
    keys: tuple[Any, ...] = ()
    children: tuple[TreeDef, ...] = ()

    @property
    def is_leaf(self) -> bool:
        """Whether this is a single leaf, not a container."""
        return self.kind is None

    def paths(self, prefix: str = "") -> Iterator[str]:
        """How each leaf is reached from the root: `params['w'][0]`."""
        if self.kind is None:
            yield prefix
            return
        for step, child in zip(self.steps(), self.children, strict=True):
            yield from child.paths(prefix + step)

    def steps(self) -> list[str]:
        """How each child is reached from here: `['w']`, `[0]`, `.name`."""
        if not self.keys:
            return [f"[{k}]" for k in range(len(self.children))]
        if issubclass(self.kind or tuple, dict):
            return [f"[{key!r}]" for key in self.keys]
        return [f".{key}" for key in self.keys]


LEAF = TreeDef(None)
# The usual leaves, to be found without asking whether they are containers.
LEAF_CLASSES = frozenset({np.ndarray, float, int, bool, np.float64, np.float32, np.int64})
_NONE = TreeDef(type(None))


def flatten(obj: Any, leaf_classes: frozenset[type] = LEAF_CLASSES) -> tuple[list[Any], TreeDef]:
    """The leaves of `obj` in order, and its tree. `leaf_classes` are not looked into."""
    leaves: list[Any] = []
    return leaves, _flatten(obj, leaves, leaf_classes)


def _flatten(obj: Any, leaves: list[Any], leaf_classes: frozenset[type]) -> TreeDef:
    cls = type(obj)
    if cls in leaf_classes:
        leaves.append(obj)
        return LEAF
    if cls is tuple or cls is list:
        return TreeDef(cls, (), tuple([_flatten(x, leaves, leaf_classes) for x in obj]))
    if issubclass(cls, dict):
        children = [_flatten(x, leaves, leaf_classes) for x in obj.values()]
        return TreeDef(cls, tuple(obj), tuple(children))
    if obj is None:
        return _NONE
    names = _field_names(cls)  # type: ignore[arg-type]
    if names is None:
        leaves.append(obj)
        return LEAF
    children = [_flatten(getattr(obj, name), leaves, leaf_classes) for name in names]
    return TreeDef(cls, names, tuple(children))


@lru_cache(maxsize=1024)
def _field_names(cls: type) -> tuple[str, ...] | None:
    """The fields of a named tuple or a dataclass; None for any other class."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return cls._fields
    if dataclasses.is_dataclass(cls):
        return tuple(f.name for f in dataclasses.fields(cls) if f.init)
    return None


@lru_cache(maxsize=256)
def flat_tuple(size: int) -> TreeDef:
    """The tree of a tuple of leaves."""
    return TreeDef(tuple, (), (LEAF,) * size)


def unflatten(tree: TreeDef, leaves: Sequence[Any]) -> Any:
    """The object with this tree and these leaves."""
    return _unflatten(tree, iter(leaves))


def _unflatten(tree: TreeDef, leaves: Iterator[Any]) -> Any:
    kind = tree.kind
    if kind is None:
        return next(leaves)
    if kind is type(None):
        return None
    children = [_unflatten(child, leaves) for child in tree.children]
    if kind is list:
        return children
    if kind is tuple:
        return tuple(children)
    if issubclass(kind, dict):
        return _make_dict(kind, zip(tree.keys, children, strict=True))
    return kind(**dict(zip(tree.keys, children, strict=True)))


def _make_dict(kind: type, items: Any) -> Any:
    if kind is dict:
        return dict(items)
    # A subclass may have any constructor (defaultdict, Counter, OrderedDict): fill an empty one.
    made: Any = kind.__new__(kind)  # type: ignore[call-overload]
    made.update(items)
    return made
