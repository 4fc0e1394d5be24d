"""`python -m benchmarks`: NumPy and tensorwright side by side on every workload.

The exit status is 0 unless a result was wrong: a workload that does not compile, a figure that
misses its target, a peer that fails are printed and do not end the run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

PEERS_HELP = "also run the other compilers that are installed; '--peers numba,jax' picks some"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="NAME,NAME", help="run these workloads alone")
    parser.add_argument("--figures", action="store_true", help="take the figures with targets only")
    parser.add_argument("--quick", action="store_true", help="small sizes, few repeats")
    parser.add_argument("--threads", type=int, help="limit BLAS and the peers to N threads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to FILE")
    parser.add_argument("--chart", type=Path, metavar="FILE.png", help="draw the speed-ups")
    parser.add_argument("--peers", nargs="?", const="all", metavar="NAME,NAME", help=PEERS_HELP)
    parser.add_argument(
        "--peers-python",
        default=sys.executable,
        metavar="PATH",
        help="the Python in which the peers are installed, if it is another one",
    )
    parser.add_argument("--list", action="store_true", help="list the workloads and exit")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if options.threads:
        os.environ.update(dict.fromkeys(_thread_variables(), str(options.threads)))
    # Not before: these import NumPy, whose BLAS reads the number of threads when it is loaded.
    run = importlib.import_module("benchmarks.run")
    return run.run(options)


def _thread_variables() -> tuple[str, ...]:
    """Read by BLAS libraries and by the peers when they are loaded."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
    return tuple(f"{library}_NUM_THREADS" for library in libraries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
