"""Every loss, tiny: its compiled gradient is NumPy's slope; the report of the gradients."""

import json

import numpy as np
import pytest

from benchmarks import gradients, memory, report, timing
from benchmarks.__main__ import main
from benchmarks.peers.translate import rebind
from benchmarks.workload import Loss, compare, leaves, map_leaves, uniform
from benchmarks.workloads import BY_NAME, LOSS_BY_NAME, LOSSES, losses

CASES = [(loss.name, dtype) for loss in LOSSES for dtype in loss.dtypes]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_compiled_gradient_is_the_slope(name, dtype):
    loss = LOSS_BY_NAME[name]
    arguments = loss.make(dtype, "tiny")
    result = gradients.gradient_of(loss)(*arguments)
    gradient = result[1] if loss.value else result
    assert gradients.slope_error(loss, arguments, gradient) < gradients.SLOPE_TOLERANCE[dtype]
    if loss.value:
        assert compare(result[0], loss.function(*arguments), 1e-5) == ""


@pytest.mark.parametrize("factor", [1.01, -1.0])
def test_a_wrong_gradient_is_found(factor):
    loss = LOSS_BY_NAME["grad_squares"]
    (x,) = loss.make("float64", "tiny")
    assert gradients.slope_error(loss, (x,), 2 * x) < 1e-6
    assert gradients.slope_error(loss, (x,), factor * 2 * x) > 1e-3


def test_names_are_unique():
    assert len(LOSS_BY_NAME) == len(LOSSES)
    assert not LOSS_BY_NAME.keys() & BY_NAME.keys()


def test_quick_run_writes_a_table_and_json(tmp_path, capsys):
    data = tmp_path / "results.json"
    assert main(["--quick", "--only", "grad_logistic_569", "--json", str(data)]) == 0
    printed = capsys.readouterr().out
    assert "grad_logistic_569 float64: gradient / function" in printed
    results = json.loads(data.read_text())
    assert results["workloads"] == []
    (record,) = results["gradients"]
    assert record["gradient"] > 0 and record["ratio"]["median"] > 0
    assert {figure["target"] for figure in results["figures"]} == {3.0, 2.5}


def test_a_loss_that_cannot_be_differentiated_is_reported():
    loss = Loss("impossible", lambda x: np.sum(x) > 0, uniform(0, 1), (8,), (8,), (8,))
    record = gradients.run(loss, "float64", "tiny", timing.QUICK, [])
    assert record.error and not record.wrong
    assert "error" in report.gradient_row(record, [])
    assert list(gradients.figures([record])) == []


def test_share_of_a_peer_is_a_figure():
    record = report.GradientRecord("name", "float64", (8,), 1e-3, 2e-3)
    record.peers["jax"] = {"seconds": 4e-3}
    figures = {figure.name: figure.value for figure in gradients.figures([record])}
    assert figures["name float64: gradient / JAX's"] == 0.5


def test_containers_keep_their_order():
    tree = {"b": (1, [2]), "a": 3}
    assert list(leaves(tree)) == [3, 1, 2]
    assert map_leaves(lambda leaf: leaf + 1, tree) == {"a": 4, "b": (2, [3])}


def test_rebinding_reaches_the_functions_of_other_workloads():
    bound = rebind(losses.grad_black_scholes, {"erf": lambda x: 0 * x})
    spot = np.array([20.0])
    half = 0.5 * spot * (1 - np.exp(-0.1))
    np.testing.assert_allclose(bound(spot, spot, np.array([1.0])), np.sum(2 * half - half))


def test_memory_is_measured():
    assert memory.spare_arrays(2_000_000) < 4
