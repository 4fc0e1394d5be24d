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
from .dtypes import DType, as_dtype
from .functions import TensorSpec
from .random import seeds
from .shapes import TensorShape
from .tensors import Tensor

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2

Start = Callable[[], Iterator[Any]]


class _Rows:
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


class Dataset:
    """Examples one after the other; made by `from_tensor_slices` and the like."""

    def __init__(
        self,
        start: Start,
        spec: Any = None,
        size: int = UNKNOWN_CARDINALITY,
        rows: _Rows | None = None,
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
        leaves, tree = _arrays(tensors)
        if any(not x.ndim for x in leaves) or not leaves:
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        if len({len(x) for x in leaves}) > 1:
            raise ValueError(
                f"Dimensions {' and '.join(str(len(x)) for x in leaves)} are not compatible"
            )
        return _of_rows(_Rows(leaves, tree, None))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One example: the tensors."""
        leaves, tree = _arrays(tensors)
        example = unflatten(tree, leaves)
        return Dataset(lambda: iter([example]), _spec(example), 1)

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
            spec = _specs_of(output_types, output_shapes)
        given = [convert_to_tensor(a).numpy() for a in args or ()]

        def start() -> Iterator[Any]:
            return (_as_spec(x, spec) for x in generator(*given))

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
            rows = _Rows(leaves, flatten(shape)[1], None)
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
            return (_plain(_call(map_func, x)) for x in self._start())

        return Dataset(start, None, self._size)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The examples for which `predicate` gives true."""

        def start() -> Iterator[Any]:
            return (x for x in self._start() if bool(_call(predicate, x)))

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
            return _batches(self._start(), count, drop_remainder)

        def spec() -> Any:
            return _with_axis(self.element_spec, count if drop_remainder else None)

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
            shuffled = _Rows(rows.leaves, rows.tree, lambda: generator().permutation(rows.count))
            return _of_rows(shuffled)

        def start() -> Iterator[Any]:
            return _shuffled(self._start(), held, generator())

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
        state = _tensors(_plain(initial_state))
        for example in self._start():
            state = reduce_func(state, _tensors(example))
        return state

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """The dataset itself; options change nothing here."""
        return self

    # -- looking at it ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return (_tensors(x) for x in self._start())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The examples as structures of NumPy arrays and scalars."""
        return (_copied(x) for x in self._start())

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
            self._known_spec = next((_spec(x) for x in self._start()), None)
        return self._known_spec

    def __repr__(self) -> str:
        return f"<_Dataset element_spec={self.element_spec}>"


def _of_rows(rows: _Rows) -> Dataset:
    spec = [TensorSpec(x.shape[1:], x.dtype) for x in rows.leaves]
    return Dataset(rows.rows, unflatten(rows.tree, spec), rows.count, rows)


def _arrays(tensors: Any) -> tuple[list[np.ndarray], Any]:
    """A structure of arrays; lists are arrays, as in TensorFlow."""
    leaves, tree = flatten(_without_lists(tensors))
    return [_array(x) for x in leaves], tree


def _without_lists(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _without_lists(v) for k, v in x.items()}
    if isinstance(x, tuple) and not hasattr(x, "_fields"):
        return tuple(_without_lists(v) for v in x)
    return convert_to_tensor(x) if isinstance(x, list) else x


def _array(x: Any) -> Any:
    # a copy: the caller may change the array, examples never change
    is_numeric = isinstance(x, np.ndarray) and x.dtype.kind in "biuf"
    return np.array(x, order="C") if is_numeric else _value(x)


def _value(x: Any) -> Any:
    return np.asarray(convert_to_tensor(x)._concrete("tf.data"))


def _plain(example: Any) -> Any:
    """What a user's function gave, as a structure of arrays."""
    leaves, tree = flatten(_without_lists(example))
    return unflatten(tree, [x if isinstance(x, Dataset) else _value(x) for x in leaves])


def _tensors(example: Any) -> Any:
    leaves, tree = flatten(example)
    return unflatten(tree, [_tensor(x) for x in leaves])


def _tensor(x: Any) -> Tensor:
    """A tensor over an array of the dataset, without a copy."""
    if isinstance(x, np.ndarray) and x.ndim and x.dtype != object and x.flags.c_contiguous:
        return Tensor(x)
    return convert_to_tensor(x)


def _copied(example: Any) -> Any:
    leaves, tree = flatten(example)
    return unflatten(tree, [np.array(x)[()] if np.ndim(x) == 0 else np.array(x) for x in leaves])


def _call(function: Callable[..., Any], example: Any) -> Any:
    given = _tensors(example)
    return function(*given) if type(given) is tuple else function(given)


def _spec(example: Any) -> Any:
    leaves, tree = flatten(example)
    return unflatten(tree, [TensorSpec(np.shape(x), _dtype(x)) for x in leaves])


def _dtype(x: Any) -> DType:
    return as_dtype(np.asarray(x).dtype)


def _with_axis(spec: Any, size: int | None) -> Any:
    leaves, tree = flatten(spec)
    return unflatten(tree, [TensorSpec([size, *s.shape], s.dtype) for s in leaves])


def _specs_of(types: Any, shapes: Any) -> Any:
    if isinstance(types, dict):
        return {k: _specs_of(t, None if shapes is None else shapes[k]) for k, t in types.items()}
    if isinstance(types, (tuple, list)):
        parts = [None] * len(types) if shapes is None else shapes
        return tuple(_specs_of(t, s) for t, s in zip(types, parts, strict=True))
    return TensorSpec(TensorShape(shapes), types)


def _as_spec(example: Any, spec: Any) -> Any:
    """A yielded example in the dtypes of the spec; TypeError if its structure or shape differs."""
    if isinstance(spec, dict):
        return {k: _as_spec(example[k], s) for k, s in spec.items()}
    if isinstance(spec, (tuple, list)):
        if not isinstance(example, (tuple, list)) or len(example) != len(spec):
            raise TypeError(
                "`generator` yielded an element that did not match the expected structure. The "
                f"expected structure was {spec!r}, but the yielded element was {example!r}."
            )
        return tuple(_as_spec(x, s) for x, s in zip(example, spec, strict=True))
    found = _value(convert_to_tensor(example, spec.dtype))
    if not spec.shape.is_compatible_with(found.shape):
        raise TypeError(
            f"`generator` yielded an element of shape {found.shape} where an element of shape "
            f"{spec.shape} was expected."
        )
    return found


def _batches(examples: Iterator[Any], size: int, drop_remainder: bool) -> Iterator[Any]:
    while True:
        taken = list(itertools.islice(examples, size))
        if not taken or (drop_remainder and len(taken) < size):
            return
        tree = flatten(taken[0])[1]
        columns = zip(*[flatten(x)[0] for x in taken], strict=True)
        yield unflatten(tree, [np.stack([np.asarray(x) for x in c]) for c in columns])


def _shuffled(examples: Iterator[Any], held: int, generator: np.random.Generator) -> Iterator[Any]:
    buffer = list(itertools.islice(examples, held))
    for example in examples:
        k = int(generator.integers(len(buffer)))
        buffer[k], drawn = example, buffer[k]
        yield drawn
    for k in generator.permutation(len(buffer)):
        yield buffer[k]


__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]
