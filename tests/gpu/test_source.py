"""The source of kernels for GPUs, as it is shown."""

from __future__ import annotations

import tensorwright as tw
from tensorwright.cli.main import main

PROGRAM = """\
import numpy as np


def f(x, y):
    return x * y + 1
"""
KERNEL = """\
@inlined
def k0_point(e0, e1, i0):
    v1 = libdevice.fmul_rn(e0, e1)
    v2 = v1 + np.float32(1.0)
    return v2


def k0(in0, in1, out0, status):
    whole = aligned(in0) & aligned(in1) & aligned(out0)
    v1 = cuda.grid(1)
    v2 = cuda.gridsize(1)
    v3 = v1
    while v3 < 256:
        i0_0 = v3
        i0_0 = i0_0 * 4
        v4, v5, v6, v7 = read4(in0, i0_0, whole)
        v8, v9, v10, v11 = read4(in1, i0_0, whole)
        v12 = k0_point(v4, v8, i0_0)
        v13 = k0_point(v5, v9, i0_0 + 1)
        v14 = k0_point(v6, v10, i0_0 + 2)
        v15 = k0_point(v7, v11, i0_0 + 3)
        write4(out0, i0_0, (v12, v13, v14, v15), whole)
        v3 += v2
"""


def test_dump_shows_the_source(tmp_path, capsys):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    assert main(["dump", f"{file}:f", "--args", "f32[1024], f32[1024]", "--target", "cuda"]) == 0
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
    assert "in0[np.uint64(1 + i0_r)]" in source
    assert "while v3 < (((n_n + 3) // 4) + -1):" in source
