"""Parts of work and their launch: every unit is done once, whoever does it."""

import numpy as np
import pytest

from support.programs import signature
from tensorwright.compiler.codegen.llvm.entry import emit_entry
from tensorwright.compiler.codegen.llvm.loops import counted_loop
from tensorwright.compiler.codegen.llvm.machine import compile_module
from tensorwright.compiler.codegen.llvm.parallel import BEGIN, END, launch, outline
from tensorwright.compiler.codegen.llvm.writer import ModuleWriter
from tensorwright.compiler.program import Program
from tensorwright.runtime import get_num_threads, load, set_num_threads


@pytest.fixture(scope="module")
def tally():
    """`tally(x, ns)`: the sum of 1 and the first of `x` added to each unit of zeros like `x`."""
    module = ModuleWriter()
    _emit_part(module)
    params = [("ptr", f"%{p}") for p in ("in", "out", "arena", "constants", "sizes")]
    run = module.function("i64", "@tw.run", params, linkage="internal")
    x, y = (run.assign(f"load ptr, ptr %{table}") for table in ("in", "out"))
    second = run.assign("getelementptr ptr, ptr %in, i64 1")
    ns = run.assign(f"load i64, ptr {run.assign(f'load ptr, ptr {second}')}")
    size = run.assign("load i64, ptr %sizes")
    first = run.assign(f"load double, ptr {x}")
    bytes_ = run.assign(f"shl i64 {size}, 3")
    clear = module.declare("@llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1"])
    run.line(f"call void {clear}(ptr {y}, i8 0, i64 {bytes_}, i1 false)")
    launch(run, "@part", [("double", first), ("ptr", y)], size, ns)
    run.line("ret i64 0")
    cost = module.function("i64", "@tw.cost", [("ptr", "%sizes")], linkage="internal")
    cost.line("ret i64 100000")
    what = signature("f64[n]; int", "f64[n]")
    emit_entry(module, what, what.size_names, 0)
    return load(Program("tally", what, (), module.text(), compile_module(module.text())))


def _emit_part(module):
    part = outline(module, "@part", [("double", "%first"), ("ptr", "%y")])

    def unit(index, _):
        place = part.assign(f"getelementptr double, ptr %y, i64 {index}")
        before = part.assign(f"load double, ptr {place}")
        more = part.assign("fadd double %first, 1.0")
        part.line(f"store double {part.assign(f'fadd double {before}, {more}')}, ptr {place}")
        return []

    counted_loop(part, BEGIN, END, 1, [], unit)
    part.line("ret void")


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 16, 33])
def test_every_unit_is_done_once(tally, threads):
    before = get_num_threads()
    set_num_threads(threads)
    try:
        for count in (2, 3, 7, 15, 16, 17, 1000, 100_003):
            for ns in (0, 49_999, 50_000, 10**6, 10**12):
                x = np.full(count, 3.0)
                np.testing.assert_array_equal(tally(x, ns), x + 1)
    finally:
        set_num_threads(before)
