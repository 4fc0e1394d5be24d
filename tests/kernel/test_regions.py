"""The kernel form of loops and branches: what is printed, and how much memory they take."""

from __future__ import annotations

from support.regions import EVERY_REGION
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import ScanLoop
from tensorwright.compiler.kernel.printer import print_program
from tensorwright.compiler.kernel.steps import lower_graph

SCAN = """graph @f(%c: f64[8], %xs: f64[n, 8], %w: f64[8, 8]) {
  %k: f64[] = constant() {value=2.0}
  %0, %1 = scan(%c, %xs, %w, %k) {carries=1, scanned=1, length=n, reverse=true,
    body=graph @body(%c: f64[8], %x: f64[8], %w: f64[8, 8], %k: f64[]) {
      %0 = broadcast(%k) {dims=[], shape=[8]}
      %1 = multiply(%c, %0)
      return %1, %x
    }}
  return %0, %1
}"""


def test_regions_are_printed_inside_of_their_steps():
    text = print_program(lower_graph(parse(SCAN)), lambda kernel: "some way")
    head, carry, body, *_ = text.split("\n")
    assert head == (
        "scan @k0 n reverse slices (in1[0] by 64) captured (in2[0], const0[0]) -> (out1[0] by 64) {"
    )
    assert carry == "  carry out0[0] in place = in0[0]"
    assert body == "  body {"
    assert "    kernel @k0.body.k0 for [i0 < 8]  # some way" in text
    everything = print_program(lower_graph(parse(EVERY_REGION)), lambda kernel: "")
    for word in ("scan @k0", "while @k1", "replay @k2", "switch @k3", "  condition {", "branch 1"):
        assert word in everything


def test_constants_of_regions_are_those_of_the_program():
    text = """graph @f(%x: f64[3]) {
      %c: f64[3] = constant() {value=[1.0, 2.0, 3.0]}
      %0 = add(%x, %c)
      %1 = scan(%0) {carries=1, scanned=0, length=4, reverse=false,
        body=graph @outer(%x: f64[3]) {
          %c: f64[3] = constant() {value=[4.0, 5.0, 6.0]}
          %0 = scan(%x, %c) {carries=1, scanned=0, length=4, reverse=false,
            body=graph @inner(%x: f64[3], %d: f64[3]) {
              %c: f64[3] = constant() {value=[7.0, 8.0, 9.0]}
              %0 = add(%x, %c)
              %1 = add(%0, %d)
              return %1
            }}
          return %0
        }}
      return %1
    }"""
    program = lower_graph(parse(text))
    assert sorted(c[0] for c in program.constants) == [1.0, 4.0, 7.0]
    outer = program.steps[-1]
    assert isinstance(outer, ScanLoop)
    inner = outer.body.program.steps[0]
    assert isinstance(inner, ScanLoop)
    places = [0, outer.body.constants, outer.body.constants + inner.body.constants]
    assert [program.constants[k][0] for k in places] == [1.0, 4.0, 7.0]
