"""Convolutions by oneDNN: with the library where it is installed, and without it."""

from __future__ import annotations

import _ctypes
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.llvm import onednn_choice
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.codegen.llvm.onednn import GIVEN, Asked, word
from tensorwright.compiler.options import Options, onednn_library
from tensorwright.runtime import onednn

MISSING = "/there/is/no/libdnnl.so.3"

needs_library = pytest.mark.skipif(
    onednn_library() is None, reason="needs oneDNN: pip install 'tensorwright[onednn]'"
)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape, np.float32)


@pytest.fixture(autouse=True)
def _everything(monkeypatch: Any) -> None:
    """Ask for all that can be asked for, on any CPU, and make it anew."""
    monkeypatch.setattr(onednn_choice, "is_worth_it", lambda asked: True)
    monkeypatch.setattr(onednn_choice, "LEAST_PRODUCTS", 0)
    monkeypatch.setattr(onednn_choice, "VECTOR_BYTES", host_target().vector_bytes)
    monkeypatch.setattr(onednn, "_primitives", WeakValueDictionary())


def without(monkeypatch: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    with monkeypatch.context() as context:
        context.setenv("TENSORWRIGHT_ONEDNN", "0")
        compiled = tw.jit(function)
        assert "tw.onednn" not in compiled.lower(*arguments).text("llvm")
        return compiled(*arguments)


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def layer(x: Any, w: Any, b: Any) -> Any:
    return np.maximum(tw.conv(x, w, padding=1) + b, 0)


def slope_by_filter(x: Any, w: Any, b: Any) -> Any:
    return tw.grad(lambda w: (layer(x, w, b) ** 2).sum())(w)


LAYER = (random(8, 12, 13, 16), random(3, 3, 16, 40), random(40))


# -- without the library --------------------------------------------------------------------------


class Stub:
    """Native code in the library's place, which says whether it has done the work."""

    def __init__(self, answer: bool, work: Callable[[dict[str, int]], None]) -> None:
        self.asked: list[dict[str, int]] = []
        self._answer, self._work = answer, work
        arguments = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        self._run = ctypes.CFUNCTYPE(ctypes.c_bool, *arguments)(self._take)
        self.words = onednn._words(run=ctypes.cast(self._run, ctypes.c_void_p).value)

    def _take(self, record: int, work: int, units: int, ns: int) -> bool:
        words = {name: work + word(GIVEN, name) for name in GIVEN}
        given = {name: ctypes.c_int64.from_address(at).value for name, at in words.items()}
        self.asked.append({**given, "units": units})
        self._work(self.asked[-1])
        return self._answer


def clear(given: dict[str, int]) -> None:
    """Write zeros as the result, where it is wanted."""
    if given["y"]:
        ctypes.memset(given["y"], 0, given["y_step"] * given["units"])


Put = Callable[..., Stub]


@pytest.fixture
def stub(monkeypatch: Any) -> Put:
    def put(answer: bool, work: Callable[[dict[str, int]], None] = clear) -> Stub:
        made = Stub(answer, work)
        monkeypatch.setenv("TENSORWRIGHT_ONEDNN", MISSING)
        monkeypatch.setattr(onednn, "_primitive", lambda name: made)
        return made

    return put


def test_what_the_library_has_done_is_the_result(stub: Put) -> None:
    made = stub(True)
    x, w, _ = LAYER
    assert not tw.jit(lambda x, w: tw.conv(x, w, padding=1))(x, w).any()
    (asked,) = made.asked
    assert (asked["x"], asked["w"]) == (x.ctypes.data, w.ctypes.data)
    assert (asked["units"], asked["x_step"], asked["y_step"]) == (8, 12 * 13 * 64, 12 * 13 * 160)


@pytest.mark.parametrize("function", [layer, lambda x, w, b: tw.conv(x, w, padding=1)])
def test_our_kernels_do_what_the_library_has_failed_in(
    function: Any, stub: Put, monkeypatch: Any
) -> None:
    made = stub(False)
    found = tw.jit(function)(*LAYER)
    assert len(made.asked) == 1
    np.testing.assert_array_equal(found, without(monkeypatch, function, *LAYER))


def test_epilogues_are_functions_of_a_result(stub: Put) -> None:
    result = random(8, 12, 13, 40)

    def work(given: dict[str, int]) -> None:
        assert not given["y"]  # only the epilogue's result is wanted
        behind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        for unit in range(given["units"]):
            place = result.ctypes.data + unit * given["y_step"]
            behind(given["behind"])(given["context"], place, unit)

    stub(True, work)
    found = tw.jit(layer)(*LAYER)
    np.testing.assert_array_equal(found, np.maximum(result + LAYER[2], 0))


def test_a_library_that_cannot_be_loaded(monkeypatch: Any) -> None:
    monkeypatch.setenv("TENSORWRIGHT_ONEDNN", MISSING)
    onednn.library.cache_clear()
    try:
        with pytest.warns(UserWarning, match=f"{MISSING}.*; our own kernels compute convolutions"):
            found = tw.jit(layer)(*LAYER)
    finally:
        onednn.library.cache_clear()
    np.testing.assert_array_equal(found, without(monkeypatch, layer, *LAYER))


def test_the_switch(monkeypatch: Any, tmp_path: Any) -> None:
    path = tmp_path / "libdnnl.so.3"
    assert onednn_library({"TENSORWRIGHT_ONEDNN": "0"}) is None
    assert onednn_library({"TENSORWRIGHT_ONEDNN": str(path)}) == path
    assert Options.from_environment({"TENSORWRIGHT_ONEDNN": str(path)}).onednn
    assert not Options.from_environment({"TENSORWRIGHT_ONEDNN": "0"}).onednn
    assert onednn_library({"TENSORWRIGHT_ONEDNN": "1"}) == onednn_library({})


def test_libraries_of_another_kind_are_refused() -> None:
    with pytest.raises(onednn.OneDnnError, match="dnnl_version"):
        onednn.Library(Path(_ctypes.__file__))


# -- with the library -----------------------------------------------------------------------------


def used() -> bool:
    """Whether the library does something, and refuses nothing."""
    made = [*onednn._primitives.values()]
    return bool(made) and all(isinstance(each, onednn.Primitive) for each in made)


CASES = {
    "same": ((8, 12, 13, 16), (3, 3, 16, 40), {"padding": 1}),
    "valid": ((3, 12, 13, 5), (3, 2, 5, 7), {}),
    "strided": ((16, 15, 15, 8), (3, 3, 8, 24), {"strides": 2, "padding": "SAME"}),
    "one element": ((8, 7, 9, 33), (1, 1, 33, 65), {}),
    "one element, strided": ((8, 7, 9, 32), (1, 1, 32, 64), {"strides": 2}),
    "dilated": ((2, 19, 17, 16), (3, 3, 16, 16), {"dilation": (2, 3), "padding": 2}),
    "uneven padding": ((2, 9, 9, 4), (2, 4, 4, 8), {"padding": ((0, 1), (2, 1))}),
    "one channel": ((32, 14, 14, 1), (5, 5, 1, 32), {"padding": 2}),
    "depthwise": ((8, 14, 13, 40), (3, 3, 1, 40), {"padding": 1, "groups": 40}),
}


@needs_library
@pytest.mark.parametrize("case", CASES)
def test_forward(case: str, monkeypatch: Any) -> None:
    x_shape, w_shape, options = CASES[case]
    x, w = random(*x_shape), random(*w_shape)
    function = lambda x, w: tw.conv(x, w, **options)  # noqa: E731
    compiled = tw.jit(function)
    close(compiled(x, w), without(monkeypatch, function, x, w))
    assert used()


@needs_library
@pytest.mark.parametrize("case", CASES)
def test_by_input(case: str, monkeypatch: Any) -> None:
    x_shape, w_shape, options = CASES[case]
    x, w = random(*x_shape), random(*w_shape)
    ct = random(*tw.conv(x, w, **options).shape)

    def slope(x: Any, w: Any, ct: Any) -> Any:
        return tw.vjp(lambda x: tw.conv(x, w, **options), x)[1](ct)[0]

    compiled = tw.jit(slope)
    close(compiled(x, w, ct), without(monkeypatch, slope, x, w, ct))
    assert used()


@needs_library
@pytest.mark.parametrize("case", CASES)
def test_by_filter(case: str, monkeypatch: Any) -> None:
    (batch, *sides), w_shape, options = CASES[case]
    if batch < 4:
        pytest.skip("few images are left to our kernels")
    x, w = random(batch, *sides), random(*w_shape)
    ct = random(*tw.conv(x, w, **options).shape)

    def slope(x: Any, w: Any, ct: Any) -> Any:
        return tw.vjp(lambda w: tw.conv(x, w, **options), w)[1](ct)[0]

    compiled = tw.jit(slope)
    close(compiled(x, w, ct), without(monkeypatch, slope, x, w, ct))
    assert used()


@needs_library
def test_work_behind(monkeypatch: Any) -> None:
    def block(x: Any, w: Any, b: Any) -> Any:
        hidden = tw.conv(x, w, padding=1)
        return np.maximum(hidden + b, 0) + x[..., :1], hidden.sum()

    for function in (layer, block):
        compiled = tw.jit(function)
        for found, wanted in zip(
            compiled(*LAYER), without(monkeypatch, function, *LAYER), strict=True
        ):
            close(found, wanted)
        assert used()


@needs_library
def test_open_batches(monkeypatch: Any) -> None:
    compiled = tw.jit(layer)
    x, w, b = LAYER
    for count in (8, 5, 3, 1):
        close(compiled(x[:count], w, b), without(monkeypatch, layer, x[:count], w, b))
    assert compiled(x[:0], w, b).shape == (0, 12, 13, 40)


@needs_library
@pytest.mark.parametrize("function", [layer, slope_by_filter])
def test_bits_do_not_depend_on_threads(function: Any) -> None:
    arguments = (random(16, 40, 40, 32), random(3, 3, 32, 64), random(64))
    compiled, before = tw.jit(function), tw.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            tw.set_num_threads(count)
            found.append(compiled(*arguments))
    finally:
        tw.set_num_threads(before)
    assert used()
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@needs_library
def test_openmp_of_others_keeps_its_threads() -> None:
    library = onednn.library()
    assert isinstance(library, onednn.Library)
    before = library.functions.omp_get_max_threads()
    library.functions.omp_set_num_threads(7)
    try:
        tw.jit(layer)(*LAYER)
        assert library.functions.omp_get_max_threads() == 7
    finally:
        library.functions.omp_set_num_threads(before)


@needs_library
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork() -> None:
    compiled = tw.jit(layer)
    wanted = compiled(*LAYER)
    child = os.fork()
    if child == 0:
        same = np.array_equal(compiled(*LAYER), wanted)
        fresh = np.array_equal(tw.jit(lambda *a: layer(*a))(*LAYER), wanted)
        os._exit(0 if same and fresh else 1)
    assert os.waitpid(child, 0)[1] == 0


@needs_library
@pytest.mark.parametrize("function", [layer, slope_by_filter])
def test_calls_that_fail(function: Any, monkeypatch: Any) -> None:
    """They get an argument of a kind that there is not; our kernels do the work."""
    arguments = (random(8, 12, 13, 64), random(3, 3, 64, 40), random(40))
    ours = without(monkeypatch, function, *arguments)
    assert not np.array_equal(tw.jit(function)(*arguments), ours)
    filled = onednn._words
    monkeypatch.setattr(onednn, "_primitives", WeakValueDictionary())
    monkeypatch.setattr(onednn, "_words", lambda **values: filled(**{**values, "x_role": 999}))
    np.testing.assert_array_equal(tw.jit(function)(*arguments), ours)
    assert used()


@needs_library
def test_what_the_library_refuses() -> None:
    asked = Asked(
        "forward", 1, 1, 8, 8, (4, 4), (2, 2), (3, 3), (0, 0), (1, 1), (0, 0), (192, 64, 8, 1)
    )
    (refused,) = onednn.primitives([asked.name]).values()
    assert isinstance(refused, onednn.Refused)
    assert "dnnl_convolution_forward_primitive_desc_create returns" in refused.reason
    assert not any(refused.words)


@needs_library
def test_primitives_live_as_long_as_programs(monkeypatch: Any) -> None:
    # other tests' programs may still live, and what was made for them
    monkeypatch.setattr(onednn, "_primitives", WeakValueDictionary())
    compiled = tw.jit(layer)
    compiled(*LAYER)
    assert used()
    del compiled
    tw.jit(lambda x: x + 1)(1.5)  # the next load frees what nobody can call
    assert not onednn._primitives
