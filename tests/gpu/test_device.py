"""Kernels on a real GPU, against the CPU."""

from __future__ import annotations

import pytest

from support.simulated_gpu import Check, cases

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("check", cases().values(), ids=cases())
def test_agrees_with_the_cpu(check: Check) -> None:
    pytest.importorskip("numba.cuda")
    check()
