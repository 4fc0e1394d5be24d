"""Golden files of graphs: text in, text out.

A file holds cases; a line of `=` between them gives the title of the next one, a line of `-` stands
between input and expected output, and lines of `//` before the input say what to do::

    // ===== double negation
    // RUN: simplify,prune
    graph @f(%x: f32[4]) { ... }
    // -----
    graph @f(%x: f32[4]) { ... }
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

_TITLE = "// ===== "
_EXPECTED = "// -----\n"


@dataclass(frozen=True)
class Case:
    """One case; `header` are the values of its `// KEY: value` lines."""

    path: Path
    title: str
    header: dict[str, str]
    text: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path.stem}: {self.title}"


def read_cases(path: Path) -> list[Case]:
    """All cases of a file."""
    _, *parts = re.split(rf"^{_TITLE}", path.read_text(), flags=re.MULTILINE)
    return [_read_case(path, part) for part in parts]


def _read_case(path: Path, part: str) -> Case:
    title, _, body = part.partition("\n")
    given, _, expected = body.partition(_EXPECTED)
    header = dict(re.findall(r"^// (\w+): (.*)$", given, flags=re.MULTILINE))
    text = "".join(line + "\n" for line in given.splitlines() if not line.startswith("//"))
    return Case(path, title, header, text.strip() + "\n", expected.strip() + "\n")


def update(case: Case, expected: str) -> None:
    """Write another expected output into the case's file."""
    new = [
        replace(c, expected=expected) if c.title == case.title else c for c in read_cases(case.path)
    ]
    case.path.write_text("\n".join(map(_case_text, new)))


def _case_text(case: Case) -> str:
    header = "".join(f"// {key}: {value}\n" for key, value in case.header.items())
    return f"{_TITLE}{case.title}\n{header}{case.text}{_EXPECTED}{case.expected}"
