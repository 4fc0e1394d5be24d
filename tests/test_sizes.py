"""Files and functions stay short enough to be read in one go."""

import ast

import pytest

from support.sources import OTHERS, PRODUCT, ROOT, python_files

FILE_LINES = 700
FUNCTION_LINES = 60

FILES = python_files(*PRODUCT, *OTHERS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_sizes(path):
    text = path.read_text()
    count = text.count("\n")
    long = [
        f"{node.name} (line {node.lineno}): {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert count <= FILE_LINES, f"{count} lines; split the file by subject"
    assert not long, f"more than {FUNCTION_LINES} lines"
