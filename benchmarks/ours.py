"""What tensorwright compiles where it is not the NumPy source itself.

Long loops are written with `tw.scan`. The sources in `workloads` stay plain NumPy: they are the
reference, and they are loaded by the peers, whose Python may not have tensorwright.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tensorwright as tw

from .workload import Workload


def source(workload: Workload) -> Callable[..., Any]:
    """The function that tensorwright compiles for a workload."""
    return WRITTEN.get(workload.name, workload.function)


def grad_scan(state, drive):
    def step(state, drive):
        return state + 0.1 * (np.tanh(1.5 * state + drive) - state), None

    state, _ = tw.scan(step, state, drive)
    return np.sum(state * state)


WRITTEN: dict[str, Callable[..., Any]] = {"grad_scan": grad_scan}
