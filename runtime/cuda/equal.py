"""Which kernels of a source are the same code under other names: deep networks have many.

Layer: runtime. In: a source. Out: for each kernel the one to be compiled in its place. Compared are
the texts of a kernel and of the functions that it calls, with numbers for their own names and those
of their parameters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Mapping

_NAME = re.compile(r"[^\W\d]\w*")


def representatives(source: str, kernels: Mapping[str, Hashable]) -> dict[str, str]:
    """For each kernel the first with the same code; they must agree in the values given, too."""
    functions = {f.name: f for f in ast.parse(source).body if isinstance(f, ast.FunctionDef)}
    lines = source.splitlines()
    texts = {name: _text(function, lines) for name, function in functions.items()}
    parameters = {
        name: [argument.arg for argument in function.args.args]
        for name, function in functions.items()
    }
    firsts: dict[Hashable, str] = {}
    return {
        kernel: firsts.setdefault((given, _numbered(kernel, texts, parameters)), kernel)
        for kernel, given in kernels.items()
    }


def _text(function: ast.FunctionDef, lines: list[str]) -> str:
    """A function with its decorators."""
    first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
    return "\n".join(lines[first - 1 : function.end_lineno])


def _numbered(
    kernel: str, texts: Mapping[str, str], parameters: Mapping[str, list[str]]
) -> tuple[str, ...]:
    """The texts of a kernel and what it calls, in the order in which they are first named."""
    numbers = {kernel: 0}
    found: list[str] = []
    todo = [kernel]
    for name in todo:  # grows meanwhile
        own = {parameter: f"p.{k}" for k, parameter in enumerate(parameters[name])}

        def renamed(match: re.Match[str], own: Mapping[str, str] = own) -> str:
            word = match[0]
            if word in texts and word not in numbers:
                numbers[word] = len(numbers)
                todo.append(word)
            return f"f.{numbers[word]}" if word in numbers else own.get(word, word)

        found.append(_NAME.sub(renamed, texts[name]))
    return tuple(found)
