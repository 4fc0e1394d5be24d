"""Tangents and cotangents, compared with what they belong to.

Layer: frontend. A tangent has the structure, shapes and dtypes of its primal, a cotangent those of
a result. None stands for zeros, for a leaf or for a whole container; a leaf that is not of floats
has no derivative and takes None only. A Python number fits any float of shape (). What does not
fit raises a `GradientError` that names the leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ...compiler.errors import GradientError, UserError
from ...compiler.ir.graph import Value
from ...compiler.ir.types import DType, TensorType
from .. import lift, values
from ..arguments import is_static, read_data
from ..context import TraceContext
from ..location import user_location
from ..placement import is_on_gpu
from ..tracer import Tracer
from ..tree import TreeDef, flatten, unflatten


@dataclass(frozen=True)
class Leaves:
    """A nested result, taken apart: `tracers` has None where a leaf is no array or number."""

    tree: TreeDef
    objects: tuple[Any, ...]
    tracers: tuple[Tracer | None, ...]

    @staticmethod
    def of(structure: Any) -> Leaves:
        """The leaves of what a function has returned."""
        objects, tree = flatten(structure)
        tracers = [None if is_static(x) else lift.lift(x) for x in objects]
        return Leaves(tree, tuple(objects), tuple(tracers))

    @property
    def floats(self) -> list[Tracer]:
        """The leaves that have derivatives."""
        return [t for t in self.tracers if t is not None and t._type.dtype.is_float]

    @property
    def types(self) -> list[TensorType | None]:
        """For each leaf the type of its derivative; None if it has none."""
        return [t._type if t is not None and _is_float(t) else None for t in self.tracers]

    def rebuild(self, derivatives: Sequence[Any]) -> Any:
        """The structure with derivatives in place of the floats, None elsewhere."""
        rest = iter(derivatives)
        return unflatten(self.tree, [None if t is None else next(rest) for t in self.types])


def _is_float(x: Tracer) -> bool:
    return x._type.dtype.is_float


def match(
    what: str,
    kind: str,
    given: Any,
    tree: TreeDef,
    types: Sequence[TensorType | None],
    strict: bool = True,
) -> list[tuple[str, TensorType, Any]]:
    """For each leaf with a derivative its path, its type and the object given for it.

    Args:
        what: the function that messages speak of.
        kind: what is given, as messages call it: "cotangent".
        given: the structure.
        tree: the structure that it should have.
        types: for each leaf of the tree the type of its derivative; None if it has none.
        strict: refuse derivatives for leaves that have none; otherwise they are dropped.
    """
    found: list[tuple[str, Any]] = []
    _walk(what, tree, given, kind, found)
    pairs = []
    for (path, leaf), type in zip(found, types, strict=True):
        if type is not None:
            pairs.append((path, type, leaf))
        elif strict and leaf is not None:
            raise GradientError(
                f"{what}: {path} belongs to what is not of floats and has no derivative",
                got=shown(leaf),
                expected="None",
                loc=user_location(),
            )
    return pairs


def _walk(what: str, tree: TreeDef, given: Any, path: str, found: list[tuple[str, Any]]) -> None:
    kind = tree.kind
    if kind is None:
        if given is not None and not flatten(given)[1].is_leaf:
            _wrong_structure(what, path, shown(given), "an array or a number")
        found.append((path, given))
        return
    if given is None:
        found.extend((below, None) for below in tree.paths(path))
        return
    if type(given) is not kind:
        _wrong_structure(what, path, shown(given), _kind_text(tree))
    for step, child, below in zip(
        tree.steps(), tree.children, _children(what, tree, given, path), strict=True
    ):
        _walk(what, child, below, path + step, found)


def _children(what: str, tree: TreeDef, given: Any, path: str) -> list[Any]:
    assert tree.kind is not None
    if issubclass(tree.kind, dict):
        if set(given) != set(tree.keys):
            _wrong_structure(what, path, f"keys {list(given)}", f"keys {list(tree.keys)}")
        return [given[key] for key in tree.keys]
    if tree.keys:
        return [getattr(given, name) for name in tree.keys]
    if tree.kind is type(None):
        return []
    if len(given) != len(tree.children):
        _wrong_structure(what, path, shown(given), _kind_text(tree))
    return list(given)


def _kind_text(tree: TreeDef) -> str:
    assert tree.kind is not None
    if tree.kind is type(None):
        return "None"
    named = tree.keys and not issubclass(tree.kind, dict)
    return tree.kind.__name__ if named else f"{tree.kind.__name__} of {len(tree.children)}"


def shown(x: Any) -> str:
    """An object's type for messages: f64[3], tuple of 2, str."""
    tree = flatten(x)[1]
    if not tree.is_leaf:
        return _kind_text(tree)
    if is_static(x):
        return type(x).__name__
    if isinstance(x, (np.ndarray, np.generic)) and type(x) is not Tracer:
        dtype = DType.of(x.dtype)
        return str(TensorType(dtype, x.shape)) if dtype else f"an array of {x.dtype}"
    return lift.type_text(x) if isinstance(x, (Tracer, bool, int, float)) else type(x).__name__


def _wrong_structure(what: str, path: str, got: str, expected: str) -> NoReturn:
    raise GradientError(
        f"{what}: {path} has another structure",
        got=got,
        expected=expected,
        loc=user_location(),
    )


def _wrong_type(what: str, path: str, got: str, expected: TensorType) -> GradientError:
    return GradientError(
        f"{what}: {path} has another type",
        got=got,
        expected=str(expected),
        loc=user_location(),
    )


# -- leaves -------------------------------------------------------------------------------------


def traced_value(
    ctx: TraceContext, what: str, path: str, type: TensorType, given: Any
) -> Value | None:
    """What is given for a leaf, as a value of this type; None for zeros."""
    if given is None:
        return None
    if not type.shape and _is_python_number(given):
        return lift.value_as(ctx, lift.operand(given), type.dtype)
    try:
        x = None if is_static(given) else lift.lift(given)
    except UserError:
        x = None
    if x is None or not _agrees(ctx, x._type, type):
        raise _wrong_type(what, path, shown(given), type)
    return values.reshape(ctx, x._read(), type.shape)


def _is_python_number(x: Any) -> bool:
    if type(x) is Tracer:
        return x._weak in (int, float)
    return isinstance(x, (int, float)) and not isinstance(x, (bool, np.generic))


def _agrees(ctx: TraceContext, a: TensorType, b: TensorType) -> bool:
    return (
        a.dtype is b.dtype
        and len(a.shape) == len(b.shape)
        and all(ctx.equal(x, y) for x, y in zip(a.shape, b.shape, strict=True))
    )


def concrete_value(what: str, path: str, type: TensorType, given: Any) -> Any:
    """What is given for a leaf, outside of a trace, as programs take it."""
    dtype = type.dtype.numpy
    if is_on_gpu(given):
        if (given.shape, given.dtype) != (type.shape, dtype):
            raise _wrong_type(what, path, shown(given), type)
        return given
    if given is None:
        found = np.zeros([int(size) for size in type.shape], dtype)  # type: ignore[arg-type]
    elif not type.shape and _is_python_number(given):
        found = np.asarray(given, dtype)
    else:
        found = np.asarray(given)
        if is_static(given) or found.shape != type.shape or found.dtype != dtype:
            raise _wrong_type(what, path, shown(given), type)
    data = read_data(found if type.shape else found[()])
    assert data is not None
    return data[0]


def tangent_values(
    ctx: TraceContext, what: str, primals: Sequence[Any], tangents: Sequence[Any]
) -> list[Value | None]:
    """The tangents of all float leaves of the primals, in order; None for zeros.

    Raises:
        GradientError: a tangent does not fit its primal.
    """
    given: list[Value | None] = []
    for k, (primal, tangent) in enumerate(zip(primals, tangents, strict=True)):
        leaves = Leaves.of(primal)
        pairs = match(what, f"tangents[{k}]", tangent, leaves.tree, leaves.types)
        given += [traced_value(ctx, what, *pair) for pair in pairs]
    return given
