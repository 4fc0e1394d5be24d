"""The run of `python -m benchmarks`, once the number of threads is settled."""

from __future__ import annotations

import argparse

from . import figures, gradients, machine, report, suite
from .chart import write_chart
from .peers import COMPILERS, GRADIENTS, NAMES
from .peers.client import Peer
from .report import Figure, GradientRecord, Record
from .timing import FULL, QUICK, Plan
from .workload import Loss, Workload
from .workloads import BY_NAME, LOSS_BY_NAME, LOSSES, WORKLOADS

GROUP = "gradients"  # names all losses in --only
COPIED = {"full": 2**26, "quick": 2**22}  # float64s in the arrays that measure the bandwidth
CHAINED = {"full": 10**7, "quick": 10**7}  # float64s in the array whose gradient's memory is taken


def run(options: argparse.Namespace) -> int:
    """Measure what the options ask for; the exit status."""
    if options.list:
        print_list()
        return 0
    selected, losses = select(options.only)
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
    derived: list[GradientRecord] = []
    promised: list[Figure] = []
    try:
        if not options.figures:
            records = run_workloads(selected, size, plan, peers, first=not options.quick)
            derived = run_gradients(losses, size, plan, peers)
        if options.figures or not options.only:
            promised += figures.measure(plan, COPIED[size])
        if derived:
            promised += gradients.figures(derived)
        if not options.only:
            promised.append(gradients.spare_memory(CHAINED[size]))
        report.print_figures(promised)
    finally:
        for peer in peers:
            peer.close()
    failures = [(r.workload, r.dtype, r.error) for r in records if r.error]
    failures += [(r.loss, r.dtype, r.error) for r in derived if r.error]
    report.print_errors(failures, {peer.name: peer.notes for peer in peers})
    if options.json:
        report.write_json(options.json, described, bandwidth, records, derived, promised)
    if options.chart:
        write_chart(options.chart, described, records)
    return int(any(record.wrong for record in (*records, *derived)))


def run_workloads(
    selected: tuple[Workload, ...], size: str, plan: Plan, peers: list[Peer], *, first: bool
) -> list[Record]:
    """Run the workloads in turn, each in its dtypes, and print a row for each."""
    if not selected:
        return []
    peers = [peer for peer in peers if peer.name in COMPILERS]
    names = [peer.name for peer in peers]
    table = report.Table(report.header(names))
    records = []
    for workload in selected:
        for dtype in workload.dtypes:
            record = suite.run(workload, dtype, size, plan, peers, first=first)
            table.add(report.row(record, names))
            records.append(record)
    return records


def run_gradients(
    losses: tuple[Loss, ...], size: str, plan: Plan, peers: list[Peer]
) -> list[GradientRecord]:
    """The same for the gradients."""
    if not losses:
        return []
    peers = [peer for peer in peers if peer.name in GRADIENTS]
    names = [peer.name for peer in peers]
    print("\nGradients")
    table = report.Table(report.gradient_header(names), report.Table.GRADIENTS)
    records = []
    for loss in losses:
        for dtype in loss.dtypes:
            record = gradients.run(loss, dtype, size, plan, peers)
            table.add(report.gradient_row(record, names))
            records.append(record)
    return records


def select(only: str | None) -> tuple[tuple[Workload, ...], tuple[Loss, ...]]:
    """The workloads and the losses of a comma-separated list, or all."""
    if only is None:
        return WORKLOADS, LOSSES
    names = only.split(",")
    unknown = [n for n in names if n not in BY_NAME and n not in LOSS_BY_NAME and n != GROUP]
    if unknown:
        raise SystemExit(f"no workload named {', '.join(unknown)}; see --list")
    losses = tuple(loss for loss in LOSSES if loss.name in names or GROUP in names)
    return tuple(BY_NAME[name] for name in names if name in BY_NAME), losses


def choose_peers(options: argparse.Namespace) -> list[Peer]:
    """The peers asked for; a name that is none of them ends the run."""
    if options.peers is None:
        return []
    names = NAMES if options.peers == "all" else options.peers.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise SystemExit(f"no peer named {', '.join(unknown)}; known: {', '.join(NAMES)}")
    return [Peer(name, options.peers_python, options.quick, options.threads) for name in names]


def print_list() -> None:
    """Each workload with its sizes and what it computes, where its function says so."""
    for workload in (*WORKLOADS, *LOSSES):
        what = (workload.function.__doc__ or "").strip().partition("\n")[0]
        sizes = f"full {workload.full}, quick {workload.quick}"
        print(f"{workload.name:<19}{sizes:<62}{what}".rstrip())
