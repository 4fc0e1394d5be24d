"""The results on the terminal and in a JSON file.

`Record` is what the suite knows of one workload in one dtype; `None` stands for a figure that
was not taken. Times are in seconds.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .timing import Spread


@dataclass(slots=True)
class Record:
    """One workload in one dtype.

    `ratio` is NumPy's time over ours, sample by sample; `compile` the first call of a new
    `tw.jit` object in a warm process (less a warm call), `first` import and first call in a new
    process, `tiny` the time of one call on the tiny size. `error` says why figures are missing;
    `wrong` that the result differs from NumPy's.
    """

    workload: str
    dtype: str
    size: tuple[int, ...]
    numpy: float | None = None
    ours: float | None = None
    ratio: Spread | None = None
    compile: float | None = None
    first: float | None = None
    tiny_numpy: float | None = None
    tiny: float | None = None
    error: str = ""
    wrong: bool = False
    peers: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(slots=True)
class GradientRecord:
    """The gradient of one loss in one dtype.

    `ratio` is the gradient's time over the function's, sample by sample; `function` is that of the
    loss itself, compiled by us. The `compile` times and `tiny` are as in `Record`.
    """

    loss: str
    dtype: str
    size: tuple[int, ...]
    function: float | None = None
    gradient: float | None = None
    ratio: Spread | None = None
    compile_function: float | None = None
    compile: float | None = None
    tiny: float | None = None
    error: str = ""
    wrong: bool = False
    peers: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def compile_ratio(self) -> float | None:
        """How many times as long as the function the gradient takes to compile."""
        if not self.compile or not self.compile_function:
            return None
        return self.compile / self.compile_function

    def share_of(self, peer: str) -> float | None:
        """Our time over a peer's."""
        theirs = self.peers.get(peer, {}).get("seconds")
        return self.gradient / theirs if self.gradient and theirs else None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with a target: `value` in `unit`, at least or at most `target`."""

    name: str
    value: float | None
    unit: str
    target: float
    at_least: bool
    error: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        if self.value is None:
            return False
        return self.value >= self.target if self.at_least else self.value <= self.target


def duration(seconds: float | None) -> str:
    """Three digits and a unit."""
    if seconds is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}" if seconds < 999.5 * size else f"{seconds:.0f} s"
    return f"{seconds * 1e9:.0f} ns"


def times(ratio: Spread | None) -> str:
    """A speed-up and its spread: '4.1x [3.9-4.3]'."""
    if ratio is None:
        return "-"
    return f"{ratio.median:.2f}x [{ratio.low:.2f}-{ratio.high:.2f}]"


def header(peers: Sequence[str]) -> list[str]:
    """The titles of the table's columns."""
    fixed = ["workload", "dtype", "numpy", "tensorwright", "speed-up [10%-90%]"]
    return [*fixed, "compile", "first call", "tiny: numpy", "tiny: tw", *peers]


def row(record: Record, peers: Sequence[str]) -> list[str]:
    """The cells of one record."""
    return [
        record.workload,
        record.dtype,
        duration(record.numpy),
        outcome(record.ours, record.wrong),
        times(record.ratio),
        duration(record.compile),
        duration(record.first),
        duration(record.tiny_numpy),
        duration(record.tiny),
        *(duration(record.peers.get(name, {}).get("seconds")) for name in peers),
    ]


def gradient_header(peers: Sequence[str]) -> list[str]:
    """The titles of the columns of the table of gradients."""
    fixed = ["loss", "dtype", "function", "gradient", "ratio [10%-90%]"]
    return [*fixed, "compile", "function's", "ratio", "tiny", *peers]


def gradient_row(record: GradientRecord, peers: Sequence[str]) -> list[str]:
    """The cells of one gradient."""
    ratio = record.compile_ratio
    return [
        record.loss,
        record.dtype,
        duration(record.function),
        outcome(record.gradient, record.wrong),
        times(record.ratio),
        duration(record.compile),
        duration(record.compile_function),
        "-" if ratio is None else f"{ratio:.2f}x",
        duration(record.tiny),
        *(duration(record.peers.get(name, {}).get("seconds")) for name in peers),
    ]


def outcome(seconds: float | None, wrong: bool) -> str:
    """Our time, or why there is none."""
    if seconds is not None:
        return duration(seconds)
    return "WRONG" if wrong else "error"


class Table:
    """A table that is printed row by row, while the suite runs.

    `least` are the widths of its first columns, if their titles are not wider.
    """

    WORKLOADS = (14, 7, 8, 12, 19, 8, 10, 11, 8)
    GRADIENTS = (18, 7, 9, 9, 19, 8, 10, 6, 8)
    LEAST_PEER = 9

    def __init__(self, titles: Sequence[str], least: Sequence[int] = WORKLOADS) -> None:
        least = [*least, *[self.LEAST_PEER] * len(titles)]
        self.widths = [max(len(t), w) for t, w in zip(titles, least, strict=False)]
        self.add(titles)
        print("  ".join("-" * width for width in self.widths), flush=True)

    def add(self, cells: Sequence[str]) -> None:
        """Print one row: the first two cells to the left, the others to the right."""
        texts = (
            cell.ljust(width) if k < 2 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(cells, self.widths, strict=True))
        )
        print("  ".join(texts).rstrip(), flush=True)


def print_figures(figures: Iterable[Figure]) -> None:
    """The figures with their targets, one a line."""
    print("\nFigures with targets")
    for figure in figures:
        sign = ">=" if figure.at_least else "<="
        value = "-" if figure.value is None else f"{figure.value:.3g} {figure.unit}"
        verdict = figure.error or ("met" if figure.met else "MISSED")
        target = f"{sign} {figure.target:g}"
        print(f"  {figure.name:<52}{value:>12}   target {target:<8} {verdict}")


def print_errors(
    failures: Iterable[tuple[str, str, str]], notes: dict[str, dict[str, str]]
) -> None:
    """What failed (its name, its dtype, why), and why a peer has no figure."""
    failures = list(failures)
    if failures:
        print("\nWithout figures")
    for name, dtype, error in failures:
        print(f"  {name} {dtype}: {error}")
    for peer, reasons in notes.items():
        for what, reason in reasons.items():
            print(f"  [{peer}] {what}: {reason}")


def write_json(
    path: Path,
    machine: dict[str, Any],
    bandwidth: dict[str, float],
    records: Iterable[Record],
    gradients: Iterable[GradientRecord],
    figures: Iterable[Figure],
) -> None:
    """Everything that was measured, and where."""
    data = {
        "machine": machine,
        "bandwidth": bandwidth,
        "workloads": [dataclasses.asdict(record) for record in records],
        "gradients": [dataclasses.asdict(record) for record in gradients],
        "figures": [dataclasses.asdict(each) | {"met": each.met} for each in figures],
    }
    path.write_text(json.dumps(data, indent=1) + "\n")
