"""The library: functions that programs share."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.llvm.library import library_module
from tensorwright.compiler.codegen.llvm.machine import compile_module
from tensorwright.compiler.errors import InternalError
from tensorwright.runtime.library import Library, library

KINDS = ["band", "convolve", "convolve_filter", "copy", "lines", "turn"]


@pytest.mark.parametrize("dtype", ["f32.4", "f32.8", "f32.16", "f64.2", "f64.8"])
@pytest.mark.parametrize("kind", KINDS)
def test_functions_are_written_from_their_names(kind: str, dtype: str) -> None:
    name = f"@tw.lib.{kind}.{dtype}"
    module = library_module([name], ())
    assert name in module.defined()
    assert compile_module(module.text())


@pytest.mark.parametrize("name", ["sort.bool.16", "argsort.i16.8", "argsort_pairs.bf16.4"])
def test_sorts_are_written_from_their_names(name: str) -> None:
    module = library_module([f"@tw.lib.{name}"], ())
    assert module.defined() == {f"@tw.lib.{name}"}
    assert compile_module(module.text())


_LEFT = ["points", "runs", "rows", "wide"]
_TILES = [f"@tw.lib.tile.f32.4.5.2.{left}" for left in _LEFT]
_TILES += [f"@tw.lib.tile.f64.8.14.2.{left}.apart" for left in _LEFT]


@pytest.mark.parametrize("name", _TILES)
def test_tiles_are_written_from_their_names(name: str) -> None:
    module = library_module([name], ())
    assert module.defined() == {name}
    assert (" @llvm.fma." in module.text()) != name.endswith("apart")


def test_what_is_loaded_is_only_declared() -> None:
    first = library_module(["@tw.lib.convolve.f32.16"], ())
    copy = "@tw.lib.copy.f32.16"
    assert copy not in library_module(["@tw.lib.convolve.f32.16"], {copy}).defined()
    assert first.defined() >= {copy, "@tw.lib.band.f32.16", "@tw.lib.lines.f32.16"}


def test_unknown_names() -> None:
    with pytest.raises(InternalError, match=r"the library has no @tw\.lib\.x"):
        library_module(["@tw.lib.x"], ())
    with pytest.raises(InternalError, match=r"the library has no @tw\.lib\.sort\.f99\.4"):
        library_module(["@tw.lib.sort.f99.4"], ())


def test_each_function_is_loaded_once() -> None:
    fresh = Library()
    (first,) = fresh.addresses(["@tw.lib.copy.f32.4"]).values()
    both = fresh.addresses(["@tw.lib.copy.f32.4", "@tw.lib.turn.f32.4"])
    assert both["@tw.lib.copy.f32.4"] == first
    assert len(set(both.values())) == 2


def test_programs_hold_none_of_it() -> None:
    """A second program with convolutions of other sizes, in runs of channels, needs nothing new."""

    def run(side: int, channels: int) -> None:
        x = np.ones((2, side, side, channels), np.float32)
        w = np.ones((3, 3, channels, 32), np.float32)
        np.testing.assert_array_equal(tw.jit(lambda x, w: tw.conv(x, w))(x, w), 9 * channels)

    run(16, 8)
    before = dict(library()._addresses)
    run(30, 12)
    assert library()._addresses == before
    assert all(re.fullmatch(r"@tw\.lib\.[\w.]+", name) for name in before)
