"""Whose lines errors point at."""

import subprocess
import sys
from pathlib import Path

import tensorwright
from tensorwright.compiler import ir

PROGRAM = """\
import numpy as np, tensorwright as tw

def f(x):
    return x + np.zeros(3)

print(tw.jit(f).lower("f64[3]").graph.nodes[-1].loc)
"""


def test_an_installation_behind_symbolic_links_stays_hidden(tmp_path):
    package = tmp_path / "tensorwright"
    package.mkdir()
    compiler = Path(ir.__file__).parents[1]
    for path in Path(tensorwright.__file__).parent.iterdir():
        (package / path.name).symlink_to(path)
    for name in ("compiler", "frontend", "runtime"):
        if not (package / name).exists():
            (package / name).symlink_to(compiler.parent / name)
    (tmp_path / "program.py").write_text(PROGRAM)
    found = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.endswith("program.py:4 in f\n")
