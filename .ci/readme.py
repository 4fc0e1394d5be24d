"""The code of README.md, run as it stands there: what users are told to do is what is checked.

    python readme.py commands FOLDER   write the `sh` blocks to FOLDER/1.sh, FOLDER/2.sh, ...
    python readme.py python [FILE]     run the `python` blocks and compare what they print;
                                       FILE is another document than README.md

A `text` block right behind a `python` block is what that block prints.
"""

import contextlib
import difflib
import io
import linecache
import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n+", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The fenced code blocks in this language, in order."""
    return [code for name, code in _BLOCK.findall(README.read_text()) if name == language]


def programs(document: Path = README) -> list[tuple[str, str | None]]:
    """The `python` blocks with what they print, None where the document does not say."""
    found = []
    text = document.read_text()
    for match in _BLOCK.finditer(text):
        if match[1] == "python":
            behind = _BLOCK.match(text, match.end())
            found.append((match[2], behind[2] if behind and behind[1] == "text" else None))
    return found


def check(document: Path) -> bool:
    """Run all programs in one namespace; whether they print what the document says."""
    namespace: dict[str, object] = {"__name__": "example"}
    right = True
    for code, expected in programs(document):
        # Each block counts its lines from 1, and errors show its source.
        linecache.cache["example.py"] = (len(code), None, code.splitlines(True), "example.py")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "example.py", "exec"), namespace)
        if expected is not None and printed.getvalue() != expected:
            right = False
            lines = [t.splitlines() for t in (expected, printed.getvalue())]
            print("\n".join(difflib.unified_diff(*lines, document.name, "printed", lineterm="")))
    return right


def main(kind: str, *path: str) -> int:
    """Run one of the two commands of the module's text."""
    if kind == "commands":
        for number, code in enumerate(blocks("sh"), start=1):
            Path(*path, f"{number}.sh").write_text(code)
        return 0
    return 0 if check(Path(*path) if path else README) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
