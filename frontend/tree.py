"""Nested containers as a flat list of leaves and a hashable description of the nesting.

Layer: frontend, imports nothing of ours. Containers are tuple, list, dict (in insertion order),
named tuples, dataclass instances and None (a container without leaves); all else is a leaf.

    >>> leaves, tree = flatten({"w": 1, "b": (2, None)})
    >>> leaves, unflatten(tree, [10, 20])
    ([1, 2], {'w': 10, 'b': (20, None)})
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TreeDef:
    """The nesting of one object: its container class, its keys, and the trees of its children.

    `kind` is None for a leaf. `keys` are dict keys or field names, empty for sequences.
    """

    kind: type | None
    keys: tuple[Any, ...] = ()
    children: tuple[TreeDef, ...] = ()

    @property
    def is_leaf(self) -> bool:
        return self.kind is None

    def paths(self, prefix: str = "") -> Iterator[str]:
        """How each leaf is reached from the root: `params['w'][0]`."""
        if self.kind is None:
            yield prefix
            return
        for k, child in enumerate(self.children):
            if issubclass(self.kind, dict):
                step = f"[{self.keys[k]!r}]"
            elif self.keys:
                step = f".{self.keys[k]}"
            else:
                step = f"[{k}]"
            yield from child.paths(prefix + step)


LEAF = TreeDef(None)
_NONE = TreeDef(type(None))


def flatten(obj: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeDef]:
    """The leaves of `obj` in order, and its tree; `is_leaf` stops at containers it accepts."""
    leaves: list[Any] = []
    return leaves, _flatten(obj, leaves, is_leaf)


def _flatten(obj: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None) -> TreeDef:
    if obj is None:
        return _NONE
    if is_leaf is not None and is_leaf(obj):
        leaves.append(obj)
        return LEAF
    cls = type(obj)
    if cls is tuple or cls is list:
        return TreeDef(cls, (), tuple(_flatten(x, leaves, is_leaf) for x in obj))
    if issubclass(cls, dict):
        children = tuple(_flatten(x, leaves, is_leaf) for x in obj.values())
        return TreeDef(cls, tuple(obj), children)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return TreeDef(cls, cls._fields, tuple(_flatten(x, leaves, is_leaf) for x in obj))
    if dataclasses.is_dataclass(cls):
        names = tuple(f.name for f in dataclasses.fields(cls) if f.init)
        return TreeDef(cls, names, tuple(_flatten(getattr(obj, n), leaves, is_leaf) for n in names))
    leaves.append(obj)
    return LEAF


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
    made = kind.__new__(kind)
    made.update(items)
    return made
