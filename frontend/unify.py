"""Types that have to agree: of a carry from iteration to iteration, of the results of branches.

Layer: frontend. Python numbers are weak, as everywhere: they take the dtype that they meet. All
other types must be equal; what is not is an error that names the leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..compiler.errors import DTypeError, ShapeError, TraceError, UserError
from ..compiler.ir.types import DType, Shape
from ..compiler.program import LeafKind, LeafSpec
from .arguments import Static
from .context import TraceContext
from .location import user_location
from .region import Template
from .values import shape_text

# Each can be converted to those behind it.
_WEAK = (LeafKind.BOOL, LeafKind.INT, LeafKind.FLOAT)


def join(ctx: TraceContext, a: LeafSpec, b: LeafSpec) -> LeafSpec | None:
    """The type that both can be converted to; None if there is none.

    Of an array of shape () and a scalar it is the scalar, which cannot be assigned to.
    """
    if not _same_shape(ctx, a.type.shape, b.type.shape):
        return None
    if a.kind in _WEAK and b.kind in _WEAK:
        return max(a, b, key=lambda spec: _WEAK.index(spec.kind))
    if a.kind in _WEAK or b.kind in _WEAK:
        weak, strong = (a, b) if a.kind in _WEAK else (b, a)
        return strong if _takes(strong.type.dtype, weak.kind) else None
    if a.type.dtype is not b.type.dtype:
        return None
    return b if b.kind is LeafKind.NUMPY_SCALAR else a


def _same_shape(ctx: TraceContext, a: Shape, b: Shape) -> bool:
    return len(a) == len(b) and all(ctx.equal(x, y) for x, y in zip(a, b, strict=True))


def _takes(dtype: DType, weak: LeafKind) -> bool:
    """Whether a Python number keeps its meaning in an array of this dtype."""
    if weak is LeafKind.FLOAT:
        return dtype.is_float
    return weak is LeafKind.BOOL or not dtype.is_bool


class Words(NamedTuple):
    """How messages speak of two things that have to agree."""

    subject: str  # the second one: "tw.scan: the body returns"
    expected: str  # the first one: "it starts with"
    path: str  # what their leaves are called: "carry"
    hint: Callable[[LeafSpec, LeafSpec], str]  # for types that differ, from (expected, got)


def join_all(ctx: TraceContext, a: Template, b: Template, words: Words) -> Template:
    """The template that the data of both can be converted to.

    Raises:
        TraceError: the nesting differs, or a leaf that is neither an array nor a number.
        ShapeError, DTypeError: the types of a leaf differ.
    """
    _check_nesting(a, b, words)
    joined = []
    for x, y, path in zip(a.leaves, b.leaves, a.all_paths(words.path), strict=True):
        if isinstance(x, Static) or isinstance(y, Static):
            if x != y:
                raise _differs(f"{path} = {_shown(y)}", f"{path} = {_shown(x)}", words)
            continue
        common = join(ctx, x, y)
        if common is None:
            raise _other_type(x, y, path, words)
        joined.append(common)
    return a.with_specs(joined)


def _check_nesting(a: Template, b: Template, words: Words) -> None:
    if a.tree == b.tree:
        return
    here, there = a.all_paths(words.path), b.all_paths(words.path)
    if here != there:
        raise _differs(_leaves(there), _leaves(here), words)
    raise _differs(_containers(b), _containers(a), words)


def _leaves(paths: list[str]) -> str:
    return ", ".join(paths) if paths else "no arrays"


def _containers(template: Template) -> str:
    """The outermost container's class: where the leaves have equal paths, a tuple for a list."""
    kind = template.tree.kind
    return f"a {kind.__name__}" if kind else "one leaf"


def _shown(leaf: LeafSpec | Static) -> str:
    return repr(leaf.value) if isinstance(leaf, Static) else spec_text(leaf)


def spec_text(spec: LeafSpec) -> str:
    """A type in messages: f64[3], Python float."""
    return f"Python {spec.kind.value}" if spec.kind in _WEAK else str(spec.type)


def _differs(got: str, expected: str, words: Words) -> UserError:
    return TraceError(
        f"{words.subject} another structure than {words.expected}",
        got=got,
        expected=expected,
        loc=user_location(),
    )


def _other_type(expected: LeafSpec, got: LeafSpec, path: str, words: Words) -> UserError:
    same_shape = expected.type.shape == got.type.shape
    what = "dtype" if same_shape else "shape"
    error = DTypeError if same_shape else ShapeError
    return error(
        f"{words.subject} another {what} for {path} than {words.expected}",
        got=spec_text(got),
        expected=spec_text(expected),
        loc=user_location(),
        hint=words.hint(expected, got),
    )


def carry_hint(expected: LeafSpec, got: LeafSpec) -> str:
    """What to write where a loop's body returns another type than it was given."""
    if expected.kind in _WEAK and got.type.shape:
        return f"start with an array of that shape: np.full({shape_text(got.type.shape)}, value)"
    if expected.type.shape == got.type.shape:
        return f"start with {got.type.dtype.numpy}, or return x.astype({expected.type.dtype.numpy})"
    return "a carry keeps its shape: start with the shape that the body returns"


def branch_hint(expected: LeafSpec, got: LeafSpec) -> str:
    """What to write where branches return different types."""
    if expected.type.shape == got.type.shape:
        return "convert one of them with astype"
    return "give both the same shape, for instance with np.broadcast_to or np.full"
