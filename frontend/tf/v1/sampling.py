"""Candidate samplers: classes drawn at random, and how often to expect each of them.

Layer: frontend. They draw with NumPy, on the host: see random/stateful.py. Expected counts are
those of Jean et al., 2015, with the number of draws that unique classes took.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes, static
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..random import seeds
from ..random.stateful import generator_at
from ..tensors import Tensor


class Candidates(NamedTuple):
    """What a sampler gives."""

    sampled_candidates: Any
    true_expected_count: Any
    sampled_expected_count: Any


# draws `count` classes below `range_max`; the probability of each class of an array
_Draw = Callable[[np.random.Generator, int, int], np.ndarray]
_Probability = Callable[[np.ndarray, int], np.ndarray]


def _uniform_classes(rng: np.random.Generator, count: int, range_max: int) -> np.ndarray:
    return rng.integers(0, range_max, count)


def _uniform_probability(classes: np.ndarray, range_max: int) -> np.ndarray:
    return np.full(classes.shape, 1.0 / range_max)


def _log_classes(rng: np.random.Generator, count: int, range_max: int) -> np.ndarray:
    drawn = np.exp(rng.random(count) * np.log(range_max + 1.0)).astype(np.int64) - 1
    return np.minimum(drawn, range_max - 1)


def log_probability(classes: Any, range_max: int) -> Any:
    """The chance of classes that falls like 1 / rank."""
    wide = classes.astype(np.float64)
    return np.log((wide + 2.0) / (wide + 1.0)) / np.log(range_max + 1.0)


def _sampler(op: str, draw: _Draw, probability: _Probability, doc: str) -> Callable[..., Any]:
    def sampler(
        true_classes: Any,
        num_true: int,
        num_sampled: int,
        unique: bool,
        range_max: int,
        seed: int | None = None,
        name: str | None = None,
    ) -> Candidates:
        if unique and num_sampled > range_max:
            raise InvalidArgumentError(f"Sampler's range is too small. [Op:{op}]")
        true = static.value(true_classes, f"nn.{sampler.__name__}")
        begin = static.value(seeds.start(op, seed, num_sampled), f"nn.{sampler.__name__}")
        rng = generator_at(begin)
        if unique:
            found, tries = _unique(draw, rng, num_sampled, range_max)
        else:
            found, tries = draw(rng, num_sampled, range_max), num_sampled

        def expected(classes: np.ndarray) -> Tensor:
            p = probability(classes, range_max)
            count = p * tries if tries == num_sampled else -np.expm1(tries * np.log1p(-p))
            return convert_to_tensor(count.astype(np.float32))

        candidates = convert_to_tensor(found.astype(np.int64), dtypes.int64)
        return Candidates(candidates, expected(true), expected(found))

    sampler.__doc__ = doc
    return sampler


def _unique(
    draw: _Draw, rng: np.random.Generator, count: int, range_max: int
) -> tuple[np.ndarray, int]:
    """Different classes, in the order in which they were drawn; how many draws it took."""
    seen: dict[int, None] = {}
    tries = 0
    while True:
        for k in draw(rng, max(count, 16), range_max).tolist():
            tries += 1
            seen[k] = None
            if len(seen) == count:
                return np.array(list(seen), np.int64), tries


_ARGUMENTS = """

    Args:
        true_classes: [batch, num_true] numbers of classes.
        num_true: for TensorFlow's signature.
        num_sampled: how many classes to draw.
        unique: whether all of them are different.
        range_max: the number of classes.
        seed: of the op.
        name: of the op.

    Raises:
        InvalidArgumentError: there are fewer classes than different ones are asked for.
    """
log_uniform_candidate_sampler = _sampler(
    "LogUniformCandidateSampler",
    _log_classes,
    log_probability,
    f"Classes with a probability that falls like 1 / rank.{_ARGUMENTS}",
)
log_uniform_candidate_sampler.__name__ = "log_uniform_candidate_sampler"
uniform_candidate_sampler = _sampler(
    "UniformCandidateSampler",
    _uniform_classes,
    _uniform_probability,
    f"Classes that are all as likely.{_ARGUMENTS}",
)
uniform_candidate_sampler.__name__ = "uniform_candidate_sampler"
