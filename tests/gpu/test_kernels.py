"""What kernels for GPUs are made of, as NVIDIA's compiler sees it: how they read and exchange."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from benchmarks.workloads import BY_NAME
from tensorwright.runtime.cuda import compiling

pytest.importorskip("numba.cuda", reason="the compiler is Numba CUDA")
pytest.importorskip("nvidia", reason="NVIDIA's compiler is not installed")

CAPABILITY = (9, 0)


def texts(function: Callable[..., Any], *types: str, **options: Any) -> dict[str, str]:
    """The PTX of all kernels, by name."""
    program = tw.jit(function, **options).lower(*types).compilation.gpu
    return compiling.ptx(program, CAPABILITY)


def text(function: Callable[..., Any], *types: str, **options: Any) -> str:
    """The PTX of the only kernel."""
    (found,) = texts(function, *types, **options).values()
    return found


def count(instruction: str, ptx: str) -> int:
    """How often an instruction is written."""
    return len(re.findall(rf"\t{re.escape(instruction)}\b", ptx))


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_long_maps_are_one_kernel() -> None:
    workload = BY_NAME["mandelbrot"]
    compilation = tw.jit(workload.function).lower(*workload.make("float32", "quick")).compilation
    assert len(list(compilation.gpu.launches())) == 1 < len(compilation.kernels.steps)


# -- vectors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "load"), [("f32", "v4.f32"), ("f64", "v2.f64"), ("i32", "v4.u32")]
)
def test_maps_read_and_write_sixteen_bytes_at_once(dtype: str, load: str) -> None:
    found = text(lambda x, y: x * 2 + y, f"{dtype}[n]", f"{dtype}[n]")
    assert count(f"ld.global.{load}", found) > 0
    assert count(f"st.global.{load}", found) > 0


def test_several_vectors_are_on_their_way() -> None:
    lines = text(lambda x: x + 1, "f32[268435456]").splitlines()
    runs = re.findall(r"(?:ld|st)\.global\.v4", "\n".join(lines))
    assert "ld.global.v4 " * 4 in " ".join(runs) + " "


def test_rows_that_are_broadcast_are_vectors_too() -> None:
    found = text(lambda x, y: x + y, "f32[100, 64]", "f32[64]")
    assert count("ld.global.v4.f32", found) >= 2


def test_neighbours_off_by_one_are_read_one_at_a_time() -> None:
    found = text(lambda x: x[1:] - x[:-1], "f32[4097]")
    assert count("ld.global.v4.f32", found) > 0
    assert count("ld.global.f32", found) > 0


def test_vectors_of_unknown_rows_depend_on_their_length() -> None:
    source = tw.jit(lambda x, y: x + y).lower("f32[m, n]", "f32[n]").cuda("source")
    assert "% 4 == 0)" in next(line for line in source.splitlines() if "whole =" in line)


# -- reductions -----------------------------------------------------------------------------------


def test_sums_exchange_within_warps() -> None:
    parts, whole = texts(lambda x: x.sum(), "f32[268435456]").values()
    assert "ld.global.v4 " * 4 in " ".join(re.findall(r"ld\.global\.v4", parts)) + " "
    for each in (parts, whole):
        assert count("shfl.sync.down.b32", each) > 0
        assert count("bar.sync", each) == 2


def test_columns_are_read_side_by_side() -> None:
    found = texts(lambda x: x.sum(axis=0), "f32[4096, 1024]")
    assert count("ld.global.v4.f32", next(iter(found.values()))) >= 4


def test_a_row_is_read_once_and_stays_in_registers() -> None:
    found = text(softmax, "f32[4096, 1024]")
    assert count("ld.global.v4.f32", found) == count("st.global.v4.f32", found) == 8
    assert count("bar.sync", found) == 0 and count("shfl.sync.down.b32", found) > 0
    assert ".shared" not in found and ".local" not in found


def test_results_of_rows_do_not_decide_how_rows_are_read() -> None:
    found = text(lambda x: (x.sum(axis=1), x.max(axis=1)), "f32[4096, 1024]")
    assert count("ld.global.v4.f32", found) > 0 and count("shfl.sync.down.b32", found) > 0


def test_long_rows_are_shared_by_blocks() -> None:
    found = text(softmax, "f32[64, 8192]")
    assert count("ld.global.v4.f32", found) == 8
    assert count("bar.sync", found) > 0


def test_running_sums_of_long_rows_are_cut_into_parts() -> None:
    totals, before, parts = texts(np.cumsum, "f32[67108864]").values()
    assert count("st.global.v4.f32", parts) == 1
    for each in (totals, before, parts):
        assert count("shfl.sync.idx.b32", each) > 0


# -- products -------------------------------------------------------------------------------------


def test_products_keep_their_sums_in_registers() -> None:
    found = text(lambda a, b: a @ b, "f32[4096, 4096]", "f32[4096, 4096]")
    steps = count("ld.shared.v4.f32", found) // 4  # two for the rows, two for the columns
    assert steps > 0 and count("fma.rn.f32", found) == 64 * steps
    assert count("ld.global.v4.f32", found) == 4  # two before the loop, two in it
    assert ".local" not in found


def test_deep_products_are_cut_into_parts() -> None:
    assert len(texts(lambda a, b: a.T @ b, "f32[8192, 64]", "f32[8192, 64]")) == 2


def test_convolutions_are_products_of_windows() -> None:
    found = text(tw.conv, "f32[32, 28, 28, 32]", "f32[3, 3, 32, 64]")
    assert count("ld.global.v4.f32", found) == 4
    assert count("fma.rn.f32", found) % 16 == 0


# -- other kernels --------------------------------------------------------------------------------


def test_sums_of_integers_are_atomic() -> None:
    def histogram(i: Any, x: Any) -> Any:
        counts = np.zeros(64, x.dtype)
        np.add.at(counts, i, x)
        return counts

    def atomic(dtype: str, **options: Any) -> bool:
        found = texts(histogram, "i64[n]", f"{dtype}[n]", **options)
        return any("atom.global.add" in each or "red.global.add" in each for each in found.values())

    assert atomic("i32") and atomic("i64")
    assert not atomic("f32") and atomic("f32", fast_math=True)


def test_fast_math_divides_approximately() -> None:
    def divide(x: Any, y: Any) -> Any:
        return x / y

    assert "div.rn.f32" in text(divide, "f32[n]", "f32[n]")
    assert "div.approx" in text(divide, "f32[n]", "f32[n]", fast_math=True)


def test_neighbours_at_edges_are_read_without_branches() -> None:
    heat = BY_NAME["heat2d"]
    lowered = tw.jit(heat.function).lower(*heat.make("float32", "full"))
    (found,) = compiling.ptx(lowered.compilation.gpu, CAPABILITY).values()
    assert count("selp.f32", found) > 0
    assert len(re.findall(r"\tbra|@%p\d+ bra", found)) < 20


@pytest.mark.skipif(shutil.which("ptxas") is None, reason="NVIDIA's assembler is not installed")
@pytest.mark.parametrize("shape", ["f32[4096, 1024]", "f32[64, 8192]", "f64[4096, 512]"])
def test_nothing_is_spilled(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "kernel.ptx"
    file.write_text(text(softmax, shape).rstrip("\0"))
    done = subprocess.run(
        ["ptxas", "-v", "-arch=sm_90", str(file), "-o", str(tmp_path / "kernel.cubin")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0 bytes spill stores" in done.stderr
