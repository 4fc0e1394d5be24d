"""Runs passes on a graph in text form and prints the result.

Layer: compiler, a command line::

    python -m tensorwright.compiler.opt graph.ir -p fold,cse,prune --print-after-all --verify
    python -m tensorwright.compiler.opt - < graph.ir        # the default pipeline
    python -m tensorwright.compiler.opt --list
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import ops as _ops  # noqa: F401  (loads the registry, which the parser reads)
from .errors import TensorwrightError, UserError
from .ir.graph import Graph
from .ir.parser import parse
from .ir.printer import to_text
from .ir.verify import verify
from .options import Options
from .passes.base import Pass
from .pipeline import PASSES, graph_passes, run_pipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    args = _parser().parse_args(arguments)
    if args.list:
        for p in PASSES.values():
            print(f"{p.name:16} {p.doc}")
        return 0
    try:
        print(_optimise(args), end="")
    except (TensorwrightError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tensorwright.compiler.opt", description="Run passes on a graph."
    )
    parser.add_argument("file", nargs="?", default="-", help="text form of a graph; - for stdin")
    parser.add_argument("-p", "--passes", help="names, joined by commas; the default pipeline else")
    parser.add_argument("--fast-math", action="store_true", help="allow rules that change results")
    parser.add_argument("--verify", action="store_true", help="check the graph after each pass")
    parser.add_argument("--print-after-all", action="store_true", help="show each pass's result")
    parser.add_argument("--time", action="store_true", help="show how long each pass takes")
    parser.add_argument("--list", action="store_true", help="show the passes")
    return parser


def _optimise(args: argparse.Namespace) -> str:
    options = Options(fast_math=args.fast_math, verify=args.verify)
    passes = graph_passes(options) if args.passes is None else _named(args.passes)
    graph = parse(sys.stdin.read() if args.file == "-" else Path(args.file).read_text())
    verify(graph)

    def show(p: Pass, before: Graph, after: Graph, seconds: float) -> None:
        note = " (unchanged)" if after is before else ""
        timing = f" {seconds * 1e3:.2f} ms" if args.time else ""
        if args.print_after_all or args.time:
            print(f"// after {p.name}{note}{timing}")
        if args.print_after_all and after is not before:
            print(to_text(after))

    return to_text(run_pipeline(graph, passes, options, show))


def _named(names: str) -> list[Pass]:
    unknown = [name for name in names.split(",") if name not in PASSES]
    if unknown:
        raise UserError(f"there is no pass {unknown[0]!r}", expected=f"some of {', '.join(PASSES)}")
    return [PASSES[name] for name in names.split(",")]


if __name__ == "__main__":
    sys.exit(main())
