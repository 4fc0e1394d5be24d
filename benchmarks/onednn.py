"""`python -m benchmarks.onednn`: convolutions by oneDNN and by our own kernels, class by class.

The table of `compiler/codegen/llvm/onednn_choice.py` is measured with it; it needs the extra
`onednn`. Both run in this process and in our threads, a few calls each in turns. A layer's figures
are the medians of the rounds' ratios, alone and with a bias and a ReLU behind it, a class's the
geometric mean of its layers'.

    python -m benchmarks.onednn             two threads, or as many as OMP_NUM_THREADS says
    python -m benchmarks.onednn --cpu-time  one thread, by the time that the processor gave it: for
                                            machines that do other work, too
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tensorwright as tw
from tensorwright.compiler.codegen.llvm import onednn_choice
from tensorwright.compiler.codegen.llvm.onednn import Asked
from tensorwright.compiler.options import onednn_library

from .convolutions import BY_FILTER, BY_INPUT, FORWARD, LAYERS, RESNET50, Call, Layer

ROUNDS, SECONDS = 7, 0.05  # of a round, for each of the two
SWITCH = "TENSORWRIGHT_ONEDNN"
Clock = Callable[[], float]


def layers() -> Iterator[Layer]:
    """Those of benchmarks.convolutions, and ResNet-50's derivatives."""
    for layer in LAYERS:
        if layer.group != "last":
            yield layer
    for kind in (BY_INPUT, BY_FILTER):
        for sizes in RESNET50[1:]:
            yield Layer("resnet50", kind, 8, *sizes)


def function(layer: Layer, behind: bool) -> Call:
    """A compiled function of the layer; `behind` a convolution is a bias and a ReLU."""
    x, w, ct = layer.arrays()
    bias = np.ones(layer.features, np.float32)

    def conv(x: Any, w: Any) -> Any:
        return tw.conv(x, w, strides=layer.stride, padding=layer.padding, groups=layer.groups)

    def slope(x: Any, w: Any, ct: Any) -> Any:
        if layer.kind == BY_INPUT:
            return tw.vjp(lambda x: conv(x, w), x)[1](ct)[0]
        return tw.vjp(lambda w: conv(x, w), w)[1](ct)[0]

    if layer.kind != FORWARD:
        compiled = tw.jit(slope)
        return lambda: compiled(x, w, ct)
    block = tw.jit(lambda x, w, b: np.maximum(conv(x, w) + b, 0) if behind else conv(x, w))
    return lambda: block(x, w, bias)


class Chosen:
    """Stands for the compiler's choice: takes everything, and keeps what it was."""

    def __init__(self) -> None:
        self.classes: list[str] = []
        onednn_choice.is_worth_it = self._take

    def _take(self, asked: Asked) -> bool:
        self.classes.append(onednn_choice.shape_class(asked))
        return True


def ratio(layer: Layer, behind: bool, clock: Clock) -> tuple[float, float]:
    """Seconds of our kernels, and what part of them the library takes."""
    calls = []
    for wanted in ("0", ""):
        os.environ[SWITCH] = wanted
        call = function(layer, behind)
        call()
        calls.append(call)
    rounds = [[median(call, clock) for call in calls] for _ in range(ROUNDS)]
    ours = statistics.median(own for own, _ in rounds)
    return ours, statistics.median(theirs / own for own, theirs in rounds)


def median(call: Call, clock: Clock) -> float:
    """The median time of some calls."""
    samples: list[float] = []
    while sum(samples) < SECONDS:
        begin = clock()
        call()
        samples.append(clock() - begin)
    return statistics.median(samples)


def run(clock: Clock, group: str | None) -> None:
    """Print a line for each layer, and the table."""
    chosen = Chosen()
    found: dict[str, list[float]] = {}
    for layer in layers():
        if group not in (None, layer.group):
            continue
        chosen.classes.clear()
        ways = (False, True) if layer.kind == FORWARD else (False,)
        figures = [ratio(layer, behind, clock) for behind in ways]
        if not chosen.classes:
            continue
        kind = chosen.classes[0]
        found.setdefault(kind, []).extend(part for _, part in figures)
        text = "  ".join(f"{part:.2f}" for _, part in figures)
        print(f"{layer!s:52}{1e3 * figures[0][0]:8.2f} ms  {text:12}{kind}", flush=True)
    for kind, parts in found.items():
        mean = math.exp(statistics.fmean(map(math.log, parts)))
        recorded = onednn_choice.MEASURED.get(kind, (math.inf,))
        verdict = "oneDNN" if max(recorded) < onednn_choice.WORTH else "our kernels"
        print(f"{kind:33}{mean:.2f} of {len(parts)}, recorded {recorded}: {verdict}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.onednn", description=__doc__)
    parser.add_argument("--cpu-time", action="store_true", help="one thread, by its CPU time")
    parser.add_argument("--only", choices=sorted({layer.group for layer in layers()}))
    arguments = parser.parse_args()
    if onednn_library() is None:
        parser.error("oneDNN is not installed: pip install '.[onednn]'")
    if arguments.cpu_time:
        tw.set_num_threads(1)
    run(time.thread_time if arguments.cpu_time else time.perf_counter, arguments.only)


if __name__ == "__main__":
    main()
