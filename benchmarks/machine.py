"""The machine that the figures belong to: what it is, and how fast it copies memory."""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from .timing import Plan, contest, spread, timer


def describe() -> dict[str, Any]:
    """The machine and the software, as the JSON file records them."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": _usable_cores(),
        "threads": os.environ.get("OMP_NUM_THREADS", "not limited"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "tensorwright": importlib.metadata.version("tensorwright"),
        "llvmlite": importlib.metadata.version("llvmlite"),
    }


def copy_bandwidth(elements: int, plan: Plan) -> dict[str, float]:
    """Bytes read and written per second by a copy of float64s: into memory in use, into new."""
    source = np.ones(elements)
    target = np.ones(elements)
    into, fresh = contest([timer(np.copyto, (target, source)), timer(source.copy, ())], plan)
    moved = 2 * source.nbytes
    return {
        "bytes": float(moved),
        "copyto": moved / spread(into).median,
        "copy": moved / spread(fresh).median,
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blas() -> str:
    """NumPy's BLAS and its number of threads, as far as they can be found out."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = f"{blas.get('name', '?')} {blas.get('version', '')}".strip()
    try:
        pools = importlib.import_module("threadpoolctl").threadpool_info()
    except ImportError:
        return name
    counts = {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}
    return f"{name}, {'/'.join(map(str, sorted(counts)))} threads" if counts else name
