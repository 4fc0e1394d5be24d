"""Expressions and statements as text, run in NumPy and compiled.

Many are compiled together as one function, which takes the time of a few; where one of them raises
an error in NumPy, it is run by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tensorwright as tw
from support.jitted import Raised, difference, outcome

TOGETHER = 20


def check_expressions(
    expressions: Sequence[str], *calls: dict[str, Any], close: float = 0.0, together: int = TOGETHER
) -> None:
    """Assert that each expression gives what NumPy gives, for the variables of each call.

    The calls have the same names. With the second one sizes become symbolic.
    """
    assert calls
    names = list(calls[0])
    single = {text: _function(names, text) for text in dict.fromkeys(expressions)}
    expected = {
        text: [outcome(f, list(call.values())) for call in calls] for text, f in single.items()
    }
    working = [t for t, found in expected.items() if not any(isinstance(r, Raised) for r in found)]
    for text in expected.keys() - set(working):
        _check(single[text], text, calls, expected[text], close)
    for start in range(0, len(working), together):
        part = working[start : start + together]
        jitted = tw.jit(_function(names, "[" + ", ".join(part) + "]"))
        for k, call in enumerate(calls):
            found = outcome(jitted, list(call.values()))
            if isinstance(found, Raised):  # which of them?
                for text in part:
                    _check(single[text], text, calls, expected[text], close)
                raise found.error
            for text, result in zip(part, found, strict=True):
                wrong = difference(result, expected[text][k], close)
                assert not wrong, f"{text} with {_shown(call)}: {wrong}"


def check_statements(statements: Sequence[str], *calls: dict[str, Any], close: float = 0.0) -> None:
    """As `check_expressions`: each is run on `y`, a copy of `x`, and gives y."""
    names = list(calls[0])
    for text in statements:
        function = _function(names, text, statement=True)
        expected = [outcome(function, list(call.values())) for call in calls]
        _check(function, text, calls, expected, close)


def _check(
    function: Callable[..., Any],
    text: str,
    calls: Sequence[dict[str, Any]],
    expected: Sequence[Any],
    close: float,
) -> None:
    jitted = tw.jit(function)
    for call, wanted in zip(calls, expected, strict=True):
        wrong = difference(outcome(jitted, list(call.values())), wanted, close)
        assert not wrong, f"{text} with {_shown(call)}: {wrong}"


def _function(names: Sequence[str], text: str, statement: bool = False) -> Callable[..., Any]:
    body = f"y = x.copy()\n{text}\nreturn y" if statement else f"return {text}"
    source = f"def function({', '.join(names)}):\n    " + body.replace("\n", "\n    ") + "\n"
    namespace: dict[str, Any] = {"np": np}
    exec(compile(source, "<expression>", "exec"), namespace)
    made: Callable[..., Any] = namespace["function"]
    return made


def _shown(call: dict[str, Any]) -> str:
    shapes = [f"{name}: {np.asarray(x).dtype}{list(np.shape(x))}" for name, x in call.items()]
    return ", ".join(shapes)
