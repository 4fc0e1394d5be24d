import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.graphs import graphs, random_graph, random_inputs
from support.same import assert_same_outcome
from tensorwright.compiler.errors import InternalError
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.options import Options
from tensorwright.compiler.passes.base import Pass
from tensorwright.compiler.pipeline import GRAPH_PASSES, PASSES, graph_passes, run_pipeline

TEXT = """\
graph @a(%x: f64[n]) {
  %0: f64[] = constant() {value=1.0}
  %1: f64[n] = broadcast(%0) {dims=[], shape=[n]}
  %2: f64[n] = multiply(%x, %1)
  return %2
}
"""
VERIFY = Options(verify=True)


@settings(max_examples=150, deadline=None)
@given(graphs(max_nodes=20), st.randoms(use_true_random=False))
def test_the_pipeline_keeps_every_bit(graph: Graph, rng: random.Random):
    inputs = random_inputs(rng, graph)
    found = run_pipeline(graph, options=VERIFY)
    assert_same_outcome(found, graph, inputs)


@pytest.mark.parametrize("left_out", range(len(GRAPH_PASSES)))
def test_every_pass_is_optional(left_out: int):
    passes = [p for k, p in enumerate(GRAPH_PASSES) if k != left_out]
    for seed in range(15):
        rng = random.Random(seed)
        graph = random_graph(rng, max_nodes=20)
        found = run_pipeline(graph, passes, VERIFY)
        assert_same_outcome(found, graph, random_inputs(rng, graph))


@settings(max_examples=60, deadline=None)
@given(graphs(max_nodes=20))
def test_a_pass_has_nothing_to_do_on_its_own_result(graph: Graph):
    for p in PASSES.values():
        graph = p.run(graph)
        assert p.run(graph) is graph, p.name


def test_the_callback_sees_every_pass():
    seen = []
    run_pipeline(
        parse(TEXT),
        on_pass=lambda p, before, after, seconds: seen.append((p.name, after is not before)),
    )
    assert [name for name, _ in seen] == [p.name for p in GRAPH_PASSES]
    assert [name for name, changed in seen if changed] == ["simplify", "prune"]


def test_a_pass_that_breaks_the_graph_is_named():
    def forget(graph: Graph) -> Graph:
        return Graph(graph.name, graph.inputs, (), graph.outputs, graph.guards)

    bad = Pass("forget", "Forgets everything.", forget)
    with pytest.raises(InternalError, match="after pass 'forget': %\\? is not defined"):
        run_pipeline(parse(TEXT), [bad], VERIFY)


def test_fast_math_takes_the_inexact_rules():
    text = "graph @f(%x: f64[n]) { %0: f64[n] = subtract(%x, %x) return %0 }"
    exact = run_pipeline(parse(text))
    fast = run_pipeline(parse(text), options=Options(fast_math=True))
    assert [n.op.name for n in exact.nodes] == ["subtract"]
    assert [n.op.name for n in fast.nodes] == ["constant", "broadcast"]
    assert len(graph_passes(Options(fast_math=True))) == len(GRAPH_PASSES)


def test_dumps(tmp_path: Path):
    run_pipeline(parse(TEXT), options=Options(dump_dir=str(tmp_path / "dump")))
    files = sorted(path.name for path in (tmp_path / "dump").iterdir())
    assert files == ["a.00-input.ir", "a.06-simplify.ir", "a.11-prune.ir"]
    assert (tmp_path / "dump" / "a.00-input.ir").read_text() == TEXT


def test_options_from_the_environment():
    assert Options.from_environment({}) == Options()
    assert Options.from_environment({"TENSORWRIGHT_VERIFY": "0"}) == Options()
    found = Options.from_environment({"TENSORWRIGHT_VERIFY": "1", "TENSORWRIGHT_DUMP_DIR": "d"})
    assert found == Options(verify=True, dump_dir="d")
