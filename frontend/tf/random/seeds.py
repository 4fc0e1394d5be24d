"""Where random streams start: the global seed, the seeds of ops, the state of compiled functions.

Layer: frontend. Eagerly, the key is the global seed and the counter's upper half the op's seed; an
op without one takes the next number of a sequence that the global seed starts, as in TensorFlow.
In a traced function that number would be fixed: there the stream's number is read from a hidden
cell, which the program advances with every draw, so that each call draws anew.
"""

from __future__ import annotations

import os
import random
import threading
from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..shapes import TensorShape
from ..tensors import STATE, Tensor
from ..variables import Cell
from .arrays import refuse_state
from .philox import RESERVED, start_of

DEFAULT_GLOBAL_SEED = 87654321  # of ops that have a seed of their own, if the program sets none
_MAX_INT32 = 2**31 - 1
# Marks the streams of compiled functions: the high half of eager counters is below 2**32.
_COMPILED = 0x7757 << 32


def entropy(bits: int) -> int:
    """Bits from the operating system."""
    return int.from_bytes(os.urandom(bits // 8), "little")


class _Seeds:
    """The global seed and what follows from it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # where the next stream of compiled functions starts: its number is in the counter's half
        self.cell = Cell(Tensor(np.zeros(3, np.uint64)), "random_state", False, TensorShape([3]))
        self.seed(None)

    def seed(self, value: int | None) -> None:
        """Start again from a seed."""
        self.value = value
        self.sequence = random.Random(value)
        self.drawn: dict[tuple[int, int, str], int] = {}
        key = entropy(64) if value is None else value & 0xFFFFFFFFFFFFFFFF
        self.cell.write(Tensor(start_of(0, _COMPILED, key), dtypes.uint64))

    def eager_start(self, op: str, seed: int | None, size: int) -> np.ndarray:
        """Where an eager op's next draw starts."""
        with self.lock:
            if seed is None:
                if self.value is None:
                    return start_of(0, entropy(64), entropy(64))
                return start_of(0, self.sequence.randint(0, _MAX_INT32), self.value)
            key = DEFAULT_GLOBAL_SEED if self.value is None else self.value
            used = self.drawn.get((key, seed, op), 0)  # calls of equal ops go on in one stream
            self.drawn[key, seed, op] = used + size * RESERVED
            return start_of(used, seed, key)


_SEEDS = _Seeds()


def set_seed(seed: int | None) -> None:
    """Set the global seed: the random ops from here on give the same numbers in every run."""
    if seed is not None and not isinstance(seed, (int, np.integer)):
        raise TypeError(f"the seed has to be an integer, got {seed!r}")
    if STATE.function is not None:
        raise RuntimeError("tf.random.set_seed cannot be called while a tf.function is traced")
    _SEEDS.seed(None if seed is None else int(seed))


def state_cell() -> Cell:
    """The hidden state of random ops in compiled functions."""
    return _SEEDS.cell


def start(op: str, seed: Any, size: int) -> Tensor:
    """Where a draw starts, as u64[3]; known at once, or from the hidden cell of a traced function.

    Args:
        op: TensorFlow's name of the op and its dtype: equal ones with equal seeds share a stream.
        seed: the op's seed, or None.
        size: the number of elements drawn.
    """
    number = None if seed is None else int(seed)
    if STATE.environment is not None:
        return STATE.environment.random_start(op, number, size)  # type: ignore[no-any-return]
    if STATE.function is None:
        refuse_state(f"the op {op.partition('/')[0]} of tf.random")
        return Tensor(_SEEDS.eager_start(op, number, size), dtypes.uint64)
    state = _SEEDS.cell.read()
    _SEEDS.cell.write(apply("AdvanceRandomState", _advanced, [state]))
    if number is None:
        return state
    return apply("RandomStart", _of_seed, [state], {"seed": number & 0xFFFFFFFF})


def _advanced(state: Any) -> Any:
    return state + np.array([0, 1, 0], np.uint64)


def _of_seed(state: Any, *, seed: int) -> Any:
    """The op's seed in the upper part of the counter's low half: draws are shorter than that."""
    return state + np.array([seed << 32, 0, 0], np.uint64)
