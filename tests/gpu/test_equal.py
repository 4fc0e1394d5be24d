"""Kernels that are the same code under other names."""

from __future__ import annotations

from textwrap import dedent

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.runtime.cuda import compiling
from tensorwright.runtime.cuda.equal import representatives

SOURCE = dedent(
    """\
    @inlined
    def k0_part(in0, place):
        return in0[place] * 2


    def k0(in0, out0, n_n, status):
        for v1 in range(n_n):
            out0[v1] = k0_part(in0, v1)


    @inlined
    def k1_part(tmp0, place):
        return tmp0[place] * 2


    def k1(tmp0, tmp1, n_n, status):
        for v1 in range(n_n):
            tmp1[v1] = k1_part(tmp0, v1)


    @inlined
    def k2_part(tmp0, place):
        return tmp0[place] * 3


    def k2(tmp0, tmp1, n_n, status):
        for v1 in range(n_n):
            tmp1[v1] = k2_part(tmp0, v1)


    def k3(tmp0, tmp1, n_n, status):
        for v1 in range(n_n):
            tmp0[v1] = k2_part(tmp1, v1)
    """
)
FLOATS = ("float32", "float32", None, "int64")


def test_names_do_not_matter_but_code_does():
    assert representatives(SOURCE, dict.fromkeys(("k0", "k1", "k2", "k3"), FLOATS)) == {
        "k0": "k0",
        "k1": "k0",
        "k2": "k2",  # what it calls is different
        "k3": "k3",  # it reads the other array
    }


def test_dtypes_matter():
    doubles = ("float64", "float32", None, "int64")
    assert representatives(SOURCE, {"k0": FLOATS, "k1": doubles}) == {"k0": "k0", "k1": "k1"}


def layers(x, w):
    for _ in range(3):
        x = np.tanh(x @ w)
    return x


def test_equal_layers_have_equal_code():
    program = tw.jit(layers).lower("f32[8, 8]", "f32[8, 8]").compilation.gpu
    kernels = compiling.parameters(program)
    assert len(set(representatives(program.source, kernels).values())) < len(kernels)


def test_equal_kernels_are_compiled_once():
    pytest.importorskip("numba.cuda", reason="the compiler is Numba CUDA")
    pytest.importorskip("cuda.bindings.nvjitlink", reason="NVIDIA's linker is not installed")
    program = tw.jit(layers).lower("f32[8, 8]", "f32[8, 8]").compilation.gpu
    image = compiling.machine_image(program, "sm_80")
    assert set(image.entries) == set(compiling.parameters(program))
    assert len(set(image.entries.values())) < len(image.entries)
