"""Code for other processors than this one: narrower vectors, no fused multiply-adds, no float16."""

import platform
import random

import numpy as np
import pytest

import tensorwright as tw
from support.jitted import difference, outcome
from support.op_cases import error_bound
from support.program_blocks import BLOCKS
from support.random_programs import SIZES, random_program
from support.ufunc_cases import DTYPES, UFUNCS, UfuncCase, together
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.target import Target
from tensorwright.frontend import jit

OLDER = {
    "x86-64": Target("x86-64", "", 16, False),
    "haswell": Target("haswell", "", 32, True),
}
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86 processor")


@pytest.fixture(params=OLDER, autouse=True)
def older(request, monkeypatch):
    target = OLDER[request.param]
    if target.vector_bytes > host_target().vector_bytes or target.has_fma > host_target().has_fma:
        pytest.skip("this processor is older still")
    monkeypatch.setattr(jit, "host_target", lambda: target)


@pytest.mark.parametrize("part", range(3))
def test_exact_ufuncs(part):
    """Those with an error bound keep it only where multiply-adds are fused."""
    for ufunc in list(UFUNCS.values())[part::3]:
        cases = [UfuncCase(ufunc, (d,) * ufunc.nin) for d in DTYPES[part::3]]
        cases = [c for c in cases if c.loop and not any(map(error_bound, c.op_cases()))]
        operands = [c.operands() for c in cases]
        results = together(cases)(*[x for c in operands for x in c])
        for case, arguments, result in zip(cases, operands, results, strict=True):
            case.check(arguments, result)


def test_programs():
    for seed in range(20):
        rng = random.Random(seed)
        program = random_program(rng, BLOCKS, 8)
        function = program.function()
        jitted = tw.jit(function)
        for sizes in SIZES[:2]:
            arguments = program.arguments(rng, sizes)
            found, expected = outcome(jitted, arguments), outcome(function, arguments)
            wrong = difference(found, expected, program.close)
            assert not wrong, f"seed {seed}:\n{program.source}\n{wrong}"


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "?"])
def test_reductions(dtype):
    def function(x):
        y = x.sum(axis=0), x.max(axis=1), x.argmin(axis=0), np.cumsum(x, axis=1), x.any(axis=1)
        return *y, (x + x)[::-1].T, np.where(x > 0, x, x[:1]), x.astype("f8").mean(axis=1)

    jitted, rng = tw.jit(function), np.random.default_rng(31)
    for shape in ((3, 4), (17, 33), (65, 2), (2, 130)):
        x = (rng.integers(-3, 4, shape) > 0 if dtype == "?" else rng.integers(-3, 4, shape)).astype(
            dtype
        )
        wrong = difference(jitted(x), function(x))
        assert not wrong, wrong
