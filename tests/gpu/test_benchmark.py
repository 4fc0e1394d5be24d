"""The benchmark of the GPU, on a simulated one."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import tensorwright as tw
from benchmarks import gpu
from benchmarks.workloads import BY_NAME
from support.fake_cudnn import FakeCudnn
from support.one_device import device  # noqa: F401  the device of these tests
from tensorwright.compiler.errors import DeviceError
from tensorwright.compiler.options import uses_gpu_libraries
from tensorwright.runtime.cuda import driver, executable, memory
from tensorwright.runtime.cuda.cudnn import Cudnn
from tensorwright.runtime.cuda.libraries import Libraries


def test_figures(tmp_path, capsys):
    file = tmp_path / "gpu.json"
    options = ["--sizes", "small", "--no-peers", "--checks", "function rows", "--json", str(file)]
    assert gpu.main(options) == 0
    printed = capsys.readouterr().out
    found = json.loads(file.read_text())
    rows = {row["workload"]: row for row in found["workloads"]}
    assert list(rows) == list(gpu.SIZES["full"]) == list(gpu.SIZES["small"])
    assert not [row["error"] for row in rows.values() if row["error"]]
    assert all(row["seconds"] > 0 and row["nbytes"] > 0 for row in rows.values())
    functions = [row["function"] for row in found["libraries"]]
    assert functions == ["product", "convolution", "by_images", "by_filters"]
    assert all(row["kernels"] > 0 for row in found["libraries"])
    assert "by kernels, and by libraries, which are not installed" in printed
    assert found["launch"]["launches"] >= gpu.KERNELS and found["copy"] > 0
    assert found["machine"]["gpu"] == {"device_name": "simulator"}
    assert "2 of 2 checks pass" in printed and "copy kernel:" in printed
    assert all(name in printed for name in rows)


def test_kernels_and_libraries(monkeypatch, device, capsys):  # noqa: F811
    fake = FakeCudnn()
    made = Libraries(load_cudnn=lambda: Cudnn(fake, device.stream, memory.allocate))

    def found(device):
        return made if uses_gpu_libraries() else Libraries()

    monkeypatch.setattr(executable, "libraries", found)
    monkeypatch.setattr(gpu, "libraries", found)
    rows = gpu.compare_libraries("small", gpu.Plan(0.0, 1))
    assert [row["function"] for row in rows if "by_library" in row] == [
        "convolution",
        "by_images",
        "by_filters",
    ]
    assert {kind for kind, _ in fake.done} == {"fprop", "dgrad", "wgrad"}
    assert all(row["difference"] < 1e-5 for row in rows)
    assert "by kernels, and by cuDNN" in capsys.readouterr().out
    assert "TENSORWRIGHT_GPU_LIBRARIES" not in os.environ


def test_checks_alone(capsys):
    assert gpu.main(["--check-only", "--checks", "no such case"]) == 0
    assert "0 of 0 checks pass" in capsys.readouterr().out
    assert gpu.main(["--check-only", "--checks", "fault index"]) == 0


def test_wrong_results_are_reported(monkeypatch, capsys):
    wrong = lambda self, workload: lambda x: tw.device_put(np.float32(0))  # noqa: E731
    monkeypatch.setattr(gpu.Ours, "compiled", wrong)
    assert gpu.main(["--sizes", "small", "--no-peers", "--no-check", "--only", "sum"]) == 1
    assert "wrong result: float32()" in capsys.readouterr().out


def test_a_peer_that_fails_costs_its_figure(capsys):
    class Peer(gpu.Ours):
        name = "peer"

        def compiled(self, workload):
            raise RuntimeError("no such thing\nat all")

    row = gpu.measure(Peer(), BY_NAME["sum"], (np.ones(3, np.float32),), 3.0, gpu.Plan(0.0, 1))
    assert row.error == "RuntimeError: no such thing" and row.seconds is None


def test_names_are_checked(capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--only", "chian"])
    assert "no workload named chian" in capsys.readouterr().err


def test_without_a_gpu(monkeypatch, capsys):
    def none():
        raise DeviceError("there is no GPU")

    monkeypatch.setattr(driver, "_current", None)
    monkeypatch.setattr(driver, "_found", none)
    assert gpu.main(["--check-only"]) == 2
    assert "there is no GPU" in capsys.readouterr().err
