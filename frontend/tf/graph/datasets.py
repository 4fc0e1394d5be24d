"""`tf.data.Dataset` in graphs: a recipe, whose tensors are known when an iterator starts.

Layer: frontend. Functions given to `map` and the like are called once, when the dataset is made, on
tensors of a sub-graph; each example replays what they built. Iterators are in iterators.py.
"""

from __future__ import annotations

import glob
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...tree import flatten, unflatten
from .. import data as eager
from .. import dtypes
from ..abstract import TensorType
from ..convert import convert_to_tensor
from ..examples import called, specs_of, with_axis, without_lists
from ..record_data import TFRecordDataset
from ..shapes import TensorShape
from ..specs import TensorSpec
from ..tensors import Tensor
from .build import convert, graph_value, is_graph_value
from .graph import get_default_graph
from .iterators import Described, each_part, make_initializable_iterator, make_one_shot_iterator
from .padding import padded_batches, padded_spec
from .region import Region
from .state import is_building
from .symbolic import GraphTensor

Values = dict[GraphTensor, Tensor]
Make = Callable[[Values], eager.Dataset]


class Dataset(eager.Dataset, Described):
    """Examples one after the other; see `tf.data.Dataset`.

    Attributes:
        make: makes the dataset itself, of the values of `tensors`.
        tensors: what it depends on.
    """

    def __init__(self, make: Make, tensors: Sequence[GraphTensor], spec: Any) -> None:
        super().__init__(_refuse, spec)
        self.make = make
        self.tensors = tuple(dict.fromkeys(tensors))

    # -- sources ----------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Any:
        """The slices of tensors along their first axis.

        Raises:
            ValueError: a tensor has no axis, or the first axes differ.
        """
        return _of_tensors(eager.Dataset.from_tensor_slices, tensors, True)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Any:
        """One example: the tensors."""
        return _of_tensors(eager.Dataset.from_tensors, tensors, False)

    @staticmethod
    def range(*args: Any, output_type: Any = "int64", name: str | None = None) -> Any:
        """Integers, as Python's `range`."""
        if not is_building():
            return eager.Dataset.range(*args, output_type=output_type)
        spec = TensorSpec([], output_type)
        return _called(eager.Dataset.range, list(args), {"output_type": output_type}, spec)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Any:
        """What a generator function yields, converted to the types; see TensorFlow 2's."""
        if not is_building():
            return eager.Dataset.from_generator(
                generator, output_types, output_shapes, args, output_signature
            )
        spec = output_signature
        if spec is None:
            spec = specs_of(output_types, output_shapes)
        options = {"output_signature": spec, "args": list(args or ())}
        return _called(eager.Dataset.from_generator, [generator], options, spec)

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: Any = None, name: str | None = None
    ) -> Any:
        """The paths that match patterns, as strings, in random order unless `shuffle` is False."""
        patterns = [file_pattern] if isinstance(file_pattern, (str, bytes)) else list(file_pattern)
        names = [x.decode() if isinstance(x, bytes) else str(x) for x in patterns]
        found = sorted({path for pattern in names for path in glob.glob(pattern)})
        made = Dataset.from_tensor_slices(found)
        return made if shuffle is False or not found else made.shuffle(len(found), seed)

    @staticmethod
    def zip(*datasets: Any, name: str | None = None) -> Any:
        """Tuples of examples, one of each dataset, until one ends."""
        structure = datasets[0] if len(datasets) == 1 else datasets
        parts, tree = flatten(structure)
        if not any(isinstance(p, Dataset) for p in parts):
            return eager.Dataset.zip(structure)
        given = [_lifted(p) for p in parts]
        spec = unflatten(tree, [p.element_spec for p in given])

        def make(values: Values) -> eager.Dataset:
            return eager.Dataset.zip(unflatten(tree, [p.make(values) for p in given]))

        return Dataset(make, [t for p in given for t in p.tensors], spec)

    # -- with functions ---------------------------------------------------------------------------

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Any:
        """`map_func` of each example; it is called with tensors, tuples as several arguments."""
        function = _Function(self, map_func)
        spec = unflatten(function.tree, [TensorSpec(t.shape, t.dtype) for t in function.results])

        def make(values: Values) -> eager.Dataset:
            return self.make(values).map(function.bound(values))

        return Dataset(make, [*self.tensors, *function.captured], spec)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Any:
        """The examples for which `predicate` gives true."""
        function = _Function(self, predicate)

        def make(values: Values) -> eager.Dataset:
            return self.make(values).filter(function.bound(values))

        return Dataset(make, [*self.tensors, *function.captured], self.element_spec)

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Any:
        """The examples of the datasets that `map_func` gives, one dataset after the other."""
        return self.interleave(map_func, 1, 1)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = 1,
        block_length: int = 1,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Any:
        """The examples of the datasets that `map_func` gives, `cycle_length` of them in turn.

        Args:
            map_func: takes an example, gives a dataset.
            cycle_length: how many datasets to take turns with.
            block_length: how many examples to take from one in a turn.
            num_parallel_calls: for TensorFlow's signature.
            deterministic: for TensorFlow's signature.
            name: for TensorFlow's signature.
        """
        function = _Function(self, map_func)
        inner = function.dataset
        if inner is None:
            raise TypeError("`map_func` must return a `Dataset` object.")

        def make(values: Values) -> eager.Dataset:
            outer, call = self.make(values), function.bound_dataset(values)

            def start() -> Iterator[Any]:
                parts = (called(call, x)._start() for x in outer._start())
                return _in_turn(parts, int(cycle_length), block_length)

            return eager.Dataset(start, inner.element_spec)

        return Dataset(make, [*self.tensors, *function.captured], inner.element_spec)

    # -- others -----------------------------------------------------------------------------------

    def _after(
        self, method: str, args: Sequence[Any], options: Any = None, spec: Any = None
    ) -> Any:
        """The dataset that a method of TensorFlow 2's gives."""
        leaves, tree = flatten((list(args), options or {}))

        def make(values: Values) -> eager.Dataset:
            given, named = unflatten(tree, [_known(x, values) for x in leaves])
            found: eager.Dataset = getattr(self.make(values), method)(*given, **named)
            return found

        tensors = [graph_value(x) for x in leaves if is_graph_value(x)]
        return Dataset(make, [*self.tensors, *tensors], spec or self.element_spec)

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Any:
        """Examples stacked along a new first axis, `batch_size` at a time."""
        size = _static(batch_size) if drop_remainder is True else None
        spec = with_axis(self.element_spec, size)
        return self._after("batch", [batch_size, drop_remainder], spec=spec)

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Any:
        """Examples padded to one shape and stacked.

        Args:
            batch_size: how many.
            padded_shapes: nested as the examples are; None (or -1) for the largest of the batch.
            padding_values: what to pad with, nested as the examples are; by default zeros.
            drop_remainder: whether to leave out a last, smaller batch.
            name: for TensorFlow's signature.
        """
        spec = padded_spec(self.element_spec, padded_shapes)
        size = _static(batch_size) if drop_remainder else None

        def make(values: Values) -> eager.Dataset:
            count, inner = int(_known(batch_size, values)), self.make(values)

            def start() -> Iterator[Any]:
                return padded_batches(inner._start(), count, spec, padding_values, drop_remainder)

            return eager.Dataset(start)

        tensors = [batch_size] if is_graph_value(batch_size) else []
        return Dataset(make, [*self.tensors, *tensors], with_axis(spec, size))

    def unbatch(self, name: str | None = None) -> Any:
        """The slices of each example along its first axis."""
        return self._after("unbatch", [], spec=_without_axis(self.element_spec))

    def shuffle(
        self,
        buffer_size: Any,
        seed: Any = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Any:
        """The examples in random order; see TensorFlow 2's."""
        return self._after("shuffle", [buffer_size, seed, reshuffle_each_iteration])

    def repeat(self, count: Any = None, name: str | None = None) -> Any:
        """The dataset `count` times; without end if None or -1."""
        return self._after("repeat", [count])

    def take(self, count: Any, name: str | None = None) -> Any:
        """The first `count` examples; all if it is -1."""
        return self._after("take", [count])

    def skip(self, count: Any, name: str | None = None) -> Any:
        """All but the first `count` examples."""
        return self._after("skip", [count])

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Any:
        """Every `num_shards`-th example, from number `index`."""
        return self._after("shard", [num_shards, index])

    def cache(self, filename: str = "", name: str | None = None) -> Any:
        """The same examples, kept in memory once they have all been gone through."""
        return self._after("cache", [])

    def enumerate(self, start: Any = 0, name: str | None = None) -> Any:
        """Pairs of a number and an example."""
        spec = TensorSpec([], dtypes.int64), self.element_spec
        return self._after("enumerate", [start], spec=spec)

    def concatenate(self, dataset: Any, name: str | None = None) -> Any:
        """The examples of this dataset, then those of the other."""
        other = _lifted(dataset)

        def make(values: Values) -> eager.Dataset:
            return self.make(values).concatenate(other.make(values))

        return Dataset(make, [*self.tensors, *other.tensors], self.element_spec)

    # -- looking at it ----------------------------------------------------------------------------

    def make_one_shot_iterator(self) -> Any:
        """An iterator that needs no initialising; see iterators.py."""
        return make_one_shot_iterator(self)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Any:
        """An iterator that `session.run(iterator.initializer, feeds)` starts."""
        return make_initializable_iterator(self, shared_name)

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("__iter__() is only supported inside of tf.function or when eager")


def _refuse() -> Iterator[Any]:
    raise RuntimeError("a dataset of a graph has examples in sessions only: make an iterator of it")


def _known(x: Any, values: Values) -> Any:
    return values[graph_value(x)] if is_graph_value(x) else x


def _static(x: Any) -> int | None:
    return None if is_graph_value(x) else int(x)


def _without_axis(spec: Any) -> Any:
    return each_part(spec, lambda s: TensorSpec(_shape_of_slice(s.shape), s.dtype))


def _shape_of_slice(shape: TensorShape) -> TensorShape:
    if shape.rank == 0:
        raise ValueError("Unbatching a tensor is only supported for rank >= 1")
    return TensorShape(None if shape.rank is None else shape.as_list()[1:])


def _lifted(dataset: Any) -> Dataset:
    """A dataset for graphs, of any dataset."""
    if isinstance(dataset, Dataset):
        return dataset
    return Dataset(lambda _: dataset, (), dataset.element_spec)  # type: ignore[no-any-return]


def _of_tensors(make_eager: Callable[[Any], eager.Dataset], tensors: Any, slices: bool) -> Any:
    if not is_building():
        return make_eager(tensors)
    leaves, tree = flatten(without_lists(tensors, _of_list))
    if not any(is_graph_value(x) for x in leaves):
        return _lifted(make_eager(tensors))
    given = [convert(x) for x in leaves]
    spec = unflatten(tree, [TensorSpec(t.shape, t.dtype.base_dtype) for t in given])

    def make(values: Values) -> eager.Dataset:
        return make_eager(unflatten(tree, [values[t] for t in given]))

    return Dataset(make, given, _without_axis(spec) if slices else spec)


def _of_list(x: list[Any]) -> Any:
    if any(is_graph_value(v) for v in flatten(x)[0]):
        return convert(x)
    return np.asarray(convert_to_tensor(x)._value)


def _called(function: Callable[..., eager.Dataset], args: Any, options: Any, spec: Any) -> Dataset:
    """A dataset that a function of TensorFlow 2's makes."""
    leaves, tree = flatten((args, {k: v for k, v in options.items() if k != "output_signature"}))
    fixed = {k: v for k, v in options.items() if k == "output_signature"}

    def make(values: Values) -> eager.Dataset:
        given, named = unflatten(tree, [_known(x, values) for x in leaves])
        return function(*given, **named, **fixed)

    return Dataset(make, [graph_value(x) for x in leaves if is_graph_value(x)], spec)


class _Function:
    """A function of examples that has been called once.

    Attributes:
        results: the tensors that it gave; their nesting is `tree`.
        dataset: what it gave, if that is a dataset; `results` are then the tensors of that.
        captured: tensors around that it reads.
    """

    def __init__(self, dataset: eager.Dataset, function: Callable[..., Any]) -> None:
        self.dataset: Dataset | None = None
        self.tree: Any = None
        leaves, self._given = flatten(dataset.element_spec)
        types = [TensorType(s.dtype, TensorShape(s.shape)) for s in leaves]

        def call(*xs: GraphTensor) -> list[GraphTensor]:
            example = unflatten(self._given, list(xs))
            found = function(*example) if type(example) is tuple else function(example)
            if isinstance(found, eager.Dataset):
                self.dataset = _lifted(found)
                return list(self.dataset.tensors)
            flat, self.tree = flatten(without_lists(found, _of_list))
            return [convert(x) for x in flat]

        self._region = Region(get_default_graph(), call, types, ["args"] * len(types))
        self.results = self._region.results
        self.captured = list(self._region.graph.captured)

    def bound(self, values: Values) -> Callable[..., Any]:
        """The function of an example, with the values of what it reads."""
        return lambda *xs: unflatten(self.tree, self._run(xs, values))

    def bound_dataset(self, values: Values) -> Callable[..., eager.Dataset]:
        """As `bound`, for a function that gives a dataset."""
        inner = self.dataset
        assert inner is not None
        names = inner.tensors
        return lambda *xs: inner.make(dict(zip(names, self._run(xs, values), strict=True)))

    def _run(self, xs: Sequence[Any], values: Values) -> list[Tensor]:
        captured = {t: values[t] for t in self.captured}
        return self._region(flatten(xs)[0], captured)


def _in_turn(parts: Iterator[Iterator[Any]], cycle: int, block: int) -> Iterator[Any]:
    """Examples of several iterations, some at a time of each."""
    active = list(itertools.islice(parts, max(cycle, 1)))
    place = 0
    while active:
        place %= len(active)
        taken = list(itertools.islice(active[place], block))
        yield from taken
        new = active[place] if len(taken) == block else next(parts, None)
        if new is None:
            del active[place]
        else:
            active[place] = new
            place += 1


def records(
    filenames: Any,
    compression_type: Any = None,
    buffer_size: Any = None,
    num_parallel_reads: Any = None,
) -> Any:
    """The records of TFRecord files, as strings: `tf.data.TFRecordDataset`."""
    if not is_building():
        return TFRecordDataset(filenames, compression_type)
    return _called(
        TFRecordDataset, [filenames, compression_type], {}, TensorSpec([], dtypes.string)
    )


def text_lines(filenames: Any, compression_type: Any = None, buffer_size: Any = None) -> Any:
    """The lines of text files, one after the other, as strings: `tf.data.TextLineDataset`."""
    names = [filenames] if isinstance(filenames, (str, bytes)) else filenames

    def lines(paths: Any) -> Iterator[bytes]:
        for path in np.ravel(np.asarray(paths)):
            with open(path, "rb") as file:
                for line in file:
                    yield line.rstrip(b"\r\n")

    return Dataset.from_generator(lines, dtypes.string, [], args=(names,))
