"""Work that several threads may share: a part of it as a function, and the call that shares it out.

Layer: compiler/codegen/llvm. Work is a range of units, [0, count). A part is a function that does
the units from %begin to %end::

    define internal void @name(ptr %context, i64 %begin, i64 %end)

`outline` opens it, with its parameters loaded from the context; `launch` fills a context on the
stack and calls `@tw.parallel` of threads.py, which calls the part in this thread, or in several for
ranges that together are the whole. Units must not depend on each other, and what a unit computes
not on the range that it came in; then results have the same bits for any number of threads::

    part = outline(module, "@k0.part", [("ptr", "%x"), ("i64", "%n")])
    ...                                 # a loop from %begin to %end over %x
    part.line("ret void")
    launch(fn, "@k0.part", [("ptr", x), ("i64", n)], count, ns)
"""

from __future__ import annotations

from collections.abc import Sequence

from .writer import FunctionWriter, ModuleWriter

BEGIN, END = "%begin", "%end"  # i64: the units of one call of a part
PART = (("ptr", "%context"), ("i64", BEGIN), ("i64", END))  # its parameters


def outline(module: ModuleWriter, name: str, params: Sequence[tuple[str, str]]) -> FunctionWriter:
    """Start the part `name` (with @); `params` are (type, %name), known under these names in it."""
    part = module.function("void", name, PART, linkage="internal")
    load_context(part, params)
    return part


def load_context(fn: FunctionWriter, params: Sequence[tuple[str, str]]) -> None:
    """Load the first parameters of the context that `fn` has, or all."""
    layout = _layout(params)
    for k, (type, param) in enumerate(params):
        place = fn.assign(f"getelementptr {layout}, ptr %context, i32 0, i32 {k}")
        fn.line(f"{param} = load {type}, ptr {place}")


def launch(
    fn: FunctionWriter, name: str, arguments: Sequence[tuple[str, str]], count: str, ns: str
) -> None:
    """Do all units of the part `name`: in several threads if that is worth it.

    Args:
        fn: where to write the call.
        name: the part, with @.
        arguments: (type, value) for each of the part's parameters.
        count: i64 operand, the number of units.
        ns: i64 operand, an estimate of the time that all of the work takes one thread.
    """
    context = fill_context(fn, arguments)
    share = fn.module.declare("@tw.parallel", "void", ["ptr", "ptr", "i64", "i64"])
    fn.line(f"call void {share}(ptr {name}, ptr {context}, i64 {count}, i64 {ns})")


def fill_context(fn: FunctionWriter, arguments: Sequence[tuple[str, str]]) -> str:
    """A context on the stack with these types and values."""
    layout = _layout(arguments)
    context = fn.alloca(layout, 8)
    for k, (type, value) in enumerate(arguments):
        place = fn.assign(f"getelementptr {layout}, ptr {context}, i32 0, i32 {k}")
        fn.line(f"store {type} {value}, ptr {place}")
    return context


def _layout(values: Sequence[tuple[str, str]]) -> str:
    return "{" + ", ".join(type for type, _ in values) + "}"
