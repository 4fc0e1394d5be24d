"""Programs with hand-written kernels, to test the native call by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorwright.compiler.codegen.llvm.entry import emit_entry
from tensorwright.compiler.codegen.llvm.machine import compile_module
from tensorwright.compiler.codegen.llvm.writer import ModuleWriter
from tensorwright.compiler.ir.graph import Guard
from tensorwright.compiler.ir.parser import parse_size, parse_type
from tensorwright.compiler.program import (
    LEAF,
    LeafKind,
    LeafSpec,
    Nest,
    NestKind,
    Program,
    Signature,
)
from tensorwright.runtime import Executable, NativeCallable, load

_FLAT = object()
_SCALARS = {"float": "f64[]", "int": "i64[]", "bool": "bool[]"}


def leaf(text: str) -> LeafSpec:
    """`f64[n]` an array, `float` a Python class, `np.f32` a NumPy scalar."""
    if text in _SCALARS:
        return LeafSpec(LeafKind(text), parse_type(_SCALARS[text]))
    if text.startswith("np."):
        return LeafSpec(LeafKind.NUMPY_SCALAR, parse_type(text[3:] + "[]"))
    return LeafSpec(LeafKind.ARRAY, parse_type(text))


def guard(text: str) -> Guard:
    """`n - 4 >= 0`."""
    size, relation, _ = text.rsplit(" ", 2)
    return Guard(parse_size(size), relation)


def signature(
    inputs: str,
    outputs: str,
    guards: Sequence[str] = (),
    *,
    arguments: Any = _FLAT,
    result: Any = _FLAT,
) -> Signature:
    """`f64[n]; float` and `f64[n]`; several outputs, or a trailing semicolon, make a tuple.

    Outputs without axes are NumPy scalars; `array f64[]` is not. `arguments` (a tuple) and `result`
    are examples of the nesting, in which `...` stands for a leaf.
    """
    leaves = tuple(leaf(t.strip()) for t in inputs.split(";") if t.strip())
    results = tuple(_result_leaf(t.strip()) for t in outputs.split(";") if t.strip())
    if arguments is _FLAT:
        arguments = (...,) * len(leaves)
    if result is _FLAT:
        result = (...,) * len(results) if ";" in outputs else ...
    return Signature(leaves, results, nest(arguments), nest(result), tuple(map(guard, guards)))


def _result_leaf(text: str) -> LeafSpec:
    found = leaf(text.removeprefix("array "))
    if found.kind is LeafKind.ARRAY and not found.type.rank and not text.startswith("array "):
        return LeafSpec(LeafKind.NUMPY_SCALAR, found.type)
    return found


def nest(example: Any) -> Nest:
    """The nesting of an object, in which `...` stands for a leaf."""
    if example is ...:
        return LEAF
    if example is None:
        return Nest(NestKind.NONE)
    if isinstance(example, dict):
        return Nest(NestKind.DICT, tuple(map(nest, example.values())), tuple(example))
    return Nest(NestKind(type(example).__name__), tuple(map(nest, example)))


def program(
    what: Signature,
    run: str,
    *,
    cost: int = 0,
    arena: int | str | None = None,
    constants: Sequence[np.ndarray[Any, Any]] = (),
    declare: Sequence[tuple[str, str, list[str]]] = (),
) -> Program:
    """A program whose `@tw.run` has the body `run`; `arena` is bytes, or the body that asks."""
    module = ModuleWriter()
    for name, result, params in declare:
        module.declare(name, result, params)
    names = ("in", "out", "arena", "constants", "sizes")
    _function(module, "@tw.run", [f"%{name}" for name in names], run)
    _function(module, "@tw.cost", ["%sizes"], f"ret i64 {cost}")
    if isinstance(arena, str):
        _function(module, "@tw.arena_bytes", ["%sizes"], arena)
    static = None if isinstance(arena, str) else arena or 0
    emit_entry(module, what, what.size_names, static)
    text = module.text()
    return Program("handwritten", what, tuple(constants), text, compile_module(text))


def _function(module: ModuleWriter, name: str, params: list[str], body: str) -> None:
    fn = module.function("i64", name, [("ptr", p) for p in params], linkage="internal")
    for line in body.strip().splitlines():
        fn.line(line.strip())


def loop(body: str, count: str = "sizes") -> str:
    """A `@tw.run` that does `body` for %i below the first word of `%sizes`, or below a number."""
    limit = "%n = load i64, ptr %sizes" if count == "sizes" else f"%n = add i64 {count}, 0"
    return f"""{limit}
        br label %head
        head:
        %i = phi i64 [0, %entry], [%i.next, %body]
        %more = icmp slt i64 %i, %n
        br i1 %more, label %body, label %done
        body:
        {body}
        %i.next = add i64 %i, 1
        br label %head
        done:
        ret i64 0"""


def pointer(name: str, table: str, k: int) -> str:
    """`%name = table[k]`."""
    return f"""%{name}.at = getelementptr ptr, ptr %{table}, i64 {k}
        %{name} = load ptr, ptr %{name}.at"""


# x * 2 + 1, element by element, of an f64 array
AFFINE = loop(f"""
    {pointer("x", "in", 0)}
    {pointer("y", "out", 0)}
    %x.i = getelementptr double, ptr %x, i64 %i
    %y.i = getelementptr double, ptr %y, i64 %i
    %v = load double, ptr %x.i
    %twice = fmul double %v, 2.0
    %w = fadd double %twice, 1.0
    store double %w, ptr %y.i""")

RETURN = "ret i64 0"


def copy_bytes(pairs: Sequence[tuple[int, int, int]]) -> str:
    """A `@tw.run` that copies `bytes` from input k to output j, for each (k, j, bytes)."""
    lines = []
    for n, (k, j, count) in enumerate(pairs):
        lines += [pointer(f"a{n}", "in", k), pointer(f"b{n}", "out", j)]
        lines += [f"%v{n} = load i{8 * count}, ptr %a{n}, align 1"]
        lines += [f"store i{8 * count} %v{n}, ptr %b{n}, align 1"]
    return "\n".join([*lines, RETURN])


class Recorder(NativeCallable):
    """Its slow path returns what it was called with."""

    def __init__(self, *executables: Executable) -> None:
        for executable in executables:
            self._attach(executable)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return ("slow", args, kwargs)


def affine() -> Executable:
    """`x * 2 + 1` for f64 vectors of two or more elements."""
    return load(program(signature("f64[n]", "f64[n]"), AFFINE))
