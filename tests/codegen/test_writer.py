"""Module text: equal functions are written once."""

import tensorwright as tw
from tensorwright.compiler.codegen.llvm.writer import ModuleWriter


def test_equal_internal_functions_are_written_once_and_so_are_their_callers():
    module = ModuleWriter()
    for name in ("@a", "@b"):
        leaf = module.function("void", name, [("ptr", "%p")], linkage="internal")
        leaf.line(f"store i64 {leaf.assign('add i64 1, 2')}, ptr %p")
        leaf.line("ret void")
    for name, callee in (("@calls_a", "@a"), ("@calls_b", "@b")):
        caller = module.function("void", name, [("ptr", "%p")], linkage="internal")
        caller.line(f"call void {callee}(ptr %p)")
        caller.line("ret void")
    main = module.function("void", "@main", [("ptr", "%p")])
    main.line("call void @calls_a(ptr %p)")
    main.line("call void @calls_b(ptr %p)")
    main.line("ret void")
    text = module.text()
    assert text.count("define internal") == 2 and "@b" not in text
    assert text.count("call void @calls_a(ptr %p)") == 2


def test_functions_that_others_see_stay():
    module = ModuleWriter()
    for name in ("@one", "@two"):
        module.function("void", name, []).line("ret void")
    assert module.text().count("define void") == 2


def test_layers_of_one_shape_share_their_code():
    def layers(count):
        def f(x, w):
            for _ in range(count):
                x = tw.checkpoint(lambda y: abs(y - y.max(axis=1, keepdims=True)))(x) @ w
            return x

        return tw.jit(f).lower("f32[64, 8]", "f32[8, 8]").text("llvm")

    assert layers(6).count("define") == layers(3).count("define")
