"""`python -m tensorwright demo`: three real programs, compiled and compared with NumPy.

Layer: api. Needs nothing but the package and its dependencies, and takes a few seconds. The
programs are plain NumPy, as anyone would write them; `jit` is all that is added.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erf

from . import jit

OPTIONS = 1_000_000
PLATE = 1024
BODIES = 16
REPEATS = 5

NEXT = """\
Where to look next
  python -m tensorwright dump FILE.py:FUNCTION --args ...   every stage of a compilation
  examples/     an image pipeline, option prices, the planets: real input, one decorator
  benchmarks/   python -m benchmarks: all workloads against NumPy, with other compilers if asked
  docs/         how the compiler works, stage by stage"""


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """The distribution function of the standard normal distribution."""
    return 0.5 * (1 + erf(x * 2**-0.5))


def black_scholes(
    spot: np.ndarray, strike: np.ndarray, years: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Prices of calls and puts at 10% interest and 20% volatility (Black and Scholes, 1973)."""
    width = 0.2 * np.sqrt(years)
    d1 = (np.log(spot / strike) + 0.12 * years) / width
    d2 = d1 - width
    discounted = strike * np.exp(-0.1 * years)
    call = spot * normal_cdf(d1) - discounted * normal_cdf(d2)
    put = discounted * normal_cdf(-d2) - spot * normal_cdf(-d1)
    return call, put


def heat(plate: np.ndarray) -> np.ndarray:
    """Four explicit steps of the heat equation on a plate whose border keeps its temperature."""
    for _ in range(4):
        new = plate.copy()
        new[1:-1, 1:-1] += 0.2 * (
            plate[2:, 1:-1]
            + plate[:-2, 1:-1]
            + plate[1:-1, 2:]
            + plate[1:-1, :-2]
            - 4 * plate[1:-1, 1:-1]
        )
        plate = new
    return plate


def gravity(
    position: np.ndarray, velocity: np.ndarray, mass: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Eight small steps of bodies that attract each other; position is [axis, body]."""
    for _ in range(8):
        apart = position[:, None, :] - position[:, :, None]
        distance2 = np.sum(apart * apart, axis=0) + 1e-3
        pull = mass / (distance2 * np.sqrt(distance2))
        velocity = velocity + 1e-3 * np.sum(pull * apart, axis=2)
        position = position + 1e-3 * velocity
    return position, velocity


@dataclass(frozen=True, slots=True)
class Comparison:
    """One program's times in seconds, and its largest difference from NumPy's results.

    The difference is relative to the largest magnitude in each result.
    """

    numpy: float
    compiled: float
    first_call: float
    difference: float


def compare(function: Callable[..., Any], arguments: Sequence[np.ndarray]) -> Comparison:
    """Run a program under NumPy and compiled, in turn; medians of the times."""
    compiled = jit(function)
    begin = time.perf_counter()
    results = compiled(*arguments)
    first_call = time.perf_counter() - begin
    difference = largest_difference(results, function(*arguments))
    times: dict[Callable[..., Any], list[float]] = {function: [], compiled: []}
    for _ in range(REPEATS):
        for each, kept in times.items():
            kept.append(_seconds(each, arguments))
    numpy, ours = (float(np.median(kept)) for kept in times.values())
    return Comparison(numpy, ours, max(first_call - ours, 0.0), difference)


def largest_difference(got: Any, expected: Any) -> float:
    """Over all results, relative to each result's largest magnitude."""
    pairs = zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


def programs() -> dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]]:
    """What the demo runs, with its inputs."""
    rng = np.random.default_rng(1)
    spot, strike = rng.uniform(10.0, 50.0, (2, OPTIONS))
    years = rng.uniform(1.0, 2.0, OPTIONS)
    position, velocity = rng.normal(size=(2, 3, BODIES))
    mass = rng.uniform(0.5, 1.5, BODIES)
    return {
        f"Black-Scholes, {OPTIONS:,} options": (black_scholes, (spot, strike, years)),
        f"heat on {PLATE} x {PLATE} points, 4 steps": (heat, (rng.random((PLATE, PLATE)),)),
        f"gravity of {BODIES} bodies, 8 steps": (gravity, (position, 0.1 * velocity, mass)),
    }


def main() -> int:
    """Print the comparison; the exit status is 1 if a result differs from NumPy's."""
    print(f"{'program (float64)':<38}{'NumPy':>11}{'compiled':>11}{'speed-up':>10}", end="")
    print(f"{'difference':>12}{'compile':>10}")
    worst = 0.0
    for name, (function, inputs) in programs().items():
        found = compare(function, inputs)
        worst = max(worst, found.difference)
        print(f"{name:<38}{_duration(found.numpy):>11}{_duration(found.compiled):>11}", end="")
        print(f"{found.numpy / found.compiled:>9.1f}x{found.difference:>12.0e}", end="")
        print(f"{_duration(found.first_call):>10}", flush=True)
    print(f"\n{NEXT}")
    return int(worst > 1e-12)


def _seconds(function: Callable[..., Any], arguments: Sequence[np.ndarray]) -> float:
    """The time of one call, out of as many as last a millisecond."""
    count, seconds = 1, 0.0
    while seconds < 1e-3:
        begin = time.perf_counter()
        for _ in range(count):
            function(*arguments)
        seconds = time.perf_counter() - begin
        count, done = 2 * count, count
    return seconds / done


def _duration(seconds: float) -> str:
    if seconds >= 1e-3:
        return f"{1e3 * seconds:.3g} ms"
    return f"{1e6 * seconds:.3g} us"
