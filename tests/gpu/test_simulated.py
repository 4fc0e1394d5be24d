"""Kernels for GPUs on Numba's CUDA simulator: every op, programs, benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from support.simulated_gpu import cases
from support.sources import ROOT

pytest.importorskip("numba", reason="the simulator is Numba's")
pytest.importorskip("numba.cuda", reason="the simulator is in Numba CUDA")


@cache
def outcomes() -> dict[str, str]:
    """What became of each case, in one process for all: the simulator replaces the real thing."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "support.simulated_gpu"],
        env=environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", cases(), ids=str)
def test_agrees_with_the_cpu(name: str) -> None:
    outcome = outcomes()[name]
    assert not outcome, outcome
