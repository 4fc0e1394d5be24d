"""Examples of datasets: structures of arrays, their dtypes and shapes, batches of them.

Layer: frontend.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..placement import at_host
from ..tree import flatten, unflatten
from .convert import convert_to_tensor
from .dtypes import DType, as_dtype
from .shapes import TensorShape
from .specs import TensorSpec
from .tensors import Tensor


class Rows:
    """Examples that are the rows of arrays, in the order of `indices` (all, if None)."""

    def __init__(
        self, leaves: list[np.ndarray], tree: Any, order: Callable[[], Any] | None
    ) -> None:
        self.leaves, self.tree, self.order = leaves, tree, order
        self.count = len(leaves[0])

    def rows(self) -> Iterator[Any]:
        """One example after the other."""
        order = range(self.count) if self.order is None else self.order()
        return (unflatten(self.tree, [x[k] for x in self.leaves]) for k in order)

    def batches(self, size: int, drop_remainder: bool) -> Iterator[Any]:
        """One batch after the other."""
        order = None if self.order is None else self.order()
        end = self.count - self.count % size if drop_remainder else self.count
        for k in range(0, end, size):
            at: Any = slice(k, min(k + size, end))
            yield unflatten(self.tree, [x[at if order is None else order[at]] for x in self.leaves])


def arrays_of(tensors: Any) -> tuple[list[np.ndarray], Any]:
    """A structure of arrays; lists are arrays, as in TensorFlow."""
    leaves, tree = flatten(without_lists(tensors))
    return [_array(x) for x in leaves], tree


def without_lists(x: Any, convert: Callable[[list[Any]], Any] = convert_to_tensor) -> Any:
    """A structure in which lists are tensors."""
    if isinstance(x, dict):
        return {k: without_lists(v, convert) for k, v in x.items()}
    if isinstance(x, tuple) and not hasattr(x, "_fields"):
        return tuple(without_lists(v, convert) for v in x)
    return convert(x) if isinstance(x, list) else x


def _array(x: Any) -> Any:
    # a copy: the caller may change the array, examples never change
    is_numeric = isinstance(x, np.ndarray) and x.dtype.kind in "biuf"
    return np.array(x, order="C") if is_numeric else value_of(x)


@at_host
def value_of(x: Any) -> Any:
    """An array."""
    return np.asarray(convert_to_tensor(x)._concrete("tf.data"))


def tensors_of(example: Any) -> Any:
    """The example with tensors in place of arrays."""
    leaves, tree = flatten(example)
    return unflatten(tree, [_tensor(x) for x in leaves])


def _tensor(x: Any) -> Tensor:
    """A tensor over an array of the dataset, without a copy."""
    if isinstance(x, np.ndarray) and x.ndim and x.dtype != object and x.flags.c_contiguous:
        return Tensor(x)
    return convert_to_tensor(x)


def copied(example: Any) -> Any:
    """The example with arrays that the caller may change."""
    leaves, tree = flatten(example)
    return unflatten(tree, [np.array(x)[()] if np.ndim(x) == 0 else np.array(x) for x in leaves])


@at_host
def called(function: Callable[..., Any], example: Any) -> Any:
    """What a function of tensors gives for an example; tuples are several arguments."""
    given = tensors_of(example)
    return function(*given) if type(given) is tuple else function(given)


def spec_of(example: Any) -> Any:
    """The dtypes and shapes of an example."""
    leaves, tree = flatten(example)
    return unflatten(tree, [TensorSpec(np.shape(x), _dtype(x)) for x in leaves])


def _dtype(x: Any) -> DType:
    return as_dtype(np.asarray(x).dtype)


def with_axis(spec: Any, size: int | None) -> Any:
    """The dtypes and shapes of batches of examples."""
    leaves, tree = flatten(spec)
    return unflatten(tree, [TensorSpec([size, *s.shape], s.dtype) for s in leaves])


def specs_of(types: Any, shapes: Any) -> Any:
    """Structures of dtypes and of shapes as one of both."""
    if isinstance(types, dict):
        return {k: specs_of(t, None if shapes is None else shapes[k]) for k, t in types.items()}
    if isinstance(types, (tuple, list)):
        parts = [None] * len(types) if shapes is None else shapes
        return tuple(specs_of(t, s) for t, s in zip(types, parts, strict=True))
    return TensorSpec(TensorShape(shapes), types)


def fitted(example: Any, spec: Any) -> Any:
    """A yielded example in the dtypes of the spec; TypeError if its structure or shape differs."""
    if isinstance(spec, dict):
        return {k: fitted(example[k], s) for k, s in spec.items()}
    if isinstance(spec, (tuple, list)):
        if not isinstance(example, (tuple, list)) or len(example) != len(spec):
            raise TypeError(
                "`generator` yielded an element that did not match the expected structure. The "
                f"expected structure was {spec!r}, but the yielded element was {example!r}."
            )
        return tuple(fitted(x, s) for x, s in zip(example, spec, strict=True))
    found = value_of(convert_to_tensor(example, spec.dtype))
    if not spec.shape.is_compatible_with(found.shape):
        raise TypeError(
            f"`generator` yielded an element of shape {found.shape} where an element of shape "
            f"{spec.shape} was expected."
        )
    return found


def stacked(columns: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Each part of a batch, of those of its examples."""
    return [np.stack(column) for column in columns]


def batches(
    examples: Iterator[Any],
    size: int,
    drop_remainder: bool,
    join: Callable[[Sequence[Sequence[np.ndarray]]], list[np.ndarray]] = stacked,
) -> Iterator[Any]:
    """Examples with a new first axis, `size` at a time.

    Args:
        examples: structures of arrays.
        size: how many are in a batch.
        drop_remainder: whether to leave out a last, smaller batch.
        join: makes the parts of a batch.
    """
    while True:
        taken = list(itertools.islice(examples, size))
        if not taken or (drop_remainder and len(taken) < size):
            return
        tree = flatten(taken[0])[1]
        columns = zip(*[flatten(x)[0] for x in taken], strict=True)
        yield unflatten(tree, join([[np.asarray(x) for x in column] for column in columns]))


def shuffled(examples: Iterator[Any], held: int, generator: np.random.Generator) -> Iterator[Any]:
    """Each time one of the `held` next examples, drawn at random."""
    buffer = list(itertools.islice(examples, held))
    for example in examples:
        k = int(generator.integers(len(buffer)))
        buffer[k], drawn = example, buffer[k]
        yield drawn
    for k in generator.permutation(len(buffer)):
        yield buffer[k]
