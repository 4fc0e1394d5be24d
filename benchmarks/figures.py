"""The figures that have targets: what a user is promised, measured in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import tensorwright as tw

from . import fresh
from .report import Figure
from .suite import compile_seconds, one_line
from .timing import Plan, contest, spread, timer
from .workloads import BY_NAME

Function = Callable[..., Any]

IMPORTS = 3  # new processes for the import's time
SPEEDUPS = {"float32": 1.5, "float64": 4.0}


def measure(plan: Plan, elements: int) -> Iterator[Figure]:
    """All figures, in the order in which they are printed.

    `elements` is the length of the float64 arrays whose bandwidth is measured.
    """
    for count, function in enumerate((_one, _two, _three), 1):
        name = f"call on 8 elements, {count} argument{'s' * (count > 1)} / NumPy's np.add"
        yield _figure(name, "x", 0.25, False, _ratio_of_call(function, count, plan))
    for workload in ("chain", "black_scholes"):
        for dtype, target in SPEEDUPS.items():
            name = f"{workload} {dtype}, 2^20 elements: speed-up over NumPy"
            yield _figure(name, "x", target, True, _speedup(workload, dtype, plan))
    for call in ("np.copyto", "x.copy()"):
        name = f"a*b + c, {elements} float64: bandwidth / {call}"
        yield _figure(name, "x", 0.9, True, partial(_share_of_copy, call, elements, plan))
    yield _figure("compile of black_scholes float64", "ms", 40, False, _compile)
    name = "import tensorwright, beyond NumPy"
    yield _figure(name, "ms", 150, False, lambda: 1e3 * fresh.import_seconds(IMPORTS))


def _figure(
    name: str, unit: str, target: float, at_least: bool, take: Callable[[], float]
) -> Figure:
    try:
        return Figure(name, take(), unit, target, at_least)
    # A figure that cannot be taken is reported; it does not end the run.
    except Exception as error:
        return Figure(name, None, unit, target, at_least, one_line(error))


def _one(x):
    return x * 2 + 1


def _two(x, y):
    return x * y + 1


def _three(x, y, z):
    return x * y + z


def _ratio_of_call(function: Function, count: int, plan: Plan) -> Callable[[], float]:
    def take() -> float:
        arrays = tuple(np.linspace(0.0, 1.0, 8) + k for k in range(count))
        jitted = tw.jit(function)
        jitted(*arrays)
        one = np.linspace(0.0, 1.0, 8)
        ours, ufunc = contest([timer(jitted, arrays), timer(np.add, (one, one))], plan)
        return spread([a / b for a, b in zip(ours, ufunc, strict=True)]).median

    return take


def _speedup(name: str, dtype: str, plan: Plan) -> Callable[[], float]:
    def take() -> float:
        workload = BY_NAME[name]
        arguments = workload.make(dtype, "full")
        jitted = tw.jit(workload.function)
        jitted(*arguments)
        timers = [timer(each, arguments) for each in (workload.function, jitted)]
        theirs, ours = contest(timers, plan)
        return spread([a / b for a, b in zip(theirs, ours, strict=True)]).median

    return take


def _share_of_copy(call: str, elements: int, plan: Plan) -> float:
    """Bytes per second of a*b + c (three arrays read, a new one written) over those of a copy."""
    rng = np.random.default_rng(1)
    arrays = tuple(rng.random(elements) for _ in range(3))
    jitted = tw.jit(BY_NAME["muladd"].function)
    jitted(*arrays)
    if call == "np.copyto":
        copy = timer(np.copyto, (np.ones(elements), arrays[0]))
    else:
        copy = timer(arrays[0].copy, ())
    ours, copies = contest([timer(jitted, arrays), copy], plan)
    return spread([2 * b / a for a, b in zip(ours, copies, strict=True)]).median


def _compile() -> float:
    workload = BY_NAME["black_scholes"]
    return 1e3 * compile_seconds(
        lambda: tw.jit(workload.function), workload.make("float64", "quick")
    )
