"""Run a function through the tracer and the interpreter, and compare it with NumPy itself."""

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from support.same import widened
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.verify import verify
from tensorwright.compiler.program import LeafKind
from tensorwright.frontend.arguments import ArgumentReader, spec_of
from tensorwright.frontend.trace import TraceResult, trace


def trace_call(
    function: Callable[..., Any], *args: Any, symbolic: str = "", **static: Any
) -> tuple[TraceResult, list[Any]]:
    """Trace a call; with the leaves of its arguments.

    `symbolic` is "": sizes are fixed; "equal": equal sizes are one symbol; "apart": each size is
    a symbol of its own.
    """
    reader = ArgumentReader(function, (), tuple(static))
    call = reader.read(args, static)
    sizes: dict[str, int] = {}
    specs = []
    for key, shape in zip(call.keys, call.shapes, strict=True):
        dims: list[Any] = []
        for size in shape:
            if not symbolic or size < 2:
                dims.append(size)
                continue
            name = f"n{size}" if symbolic == "equal" else f"d{len(sizes)}"
            sizes[name] = size
            dims.append(Dim.symbol(name))
        specs.append(spec_of(key, tuple(dims)))
    names = reader.names(call.structure)
    result = trace(function, call.structure.rebuild, specs, names, sizes)
    verify(result.graph)
    return result, call.leaves


def run_traced(function: Callable[..., Any], *args: Any, symbolic: str = "", **static: Any) -> Any:
    """What a call returns by way of the graph and the interpreter."""
    result, leaves = trace_call(function, *args, symbolic=symbolic, **static)
    specs = result.output.specs
    outputs = zip(interpret(result.graph, leaves), specs, strict=True)
    return result.output.build([_result(x, spec.kind) for x, spec in outputs])


def _result(x: Any, kind: LeafKind) -> Any:
    if kind is LeafKind.ARRAY:
        return np.asarray(x)
    return x[()] if kind is LeafKind.NUMPY_SCALAR else x.item()


def graph_of(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The traced graph."""
    return trace_call(function, *args, **options)[0].graph


def check(
    function: Callable[..., Any], *args: Any, symbolic: str = "", rtol: float = 0.0, **static: Any
) -> None:
    """Assert that the traced function gives what NumPy gives, and leaves its arguments alone."""
    before = copy.deepcopy(args)
    with np.errstate(all="ignore"):
        expected = function(*copy.deepcopy(args), **static)
    found = run_traced(function, *args, symbolic=symbolic, **static)
    assert_same(found, expected, rtol)
    assert_same(args, before)


def check_all_sizes(function: Callable[..., Any], *args: Any, **options: Any) -> None:
    """`check` with fixed and with symbolic sizes."""
    for symbolic in ("", "equal", "apart"):
        check(function, *args, symbolic=symbolic, **options)


def message(function: Callable[..., Any], *args: Any, **options: Any) -> str:
    """What the user reads of an error in a trace: the lines of the function's file are counted
    from its first one."""
    with pytest.raises(tw.UserError) as error:
        run_traced(function, *args, **options)
    code = function.__code__

    def relative(match: re.Match[str]) -> str:
        return f"FILE:+{int(match[1]) - code.co_firstlineno}"

    return re.sub(re.escape(code.co_filename) + r":(\d+)", relative, str(error.value))


def assert_same(found: Any, expected: Any, rtol: float = 0.0) -> None:
    """Equal nesting, classes, dtypes, shapes, and values."""
    if isinstance(expected, (tuple, list)):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            assert_same(f, e, rtol)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key], rtol)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert isinstance(found, (np.ndarray, np.generic)), type(found)
        assert found.dtype == expected.dtype, (found.dtype, expected.dtype)
        assert found.shape == expected.shape, (found.shape, expected.shape)
        found, expected = widened(found), widened(expected)
        if rtol and expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
        else:
            np.testing.assert_array_equal(found, expected)
    else:
        assert type(found) is type(expected), (found, expected)
        assert found == expected or found != found
