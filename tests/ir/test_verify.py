import pytest

from tensorwright.compiler.errors import InternalError, Loc
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.graph import Graph, Guard, Node, Value
from tensorwright.compiler.ir.opdef import REGISTRY, Kind, OpDef
from tensorwright.compiler.ir.parser import parse, parse_type
from tensorwright.compiler.ir.verify import verify

TEXT = """\
graph @f(%a: f32[], %x: f32[n, 3]) {
  %0: f32[n, 3] = broadcast(%a) {dims=[], shape=[n, 3]}  # model.py:7 in loss
  %1: f32[3] = reduce_sum(%0) {axes=[0]}
  %2: f32[1, 3] = reshape(%1) {shape=[1, 3]}
  return %2
}
"""


def graph_of(*, nodes=None, outputs=None, inputs=None, guards=()) -> Graph:
    graph = parse(TEXT)
    return Graph(
        "f",
        graph.inputs if inputs is None else inputs(graph),
        graph.nodes if nodes is None else nodes(graph),
        graph.outputs if outputs is None else outputs(graph),
        guards,
    )


def replaced(graph: Graph, at: int, **fields) -> tuple[Node, ...]:
    node = graph.nodes[at]
    old = {k: getattr(node, k) for k in ("op", "inputs", "attrs", "outputs", "loc")}
    return (*graph.nodes[:at], Node(**{**old, **fields}), *graph.nodes[at + 1 :])


def of_type(text: str) -> Value:
    return Value(parse_type(text))


UNREGISTERED = OpDef(
    "ghost", Kind.VIEW, 1, infer=lambda types, attrs: tuple(types), reference=None, doc=""
)


def test_a_good_graph_passes():
    verify(parse(TEXT))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (graph_of(nodes=lambda g: g.nodes[1:]), "%? is not defined"),
        (
            graph_of(nodes=lambda g: (g.nodes[1], g.nodes[0], g.nodes[2])),
            "%1 is used before it is defined",
        ),
        (graph_of(nodes=lambda g: (*g.nodes, g.nodes[0])), "is defined twice"),
        (graph_of(inputs=lambda g: (*g.inputs, g.inputs[0])), "is defined twice"),
        (graph_of(outputs=lambda g: (of_type("f32[]"),)), "%? is not defined"),
        (
            graph_of(nodes=lambda g: replaced(g, 1, outputs=(of_type("f32[4]"),))),
            "reduce_sum gives f32[3]",
        ),
        (
            graph_of(nodes=lambda g: replaced(g, 1, attrs={"axes": (0, 5)})),
            "reduce_sum: axes must be sorted",
        ),
        (
            graph_of(nodes=lambda g: replaced(g, 1, attrs={})),
            "reduce_sum has the attributes ('axes',)",
        ),
        (
            graph_of(nodes=lambda g: replaced(g, 1, attrs={"axes": [0]})),
            "attribute axes is a list",
        ),
        (
            graph_of(nodes=lambda g: replaced(g, 1, inputs=g.nodes[1].inputs * 2)),
            "reduce_sum takes 1 operands, has 2",
        ),
        (
            graph_of(nodes=lambda g: replaced(g, 0, op=UNREGISTERED, attrs={})),
            "ghost is not a registered op",
        ),
        (
            graph_of(inputs=lambda g: g.inputs[:1]),
            "no input has the size n, used in n",
        ),
        (
            graph_of(guards=(Guard(Dim.symbol("k"), ">="),)),
            "no input has the size k, used in k",
        ),
        (graph_of(guards=(Guard(Dim.symbol("n"), ">"),)), "n > 0 is not a guard"),
        (
            graph_of(inputs=lambda g: (*g.inputs, of_type("f32[nan]"))),
            "'nan' cannot be the name of a size",
        ),
    ],
)
def test_each_fault_is_found(graph: Graph, message: str):
    with pytest.raises(InternalError) as caught:
        verify(graph, after="cse")
    assert str(caught.value).startswith("after pass 'cse': ")
    assert message in str(caught.value)


def test_the_message_shows_the_place():
    graph = graph_of(nodes=lambda g: replaced(g, 0, outputs=(of_type("f32[4]"),)))
    with pytest.raises(InternalError) as caught:
        verify(graph, after="fold")
    assert str(caught.value) == (
        "after pass 'fold': broadcast gives f32[n, 3]\n"
        ">>> %0: f32[4] = broadcast(%a) {dims=[], shape=[n, 3]}  # model.py:7 in loss\n"
        "    %1: f32[3] = reduce_sum(%?) {axes=[0]}\n"
        "    %2: f32[1, 3] = reshape(%1) {shape=[1, 3]}\n"
        "    return %2\n"
        "  at: model.py:7 in loss"
    )


def test_nodes_made_by_hand_are_accepted_when_right():
    x = of_type("f32[2, n]")
    y = of_type("f32[n, 2]")
    node = Node(REGISTRY["transpose"], (x,), {"permutation": (1, 0)}, (y,), Loc("a.py", 1))
    verify(Graph("g", (x,), (node,), (y,)))


def with_body(body: Graph) -> Graph:
    graph = parse(
        """graph @f(%x: f32[n]) {
          %0 = scan(%x) {carries=0, length=n, reverse=false, scanned=1,
            body=graph @body(%x: f32[]) { %0 = broadcast(%x) {dims=[], shape=[n]} return %0 }}
          return %0
        }"""
    )
    attrs = {**graph.nodes[0].attrs, "body": body}
    return Graph("f", graph.inputs, replaced(graph, 0, attrs=attrs), graph.outputs)


def test_regions_are_checked():
    good = parse("graph @b(%x: f32[], %n: f32[n]) { return %x }")
    region = Graph("b", good.inputs, (), (of_type("f32[n]"),))
    with pytest.raises(InternalError, match=r"%. is not defined"):
        verify(with_body(region))
    fitting = Graph("b", good.inputs[:1], (), good.inputs[:1])
    with pytest.raises(InternalError, match=r"scan gives f32\[n\]"):
        verify(with_body(fitting))
    guarded = Graph("b", good.inputs[:1], (), good.inputs[:1], (Guard(Dim.symbol("n"), ">="),))
    with pytest.raises(InternalError, match="a region has no guards"):
        verify(with_body(guarded))
