"""Which nestings native calls read and build by themselves.

Layer: frontend. In: the tree of an object. Out: a `Nest`, or None for what Python has to do: named
tuples, dataclasses, subclasses of dict, and keys that are not strings.
"""

from __future__ import annotations

from ..compiler.program import LEAF, Nest, NestKind
from .tree import TreeDef

_KINDS = {
    tuple: NestKind.TUPLE,
    list: NestKind.LIST,
    dict: NestKind.DICT,
    type(None): NestKind.NONE,
}


def nest_of(tree: TreeDef) -> Nest | None:
    """The nesting of what has this tree."""
    if tree.kind is None:
        return LEAF
    kind = _KINDS.get(tree.kind)
    if kind is None or any(type(key) is not str for key in tree.keys):
        return None
    children = []
    for child in tree.children:
        nest = nest_of(child)
        if nest is None:
            return None
        children.append(nest)
    return Nest(kind, tuple(children), tree.keys)
