"""Linear systems, inverses, determinants and Cholesky's factors, compiled and by NumPy in turn.

`python -m benchmarks.systems` prints medians. Both call a LAPACK, NumPy its own and compiled
functions SciPy's; what differs is what comes around the calls.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tensorwright as tw

from .timing import FULL, QUICK, Plan, contest, timer

Case = tuple[str, Callable[..., Any], tuple[Any, ...]]


def log_density(covariance: Any, x: Any) -> Any:
    """Of a normal distribution: NumPy factors the matrix twice."""
    return x @ np.linalg.solve(covariance, x) + np.linalg.slogdet(covariance)[1]


def cases(large: int, count: int) -> Iterator[Case]:
    """A large matrix, many small ones, a small one."""
    draw = np.random.default_rng(0).standard_normal
    a, x, stack, rows = draw((large, large)), draw(large), draw((count, 4, 4)), draw((count, 4, 1))
    positive = a @ a.T + large * np.eye(large)
    yield f"solve, {large} x {large}", np.linalg.solve, (a, x)
    yield f"solve, {large} right-hand sides", np.linalg.solve, (a, positive)
    yield f"cholesky, {large} x {large}", np.linalg.cholesky, (positive,)
    yield f"log_density, {large} x {large}", log_density, (positive, x)
    yield f"solve, {count} of 4 x 4", np.linalg.solve, (stack, rows)
    yield f"inv, {count} of 4 x 4", np.linalg.inv, (stack,)
    yield f"det, {count} of 4 x 4", np.linalg.det, (stack,)
    yield "solve, one of 4 x 4", np.linalg.solve, (stack[0], rows[0, :, 0])


def measure(case: Case, plan: Plan) -> str:
    """One line: both medians, and the median of NumPy's time over ours."""
    name, function, arguments = case
    compiled = tw.jit(function)
    np.testing.assert_allclose(compiled(*arguments), function(*arguments), rtol=1e-5, atol=1e-7)
    numpy, ours = contest([timer(function, arguments), timer(compiled, arguments)], plan)
    ratio = statistics.median(a / b for a, b in zip(numpy, ours, strict=True))
    medians = [statistics.median(samples) * 1e6 for samples in (numpy, ours)]
    return f"{name:32}{medians[0]:12.1f} us{medians[1]:12.1f} us{ratio:8.2f}x"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, few samples")
    options = parser.parse_args(arguments)
    sizes, plan = ((50, 100), QUICK) if options.quick else ((500, 10000), FULL)
    print(f"{'':32}{'numpy':>15}{'tensorwright':>15}{'speed-up':>9}")
    for case in cases(*sizes):
        print(measure(case, plan))


if __name__ == "__main__":
    main()
