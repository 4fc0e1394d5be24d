"""The run of `python -m benchmarks`, once the number of threads is settled."""

from __future__ import annotations

import argparse

from . import figures, machine, report, suite
from .chart import write_chart
from .peers import NAMES
from .peers.client import Peer
from .report import Figure, Record
from .timing import FULL, QUICK, Plan
from .workload import Workload
from .workloads import BY_NAME, WORKLOADS

COPIED = {"full": 2**26, "quick": 2**22}  # float64s in the arrays that measure the bandwidth


def run(options: argparse.Namespace) -> int:
    """Measure what the options ask for; the exit status."""
    if options.list:
        print_list()
        return 0
    selected = select(options.only)
    peers = choose_peers(options)
    size, plan = ("quick", QUICK) if options.quick else ("full", FULL)
    suite.silence()
    described = machine.describe()
    for key, value in described.items():
        print(f"{key:<13}{value}")
    bandwidth = machine.copy_bandwidth(COPIED[size], plan)
    print(
        f"{'copy':<13}{bandwidth['copyto'] / 1e9:.1f} GB/s np.copyto, "
        f"{bandwidth['copy'] / 1e9:.1f} GB/s x.copy() (bytes read + written)\n"
    )
    records: list[Record] = []
    promised: list[Figure] = []
    try:
        if not options.figures:
            records = run_workloads(selected, size, plan, peers, first=not options.quick)
        if options.figures or not options.only:
            promised = list(figures.measure(plan, COPIED[size]))
            report.print_figures(promised)
    finally:
        for peer in peers:
            peer.close()
    report.print_errors(records, {peer.name: peer.notes for peer in peers})
    if options.json:
        report.write_json(options.json, described, bandwidth, records, promised)
    if options.chart:
        write_chart(options.chart, described, records)
    return int(any(record.wrong for record in records))


def run_workloads(
    selected: tuple[Workload, ...], size: str, plan: Plan, peers: list[Peer], *, first: bool
) -> list[Record]:
    """Run the workloads in turn, each in its dtypes, and print a row for each."""
    names = [peer.name for peer in peers]
    table = report.Table(report.header(names))
    records = []
    for workload in selected:
        for dtype in workload.dtypes:
            record = suite.run(workload, dtype, size, plan, peers, first=first)
            table.add(report.row(record, names))
            records.append(record)
    return records


def select(only: str | None) -> tuple[Workload, ...]:
    """The workloads of a comma-separated list, or all."""
    if only is None:
        return WORKLOADS
    unknown = [name for name in only.split(",") if name not in BY_NAME]
    if unknown:
        raise SystemExit(f"no workload named {', '.join(unknown)}; see --list")
    return tuple(BY_NAME[name] for name in only.split(","))


def choose_peers(options: argparse.Namespace) -> list[Peer]:
    """The peers asked for; a name that is none of them ends the run."""
    if options.peers is None:
        return []
    names = NAMES if options.peers == "all" else options.peers.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise SystemExit(f"no peer named {', '.join(unknown)}; known: {', '.join(NAMES)}")
    return [Peer(name, options.peers_python, options.quick) for name in names]


def print_list() -> None:
    """Each workload with its sizes and what it computes, where its function says so."""
    for workload in WORKLOADS:
        what = (workload.function.__doc__ or "").strip().partition("\n")[0]
        sizes = f"full {workload.full}, quick {workload.quick}"
        print(f"{workload.name:<15}{sizes:<62}{what}".rstrip())
