"""First calls in a new process, where nothing has been imported, compiled or kept.

`python -m benchmarks.fresh import` prints the seconds that `import tensorwright` takes after
`import numpy`; with a workload's name, a dtype and a size, also those of the first call.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time


def import_seconds(repeats: int) -> float:
    """The shortest `import tensorwright` of some new processes that have imported NumPy.

    The shortest, because all that can happen to an import is that something else slows it down.
    """
    return min(_in_new_process("import")[0] for _ in range(repeats))


def first_call_seconds(name: str, dtype: str, size: str) -> float:
    """Import and first call of a workload in a new process, together."""
    return sum(_in_new_process(name, dtype, size))


def _in_new_process(*arguments: str) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.fresh", *arguments]
    # as on a user's machine, where the bytecode of an installed package is kept
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=kept
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"a new process failed: {last}")
    return [float(word) for word in done.stdout.split()]


def main(arguments: list[str]) -> None:
    importlib.import_module("numpy")
    begin = time.perf_counter()
    # Not an import statement: what is measured must not run when this module is loaded.
    tensorwright = importlib.import_module("tensorwright")
    print(time.perf_counter() - begin)
    if arguments == ["import"]:
        return
    name, dtype, size = arguments
    workload = importlib.import_module("benchmarks.workloads").BY_NAME[name]
    inputs = workload.make(dtype, size)
    written = importlib.import_module("benchmarks.ours").source(workload)
    begin = time.perf_counter()
    tensorwright.jit(written)(*inputs)
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main(sys.argv[1:])
