"""A bar chart of the speed-ups over NumPy, on a logarithmic scale."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .report import Record

COLOURS = {"float32": "#4477aa", "float64": "#ee6677"}


def write_chart(path: Path, machine: dict[str, Any], records: Sequence[Record]) -> None:
    """Write the chart of all records that have a speed-up; needs Matplotlib."""
    # Matplotlib is needed for this option alone, and slow to import.
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    names = list(dict.fromkeys(r.workload for r in records if r.ratio))
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.32 * len(names)), layout="constrained")
    for shift, (dtype, colour) in zip((-0.2, 0.2), COLOURS.items(), strict=True):
        bars = [(names.index(r.workload) + shift, r.ratio) for r in records if r.dtype == dtype]
        known = [(y, ratio) for y, ratio in bars if ratio]
        medians = [ratio.median for _, ratio in known]
        spans = [
            [ratio.median - ratio.low for _, ratio in known],
            [ratio.high - ratio.median for _, ratio in known],
        ]
        axes.barh(
            [y for y, _ in known],
            [median - 1 for median in medians],
            left=1,
            height=0.4,
            xerr=spans,
            color=colour,
            ecolor="#555555",
            label=dtype,
        )
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.set_xlabel("times as fast as NumPy (median, bars from 10% to 90%)")
    axes.set_title(f"{machine['cpu']}, {machine['cores']} cores, NumPy {machine['numpy']}")
    axes.legend()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
