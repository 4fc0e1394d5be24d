"""What `fit`, `evaluate` and `predict` are given, as batches of tensors.

Layer: frontend. Arrays are cut into batches (by slices, or by one gather a batch where they are
shuffled); datasets, generators and other iterables give batches themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...tree import flatten, unflatten
from ...values import kind_of
from ..convert import convert_to_tensor
from ..data import Dataset
from ..tensors import Tensor
from ..variables import Variable
from .settings import float_dtype, new_seed

Batch = tuple[Any, Any, Any]  # x, y, sample_weight


class Batches:
    """A source of batches; `count` is how many an epoch has, None if that is not known."""

    count: int | None = None

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        raise NotImplementedError


class ArrayBatches(Batches):
    """Batches of arrays in memory.

    Args:
        x: arrays, in any structure; y and sample_weight likewise, or None.
        y: see above.
        sample_weight: see above.
        size: of a batch, by default 32.
        shuffle: whether each epoch has another order.
        class_weight: weights by class number, instead of `sample_weight`.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        size: int | None = None,
        shuffle: bool = False,
        class_weight: dict[int, float] | None = None,
    ) -> None:
        if class_weight is not None:
            sample_weight = weights_of_classes(y, class_weight)
        leaves, self._tree = flatten((_arrays(x), _arrays(y), _arrays(sample_weight)))
        self._leaves: list[np.ndarray] = leaves
        lengths = {len(a) for a in leaves}
        if len(lengths) != 1:
            raise ValueError(
                "Data cardinality is ambiguous. Make sure all arrays contain the same number of"
                f" samples, got {sorted(lengths)}"
            )
        self.length = lengths.pop()
        self.size = int(size or 32)
        self.count = math.ceil(self.length / self.size)
        self._generator = np.random.default_rng(new_seed()) if shuffle else None

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        order = None if self._generator is None else self._generator.permutation(self.length)
        for k in range(0, self.length, self.size):
            at: Any = slice(k, min(k + self.size, self.length))
            at = at if order is None else order[at]
            yield unflatten(self._tree, [Tensor(a[at]) for a in self._leaves])

    def split(self, share: float) -> tuple[Any, Any]:
        """The arrays as (x, y, sample_weight) without and of the last `share` of the examples."""
        at = math.floor(self.length * (1 - share))
        if not 0 < at < self.length:
            raise ValueError(
                f"Training data contains {self.length} samples, which is not sufficient to split it"
                f" into a validation and training set as specified by `validation_split={share}`."
            )
        parts = [unflatten(self._tree, [a[s] for a in self._leaves]) for s in _cut(at)]
        return parts[0], parts[1]


def _cut(at: int) -> tuple[slice, slice]:
    return slice(None, at), slice(at, None)


class IterableBatches(Batches):
    """Batches of a dataset, which begins anew each epoch, or of an iterable that goes on.

    Args:
        source: a `Dataset`, generator or other iterable of x, (x, y) or (x, y, sample_weight).
        steps: how many batches an epoch has, if it does not end by itself.
        class_weight: weights by class number.
    """

    def __init__(
        self, source: Any, steps: int | None = None, class_weight: dict[int, float] | None = None
    ) -> None:
        self._source = source
        self._class_weight = class_weight
        self._steps = steps
        self._running: Iterator[Any] | None = None
        self.count = steps
        if steps is None and hasattr(source, "__len__"):
            try:
                self.count = len(source)
            except TypeError:  # a dataset without a known length
                self.count = None

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        if self._steps is None:
            running = iter(self._source)
        else:
            running = self._running = self._running or iter(self._source)
        taken = 0
        while self._steps is None or taken < self._steps:
            try:
                batch = next(running)
            except StopIteration:
                self._running = None
                return
            taken += 1
            yield self._tensors(batch)

    def _tensors(self, batch: Any) -> Batch:
        x, y, w = unpack(batch)
        if self._class_weight is not None:
            w = weights_of_classes(y, self._class_weight)
        return _as_tensors(x), _as_tensors(y), _as_tensors(w)


def batches_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    size: int | None = None,
    steps: int | None = None,
    shuffle: bool = False,
    class_weight: dict[int, float] | None = None,
) -> Batches:
    """The batches of what a model's methods were called with."""
    if isinstance(x, Dataset) or (hasattr(x, "__iter__") and not _is_data(x)):
        if y is not None:
            raise ValueError("`y` should not be passed if `x` is a dataset or a generator")
        return IterableBatches(x, steps, class_weight)
    made = ArrayBatches(x, y, sample_weight, size, shuffle, class_weight)
    if steps is not None:
        made.count = min(made.count or steps, steps)
        return _First(made, steps)
    return made


class _First(Batches):
    """The first batches of each epoch."""

    def __init__(self, batches: ArrayBatches, steps: int) -> None:
        self._batches, self.count = batches, steps

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        for _, batch in zip(range(self.count or 0), self._batches.epoch(), strict=False):
            yield batch


def unpack(batch: Any) -> Batch:
    """(x, y, sample_weight) of a batch that may lack the last ones."""
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, "
            f"found: {batch}"
        )
    padded = (*batch, None, None)
    return padded[0], padded[1], padded[2]


def weights_of_classes(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """The weight of each example, by its class; y holds numbers, or rows with a 1."""
    classes = np.asarray(y)
    if classes.ndim > 1:
        classes = classes.argmax(-1) if classes.shape[-1] > 1 else classes[..., 0]
    made = np.ones(classes.shape, float_dtype().numpy)
    for number, weight in class_weight.items():
        made[classes == number] = weight
    return made


def _is_data(x: Any) -> bool:
    if isinstance(x, dict):
        return all(_is_data(v) for v in x.values())
    if isinstance(x, (list, tuple)):
        return True
    return isinstance(x, (np.ndarray, Tensor, Variable)) or hasattr(x, "__array__")


def _arrays(x: Any) -> Any:
    """Arrays, in the structure given: a list of numbers is one array, one of arrays are several."""
    if x is None:
        return None
    if isinstance(x, dict):
        return {k: _arrays(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and x and all(hasattr(v, "shape") and v.shape for v in x):
        return [_arrays(v) for v in x]
    array = np.ascontiguousarray(convert_to_tensor(x)._concrete("fit") if not _is_array(x) else x)
    if array.dtype == np.float64 and float_dtype().name != "float64":
        array = array.astype(float_dtype().numpy)
    return array


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and kind_of(x.dtype) in "biuf"


def _as_tensors(x: Any) -> Any:
    if x is None:
        return None
    if isinstance(x, dict):
        return {k: _as_tensors(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and any(hasattr(v, "shape") for v in x):
        return [_as_tensors(v) for v in x]
    tensor = convert_to_tensor(x)
    if tensor.dtype.name == "float64" and float_dtype().name != "float64":
        return Tensor(tensor._concrete("fit").astype(float_dtype().numpy))
    return tensor
