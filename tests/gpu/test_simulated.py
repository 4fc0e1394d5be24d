"""Kernels for GPUs on Numba's CUDA simulator: every op, programs, benchmarks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from select import select
from subprocess import PIPE, Popen

import pytest

from support.simulated_gpu import cases
from support.sources import ROOT

pytest.importorskip("numba", reason="the simulator is Numba's")
pytest.importorskip("numba.cuda", reason="the simulator is in Numba CUDA")

TIMEOUT = 300


@pytest.fixture(scope="module")
def simulator() -> Iterator[Popen[str]]:
    """A process that answers names of cases: the simulator replaces the real thing."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    command = [sys.executable, "-W", "ignore", "-m", "support.simulated_gpu"]
    with Popen(command, env=environment, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("name", cases(), ids=str)
def test_agrees_with_the_cpu(name: str, simulator: Popen[str]) -> None:
    assert simulator.stdin is not None and simulator.stdout is not None
    print(name, file=simulator.stdin, flush=True)
    answered, _, _ = select([simulator.stdout], [], [], TIMEOUT)
    assert answered, f"no answer in {TIMEOUT} s"
    outcome = json.loads(simulator.stdout.readline())
    assert not outcome, outcome
