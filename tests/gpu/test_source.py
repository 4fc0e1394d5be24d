"""The source of kernels for GPUs, as it is shown."""

from __future__ import annotations

import pytest

import tensorwright as tw
from tensorwright.cli.main import main
from tensorwright.compiler.errors import UnsupportedError

PROGRAM = """\
import numpy as np


def f(x, y):
    return x * y + 1
"""
KERNEL = """\
def k0(in0, in1, out0, n_n, status):
    for v1 in range(cuda.grid(1), n_n, cuda.gridsize(1)):
        i0 = v1
        v2 = in0[np.uint64(i0)]
        v3 = in1[np.uint64(i0)]
        v4 = libdevice.fmul_rn(v2, v3)
        v5 = v4 + np.float32(1.0)
        out0[np.uint64(i0)] = v5
"""


def test_dump_shows_the_source(tmp_path, capsys):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    assert main(["dump", f"{file}:f", "--args", "f32[n], f32[n]", "--target", "cuda"]) == 0
    assert capsys.readouterr().out == KERNEL


def test_dump_knows_its_targets_and_their_stages(tmp_path, capsys):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    arguments = ["dump", f"{file}:f", "--args", "f32[n], f32[n]"]
    assert main([*arguments, "--target", "cud"]) == 2
    assert "there is no target 'cud'; did you mean 'cuda'?" in capsys.readouterr().err
    assert main([*arguments, "--target", "cuda", "--stage", "llvm"]) == 2
    assert "there is no stage 'llvm'; there are source, ptx, all" in capsys.readouterr().err


def test_sizes_are_parameters():
    source = tw.jit(lambda x: x[1:] - x[:-1]).lower("f64[n]").cuda("source")
    assert "in0[np.uint64(1 + i0)]" in source
    assert "range(cuda.grid(1), (n_n + -1), cuda.gridsize(1))" in source


def test_what_has_no_kernels_is_named():
    def loop(x):
        return tw.while_loop(lambda x: (x < 10).all(), lambda x: x * x, x).sum()

    with pytest.raises(UnsupportedError, match="the GPU cannot differentiate while loops yet"):
        tw.jit(tw.grad(loop)).lower("f64[3]").cuda("source")
