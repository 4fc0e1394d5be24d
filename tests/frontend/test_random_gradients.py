"""Gradients of random compositions: against differences, and reverse mode against forward mode.

Gradients run as machine code, derivatives in forward mode in the interpreter.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tensorwright as tw
from support.random_gradients import Writer, functions, slope
from support.tracing import run_traced

EXAMPLES, TOGETHER = 100, 20
NORMAL = 25  # of the examples
SEEDS = st.integers(0, 2**32 - 1)
OPTIONS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
ARGUMENTS = (0, 1, 2)
COUNTS: defaultdict[str, Counter[str]] = defaultdict(Counter)  # of the tests, by name


def compositions(seed: int, count: int) -> tuple[list[str], list[Any], list[list[Any]], list[Any]]:
    """Sources, functions, the point of each, and a direction for all."""
    rng = random.Random(seed)
    writers = [Writer(rng) for _ in range(count)]
    sources = [w.source(f"f{k}") for k, w in enumerate(writers)]
    points = [w.point for w in writers]
    draw = np.random.default_rng(seed)
    direction = [np.asarray(draw.standard_normal(np.shape(p)))[()] for p in points[0]]
    return sources, functions(sources), points, direction


def along(gradient: Any, direction: Any) -> tuple[float, float]:
    """The product of two lists of arrays, and the size of its terms."""
    terms = np.concatenate([np.ravel(g * d) for g, d in zip(gradient, direction, strict=True)])
    return float(np.sum(terms)), float(np.sum(np.abs(terms)))


@settings(OPTIONS, max_examples=NORMAL)
@given(SEEDS)
def test_gradients(seed: int) -> None:
    check_gradients(seed, COUNTS["some"])


@pytest.mark.thorough
@OPTIONS
@given(SEEDS)
def test_many_gradients(seed: int) -> None:
    check_gradients(seed, COUNTS["many"])


def check_gradients(seed: int, counts: Counter[str]) -> None:
    sources, made, points, direction = compositions(seed, TOGETHER)

    @tw.jit
    def gradients(points: Any) -> Any:
        return [tw.grad(f, ARGUMENTS)(*point) for f, point in zip(made, points, strict=True)]

    def slopes(points: Any, direction: Any) -> Any:
        return [tw.jvp(f, point, direction)[1] for f, point in zip(made, points, strict=True)]

    found = zip(gradients(points), run_traced(slopes, points, direction), strict=True)
    for source, f, point, (gradient, forward) in zip(sources, made, points, found, strict=True):
        reverse, size = along(gradient, direction)
        assert abs(reverse - forward) <= 1e-11 * max(1.0, size), f"{source}\n{reverse} {forward}"
        expected = slope(f, point, direction)
        counts["all"] += 1
        if expected is None:
            counts["not smooth"] += 1
            continue
        counts["zero"] += expected == 0
        wrong = abs(reverse - expected) > 1e-6 * max(1.0, abs(expected), size)
        assert not wrong, f"{source}\n{point} {direction}\n{reverse} in place of {expected}"


@settings(OPTIONS, max_examples=12)
@given(SEEDS)
def test_second_derivatives(seed: int) -> None:
    """Hessians times a direction: forward over reverse mode, and reverse over reverse mode."""
    sources, made, points, direction = compositions(seed, 8)

    def product(f: Any, point: Any, direction: Any) -> Any:
        def first(*arguments: Any) -> Any:
            gradient = tw.grad(f, ARGUMENTS)(*arguments)
            return sum(np.sum(g * d) for g, d in zip(gradient, direction, strict=True))

        return tw.grad(first, ARGUMENTS)(*point)

    @tw.jit
    def derivatives(points: Any, direction: Any) -> Any:
        return [
            (
                product(f, point, direction),
                tw.jvp(lambda *a, f=f: tw.grad(f, ARGUMENTS)(*a), point, direction)[1],
            )
            for f, point in zip(made, points, strict=True)
        ]

    found = derivatives(points, direction)
    for source, (reverse, forward) in zip(sources, found, strict=True):
        COUNTS["second"]["all"] += 1
        for a, b in zip(reverse, forward, strict=True):
            scale = max(1.0, float(np.max(np.abs(b))))
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-9 * scale, err_msg=source)


def test_so_many_were_drawn() -> None:
    """Runs behind the others; says nothing if they have not run."""
    check_counts(COUNTS["some"], NORMAL * TOGETHER)
    assert COUNTS["second"]["all"] >= 96 or not COUNTS["second"]


@pytest.mark.thorough
def test_thousands_were_drawn() -> None:
    """As above."""
    check_counts(COUNTS["many"], EXAMPLES * TOGETHER)


def check_counts(counts: Counter[str], least: int) -> None:
    if not counts:
        return
    assert counts["all"] >= least
    assert counts["not smooth"] < 0.15 * counts["all"], counts
    assert counts["zero"] < 0.1 * counts["all"], counts
