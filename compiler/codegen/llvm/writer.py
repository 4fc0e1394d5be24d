"""Writes LLVM assembly text: modules of globals, declarations and functions.

Layer: compiler/codegen/llvm, imports nothing of ours. Text is emitted directly because building
the same IR through object layers costs a multiple of the time. The only freedom the callers have
is the right-hand side of an instruction; names, blocks and declarations are kept here.

    >>> m = ModuleWriter()
    >>> f = m.function("void", "@half", [("ptr", "%p")])
    >>> x = f.assign("load double, ptr %p")
    >>> f.line(f"store double {f.assign(f'fmul double {x}, 0.5')}, ptr %p")
    >>> f.line("ret void")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence

_GLOBAL_NAME = re.compile(r"@[\w.]+")


class ModuleWriter:
    """One module: globals and declarations are added once each, by name.

    Args:
        loaded: of a module of the library, what the library has already; None of a program, which
            has its functions declared (`shared`).
    """

    def __init__(self, loaded: Container[str] | None = None) -> None:
        self._loaded = loaded
        self._globals: dict[str, str] = {}
        self._declarations: dict[str, str] = {}
        self._functions: list[FunctionWriter] = []
        self._texts: dict[str, str] = {}
        self._defined: set[str] = set()

    def declare(self, name: str, result: str, params: Sequence[str]) -> str:
        """Declare an external function or intrinsic (idempotent); returns its name `@...`."""
        if name not in self._declarations:
            self._declarations[name] = f"declare {result} {name}({', '.join(params)})"
        return name

    def external(self, name: str) -> str:
        """Declare an external object whose address is bound at load time; returns its name."""
        self._globals.setdefault(name, f"{name} = external global i8")
        return name

    def global_(self, name: str, definition: str) -> str:
        """Define a global: `definition` is what stands right of the equals sign."""
        self._globals.setdefault(name, f"{name} = {definition}")
        return name

    def function(
        self,
        result: str,
        name: str,
        params: Sequence[tuple[str, str]],
        *,
        linkage: str = "",
        attributes: str = "nounwind",
    ) -> FunctionWriter:
        """Start a function with (type, %name) parameters; it opens in the block `entry`."""
        function = FunctionWriter(self, result, name, params, linkage, attributes)
        self._functions.append(function)
        self._defined.add(name)
        return function

    def shared(
        self,
        name: str,
        params: Sequence[tuple[str, str]],
        write: Callable[[FunctionWriter], None],
    ) -> str:
        """A function of the library, which `write` completes there; returns its name.

        Programs only declare it. What it needs it gets from its parameters and its name.
        """
        if self._loaded is None or name in self._loaded:
            return self.declare(name, "void", [type for type, _ in params])
        if name not in self._defined:
            write(self.function("void", name, params))
        return name

    def add_text(self, key: str, text: str) -> None:
        """Add functions that are written already (idempotent for a key)."""
        self._texts.setdefault(key, text)

    def has_text(self, key: str) -> bool:
        """Whether `add_text` was called with this key."""
        return key in self._texts

    def has_function(self, name: str) -> bool:
        """Whether a function of this name (with @) has been started in the module."""
        return name in self._defined

    def defined(self) -> frozenset[str]:
        """The names (with @) of the functions that have been started."""
        return frozenset(self._defined)

    def text(self) -> str:
        """The whole module."""
        parts = [*self._globals.values(), *self._declarations.values(), *self._texts.values()]
        return "\n".join([*parts, *_without_copies(self._functions)]) + "\n"


def _without_copies(functions: Sequence[FunctionWriter]) -> list[str]:
    """The texts of functions; of equal internal ones the first, which all callers get.

    Layers of one shape consist of equal kernels, and LLVM's time grows with the text.
    """
    internal = [f.name for f in functions if f.is_internal]
    texts: Mapping[str, str] = {f.name: f.text() for f in functions}
    while True:
        first: dict[str, str] = {}
        copies: dict[str, str] = {}
        for name in internal:
            if name in texts:
                original = first.setdefault(texts[name].replace(f"{name}(", "(", 1), name)
                if original != name:
                    copies[name] = original
        if not copies:
            return list(texts.values())
        # callers may be equal now that they call the same
        kept = {name: text for name, text in texts.items() if name not in copies}
        texts = {name: _renamed(text, copies) for name, text in kept.items()}


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return _GLOBAL_NAME.sub(lambda m: names.get(m[0], m[0]), text)


class FunctionWriter:
    """One function under construction; `block` is the label of the open block (for phis)."""

    def __init__(
        self,
        module: ModuleWriter,
        result: str,
        name: str,
        params: Sequence[tuple[str, str]],
        linkage: str,
        attributes: str,
    ) -> None:
        self.module = module
        self.name = name
        self.is_internal = linkage == "internal"
        signature = ", ".join(f"{type} {param}" for type, param in params)
        linkage = linkage + " " if linkage else ""
        self._head = f"define {linkage}{result} {name}({signature}) {attributes} {{"
        self._lines: list[str] = ["entry:"]
        self._allocas: list[str] = []
        self._count = 0
        self.block = "%entry"
        self.plain_counters = False  # see loops.py

    def assign(self, rhs: str) -> str:
        """Emit `%k = rhs`; returns `%k`."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {rhs}")
        return name

    def line(self, text: str) -> None:
        """Emit an instruction without a result."""
        self._lines.append("  " + text)

    def comment(self, text: str) -> None:
        """Emit a comment line."""
        self._lines.append("  ; " + text)

    def alloca(self, type: str, align: int) -> str:
        """A stack slot, allocated once at function entry wherever it is asked for."""
        self._count += 1
        name = f"%slot{self._count}"
        self._allocas.append(f"  {name} = alloca {type}, align {align}")
        return name

    def label(self, hint: str) -> str:
        """A fresh label (with %), to be opened by `start`."""
        self._count += 1
        return f"%{hint}{self._count}"

    def start(self, label: str) -> None:
        """Open the block `label`; the block before must have ended in a branch."""
        self._lines.append(f"{label[1:]}:")
        self.block = label

    def jump(self, label: str) -> None:
        """Go on in another block."""
        self.line(f"br label {label}")

    def branch(self, condition: str, yes: str, no: str, *, weights: str = "") -> None:
        """Go on in one of two blocks; `weights` is branch metadata such as `, !prof !0`."""
        self.line(f"br i1 {condition}, label {yes}, label {no}{weights}")

    def placeholder(self) -> int:
        """Reserve a line (a phi whose incoming values are not known yet)."""
        self._lines.append("")
        return len(self._lines) - 1

    def fill(self, slot: int, text: str) -> None:
        """Set a reserved line, as a full instruction with its result name."""
        self._lines[slot] = "  " + text

    def fresh(self) -> str:
        """A value name that is defined later (by `fill`)."""
        self._count += 1
        return f"%v{self._count}"

    def text(self) -> str:
        """The whole function."""
        first, *rest = self._lines
        return "\n".join([self._head, first, *self._allocas, *rest, "}"])
