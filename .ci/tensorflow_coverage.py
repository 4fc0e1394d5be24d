"""Writes docs/tensorflow-coverage.md: the public names of the TensorFlow dialect, by namespace.

    python .ci/tensorflow_coverage.py

A test compares the page with what this gives.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from types import ModuleType

import tensorwright
from tensorwright.frontend import dialects
from tensorwright.frontend.tf import exports
from tensorwright.frontend.tf.graph import namespaces as older

PAGE = Path(__file__).parents[1] / "docs" / "tensorflow-coverage.md"
HEAD = """# TensorFlow coverage

The names of TensorFlow that `import tensorwright as tf` has: {count} in {spaces} namespaces. Below
`tf.compat.v1`, those that differ from the ones above or are gone from them; it has all others, too.
The page is written by `.ci/tensorflow_coverage.py`; [tensorflow2.md](tensorflow2.md) and
[tensorflow1.md](tensorflow1.md) explain how they behave.
"""


def public_names(module: ModuleType) -> list[str]:
    """What a namespace offers."""
    if module is tensorwright:
        return sorted({*exports.names(), *dialects.SHARED})
    listed = getattr(module, "__all__", None)
    return [n for n in dir(module) if not n.startswith("_")] if listed is None else list(listed)


def _is_newer(module: ModuleType) -> bool:
    name = module.__name__
    return name.startswith("tensorwright.") and ".compat.v1" not in name


def namespaces() -> dict[str, list[str]]:
    """Namespace -> the names in it that are no namespaces themselves."""
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, ModuleType]] = [("tf", tensorwright)]
    seen = {tensorwright.__name__}
    while waiting:
        path, module = waiting.pop(0)
        own = []
        for name in public_names(module):
            value = getattr(module, name)
            if not isinstance(value, ModuleType):
                own.append(name)
            elif value.__name__ not in seen and _is_newer(value):
                seen.add(value.__name__)
                waiting.append((f"{path}.{name}", value))
        if own:
            found[path] = sorted(own)
    for space in ["", *older.SPACES]:
        found[f"tf.compat.v1.{space}".rstrip(".")] = older.names(space)
    return dict(sorted(found.items()))


def page() -> str:
    """The text of the page."""
    found = namespaces()
    count = sum(len(names) for names in found.values())
    parts = [HEAD.format(count=count, spaces=len(found))]
    for path, names in found.items():
        listed = textwrap.fill(" ".join(names), 100, break_long_words=False)
        parts.append(f"## {path} ({len(names)})\n\n```text\n{listed}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
