"""tf.nest: nested lists, tuples, dicts and the like as flat lists, and back.

Layer: frontend. Dicts are walked in the order of their keys, as TensorFlow does; strings, arrays,
tensors and everything else that is no container are leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .tensors import Tensor


def is_nested(structure: Any) -> bool:
    """Whether it is a container."""
    if isinstance(structure, (str, bytes, Tensor, np.ndarray)):
        return False
    return isinstance(structure, (list, tuple, Mapping)) or _is_attrs(structure)


def _is_attrs(x: Any) -> bool:
    return hasattr(type(x), "__attrs_attrs__")


def _children(structure: Any) -> list[Any]:
    if isinstance(structure, Mapping):
        return [structure[key] for key in _keys(structure)]
    if _is_attrs(structure):
        return [getattr(structure, a.name) for a in type(structure).__attrs_attrs__]
    return list(structure)


def _keys(structure: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:
        raise TypeError(f"nest only supports dicts with sortable keys: {list(structure)}") from None


def _like(structure: Any, children: list[Any]) -> Any:
    """A container of the same class with other children."""
    kind: Any = type(structure)
    if isinstance(structure, Mapping):
        found = dict(zip(_keys(structure), children, strict=True))
        ordered = [(key, found[key]) for key in structure]
        if hasattr(structure, "default_factory"):
            return kind(structure.default_factory, ordered)
        return kind(ordered)
    if hasattr(structure, "_fields") or _is_attrs(structure):
        return type(structure)(*children)
    return type(structure)(children)


def _leaves(structure: Any) -> Iterator[Any]:
    if not is_nested(structure):
        yield structure
        return
    for child in _children(structure):
        yield from _leaves(child)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves, in order; a leaf itself as a list of one."""
    return list(_leaves(structure))


def pack_sequence_as(
    structure: Any, flat_sequence: Sequence[Any], expand_composites: bool = False
) -> Any:
    """A structure like this one with other leaves.

    Raises:
        ValueError: the number of leaves differs.
    """
    count = len(flatten(structure))
    leaves = list(flat_sequence)
    if count != len(leaves):
        if not is_nested(structure):
            raise ValueError(
                f"The target structure is of type `{type(structure)}`\n  but the input structure"
                f" is a sequence of length {len(leaves)}"
            )
        raise ValueError(
            f"Could not pack sequence. Structure had {count} atoms, but flat_sequence had"
            f" {len(leaves)} items.  Structure: {structure}, flat_sequence: {leaves}."
        )
    rest = iter(leaves)

    def build(x: Any) -> Any:
        return _like(x, [build(child) for child in _children(x)]) if is_nested(x) else next(rest)

    return build(structure)


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raise unless two structures are nested in the same way.

    Raises:
        ValueError: they have different numbers of children or keys, or one is a leaf.
        TypeError: their containers are of different classes.
    """
    if is_nested(nest1) != is_nested(nest2):
        raise ValueError(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {nest1}\n\nSecond structure: {nest2}"
        )
    if not is_nested(nest1):
        return
    same_kind = type(nest1) is type(nest2) or (
        isinstance(nest1, Mapping) and isinstance(nest2, Mapping)
    )
    if check_types and not same_kind:
        raise TypeError(
            "The two structures don't have the same sequence type. First structure has type "
            f"{type(nest1)}, while second structure has type {type(nest2)}."
        )
    if isinstance(nest1, Mapping) and isinstance(nest2, Mapping) and set(nest1) != set(nest2):
        raise ValueError(
            "The two dictionaries don't have the same set of keys. First structure has keys "
            f"{list(nest1)}, while second structure has keys {list(nest2)}."
        )
    ones, others = _children(nest1), _children(nest2)
    if len(ones) != len(others):
        raise ValueError(
            "The two structures don't have the same number of elements.\n\n"
            f"First structure: {nest1}\n\nSecond structure: {nest2}"
        )
    for a, b in zip(ones, others, strict=True):
        assert_same_structure(a, b, check_types)


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A structure of `func(leaf, ...)` for the leaves of one or several structures.

    Raises:
        ValueError, TypeError: the structures differ.
    """
    if not callable(func):
        raise TypeError(f"`func` must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    check_types = kwargs.pop("check_types", True)
    kwargs.pop("expand_composites", None)
    if kwargs:
        raise ValueError(f"Only valid keyword arguments are `check_types`, not {list(kwargs)}")
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    made = [func(*leaves) for leaves in zip(*map(flatten, structure), strict=True)]
    return pack_sequence_as(structure[0], made)
