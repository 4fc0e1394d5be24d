"""`tf.data.Dataset`: examples one after the other, transformed and batched.

Layer: frontend. A dataset is a recipe: a function that starts an iteration over structures (tuples,
dicts) of NumPy arrays. Datasets that are slices of arrays keep the arrays, so that batches of them
are slices, too, and shuffled ones one gather a batch. Functions given to `map` and `filter` are
called with tensors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..tree import flatten, unflatten
from .convert import convert_to_tensor
from .dtypes import as_dtype
from .examples import (
    Rows,
    arrays_of,
    batches,
    called,
    copied,
    fitted,
    shuffled,
    spec_of,
    specs_of,
    tensors_of,
    value_of,
    with_axis,
    without_lists,
)
from .random import seeds
from .specs import TensorSpec
from .tensors import Tensor

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2

Start = Callable[[], Iterator[Any]]


class Dataset:
    """Examples one after the other; made by `from_tensor_slices` and the like."""

    def __init__(
        self,
        start: Start,
        spec: Any = None,
        size: int = UNKNOWN_CARDINALITY,
        rows: Rows | None = None,
    ) -> None:
        self._start = start
        self._known_spec = spec  # None: that of the first example
        self._size = size
        self._rows = rows

    # -- sources ----------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The slices of arrays along their first axis.

        Raises:
            ValueError: an array has no axis, or the first axes differ.
        """
        leaves, tree = arrays_of(tensors)
        if any(not x.ndim for x in leaves) or not leaves:
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        if len({len(x) for x in leaves}) > 1:
            raise ValueError(
                f"Dimensions {' and '.join(str(len(x)) for x in leaves)} are not compatible"
            )
        return _of_rows(Rows(leaves, tree, None))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One example: the tensors."""
        leaves, tree = arrays_of(tensors)
        example = unflatten(tree, leaves)
        return Dataset(lambda: iter([example]), spec_of(example), 1)

    @staticmethod
    def range(*args: Any, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Integers, as Python's `range`."""
        dtype = as_dtype(output_type).numpy
        numbers = np.arange(*[int(a) for a in args]).astype(dtype)
        return Dataset.from_tensor_slices(numbers)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What a generator function yields, converted to the types.

        Args:
            generator: called with `args` at the start of each iteration.
            output_types: a structure of dtypes.
            output_shapes: a structure of shapes.
            args: for the generator, as tensors.
            output_signature: a structure of `TensorSpec`, instead of types and shapes.
            name: for TensorFlow's signature.

        Raises:
            TypeError: neither types nor a signature are given.
        """
        if output_signature is None and output_types is None:
            raise TypeError("Either `output_signature` or `output_types` must be specified.")
        spec = output_signature
        if spec is None:
            spec = specs_of(output_types, output_shapes)
        given = [convert_to_tensor(a).numpy() for a in args or ()]

        def start() -> Iterator[Any]:
            return (fitted(x, spec) for x in generator(*given))

        return Dataset(start, spec)

    @staticmethod
    def zip(*datasets: Any, name: str | None = None) -> Dataset:
        """Tuples of examples, one of each dataset, until one ends; also of a structure of them."""
        structure = datasets[0] if len(datasets) == 1 else datasets
        parts, tree = flatten(structure)

        def start() -> Iterator[Any]:
            return (
                unflatten(tree, list(examples))
                for examples in zip(*[p._start() for p in parts], strict=False)
            )

        finite = [p._size for p in parts if p._size != INFINITE_CARDINALITY]
        size = UNKNOWN_CARDINALITY if UNKNOWN_CARDINALITY in finite else min(finite, default=-1)
        joined = [p._rows for p in parts]
        rows = None
        if all(r is not None and r.order is None for r in joined) and len(set(finite)) == 1:
            leaves = [x for r in joined for x in r.leaves]  # type: ignore[union-attr]
            shape = unflatten(tree, [unflatten(r.tree, r.leaves) for r in joined])  # type: ignore
            rows = Rows(leaves, flatten(shape)[1], None)
        return Dataset(start, None, size, rows)

    # -- transformations --------------------------------------------------------------------------

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`map_func` of each example; it is called with tensors, tuples as several arguments."""

        def start() -> Iterator[Any]:
            return (_plain(called(map_func, x)) for x in self._start())

        return Dataset(start, None, self._size)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The examples for which `predicate` gives true."""

        def start() -> Iterator[Any]:
            return (x for x in self._start() if bool(called(predicate, x)))

        return Dataset(start, self._known_spec)

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Examples stacked along a new first axis, `batch_size` at a time.

        Raises:
            ValueError: `batch_size` is not positive.
        """
        count = int(batch_size)
        if count <= 0:
            raise ValueError(f"batch_size must be positive, got {count}")
        size = self._size
        if size >= 0:
            size = size // count if drop_remainder else math.ceil(size / count)
        rows = self._rows

        def start() -> Iterator[Any]:
            if rows is not None:
                return rows.batches(count, drop_remainder)
            return batches(self._start(), count, drop_remainder)

        def spec() -> Any:
            return with_axis(self.element_spec, count if drop_remainder else None)

        return Dataset(start, spec, size)

    def unbatch(self, name: str | None = None) -> Dataset:
        """The slices of each example along its first axis."""

        def start() -> Iterator[Any]:
            for example in self._start():
                leaves, tree = flatten(example)
                for k in range(len(leaves[0])):
                    yield unflatten(tree, [x[k] for x in leaves])

        return Dataset(start)

    def shuffle(
        self,
        buffer_size: Any,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """The examples in random order: the next one is drawn from the `buffer_size` next ones.

        Args:
            buffer_size: how many examples are held.
            seed: of the draws; by default it follows from the global seed.
            reshuffle_each_iteration: whether each iteration has an order of its own.
            name: for TensorFlow's signature.
        """
        held = int(buffer_size)
        if held <= 0:
            raise ValueError(f"buffer_size must be positive, got {held}")
        first = int(seeds.start("Shuffle", None, 1).numpy()[2]) if seed is None else int(seed)
        count = itertools.count()

        def generator() -> np.random.Generator:
            again = next(count) if reshuffle_each_iteration is not False else 0
            return np.random.default_rng([first & 0xFFFFFFFF, again])

        rows = self._rows
        if rows is not None and rows.order is None and held >= rows.count:
            return _of_rows(
                Rows(rows.leaves, rows.tree, lambda: generator().permutation(rows.count))
            )

        def start() -> Iterator[Any]:
            return shuffled(self._start(), held, generator())

        return Dataset(start, self._known_spec, self._size)

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """The dataset `count` times; without end if None or -1."""
        times = -1 if count is None else int(count)

        def start() -> Iterator[Any]:
            for _ in itertools.count() if times < 0 else range(times):
                is_empty = True
                for example in self._start():
                    is_empty = False
                    yield example
                if is_empty:
                    return

        if times < 0:
            size = INFINITE_CARDINALITY if self._size else 0
        else:
            size = self._size * times if self._size >= 0 else self._size
        return Dataset(start, self._known_spec, size)

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first `count` examples; all if it is -1."""
        wanted = int(count)
        if wanted < 0:
            return self
        size = wanted if self._size == INFINITE_CARDINALITY else min(self._size, wanted)
        return Dataset(lambda: itertools.islice(self._start(), wanted), self._known_spec, size)

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """All but the first `count` examples."""
        left_out = int(count)
        size = max(self._size - left_out, 0) if self._size >= 0 else self._size
        if left_out < 0:
            return Dataset(lambda: iter(()), self._known_spec, 0)
        return Dataset(
            lambda: itertools.islice(self._start(), left_out, None), self._known_spec, size
        )

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Dataset:
        """Every `num_shards`-th example, from number `index`."""
        step, first = int(num_shards), int(index)
        size = len(range(first, self._size, step)) if self._size >= 0 else self._size
        return Dataset(
            lambda: itertools.islice(self._start(), first, None, step), self._known_spec, size
        )

    def prefetch(self, buffer_size: Any = AUTOTUNE, name: str | None = None) -> Dataset:
        """The dataset itself: examples are at hand."""
        return self

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The same examples, kept in memory once they have all been gone through."""
        kept: list[Any] = []
        complete: list[bool] = []

        def start() -> Iterator[Any]:
            if complete:
                yield from kept
                return
            seen = []
            for example in self._start():
                seen.append(example)
                yield example
            if not complete:
                kept.extend(seen)
                complete.append(True)

        return Dataset(start, self._known_spec, self._size, self._rows)

    def enumerate(self, start: Any = 0, name: str | None = None) -> Dataset:
        """Pairs of a number and an example."""
        first = int(start)

        def begin() -> Iterator[Any]:
            return ((np.int64(k), x) for k, x in enumerate(self._start(), first))

        return Dataset(begin, None, self._size)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The examples of this dataset, then those of the other."""
        sizes = self._size, dataset._size
        size = min(sizes) if min(sizes) < 0 else sum(sizes)
        if INFINITE_CARDINALITY in sizes:
            size = INFINITE_CARDINALITY
        return Dataset(
            lambda: itertools.chain(self._start(), dataset._start()), self._known_spec, size
        )

    def apply(self, transformation_func: Callable[[Dataset], Any]) -> Any:
        """`transformation_func` of the dataset."""
        return transformation_func(self)

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any]) -> Any:
        """The state after `reduce_func(state, example)` for all examples."""
        state = tensors_of(_plain(initial_state))
        for example in self._start():
            state = reduce_func(state, tensors_of(example))
        return state

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """The dataset itself; options change nothing here."""
        return self

    # -- looking at it ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return (tensors_of(x) for x in self._start())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The examples as structures of NumPy arrays and scalars."""
        return (copied(x) for x in self._start())

    def get_single_element(self, name: str | None = None) -> Any:
        """The only example; ValueError unless there is exactly one."""
        found = list(itertools.islice(self, 2))
        if len(found) != 1:
            raise ValueError("Dataset had more than one element or none")
        return found[0]

    def cardinality(self) -> Tensor:
        """The number of examples, `INFINITE_CARDINALITY` or `UNKNOWN_CARDINALITY`."""
        return convert_to_tensor(np.int64(self._size))

    def __len__(self) -> int:
        if self._size == INFINITE_CARDINALITY:
            raise TypeError("The dataset is infinite.")
        if self._size == UNKNOWN_CARDINALITY:
            raise TypeError("The dataset length is unknown.")
        return self._size

    def __bool__(self) -> bool:
        return True

    @property
    def element_spec(self) -> Any:
        """The dtypes and shapes of an example, as a structure of `TensorSpec`."""
        if callable(self._known_spec):
            self._known_spec = self._known_spec()
        if self._known_spec is None:
            self._known_spec = next((spec_of(x) for x in self._start()), None)
        return self._known_spec

    def __repr__(self) -> str:
        return f"<_Dataset element_spec={self.element_spec}>"


def _of_rows(rows: Rows) -> Dataset:
    spec = [TensorSpec(x.shape[1:], x.dtype) for x in rows.leaves]
    return Dataset(rows.rows, unflatten(rows.tree, spec), rows.count, rows)


def _plain(example: Any) -> Any:
    """What a user's function gave, as a structure of arrays."""
    leaves, tree = flatten(without_lists(example))
    return unflatten(tree, [x if isinstance(x, Dataset) else value_of(x) for x in leaves])


__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]
