"""`tf.random.shuffle`: rows in another order, by exchanges (Fisher and Yates), as TensorFlow does.

Layer: frontend. A traced function exchanges in a loop of its program; eagerly, Python does for few
rows, and a compiled program for many.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...control import fori_loop
from ...jit import Jitted
from ...lift import lift
from ...tracer import Tracer
from ..apply import apply
from ..convert import convert_to_tensor
from ..sizes import numbers
from ..tensors import Tensor
from . import seeds
from .arrays import for_arrays
from .programs import draw
from .stateful import size_of
from .stateless import seed_start

_U32 = np.dtype(np.uint32)
_FEW = 2000  # rows whose exchanges take less time than half a compilation


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The parts along the first axis in another order."""
    tensor = convert_to_tensor(value)
    if tensor.ndim == 0:
        return tensor
    begin = seeds.start(
        f"RandomShuffle/{tensor.dtype.name}", seed, size_of(tensor._value.shape[:1])
    )
    found: Tensor = apply("RandomShuffle", _shuffled, [begin, tensor])
    return found


@for_arrays
def stateless_shuffle(
    value: Any, seed: Any, alg: Any = "auto_select", name: str | None = None
) -> Tensor:
    """The parts along the first axis in another order, a function of a seed of two integers."""
    tensor = convert_to_tensor(value)
    if tensor.ndim == 0:
        return tensor
    begin = seed_start(seed, "StatelessShuffle")
    found: Tensor = apply("StatelessShuffle", _shuffled, [begin, tensor])
    return found


def _shuffled(begin: Any, x: Any) -> Any:
    count = x.shape[0]
    if isinstance(count, int) and count < 2:
        return x
    order = _order(begin, count)
    return np.take(lift(x) if type(order) is Tracer else x, order, axis=0)


def _order(begin: Any, count: Any) -> Any:
    """The numbers of the rows in their new order."""
    words = draw(begin, kind="bits", shape=(count,), dtype=_U32)
    if type(begin) is Tracer:
        return _exchanged(words)
    if count > _FEW:
        return _program()(words)
    order = list(range(count))
    for k, word in enumerate(words[:-1].tolist()):
        other = k + word % (count - k)
        order[k], order[other] = order[other], order[k]
    return np.array(order)


@cache
def _program() -> Jitted:
    return Jitted(_exchanged)


def _exchanged(words: Any) -> Any:
    count = words.shape[0]

    def exchange(k: Any, order: Any) -> Any:
        left = (count - k).astype(_U32)
        other = k + (words[k] % left).astype(np.int64)
        # two additions change the array where it lies
        difference = order[other] - order[k]
        np.add.at(order, k, difference)
        np.add.at(order, other, -difference)
        return order

    return fori_loop(0, count - 1, exchange, numbers(count))
