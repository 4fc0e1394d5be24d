"""Kernels for GPUs as PTX, for two generations of them, and as machine code where ptxas is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tensorwright as tw
from benchmarks.workloads import BY_NAME
from support.simulated_gpu import gpu_program
from tensorwright.cli.main import main
from tensorwright.compiler.errors import DeviceError
from tensorwright.compiler.ir.parser import parse
from tensorwright.runtime.cuda import compiling

pytest.importorskip("numba.cuda", reason="the compiler is Numba CUDA")
pytest.importorskip("nvidia", reason="NVIDIA's compiler is not installed")

CAPABILITIES = ((8, 0), (9, 0))
WORKLOADS = ("chain", "softmax", "layernorm", "sum", "argmax", "mlp_forward", "heat2d")
EVERY_DTYPE = """graph @g(
  %a: bool[n], %b: i8[n], %c: u16[n], %d: u64[n], %e: f16[n], %f: f32[n], %g: bf16[n]
) {
  %0: u16[n] = cast(%b) {dtype=u16}
  %1: u16[n] = right_shift(%0, %c)
  %2: bool[n] = less(%1, %c)
  %3: bool[n] = logical_xor(%2, %a)
  %4: f16[n] = sin(%e)
  %5: f16[n] = select(%3, %4, %e)
  %6: i8[n] = floor_divide(%b, %b)
  %7: u64[n] = power(%d, %d)
  %8: f32[n] = remainder(%f, %f)
  %9: bool[n] = isnan(%8)
  %10: i64[] = argmax(%e) {axes=[0]}
  %11: bool[] = reduce_any(%9) {axes=[0]}
  %12: bf16[n] = sin(%g)
  return %3, %5, %6, %7, %8, %10, %11, %12
}"""


def assemble(text: str, capability: tuple[int, int], folder: Path) -> None:
    """Hand PTX to NVIDIA's assembler, if it is there."""
    ptxas = shutil.which("ptxas")
    if ptxas is None:
        return
    file = folder / "kernel.ptx"
    file.write_text(text.rstrip("\0"))
    architecture = f"sm_{capability[0]}{capability[1]}"
    done = subprocess.run(
        [ptxas, f"-arch={architecture}", str(file), "-o", str(folder / "kernel.cubin")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads_compile(name: str, tmp_path: Path) -> None:
    lowered = tw.jit(BY_NAME[name].function).lower(*BY_NAME[name].make("float32", "quick"))
    for capability in CAPABILITIES:
        for text in compiling.ptx(lowered.compilation.gpu, capability).values():
            assert f".target sm_{capability[0]}{capability[1]}" in text
            assemble(text, capability, tmp_path)


def test_every_dtype_compiles(tmp_path: Path) -> None:
    for text in compiling.ptx(gpu_program(parse(EVERY_DTYPE)), (8, 0)).values():
        assemble(text, (8, 0), tmp_path)


def test_products_and_sums_round_one_after_the_other() -> None:
    lowered = tw.jit(lambda x, y: x * y + y).lower("f32[n]", "f32[n]")
    (text,) = compiling.ptx(lowered.compilation.gpu, (8, 0)).values()
    assert "mul.rn.f32" in text and not re.search(r"\bfma\b", text)


def test_fast_math_joins_them() -> None:
    lowered = tw.jit(lambda x, y: x * y + y, fast_math=True).lower("f32[n]", "f32[n]")
    (text,) = compiling.ptx(lowered.compilation.gpu, (8, 0)).values()
    assert "fma.rn.f32" in text


@pytest.mark.parametrize("capability", CAPABILITIES, ids=str)
def test_fast_functions_compile(capability: tuple[int, int], tmp_path: Path) -> None:
    def f(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        total = x**y + np.sqrt(y) / x
        for function in (np.exp, np.exp2, np.log, np.log2, np.log10, np.sin, np.cos, np.tanh):
            total = total + function(x)
        return np.tan(total)

    lowered = tw.jit(f, fast_math=True).lower("f32[n]", "f32[n]")
    (text,) = compiling.ptx(lowered.compilation.gpu, capability).values()
    assert set(re.findall(r"(\w+)\.approx\.f32", text)) >= {"ex2", "lg2", "sin", "cos", "sqrt"}
    assemble(text, capability, tmp_path)


def test_dump_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "program.py"
    file.write_text("def f(x):\n    return x * 2\n")
    arguments = ["dump", f"{file}:f", "--args", "f32[n]", "--target", "cuda", "--stage", "ptx"]
    assert main(arguments) == 0
    assert ".visible .entry" in capsys.readouterr().out


def test_without_a_gpu_there_is_an_error() -> None:
    numba_cuda = pytest.importorskip("numba.cuda")
    if numba_cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(DeviceError, match="there is no GPU"):
        tw.jit(lambda x: x + 1, device="gpu")(np.arange(3.0))


def test_devices_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="device is 'tpu'; there are cpu, gpu"):
        tw.jit(lambda x: x, device="tpu")
