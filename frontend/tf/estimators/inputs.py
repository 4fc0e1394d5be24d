"""Input functions of estimators: batches of arrays in memory.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...tree import flatten, unflatten
from ..data import Dataset
from ..graph.graph import get_default_graph
from ..graph.iterators import make_one_shot_iterator
from ..specs import TensorSpec


def numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
) -> Callable[[], Any]:
    """A function that gives batches of arrays as tensors: (features, labels), or features alone.

    Args:
        x: an array, or a dict of them.
        y: labels, as `x`.
        batch_size: how many examples are in a batch.
        num_epochs: how often to go through all; None for ever.
        shuffle: whether in random order; it has to be said.
        queue_capacity: for TensorFlow's signature.
        num_threads: for TensorFlow's signature.

    Raises:
        ValueError: `shuffle` is not given; the arrays differ in length; there are none.
    """
    if not isinstance(shuffle, bool):
        raise ValueError(
            "shuffle must be provided and explicitly set as boolean (it is recommended to set it"
            " as True for training)"
        )
    if isinstance(x, dict) and not x:
        raise ValueError("x cannot be an empty dict")
    given = x if y is None else (x, y)
    leaves, tree = flatten(given)
    arrays = [np.asarray(a) for a in leaves]
    if len({len(a) for a in arrays}) > 1:
        sizes = [len(a) for a in arrays]
        raise ValueError(f"Length of tensors in x and y is mismatched: {sizes}")

    def input_fn() -> Any:
        seed = get_default_graph().root.seed

        def start() -> Iterator[Any]:
            order = _order(len(arrays[0]), num_epochs, shuffle, seed)
            for places in _parts(order, batch_size):
                yield unflatten(tree, [a[places] for a in arrays])

        spec = [TensorSpec([None, *a.shape[1:]], _dtype(a)) for a in arrays]
        return make_one_shot_iterator(Dataset(start, unflatten(tree, spec))).get_next()

    return input_fn


def _dtype(array: np.ndarray) -> Any:
    return np.dtype(object) if array.dtype.kind in "OSU" else array.dtype


def _order(
    count: int, epochs: int | None, shuffle: bool | None, seed: int | None
) -> Iterator[np.ndarray]:
    """The places of the examples, epoch by epoch."""
    generator = np.random.default_rng(seed)
    done = 0
    while epochs is None or done < epochs:
        yield generator.permutation(count) if shuffle else np.arange(count)
        done += 1


def _parts(epochs: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Batches of places; they go on from one epoch to the next."""
    waiting = np.zeros(0, np.int64)
    for places in epochs:
        waiting = np.concatenate([waiting, places])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if len(waiting):
        yield waiting


def pandas_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
    target_column: str = "target",
) -> Callable[[], Any]:
    """As `numpy_input_fn`, of a data frame's columns and a series of labels."""
    columns = {str(name): np.asarray(x[name]) for name in x.columns}
    labels = None if y is None else np.asarray(y)
    return numpy_input_fn(columns, labels, batch_size, num_epochs, shuffle)


def learn_numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool = True,
    queue_capacity: int = 1000,
    num_threads: int = 1,
) -> Callable[[], Any]:
    """As `numpy_input_fn`; in random order by default: `tf.contrib.learn.io.numpy_input_fn`."""
    return numpy_input_fn(x, y, batch_size, num_epochs, shuffle)
