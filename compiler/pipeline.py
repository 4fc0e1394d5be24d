"""Which passes run, in which order, and the one loop that runs them.

Layer: compiler. Results are the same with any of the passes left out; the order decides only how
good the code is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .ir.graph import Graph
from .ir.printer import to_text
from .ir.verify import verify
from .options import Options
from .passes.base import Pass, everywhere
from .passes.cse import CSE
from .passes.fold import FOLD
from .passes.hoist import HOIST
from .passes.inline_regions import INLINE_REGIONS
from .passes.prune import PRUNE
from .passes.recompute import RECOMPUTE
from .passes.simplify import SIMPLIFY, SIMPLIFY_FAST
from .passes.sink_broadcasts import SINK_BROADCASTS
from .passes.sink_gathers import SINK_GATHERS
from .passes.sink_interleaves import SINK_INTERLEAVES
from .passes.sink_merges import SINK_MERGES
from .passes.sink_parts import SINK_PARTS
from .passes.sink_sources import SINK_SOURCES
from .passes.trim_regions import TRIM_REGIONS

GRAPH_PASSES: tuple[Pass, ...] = (
    FOLD,  # sizes that are known, uniform arrays: rules look for constants
    CSE,  # rules that mention a variable twice look for one value
    INLINE_REGIONS,
    TRIM_REGIONS,
    SINK_SOURCES,  # rules in regions look for constants
    SIMPLIFY,
    SINK_GATHERS,
    SINK_BROADCASTS,
    SIMPLIFY,  # sinking leaves chains of broadcasts
    CSE,  # what rules have made equal: once sunk into different readers, it is no longer
    PRUNE,  # what nobody reads must not count as a reader
    SINK_INTERLEAVES,
    SINK_MERGES,
    SINK_PARTS,  # among them the slices that this leaves
    FOLD,  # what rules and sinking have brought together
    CSE,
    HOIST,  # what is left in regions by then
    INLINE_REGIONS,  # branches whose choice is known by now
    TRIM_REGIONS,
    PRUNE,
    RECOMPUTE,  # once it is known who reads what
    PRUNE,
)

# Every pass by name, for command lines.
PASSES: dict[str, Pass] = {p.name: p for p in (*GRAPH_PASSES, SIMPLIFY_FAST)}

# Called after each pass with the graphs before and after it, and the seconds that it took.
OnPass = Callable[[Pass, Graph, Graph, float], None]


def graph_passes(options: Options) -> tuple[Pass, ...]:
    """The passes that the options ask for."""
    if not options.fast_math:
        return GRAPH_PASSES
    return tuple(SIMPLIFY_FAST if p is SIMPLIFY else p for p in GRAPH_PASSES)


def run_pipeline(
    graph: Graph,
    passes: Sequence[Pass] | None = None,
    options: Options = Options(),  # noqa: B008  (frozen)
    on_pass: OnPass | None = None,
) -> Graph:
    """The graph after the passes (by default those that the options ask for)."""
    dump = _Dump(options.dump_dir, graph)
    if options.verify:
        verify(graph)
    results: dict[str, Graph] = {}
    for p in graph_passes(options) if passes is None else passes:
        start = time.perf_counter()
        # a pass has nothing to do on its own result
        after = graph if results.get(p.name) is graph else everywhere(p.run, graph)
        results[p.name] = after
        seconds = time.perf_counter() - start
        if options.verify and after is not graph:
            verify(after, p.name)
        dump.write(p.name, graph, after)
        if on_pass is not None:
            on_pass(p, graph, after, seconds)
        graph = after
    return graph


class _Dump:
    """Writes `NAME.00-input.ir`, `NAME.01-fold.ir`, ... for the passes that changed something."""

    def __init__(self, directory: str | None, graph: Graph) -> None:
        self.directory = Path(directory) if directory else None
        self.stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in graph.name)
        self.count = 0
        self._write("input", graph)

    def write(self, name: str, before: Graph, after: Graph) -> None:
        self.count += 1
        if after is not before:
            self._write(name, after)

    def _write(self, name: str, graph: Graph) -> None:
        if self.directory is not None:
            self.directory.mkdir(parents=True, exist_ok=True)
            path = self.directory / f"{self.stem}.{self.count:02}-{name}.ir"
            path.write_text(to_text(graph))
