"""`python -m benchmarks.convolutions`: convolutions and their derivatives against the peers.

The layers are those of a small net for digits, forward and backward, all of ResNet-50, forward, and
such as networks for images begin with, end with, and have in between where they are small.
Each library runs in a process of its own. They take turns, some milliseconds each, so that a slow
moment of the machine hits all of them; the median of the rounds' ratios is reported.

    python -m benchmarks.convolutions --peers torch tensorflow --python PATH   # a Python with them

PyTorch runs with its channels first and last; the quicker one counts.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .servers import Server, median_seconds, serve

ROUNDS = 7
SECONDS = 0.03  # of a round, for each library
FORWARD, BY_INPUT, BY_FILTER = "forward", "by input", "by filter"
Call = Callable[[], Any]


@dataclass(frozen=True)
class Layer:
    """Square images and windows; as much padding as keeps the size where the stride is 1."""

    group: str
    kind: str
    batch: int
    side: int
    channels: int
    features: int
    window: int
    stride: int = 1
    depthwise: bool = False  # each channel has a filter of its own

    @property
    def groups(self) -> int:
        """Parts of the channels that are convolved apart."""
        return self.channels if self.depthwise else 1

    @property
    def padding(self) -> int:
        """Zeros on each side."""
        return self.window // 2

    @property
    def places(self) -> int:
        """The side of the result."""
        return (self.side + 2 * self.padding - self.window) // self.stride + 1

    @property
    def operations(self) -> float:
        """Multiplications and additions."""
        each = self.window**2 * self.channels // self.groups * self.features
        return 2.0 * self.batch * self.places**2 * each

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The input, the filter and a cotangent, channels last."""
        rng = np.random.default_rng(0)
        shapes = (
            (self.batch, self.side, self.side, self.channels),
            (self.window, self.window, self.channels // self.groups, self.features),
            (self.batch, self.places, self.places, self.features),
        )
        x, w, ct = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
        return x, w, ct

    def __str__(self) -> str:
        size = f"{self.batch}x{self.side}x{self.side}x{self.channels}"
        window = f"{self.window}x{self.window} to {self.features}"
        return f"{self.kind:10}{size:18}{window:14}stride {self.stride}"


# (side, channels, features, window, stride)
RESNET50 = (
    (224, 3, 64, 7, 2),
    (56, 64, 64, 1, 1),
    (56, 64, 64, 3, 1),
    (56, 64, 256, 1, 1),
    (56, 256, 64, 1, 1),
    (56, 256, 128, 1, 1),
    (56, 128, 128, 3, 2),
    (56, 256, 512, 1, 2),
    (28, 128, 512, 1, 1),
    (28, 512, 128, 1, 1),
    (28, 128, 128, 3, 1),
    (28, 512, 256, 1, 1),
    (28, 256, 256, 3, 2),
    (28, 512, 1024, 1, 2),
    (14, 256, 1024, 1, 1),
    (14, 1024, 256, 1, 1),
    (14, 256, 256, 3, 1),
    (14, 1024, 512, 1, 1),
    (14, 512, 512, 3, 2),
    (14, 1024, 2048, 1, 2),
    (7, 512, 2048, 1, 1),
    (7, 2048, 512, 1, 1),
    (7, 512, 512, 3, 1),
)
LAYERS = (
    *(
        Layer("digits", kind, 128, *sizes)
        for kind in (FORWARD, BY_INPUT, BY_FILTER)
        for sizes in ((28, 1, 32, 5), (14, 32, 64, 5))
    ),
    *(Layer("resnet50", FORWARD, 8, *sizes) for sizes in RESNET50),
    *(
        Layer("first", kind, *sizes)
        for kind in (FORWARD, BY_FILTER)
        for sizes in ((64, 28, 1, 16, 3), (64, 32, 3, 32, 3), (16, 112, 3, 32, 3, 2))
    ),
    *(Layer("last", FORWARD, 16, 64, 64, outputs, 3) for outputs in (1, 3)),
    *(
        Layer("depthwise", kind, 8, side, channels, channels, window, depthwise=True)
        for kind in (FORWARD, BY_INPUT, BY_FILTER)
        for side, channels, window in ((56, 64, 3), (28, 128, 3), (14, 256, 5))
    ),
)


# -- the libraries --------------------------------------------------------------------------------


def tensorwright_calls(layer: Layer) -> list[Call]:
    """A compiled function of the arrays."""
    tw = importlib.import_module("tensorwright")
    x, w, ct = layer.arrays()
    options = {"strides": layer.stride, "padding": layer.padding, "groups": layer.groups}
    if layer.kind == FORWARD:
        forward = tw.jit(lambda x, w: tw.conv(x, w, **options))
        return [lambda: forward(x, w)]

    def backward(x: Any, w: Any, ct: Any) -> Any:
        if layer.kind == BY_INPUT:
            return tw.vjp(lambda x: tw.conv(x, w, **options), x)[1](ct)
        return tw.vjp(lambda w: tw.conv(x, w, **options), w)[1](ct)

    compiled = tw.jit(backward)
    return [lambda: compiled(x, w, ct)]


def torch_calls(layer: Layer) -> list[Call]:
    """oneDNN, by PyTorch: channels first, and channels last."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(_threads())
    torch.set_grad_enabled(False)
    orders = ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        x, w, ct = (
            torch.from_numpy(array).permute(order).contiguous(memory_format=layout)
            for array, order in zip(layer.arrays(), orders, strict=True)
        )
        found.append(_torch_call(torch, layer, x, w, ct))
    return found


def _torch_call(torch: Any, layer: Layer, x: Any, w: Any, ct: Any) -> Call:
    stride, padding = [layer.stride] * 2, [layer.padding] * 2
    if layer.kind == FORWARD:
        return lambda: torch.conv2d(x, w, None, stride, padding, [1, 1], layer.groups)
    wanted = [layer.kind == BY_INPUT, layer.kind == BY_FILTER, False]
    rest = (None, stride, padding, [1, 1], False, [0, 0], layer.groups, wanted)
    return lambda: torch.ops.aten.convolution_backward(ct, x, w, *rest)


def tensorflow_calls(layer: Layer) -> list[Call]:
    """A tf.function."""
    tf = importlib.import_module("tensorflow")
    x, w, ct = map(tf.constant, layer.arrays())
    sides = [[0, 0], [layer.padding] * 2, [layer.padding] * 2, [0, 0]]
    options = {
        "strides": [1, layer.stride, layer.stride, 1],
        "padding": "EXPLICIT",
        "explicit_paddings": [n for pair in sides for n in pair],
    }
    name = "DepthwiseConv2dNative" if layer.depthwise else "Conv2D"
    names = (name, f"{name}BackpropInput", f"{name}BackpropFilter")
    if layer.depthwise:
        w = tf.transpose(w, [0, 1, 3, 2])
    forward, by_input, by_filter = (getattr(tf.raw_ops, name) for name in names)
    if layer.kind == FORWARD:
        call = tf.function(lambda x, w, ct: forward(input=x, filter=w, **options))
    elif layer.kind == BY_INPUT:
        call = tf.function(
            lambda x, w, ct: by_input(input_sizes=x.shape, filter=w, out_backprop=ct, **options)
        )
    else:
        call = tf.function(
            lambda x, w, ct: by_filter(input=x, filter_sizes=w.shape, out_backprop=ct, **options)
        )
    return [lambda: call(x, w, ct).numpy()]


LIBRARIES = {
    "tensorwright": tensorwright_calls,
    "torch": torch_calls,
    "tensorflow": tensorflow_calls,
}


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count() or 1


# -- a library's process --------------------------------------------------------------------------


def serve_library(library: str) -> None:
    """Answer each layer, or a number of seconds: with the calls' medians in seconds."""
    calls: list[Call] = []

    def answer(question: Any) -> list[float]:
        if not isinstance(question, dict):
            return [median_seconds(call, question) for call in calls]
        calls[:] = LIBRARIES[library](Layer(**question))
        for call in calls:
            call()
        return []

    serve(answer)


def server_of(library: str, python: str) -> Server:
    """The process of a library."""
    command = [python, "-m", "benchmarks.convolutions", "--serve", library]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return Server(command, {"TF_NUM_INTRAOP_THREADS": str(_threads()), **quiet})


# -- the comparison -------------------------------------------------------------------------------


def compare(layer: Layer, processes: Sequence[Server]) -> list[list[float]]:
    """For each library the seconds of each round; of several calls, those of the quickest."""
    for process in processes:
        process.ask(asdict(layer))
    rounds = [[process.ask(SECONDS) for process in processes] for _ in range(ROUNDS)]
    found = []
    for k in range(len(processes)):
        calls = zip(*(each[k] for each in rounds), strict=True)
        found.append(list(min(calls, key=statistics.median)))
    return found


def run(layers: Sequence[Layer], peers: Sequence[str], python: str) -> None:
    """Print a line for each layer, and the geometric means."""
    processes = [server_of("tensorwright", sys.executable), *(server_of(p, python) for p in peers)]
    speeds: dict[tuple[str, str], list[float]] = {}
    for layer in layers:
        ours, *theirs = compare(layer, processes)
        rate = layer.operations / statistics.median(ours) / 1e9
        text = f"{layer!s:52}{1e3 * statistics.median(ours):8.2f} ms {rate:6.0f} GFLOP/s"
        for peer, times in zip(peers, theirs, strict=True):
            ratio = statistics.median(t / o for o, t in zip(ours, times, strict=True))
            speeds.setdefault((layer.group, peer), []).append(ratio)
            text += f"  {peer} {1e3 * statistics.median(times):8.2f} ms ({ratio:.2f}x)"
        print(text, flush=True)
    for (group, peer), ratios in speeds.items():
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(f"{group}: {mean:.2f} times as fast as {peer}, geometric mean of {len(ratios)}")
    for process in processes:
        process.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolutions", description=__doc__)
    parser.add_argument("--peers", nargs="*", default=[], choices=sorted(LIBRARIES))
    parser.add_argument("--python", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--only", choices=sorted({layer.group for layer in LAYERS}))
    parser.add_argument("--serve", choices=sorted(LIBRARIES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_library(arguments.serve)
        return
    layers = [layer for layer in LAYERS if arguments.only in (None, layer.group)]
    run(layers, arguments.peers, arguments.python)


if __name__ == "__main__":
    main()
