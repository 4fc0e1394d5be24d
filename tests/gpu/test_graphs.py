"""Recorded launches: when graphs are made, updated and used, and that they compute the same."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tw
from support.one_thread import CountingDriver, executable, use
from tensorwright.runtime.cuda import graphs
from tensorwright.runtime.cuda.arrays import DeviceArray
from tensorwright.runtime.cuda.protocol import NotRecorded
from tensorwright.runtime.cuda.simulated import SimulatedGraph


@pytest.fixture(params=[False, True], ids=["at once", "late"])
def device(request, monkeypatch):
    device = CountingDriver(late=request.param)
    use(monkeypatch, device)
    return device


def three_kernels(x):
    return (x - x.mean()) / x.std()


def put(*values):
    return DeviceArray.from_host(np.array(values))


def test_the_second_call_with_the_same_memory_makes_a_graph(device):
    f, x = executable(three_kernels, "f64[n]"), put(1.0, 2.0, 4.0, 9.0)
    expected = three_kernels(np.asarray(x))
    for _ in range(4):
        (y,) = f(x)
        np.testing.assert_allclose(np.asarray(y), expected, rtol=1e-14)
        del y
    assert (device.done["graph"], device.done["graph launch"], device.done["update"]) == (1, 3, 0)


def test_other_sizes_have_graphs_of_their_own(device):
    f = executable(three_kernels, "f64[n]")
    for x in (put(1.0, 2.0), put(1.0, 2.0, 3.0)):
        for _ in range(3):
            (y,) = f(x)
            np.testing.assert_allclose(np.asarray(y), three_kernels(np.asarray(x)), rtol=1e-14)
            del y
    assert device.done["graph"] == 2


def test_the_oldest_graph_is_updated_where_addresses_differ(device, monkeypatch):
    monkeypatch.setattr(graphs, "_GRAPHS", 2)
    f = executable(three_kernels, "f64[n]")
    given = [put(1.0, 2.0, k) for k in (3.0, 5.0, 8.0)]
    for x in given * 3:
        (y,) = f(x)
        np.testing.assert_allclose(np.asarray(y), three_kernels(np.asarray(x)), rtol=1e-14)
        del y
    assert device.done["graph"] == 2
    assert device.done["update"] > 0


def test_only_nodes_with_other_addresses_are_updated(device, monkeypatch):
    monkeypatch.setattr(graphs, "_GRAPHS", 1)

    def f(x, y):
        return three_kernels(x), three_kernels(y)

    run, x = executable(f, "f64[n]", "f64[m]"), put(1.0, 2.0, 5.0)
    others = [put(3.0, 4.0), put(5.0, 7.0)]
    for y in others * 2:
        results = run(x, y)
        for got, wanted in zip(results, f(np.asarray(x), np.asarray(y)), strict=True):
            np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-14)
        del results, got
    assert device.done["graph"] == 1
    kernels = len(list(run.program.launches()))
    assert 0 < device.done["update"] < kernels  # those of x stay as they are


def test_one_or_two_kernels_are_not_worth_a_graph(device):
    f, x = executable(lambda x: x * 2, "f64[n]"), put(1.0, 2.0)
    for _ in range(3):
        (y,) = f(x)
        assert np.asarray(y).tolist() == [2.0, 4.0]
        del y
    assert device.done["graph"] == 0


def test_what_cannot_be_a_graph_is_queued(device, monkeypatch):
    def refuse(nodes):
        raise NotRecorded

    monkeypatch.setattr(device, "graph", refuse)
    f, x = executable(three_kernels, "f64[n]"), put(1.0, 2.0, 4.0, 9.0)
    for _ in range(3):
        (y,) = f(x)
        np.testing.assert_allclose(np.asarray(y), three_kernels(np.asarray(x)), rtol=1e-14)
        del y


def test_a_graph_that_cannot_be_updated_is_replaced(device, monkeypatch):
    def refuse(graph, index, node):
        raise NotRecorded

    monkeypatch.setattr(graphs, "_GRAPHS", 1)
    monkeypatch.setattr(SimulatedGraph, "update", refuse)
    f = executable(three_kernels, "f64[n]")
    given = [put(1.0, 2.0, k) for k in (3.0, 5.0)]
    for x in given * 3:
        (y,) = f(x)
        np.testing.assert_allclose(np.asarray(y), three_kernels(np.asarray(x)), rtol=1e-14)
        del y
    assert device.done["graph"] == 4


def scanned(x):
    return tw.scan(lambda total, row: (total * 0.5 + row, total.sum()), x[0], x)


def test_loops_of_known_length_are_part_of_the_graph(device):
    f = executable(scanned, "f64[5, 3]")
    x = DeviceArray.from_host(np.arange(15.0).reshape(5, 3))
    expected = tw.jit(scanned)(np.asarray(x))
    for _ in range(3):
        results = f(x)
        for got, wanted in zip(results, expected, strict=True):
            np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-14)
        del results, got
    assert (device.done["graph"], device.done["graph launch"]) == (1, 2)


def test_what_is_too_long_is_queued_as_it_comes(device, monkeypatch):
    monkeypatch.setattr(graphs, "_LONGEST", 4)
    f = executable(scanned, "f64[5, 3]")
    x = DeviceArray.from_host(np.arange(15.0).reshape(5, 3))
    for _ in range(3):
        for got, wanted in zip(f(x), tw.jit(scanned)(np.asarray(x)), strict=True):
            np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-14)
    assert device.done["graph"] == 0


def long_scan(x):
    def step(total, row):
        row = (row - row.mean()) / row.std() + total
        return row.max(), row

    return tw.scan(step, np.float64(0), x)


def test_bodies_of_long_loops_are_graphs(device, monkeypatch):
    monkeypatch.setattr(graphs, "_LONGEST", 10)
    f = executable(long_scan, "f64[n, m]")
    x = DeviceArray.from_host(np.random.default_rng(0).random((20, 3)))
    for got, wanted in zip(f(x), tw.jit(long_scan)(np.asarray(x)), strict=True):
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-13)
    assert 0 < device.done["graph"] <= 4
    assert device.done["graph launch"] > 10


def doubled(x):
    def step(x):
        return x * 2 - x.mean() + x.sum() / (x * x).sum()

    return tw.while_loop(lambda x: (x < 100).all(), step, x)


def test_bodies_of_loops_become_graphs_of_their_own(device):
    f, x = executable(doubled, "f64[n]"), put(1.0, 2.0, 4.0)
    for _ in range(2):
        (y,) = f(x)
        np.testing.assert_allclose(np.asarray(y), doubled_on_cpu(np.asarray(x)), rtol=1e-13)
    assert 0 < device.done["graph"] <= 4
    assert device.done["graph launch"] > device.done["graph"]


def doubled_on_cpu(x):
    return tw.jit(doubled)(x)
