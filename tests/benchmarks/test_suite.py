"""The suite itself: command line, timing, report, and peers that fail."""

import json
import sys

import numpy as np
import pytest

from benchmarks import report, suite, timing
from benchmarks.__main__ import main
from benchmarks.peers.client import Peer
from benchmarks.peers.translate import rebind
from benchmarks.workload import Workload, uniform
from benchmarks.workloads import BY_NAME, elementwise


def test_quick_run_of_one_workload_writes_json_and_a_chart(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    data, chart = tmp_path / "results.json", tmp_path / "chart.png"
    status = main(["--quick", "--only", "call8", "--json", str(data), "--chart", str(chart)])
    assert status == 0
    assert "call8" in capsys.readouterr().out
    results = json.loads(data.read_text())
    assert [w["dtype"] for w in results["workloads"]] == ["float32", "float64"]
    assert all(w["ratio"]["median"] > 0 and w["tiny"] > 0 for w in results["workloads"])
    assert {"cpu", "cores", "numpy", "date"} <= results["machine"].keys()
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_list_names_every_workload(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in BY_NAME)


@pytest.mark.parametrize("options", [["--only", "nonsense"], ["--only", "call8", "--peers", "x"]])
def test_unknown_names_end_the_run(options):
    with pytest.raises(SystemExit, match=r"no (workload|peer) named"):
        main(options)


def test_a_wrong_result_is_reported_and_not_timed(monkeypatch):
    monkeypatch.setattr(suite.tw, "jit", lambda function: lambda x: function(x) + 1)
    record = suite.run(BY_NAME["call8"], "float64", "tiny", timing.QUICK, [], first=False)
    assert record.wrong and record.ratio is None
    assert "WRONG" in report.row(record, [])


def test_a_workload_that_does_not_compile_is_reported():
    def impossible(x):
        return float(x[0]) + np.array([object()])

    workload = Workload("impossible", impossible, uniform(0, 1), (8,), (8,), (8,))
    record = suite.run(workload, "float64", "tiny", timing.QUICK, [], first=False)
    assert record.error and not record.wrong
    assert "\n" not in record.error


def test_a_peer_that_is_not_there_costs_its_figure_only():
    peer = Peer("no such peer", sys.executable, quick=True)
    try:
        assert peer.ask("call8", "float64", "tiny") == {}
        assert peer.ask("chain", "float64", "tiny") == {}
    finally:
        peer.close()
    assert list(peer.notes) == ["import"]


def test_rebinding_reaches_the_functions_that_are_called():
    bound = rebind(elementwise.black_scholes, {"erf": lambda x: 0 * x})
    spot = np.array([20.0])
    call, _ = bound(spot, spot, np.array([1.0]))
    np.testing.assert_allclose(call, 0.5 * spot * (1 - np.exp(-elementwise.RATE)))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.0, "0 ns"), (1.5e-7, "150 ns"), (2.34e-6, "2.34 us"), (0.0125, "12.5 ms")],
)
def test_durations(seconds, text):
    assert report.duration(seconds) == text


class Clock:
    """A stand-in for `time`: a thread besides the one that sleeps is busy until `rest`."""

    def __init__(self, rest: float) -> None:
        self.now, self.rest = 0.0, rest

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return min(self.now, self.rest)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("rest", "waited"), [(0.0, 0.0), (0.1, 0.1), (9.0, timing.PATIENCE)])
def test_samples_wait_for_the_threads_of_others(monkeypatch, rest, waited):
    clock = Clock(rest)
    monkeypatch.setattr(timing, "time", clock)
    assert timing.wait_for_rest() == (rest > 0)
    assert waited <= clock.now <= waited + 3 * timing.GLANCE


def test_spread_leaves_out_the_extremes():
    found = timing.spread(range(1, 12))
    assert (found.low, found.median, found.high) == (2, 6, 10)
