"""`tf.data.Iterator`: the examples of a dataset as tensors; each run takes the next one.

Layer: frontend. Every session goes through the examples on its own. What a dataset depends on is
read when its initializer runs.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...tree import flatten, unflatten
from .. import data as eager
from .. import dtypes
from ..errors import FailedPreconditionError, InvalidArgumentError, OutOfRangeError
from ..examples import specs_of
from ..shapes import TensorShape
from ..tensors import STATE, Tensor
from .bodies import Fed, Read
from .dimensions import GraphShape
from .graph import Operation
from .ops import host_op
from .plan import needed_ops
from .region import outermost
from .state import is_building
from .symbolic import GraphTensor

_ALL: weakref.WeakValueDictionary[str, Iterator] = weakref.WeakValueDictionary()
_numbers = itertools.count()
Values = dict[GraphTensor, Tensor]


class _Recipe(NamedTuple):
    """A dataset: how it is made of the values of tensors."""

    make: Callable[[Values], eager.Dataset]
    tensors: tuple[GraphTensor, ...]
    spec: Any

    def start(self, arrays: Sequence[np.ndarray]) -> Any:
        """Begin at the first example."""
        values = {
            t: Tensor(a if a.ndim else a[()], t.dtype.base_dtype)
            for a, t in zip(arrays, self.tensors, strict=True)
        }
        return self.make(values)._start()


def _recipe(dataset: Any) -> _Recipe:
    make = getattr(dataset, "make", lambda _: dataset)
    return _Recipe(make, getattr(dataset, "tensors", ()), dataset.element_spec)


class Described:
    """What gives examples whose dtypes and shapes are known."""

    element_spec: Any

    @property
    def output_types(self) -> Any:
        """The dtypes of an example."""
        return get_output_types(self)

    @property
    def output_shapes(self) -> Any:
        """The shapes of an example."""
        return get_output_shapes(self)

    @property
    def output_classes(self) -> Any:
        """The class of the parts of an example."""
        return get_output_classes(self)


class Iterator(Described):
    """The examples of a dataset, in the order of runs.

    Args:
        spec: the dtypes and shapes of an example.
        dataset: where the examples come from; None if initializers say so.
        is_one_shot: whether it starts by itself.
    """

    def __init__(self, spec: Any, dataset: Any = None, is_one_shot: bool = False) -> None:
        self._spec = spec
        self._recipe = _recipe(dataset) if is_one_shot else None
        self._running: Any = weakref.WeakKeyDictionary()  # session's state -> iteration
        self._initializer: Operation | None = None
        self._handle = f"iterator_{next(_numbers)}"
        _ALL[self._handle] = self
        if dataset is not None and not is_one_shot:
            self._initializer = self.make_initializer(dataset)

    @staticmethod
    def from_structure(
        output_types: Any,
        output_shapes: Any = None,
        shared_name: str | None = None,
        output_classes: Any = None,
    ) -> Iterator:
        """An iterator for several datasets, one after the other; see `make_initializer`."""
        return Iterator(specs_of(output_types, output_shapes))

    @staticmethod
    def from_string_handle(
        string_handle: Any,
        output_types: Any,
        output_shapes: Any = None,
        output_classes: Any = None,
    ) -> Any:
        """An iterator that is any other one, by the value of its `string_handle()` that is fed."""
        return _Chosen(string_handle, specs_of(output_types, output_shapes))

    @property
    def initializer(self) -> Operation:
        """The operation that starts at the first example.

        Raises:
            ValueError: the iterator starts by itself, or has several datasets.
        """
        if self._initializer is None:
            raise ValueError("Iterator does not have an initializer.")
        return self._initializer

    def make_initializer(self, dataset: Any, name: str | None = None) -> Operation:
        """An operation that starts at the first example of a dataset.

        Raises:
            TypeError: its examples have other dtypes.
            ValueError: they have other shapes.
        """
        given = _recipe(dataset)
        _check_spec(self._spec, given.spec)

        def start(*arrays: np.ndarray) -> Sequence[Any]:
            self._running[outermost(STATE.environment)] = given.start(arrays)
            return []

        return host_op("MakeIterator", start, given.tensors, (), name, writes=True)

    def string_handle(self, name: str | None = None) -> Any:
        """A string that stands for this iterator."""
        text = np.array(self._handle.encode(), object)
        outputs: list[tuple[Any, Any]] = [(dtypes.string, [])]
        return host_op("IteratorToStringHandle", lambda: [text], (), outputs, name).outputs[0]

    def get_next(self, name: str | None = None) -> Any:
        """The tensors of an example: the next one in each run.

        A run raises OutOfRangeError behind the last example.
        """
        inputs = self._recipe.tensors if self._recipe else ()
        return _next_op(self._spec, lambda arrays: (self, arrays), inputs, name)

    def advance(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """The arrays of the next example; `arrays` are what an iterator that starts itself needs.

        Raises:
            OutOfRangeError: there is none.
            FailedPreconditionError: the iterator has not been started.
        """
        environment = outermost(STATE.environment)
        note = f"\n\t [[{{{{node {STATE.environment.op.name}}}}}]]"
        iteration = self._running.get(environment)
        if iteration is None and self._recipe is not None:
            iteration = self._running[environment] = self._recipe.start(arrays)
        if iteration is None:
            raise FailedPreconditionError(
                "GetNext() failed because the iterator has not been initialized. Ensure that you"
                " have run the initializer operation for this iterator before getting the next"
                f" element.{note}"
            )
        try:
            example = next(iteration)
        except StopIteration:
            raise OutOfRangeError(f"End of sequence{note}") from None
        return flatten(example)[0]

    @property
    def element_spec(self) -> Any:
        """The dtypes and shapes of an example."""
        return self._spec


class _Chosen:
    """An iterator that stands for others; see `from_string_handle`."""

    def __init__(self, handle: Any, spec: Any) -> None:
        self._handle, self._spec = handle, spec

    def get_next(self, name: str | None = None) -> Any:
        """The tensors of an example of the iterator whose handle is fed."""

        def chosen(arrays: Sequence[np.ndarray]) -> tuple[Iterator, Sequence[np.ndarray]]:
            handle: Any = arrays[0][()]
            found = _ALL.get(handle.decode())
            if found is None:
                raise InvalidArgumentError(f"there is no iterator of the handle {handle!r}")
            return found, ()

        return _next_op(self._spec, chosen, [self._handle], name)


def _next_op(
    spec: Any,
    iterator: Callable[[Sequence[np.ndarray]], tuple[Iterator, Sequence[np.ndarray]]],
    inputs: Sequence[Any],
    name: str | None,
) -> Any:
    leaves, tree = flatten(spec)
    outputs = [(s.dtype, s.shape) for s in leaves]

    def take(*arrays: np.ndarray) -> Sequence[Any]:
        chosen, rest = iterator(arrays)
        return chosen.advance(rest)

    op = host_op("IteratorGetNext", take, inputs, outputs, name)
    return unflatten(tree, op.outputs)


def _check_spec(expected: Any, found: Any) -> None:
    ours, theirs = flatten(expected)[0], flatten(found)[0]
    if len(ours) != len(theirs) or any(
        a.dtype != b.dtype for a, b in zip(ours, theirs, strict=True)
    ):
        raise TypeError(
            f"Expected output types {[s.dtype.name for s in ours]!r} but got dataset with output"
            f" types {[s.dtype.name for s in theirs]!r}."
        )
    for a, b in zip(ours, theirs, strict=True):
        if not TensorShape(a.shape).is_compatible_with(b.shape):
            raise TypeError(
                f"Expected output shapes compatible with {a.shape} but got dataset with output"
                f" shapes {b.shape}."
            )


def each_part(spec: Any, part: Callable[[Any], Any]) -> Any:
    """A structure of something about each part of an example."""
    leaves, tree = flatten(spec)
    return unflatten(tree, [part(s) for s in leaves])


class _EagerIterator:
    """The examples of a dataset in an eager program."""

    def __init__(self, dataset: eager.Dataset) -> None:
        self._examples = iter(dataset)

    def get_next(self, name: str | None = None) -> Any:
        """The next example; OutOfRangeError behind the last one."""
        try:
            return next(self._examples)
        except StopIteration:
            raise OutOfRangeError("End of sequence [Op:IteratorGetNext]") from None


def make_one_shot_iterator(dataset: Any) -> Any:
    """An iterator that goes through a dataset once, and needs no initialising.

    Raises:
        ValueError: the dataset depends on placeholders or other tensors.
    """
    if not is_building():
        return _EagerIterator(dataset)
    found = Iterator(dataset.element_spec, dataset, is_one_shot=True)
    for op in needed_ops(getattr(dataset, "tensors", ()), ()):
        if isinstance(op._body, (Fed, Read)):
            kind = "placeholder" if isinstance(op._body, Fed) else "stateful node"
            raise ValueError(
                f"Cannot capture a {kind} (name:{op.name}, type:{op.type}) by value. Use"
                " make_initializable_iterator() instead."
            )
    return found


def make_initializable_iterator(dataset: Any, shared_name: str | None = None) -> Any:
    """An iterator that `session.run(iterator.initializer, feeds)` starts."""
    if not is_building():
        raise RuntimeError(
            "dataset.make_initializable_iterator is not supported when eager execution is enabled."
            " Use `for element in dataset` instead."
        )
    return Iterator(dataset.element_spec, dataset)


def get_output_types(dataset_or_iterator: Any) -> Any:
    """The dtypes of the examples."""
    return each_part(dataset_or_iterator.element_spec, lambda s: s.dtype)


def get_output_shapes(dataset_or_iterator: Any) -> Any:
    """The shapes of the examples."""
    return each_part(dataset_or_iterator.element_spec, lambda s: GraphShape(s.shape))


def get_output_classes(dataset_or_iterator: Any) -> Any:
    """The class of the parts of the examples."""
    return each_part(dataset_or_iterator.element_spec, lambda s: Tensor)
