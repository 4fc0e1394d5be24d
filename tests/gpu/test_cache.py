"""Compiled kernels on disk: what is found again, and what is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tensorwright as tw
from support.sources import ROOT
from tensorwright.compiler.options import cache_folder
from tensorwright.runtime.cuda import cache
from tensorwright.runtime.cuda.cache import kept
from tensorwright.runtime.cuda.protocol import Image


def program(function=lambda x: x * 2, types="f64[n]"):
    return tw.jit(function).lower(types).compilation.gpu


class Maker:
    """Counts; what it makes is the source."""

    def __init__(self):
        self.count = 0

    def __call__(self, program, target):
        self.count += 1
        names = {launch.kernel: f"_{launch.kernel}" for launch in program.launches()}
        kinds = dict.fromkeys(names, ("float64", None))
        return Image(b"\0\n" + program.source.encode(), names, kinds)


def test_what_is_made_is_found_again(tmp_path):
    make, folder = Maker(), tmp_path / "a" / "b"
    first, second = (kept(program(), "sm_90", folder, make) for _ in range(2))
    assert make.count == 1
    assert first == second
    assert [file.suffix for file in folder.iterdir()] == [".kernels"]


@pytest.mark.parametrize(
    ("other", "target"),
    [
        (program(lambda x: x * 3), "sm_90"),
        (program(types="f32[n]"), "sm_90"),
        (program(), "sm_80"),
    ],
    ids=["source", "types", "device"],
)
def test_what_differs_is_made(other, target, tmp_path):
    make = Maker()
    kept(program(), "sm_90", tmp_path, make)
    kept(other, target, tmp_path, make)
    assert make.count == 2


def test_other_versions_make_anew(tmp_path, monkeypatch):
    make = Maker()
    kept(program(), "sm_90", tmp_path, make)
    monkeypatch.setattr(cache, "_versions", lambda: ("0", "13.1"))
    kept(program(), "sm_90", tmp_path, make)
    assert make.count == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-3],
        lambda data: data[:-1] + b"?",
        lambda data: b"x" * 99,
    ],
    ids=["empty", "short", "changed", "other"],
)
def test_damaged_files_are_made_anew(damage, tmp_path):
    make = Maker()
    first = kept(program(), "sm_90", tmp_path, make)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert kept(program(), "sm_90", tmp_path, make) == first
    assert kept(program(), "sm_90", tmp_path, make) == first
    assert make.count == 2


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    make = Maker()
    for _ in range(2):
        assert kept(program(), "sm_90", tmp_path / "file" / "folder", make).code
    assert make.count == 2


def test_nothing_is_kept_without_a_folder():
    make = Maker()
    kept(program(), "sm_90", None, make)
    assert make.count == 1


def test_the_oldest_files_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_FILES", 4)
    for k in range(4):
        (tmp_path / f"{k}.kernels").write_text("")
        os.utime(tmp_path / f"{k}.kernels", (k, k))
    (tmp_path / "other").write_text("")
    kept(program(), "sm_90", tmp_path, Maker())
    names = {file.stem for file in tmp_path.iterdir()}
    assert {"1", "2", "3", "other"} < names and "0" not in names


def test_the_folder_is_chosen_by_the_environment():
    assert cache_folder({"TENSORWRIGHT_CACHE_DIR": "/a", "HOME": "/h"}).as_posix() == "/a"
    assert cache_folder({"TENSORWRIGHT_CACHE_DIR": "", "HOME": "/h"}) is None
    assert cache_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}).as_posix() == "/c/tensorwright"
    assert cache_folder({"HOME": "/h"}).as_posix() == "/h/.cache/tensorwright"
    assert cache_folder({}) is None


PROCESS = """
import sys
import tensorwright as tw
from tensorwright.runtime.cuda import cache
program = tw.jit(lambda x: (x * 2, x.sum())).lower("f32[n]").compilation.gpu
image = cache.image(program, "sm_90")
assert image.code.startswith(b"\\x7fELF")
assert {launch.kernel for launch in program.launches()} == set(image.entries)
assert all(entry.encode() in image.code for entry in image.entries.values())
print("numba" in sys.modules)
"""


def test_a_later_process_needs_no_compiler(tmp_path):
    pytest.importorskip("numba.cuda", reason="the compiler is Numba CUDA")
    pytest.importorskip("cuda.bindings.nvjitlink", reason="NVIDIA's linker is not installed")
    environment = {**os.environ, "TENSORWRIGHT_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_ENABLE_CUDASIM", None)
    said = [
        subprocess.run(
            [sys.executable, "-c", PROCESS],
            env=environment,
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]
