import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.graphs import graphs, random_array
from support.regions import EVERY_REGION
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.graph import Graph, same_graph
from tensorwright.compiler.ir.literal import Literal
from tensorwright.compiler.ir.opdef import REGISTRY
from tensorwright.compiler.ir.parser import ParseError, parse, parse_size, parse_type
from tensorwright.compiler.ir.printer import to_text
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.ir.verify import verify

AXPY = """\
graph @axpy(%a: f32[], %x: f32[n, 2*n + 1], %0: f64[]) {
  guard n - 4 >= 0
  guard n*n - 7*n != 0
  %1: f32[n, 4] = broadcast(%a) {dims=[], shape=[n, 4]}  # dir/axpy.py:4 in f.<locals>.g
  %2: f32[4] = reduce_sum(%1) {axes=[0]}  # axpy.py:5
  return %2, %a
}
"""


def test_text_is_read_and_written_back():
    assert to_text(parse(AXPY)) == AXPY


def test_regions_are_read_and_written_back():
    graph = parse(EVERY_REGION)
    verify(graph)
    assert to_text(graph) == EVERY_REGION
    assert same_graph(parse(EVERY_REGION), graph)
    assert [str(n.loc) for g in graph.nested() for n in g.nodes if n.loc] == ["model.py:4 in step"]
    assert not same_graph(parse(EVERY_REGION.replace("1000.0", "100.0")), graph)


def test_locations_are_read():
    first, second = parse(AXPY).nodes
    assert str(first.loc) == "dir/axpy.py:4 in f.<locals>.g"
    assert str(second.loc) == "axpy.py:5"


def test_comments_and_result_types_may_be_anywhere_or_missing():
    text = (
        "// top\ngraph @f(%a: f32[]) { # one\n %b = broadcast(%a) {shape=[2], dims=[]}\nreturn %b}"
    )
    assert parse(text).outputs[0].type == parse_type("f32[2]")


@settings(max_examples=120, deadline=None)
@given(graphs())
def test_parsing_what_is_printed_gives_the_same_graph(graph: Graph):
    verify(graph)
    again = parse(to_text(graph))
    assert same_graph(again, graph)
    assert to_text(again) == to_text(graph)
    assert [n.loc for n in again.nodes] == [n.loc for n in graph.nodes]


def literal_graph(literal: Literal) -> Graph:
    b = GraphBuilder("literal")
    return b.finish([b.emit(REGISTRY["constant"], value=literal)])


@settings(max_examples=60, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(list(DType)),
    st.lists(st.integers(0, 5), max_size=3),
)
def test_literals_keep_every_bit(rng: random.Random, dtype: DType, shape: list[int]):
    literal = Literal(random_array(rng, dtype, tuple(shape)))
    (node,) = parse(to_text(literal_graph(literal))).nodes
    assert node.attrs["value"] == literal


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_payloads_and_random_bits_survive(dtype):
    bits = np.random.default_rng(0).integers(0, 2**64, 200, np.uint64)
    words = bits.astype(f"u{np.dtype(dtype).itemsize}")
    payloads = words | np.array(np.inf, dtype).view(words.dtype)
    for pattern in np.concatenate([words, payloads]).view(dtype):
        literal = Literal(np.array(pattern))
        assert parse(to_text(literal_graph(literal))).nodes[0].attrs["value"] == literal


def test_literals_read_as_people_write_them():
    text = to_text(literal_graph(Literal([[1.5, -0.0], [np.inf, 0.1]], DType.F32)))
    assert "value=[[1.5, -0.0], [inf, 0.1]]" in text
    assert "value=true" in to_text(literal_graph(Literal(True)))
    assert "value=[1, -2]" in to_text(literal_graph(Literal([1, -2])))


@pytest.mark.parametrize(
    "text", ["2*n + 1", "(n + 1)//2", "n*n - 7", "-n", "m - 2*(n)//3", "((n + 2)//3*m)//4", "12"]
)
def test_sizes_are_read_and_written_back(text: str):
    assert str(parse_size(text)) == text


def test_sizes_are_normalised():
    n = Dim.symbol("n")
    assert parse_size("n + n + 1 - 1") == 2 * n
    assert parse_size("(4*n + 8)//4") == n + 2
    assert parse_size("n - n") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "graph @f(%a: f32[]) {\n  %0 = nonsense(%a)\n  return %0\n}",
            "line 2: there is no op 'nonsense'\n    %0 = nonsense(%a)\n         ^",
        ),
        ("graph @f(%a: f33[]) {}", "line 1: no such element type"),
        ("graph @f(%a: f32[]) { return %b }", "line 1: %b is not defined"),
        ("graph @f(%a: f32[], %a: f32[]) { return }", "line 1: %a is defined twice"),
        ("graph @f(%a: f32[] { return }", "line 1: expected ')', found '{'"),
        ("graph @f() { return } x", "line 1: expected the end of the text, found 'x'"),
        ("graph @f() { return ~ }", "line 1: unexpected character '~'"),
        (
            "graph @f(%a: f32[3]) {\n%0: f32[4] = broadcast(%a) {dims=[0], shape=[3]}\nreturn }",
            "line 2: broadcast gives f32[3], the text says f32[4]",
        ),
        (
            "graph @f(%a: f32[3]) {\n%0 = broadcast(%a) {shape=[3]}\nreturn }",
            "line 2: broadcast has the attributes ['shape', 'dims'], found ['shape']",
        ),
        ("graph @f(%a: f32[3]) { %0 = iota(%a) {} }", "line 1: iota takes 0 operands, found 1"),
        ("graph @f() { %0 = constant() {value=3} }", "line 1: a literal needs a result type"),
        ("graph @f() { %0: u8[] = constant() {value=300} }", "line 1: 300 does not fit into u8"),
        (
            "graph @f(%a: f32[3]) { %0 = transpose(%a) {permutation=[1]} }",
            "line 1: transpose: permutation must name every axis once",
        ),
        ("graph @f() { guard n > 0", "line 1: unexpected character '>'"),
        ("graph @f() { guard 1 >= 1", "line 1: a guard compares with 0"),
    ],
)
def test_errors_point_into_the_text(text: str, message: str):
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert "^" in str(caught.value)
