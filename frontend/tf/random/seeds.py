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
from .philox import start_of

DEFAULT_GLOBAL_SEED = 87654321  # of ops that have a seed of their own, if the program sets none
_MAX_INT32 = 2**31 - 1
_SKIP = 256  # counters that a draw of one number reserves; TensorFlow's distance
# Marks the streams of compiled functions: eager streams have this word zero.
_COMPILED = np.uint32(0x7757)


def entropy(bits: int) -> int:
    """Bits from the operating system."""
    return int.from_bytes(os.urandom(bits // 8), "little")


class _Seeds:
    """The global seed and what follows from it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # (key, number of the next stream) of compiled functions
        self.cell = Cell(Tensor(np.zeros(2, np.uint64)), "random_state", False, TensorShape([2]))
        self.seed(None)

    def seed(self, value: int | None) -> None:
        """Start again from a seed."""
        self.value = value
        self.sequence = random.Random(value)
        self.drawn: dict[tuple[int, int, str], int] = {}
        key = entropy(64) if value is None else value & 0xFFFFFFFFFFFFFFFF
        self.cell.write(Tensor(np.array([key, 0], np.uint64), dtypes.uint64))

    def eager_start(self, op: str, seed: int | None, size: int) -> np.ndarray:
        """Where an eager op's next draw starts."""
        with self.lock:
            if seed is None:
                if self.value is None:
                    return start_of(0, entropy(64), entropy(64))
                return start_of(0, self.sequence.randint(0, _MAX_INT32), self.value)
            key = DEFAULT_GLOBAL_SEED if self.value is None else self.value
            used = self.drawn.get((key, seed, op), 0)  # calls of equal ops go on in one stream
            self.drawn[key, seed, op] = used + size * _SKIP
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
    """Where a draw starts, as u32[6]; known at once, or from the hidden cell of a traced function.

    Args:
        op: TensorFlow's name of the op and its dtype: equal ones with equal seeds share a stream.
        seed: the op's seed, or None.
        size: the number of elements drawn.
    """
    number = None if seed is None else int(seed)
    if STATE.environment is not None:
        return STATE.environment.random_start(op, number, size)  # type: ignore[no-any-return]
    if STATE.function is None:
        return Tensor(_SEEDS.eager_start(op, number, size), dtypes.uint32)
    state = _SEEDS.cell.read()
    _SEEDS.cell.write(apply("AdvanceRandomState", _advanced, [state]))
    attrs = {"seed": np.uint32(0 if number is None else number & 0xFFFFFFFF)}
    return apply("RandomStart", _compiled_start, [state], attrs)


def _advanced(state: Any) -> Any:
    return state + np.array([0, 1], np.uint64)


def _compiled_start(state: Any, *, seed: np.uint32) -> Any:
    """The stream's number in the counter's third word, the op's seed in the second."""
    half = np.uint64(32)
    key, stream = state[0], state[1]
    zero = np.zeros((), np.uint32)
    return np.stack([
        zero, zero + seed, stream.astype(np.uint32), zero + _COMPILED,
        key.astype(np.uint32), (key >> half).astype(np.uint32),
    ])  # fmt: skip
