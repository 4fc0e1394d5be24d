"""What programs ask oneDNN for: without the library."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.llvm import onednn_choice
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.codegen.llvm.onednn import BY_FILTER, BY_INPUT, FORWARD, Asked
from tensorwright.compiler.codegen.llvm.onednn_choice import (
    asked_for,
    describe,
    is_worth_it,
    may_be_repeated,
    shape_class,
)
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import Convolution
from tensorwright.compiler.kernel.steps import lower_graph
from tensorwright.compiler.pipeline import run_pipeline

TARGET = replace(host_target(), vector_bytes=64, has_onednn=True)


def convolution(function: Any, *arrays: np.ndarray) -> Convolution:
    """The one convolution of a function."""
    text = tw.jit(function).lower(*arrays).text("optimized")
    steps = lower_graph(run_pipeline(parse(text))).steps
    (found,) = (step for step in steps if isinstance(step, Convolution))
    return found


def ones(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def forward(x: np.ndarray, w: np.ndarray, **options: Any) -> Convolution:
    return convolution(lambda x, w: tw.conv(x, w, **options), x, w)


def by_input(x: np.ndarray, w: np.ndarray, **options: Any) -> Convolution:
    ct = np.ones(tw.conv(x, w, **options).shape, np.float32)
    slope = lambda x, w, ct: tw.vjp(lambda x: tw.conv(x, w, **options), x)[1](ct)  # noqa: E731
    return convolution(slope, x, w, ct)


def by_filter(x: np.ndarray, w: np.ndarray, **options: Any) -> Convolution:
    ct = np.ones(tw.conv(x, w, **options).shape, np.float32)
    slope = lambda x, w, ct: tw.vjp(lambda w: tw.conv(x, w, **options), w)[1](ct)  # noqa: E731
    return convolution(slope, x, w, ct)


def test_names_say_everything() -> None:
    asked = describe(forward(ones(32, 20, 21, 8), ones(3, 5, 8, 32), strides=(2, 1), padding=2))
    assert asked == Asked(
        FORWARD, 4, 1, 8, 32, (20, 21), (11, 21), (3, 5), (2, 1), (1, 1), (2, 2), (1280, 256, 32, 1)
    )
    assert asked.name.startswith("tw.onednn.forward.4.1.8.32.20.21.11.21.3.5.2.1.")
    assert Asked.of_name(asked.name) == asked


def test_filters_that_are_turned_are_derivatives_by_the_input() -> None:
    asked = describe(by_input(ones(8, 20, 20, 16), ones(3, 3, 16, 24), padding=((0, 1), (1, 0))))
    assert asked is not None
    assert (asked.kind, asked.channels, asked.features) == (BY_INPUT, 24, 16)
    assert (asked.padding, asked.filter) == ((0, 1), (1152, 384, 24, 1))
    assert (asked.source, asked.result) == ((19, 19), (20, 20))


def test_strided_convolutions_by_the_input() -> None:
    asked = describe(by_input(ones(8, 41, 40, 16), ones(3, 3, 16, 24), strides=2, padding=1))
    assert asked is not None
    assert (asked.kind, asked.steps, asked.padding) == (BY_INPUT, (2, 2), (1, 1))
    assert (asked.source, asked.result) == ((21, 20), (41, 40))


@pytest.mark.parametrize(("batch", "images"), [(4, 1), (8, 1), (14, 2), (25, 5), (128, 16)])
def test_by_filter(batch: int, images: int) -> None:
    asked = describe(by_filter(ones(batch, 20, 20, 16), ones(3, 3, 16, 64), padding=1))
    assert asked is not None
    assert (asked.kind, asked.images, asked.result) == (BY_FILTER, images, (20, 20))


def test_batches_that_are_open_go_image_by_image() -> None:
    text = """graph @f(%x: f32[n, 20, 20, 16], %w: f32[3, 3, 16, 32]) {
  %0: f32[n, 18, 18, 32] = convolve(%x, %w) {dilation=[1, 1], groups=1, padding=[[0, 0], [0, 0]],
    spread=[1, 1], strides=[1, 1]}
  return %0
}""".replace(",\n   ", ",")
    (step,) = lower_graph(parse(text)).steps
    assert isinstance(step, Convolution)
    assert describe(step) == describe(forward(ones(8, 20, 20, 16), ones(3, 3, 16, 32)))


@pytest.mark.parametrize(("batch", "images"), [(1, 1), (8, 1), (16, 2), (33, 3), (7, 1), (96, 12)])
def test_batches_are_cut_into_equal_parts(batch: int, images: int) -> None:
    asked = describe(forward(ones(batch, 64, 64, 16), ones(3, 3, 16, 64)))
    assert asked is not None
    assert asked.images == images


OTHERS: dict[str, Callable[[], Convolution]] = {
    "groups": lambda: forward(ones(8, 40, 40, 64), ones(3, 3, 16, 64), groups=4),
    "float64": lambda: forward(ones(8, 40, 40, 64, dtype=float), ones(3, 3, 64, 64, dtype=float)),
    "one axis": lambda: forward(ones(8, 4000, 64), ones(3, 64, 64)),
    "small": lambda: forward(ones(2, 8, 8, 16), ones(3, 3, 16, 16)),
    "few images, by filter": lambda: by_filter(ones(3, 60, 60, 64), ones(3, 3, 64, 64)),
    "a prime number of images, by filter": lambda: by_filter(
        ones(11, 60, 60, 64), ones(3, 3, 64, 64)
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_left_to_our_kernels(name: str) -> None:
    assert describe(OTHERS[name]()) is None


def test_classes() -> None:
    asked = describe(forward(ones(8, 40, 40, 64), ones(3, 3, 64, 64)))
    assert asked is not None
    assert shape_class(asked) == "forward, wider"
    assert shape_class(replace(asked, steps=(1, 2))) == "forward, wider, strided"
    assert shape_class(replace(asked, window=(1, 1))) == "forward, 1x1"
    assert shape_class(replace(asked, window=(1, 1), channels=1024)) == "forward, 1x1, deep"
    assert shape_class(replace(asked, groups=64)) == "forward, depthwise"
    assert shape_class(replace(asked, groups=64, steps=(2, 2))) == "forward, depthwise, other"
    assert shape_class(replace(asked, groups=64, window=(5, 5))) == "forward, depthwise, other"
    assert shape_class(replace(asked, kind=BY_INPUT)) == "by input, wider"
    assert shape_class(replace(asked, kind=BY_FILTER)) == "by filter, wider"
    assert shape_class(replace(asked, kind=BY_FILTER, channels=512)) == "by filter, wider, large"


def test_the_library_is_asked_where_it_was_measured_to_be_quicker(monkeypatch: Any) -> None:
    step = forward(ones(8, 40, 40, 64), ones(3, 3, 64, 64))
    asked = describe(step)
    assert asked is not None
    for times, wanted in (((0.5, 0.8), True), ((0.8, 0.95), False), ((0.95, 0.8), False)):
        monkeypatch.setattr(onednn_choice, "MEASURED", {"forward, wider": times})
        assert is_worth_it(asked) is wanted
        assert (asked_for(step, TARGET) == asked) is wanted


def test_every_class_is_measured() -> None:
    asked = describe(forward(ones(8, 40, 40, 64), ones(3, 3, 64, 64)))
    assert asked is not None
    kinds = (FORWARD, BY_INPUT, BY_FILTER)
    found = {
        shape_class(replace(asked, kind=k, groups=g, window=(n, n), steps=(s, s), channels=c))
        for k, g, n, s, c in itertools.product(kinds, (1, 64), (1, 3), (1, 2), (64, 4096))
    }
    # the derivative by the input of a 1x1 convolution without strides is a convolution
    assert found - {"by input, 1x1"} == set(onednn_choice.MEASURED)


def test_it_is_not_asked_on_other_cpus_or_if_it_is_not_there() -> None:
    step = forward(ones(8, 40, 40, 64), ones(3, 3, 64, 64))
    assert asked_for(step, replace(TARGET, vector_bytes=32)) is None
    assert asked_for(step, replace(TARGET, has_onednn=False)) is None


def test_steps_that_could_not_be_done_again_are_left_to_our_kernels() -> None:
    def f(x: Any, w: Any, b: Any) -> Any:
        return np.maximum(tw.conv(x, w) + b, 0)

    step = convolution(f, ones(8, 40, 40, 64), ones(3, 3, 64, 64), ones(64))
    assert step.epilogue is not None and may_be_repeated(step)
    written = next(iter(step.epilogue.written())).buffer
    assert not may_be_repeated(replace(step, x=replace(step.x, buffer=written)))
