"""The repository's own source as data: modules, their packages, what they import."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("api", "frontend", "runtime", "compiler")
OTHERS = ("benchmarks", "examples", "tests")


@dataclass(frozen=True)
class Import:
    """One imported name: absolute and dotted, of ours (`relative`) or of another package."""

    target: str
    relative: bool
    inside: bool  # of a function
    for_types: bool  # under `if TYPE_CHECKING`: never run
    line: int


@dataclass(frozen=True)
class Module:
    """A module of the product; `name` is dotted from the repository's root: `compiler.ir.dims`."""

    name: str
    path: Path
    is_package: bool

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(), str(self.path))

    @cached_property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Every import statement, name by name."""
        return tuple(self._imports(self.tree, False, False))

    def _imports(self, node: ast.AST, inside: bool, for_types: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, False, inside, for_types, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = self._base(node)
            for alias in node.names:
                target = f"{base}.{alias.name}" if base else alias.name
                yield Import(target, node.level > 0, inside, for_types, node.lineno)
        elif isinstance(node, ast.If) and _is_name(node.test, "TYPE_CHECKING"):
            for child in node.body:
                yield from self._imports(child, inside, True)
            for child in node.orelse:
                yield from self._imports(child, inside, for_types)
        elif not isinstance(node, ast.expr):
            inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for child in ast.iter_child_nodes(node):
                yield from self._imports(child, inside, for_types)

    def _base(self, node: ast.ImportFrom) -> str:
        """What `from X import` means by X; api/ is the root package, the rest are below it."""
        if not node.level:
            return node.module or ""
        # in the installed package api/ is `tensorwright` itself
        parts = [p for p in self.name.split(".") if p != "api"]
        if not self.is_package:
            parts = parts[:-1]
        parts = parts[: len(parts) - (node.level - 1)]
        return ".".join([*parts, *(node.module or "").split(".")]).strip(".")


def python_files(*folders: str) -> list[Path]:
    """All Python files below these folders."""
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


@cache
def product_modules() -> dict[str, Module]:
    """The modules of the product by name. Modules of api/ keep `api` in their names."""
    found = {}
    for path in python_files(*PRODUCT):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, path, is_package)
    return found


def dependencies(modules: dict[str, Module], types: bool) -> dict[str, set[str]]:
    """For each module of the product the ones that it imports; `types` counts those never run."""
    return {
        module.name: {
            _module_of(each.target, modules)
            for each in module.imports
            if each.relative and (types or not each.for_types)
        }
        for module in modules.values()
    }


def _module_of(target: str, modules: dict[str, Module]) -> str:
    """The module that `target` is, or is a name in; `target` itself if there is none."""
    above = target.rpartition(".")[0]
    for name in (target, above, f"api.{target}", f"api.{above}"):
        if name in modules:
            return name
    return target if above else "api"


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


@cache
def project() -> dict:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())
