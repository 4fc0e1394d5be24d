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
        outcome(record),
        times(record.ratio),
        duration(record.compile),
        duration(record.first),
        duration(record.tiny_numpy),
        duration(record.tiny),
        *(duration(record.peers.get(name, {}).get("seconds")) for name in peers),
    ]


def outcome(record: Record) -> str:
    """Our time, or why there is none."""
    if record.ours is not None:
        return duration(record.ours)
    return "WRONG" if record.wrong else "error"


class Table:
    """A table that is printed row by row, while the suite runs."""

    LEAST = (14, 7, 8, 12, 19, 8, 10, 11, 8)
    LEAST_PEER = 9

    def __init__(self, titles: Sequence[str]) -> None:
        least = [*self.LEAST, *[self.LEAST_PEER] * len(titles)]
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


def print_errors(records: Iterable[Record], notes: dict[str, dict[str, str]]) -> None:
    """What could not be compiled, what was wrong, and why a peer has no figure."""
    failed = [record for record in records if record.error]
    if failed:
        print("\nWithout figures")
    for record in failed:
        print(f"  {record.workload} {record.dtype}: {record.error}")
    for peer, reasons in notes.items():
        for what, reason in reasons.items():
            print(f"  [{peer}] {what}: {reason}")


def write_json(
    path: Path,
    machine: dict[str, Any],
    bandwidth: dict[str, float],
    records: Iterable[Record],
    figures: Iterable[Figure],
) -> None:
    """Everything that was measured, and where."""
    data = {
        "machine": machine,
        "bandwidth": bandwidth,
        "workloads": [dataclasses.asdict(record) for record in records],
        "figures": [dataclasses.asdict(each) | {"met": each.met} for each in figures],
    }
    path.write_text(json.dumps(data, indent=1) + "\n")
