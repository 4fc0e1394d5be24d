"""Gradients: their time against the function's and the peers', and what compiling them costs.

The function that is compared with is the one that is differentiated, compiled by us: it gives one
number, and writes no array.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

import tensorwright as tw

from . import memory
from .ours import source
from .peers.client import Peer
from .report import Figure, GradientRecord
from .suite import compile_seconds, one_line
from .timing import Plan, contest, spread, timer
from .workload import Arguments, Loss, leaves, map_leaves

COST = 3.0  # times the function's time
COMPILE_COST = 2.5  # times what the function takes to compile
SHARE_OF_JAX = 0.7  # of JAX's time, for float64
SCAN, SCAN_COST, SCAN_SECONDS = "grad_scan", 4.0, 0.5e-3
SPARE_ARRAYS = 2.0  # beside the inputs and the outputs
STEP = 1e-6  # of central differences: by how much of itself the loss is to change
SLOPE_TOLERANCE = {"float32": 1e-4, "float64": 1e-6}


def run(loss: Loss, dtype: str, size: str, plan: Plan, peers: list[Peer]) -> GradientRecord:
    """All figures of one loss in one dtype; the peers compare their gradients with ours."""
    record = GradientRecord(loss.name, dtype, getattr(loss, size))
    with np.errstate(all="ignore"), tempfile.TemporaryDirectory() as folder:
        ours = Path(folder, "gradient.npz")
        try:
            _measure(record, loss, size, plan, ours)
        # A loss that cannot be differentiated must not end the run, whatever it raises.
        except Exception as error:
            record.error = one_line(error)
        for peer in peers:
            expected = str(ours) if ours.exists() else ""
            record.peers[peer.name] = peer.ask(loss.name, dtype, size, gradient=True, like=expected)
    return record


def gradient_of(loss: Loss) -> Callable[..., Any]:
    """A new compiled function, to be called with the loss's arguments."""
    argnums = loss.argnums if len(loss.argnums) > 1 else loss.argnums[0]
    function = source(loss)
    # a copy: the gradient of one function is compiled once
    copied = FunctionType(
        function.__code__, function.__globals__, function.__name__, None, function.__closure__
    )
    return (tw.value_and_grad if loss.value else tw.grad)(copied, argnums=argnums)


def slope_error(loss: Loss, arguments: Arguments, gradient: Any) -> float:
    """How far a gradient is off NumPy's central difference in float64, relatively.

    The direction has the signs of the gradient's elements, so that none of them cancel.
    """
    rng = np.random.default_rng(5)
    slopes = [np.asarray(each, np.float64) for each in leaves(gradient)]
    direction = [np.sign(g) * rng.uniform(0.5, 1.5, g.shape) for g in slopes]
    expected = float(sum(np.sum(g * d) for g, d in zip(slopes, direction, strict=True)))

    def value(step: float) -> np.float64:
        moved = list(map_leaves(_in_float64, arguments))
        moves = iter(direction)
        for k in loss.argnums:
            moved[k] = map_leaves(lambda leaf: leaf + step * next(moves), moved[k])
        return loss.function(*moved)

    step = STEP * abs(float(value(0.0))) / max(expected, 1e-300)
    found = float(value(step) - value(-step)) / (2 * step)
    return abs(found / max(expected, 1e-300) - 1)


def _in_float64(value: Any) -> Any:
    return np.asarray(value, np.float64) if np.asarray(value).dtype.kind == "f" else value


def _measure(record: GradientRecord, loss: Loss, size: str, plan: Plan, ours: Path) -> None:
    arguments = loss.make(record.dtype, size)
    function, gradient = tw.jit(source(loss)), gradient_of(loss)
    function(*arguments)
    result = gradient(*arguments)
    error = slope_error(loss, arguments, result[1] if loss.value else result)
    if not error < SLOPE_TOLERANCE[record.dtype]:
        record.wrong, record.error = True, f"differs from central differences by {error:.1e}"
        return
    np.savez(ours, *leaves(result))
    del result
    forward, both = contest([timer(function, arguments), timer(gradient, arguments)], plan)
    record.function, record.gradient = spread(forward).median, spread(both).median
    record.ratio = spread([b / a for a, b in zip(forward, both, strict=True)])
    record.compile_function = compile_seconds(lambda: tw.jit(source(loss)), arguments)
    record.compile = compile_seconds(lambda: gradient_of(loss), arguments)
    tiny, gradient = loss.make(record.dtype, "tiny"), gradient_of(loss)
    gradient(*tiny)
    (samples,) = contest([timer(gradient, tiny)], plan)
    record.tiny = spread(samples).median


def figures(records: Iterable[GradientRecord]) -> Iterator[Figure]:
    """The figures with targets of what has been measured."""
    for record in records:
        if not record.error:
            yield from _of_record(record)


def spare_memory(elements: int) -> Figure:
    """The memory that the gradient of a long chain of operations takes."""
    name = f"gradient of {memory.OPERATIONS} ops on {elements} float64: temporary arrays"
    try:
        return Figure(name, memory.spare_arrays(elements), "", SPARE_ARRAYS, False)
    # A figure that cannot be taken is reported; it does not end the run.
    except Exception as error:
        return Figure(name, None, "", SPARE_ARRAYS, False, one_line(error))


def _of_record(record: GradientRecord) -> Iterator[Figure]:
    name = f"{record.loss} {record.dtype}"
    cost = SCAN_COST if record.loss == SCAN else COST
    ratio = record.ratio.median if record.ratio else None
    yield Figure(f"{name}: gradient / function", ratio, "x", cost, False)
    yield Figure(f"{name}: compile / function's", record.compile_ratio, "x", COMPILE_COST, False)
    if record.loss == SCAN and record.gradient is not None:
        yield Figure(f"{name}: time", 1e3 * record.gradient, "ms", 1e3 * SCAN_SECONDS, False)
    share = record.share_of("jax")
    if share is not None and record.dtype == "float64":
        yield Figure(f"{name}: gradient / JAX's", share, "x", SHARE_OF_JAX, False)
