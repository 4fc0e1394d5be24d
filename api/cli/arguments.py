"""The text of `--args`, read.

Layer: api. In: text such as `f64[n, 3], float, (i32[4], bool), steps=10`. Out: arguments for
`Jitted.lower`: array types, the words `float`, `int` and `bool`, Python values, and containers of
these::

    arguments = [argument {"," argument}]
    argument  = [name "="] item
    item      = type | "float" | "int" | "bool" | value | tuple | list | dict
    type      = element "[" sizes "]"                     as in docs/ir.md
    value     = number | string | "None" | "True" | "False"
    tuple     = "(" [item {"," item}] [","] ")"           one item without a comma: the item itself
    list      = "[" [item {"," item}] "]"
    dict      = "{" [value ":" item {"," value ":" item}] "}"
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..compiler.errors import UserError
from ..compiler.ir.types import DType
from ..frontend.arguments import TensorSpec
from .usage import UsageError

EXAMPLE = 'for instance --args "f64[n, 3], float, steps=10"'

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<type>[A-Za-z_]\w*\s*\[[^\[\]]*\])
    | (?P<name>[A-Za-z_]\w*)
    | (?P<number>[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?))
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<sign>[()\[\]{},:=])
    | (?P<end>$)
    )""",
    re.VERBOSE,
)
_PYTHON_TYPES = ("float", "int", "bool")
_WORDS = {"None": None, "True": True, "False": False}
_NUMPY_NAMES = {d.numpy.name: d.text for d in DType}


@dataclass
class Arguments:
    """Arguments of a call; the `values` among them are Python values and not types."""

    positional: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    value_positions: list[int] = field(default_factory=list)
    value_names: list[str] = field(default_factory=list)


def parse_arguments(text: str) -> Arguments:
    """Read the text of `--args`.

    Raises:
        UsageError: the text is malformed; the message shows where.
    """
    return _Reader(text).arguments()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.kind = self.token = ""
        self._next()

    def arguments(self) -> Arguments:
        found = Arguments()
        while self.kind != "end":
            name = self._name()
            is_value = self._is_value()
            item = self._item()
            if name:
                if name in found.named:
                    self._fail(f"{name} is given twice")
                found.named[name] = item
                found.value_names += [name] if is_value else []
            elif found.named:
                self._fail("an argument without a name follows one with a name")
            else:
                found.value_positions += [len(found.positional)] if is_value else []
                found.positional.append(item)
            if self.kind != "end":
                self._expect(",")
        return found

    # --- tokens

    def _next(self) -> None:
        self.start = self.position
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            self._fail(f"{self.text[self.position :].strip()[:10]!r} is not understood")
        self.kind = str(match.lastgroup)
        self.token = match.group(self.kind)
        self.position = match.end()

    def _accept(self, sign: str) -> bool:
        if self.kind != "sign" or self.token != sign:
            return False
        self._next()
        return True

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            self._fail(f"expected {sign!r}, found {self.token!r}" if self.token else _missing(sign))

    def _fail(self, what: str) -> NoReturn:
        raise UsageError(f"--args {self.text!r}: {what}; write {EXAMPLE}")

    # --- grammar

    def _name(self) -> str:
        """Step over `name =` if that is next."""
        if self.kind != "name" or not self.text[self.position :].lstrip().startswith("="):
            return ""
        name = self.token
        self._next()
        self._expect("=")
        return name

    def _is_value(self) -> bool:
        return self.kind in ("number", "string") or self.token in _WORDS

    def _item(self) -> Any:
        kind, token = self.kind, self.token
        if kind == "type":
            self._next()
            return self._type(token)
        if kind == "name" and token in _PYTHON_TYPES:
            self._next()
            return token
        if self._accept("("):
            items, comma = self._items(")")
            return items[0] if len(items) == 1 and not comma else tuple(items)
        if self._accept("["):
            return self._items("]")[0]
        if self._accept("{"):
            return self._dict()
        return self._value()

    def _value(self) -> Any:
        kind, token = self.kind, self.token
        if not self._is_value():
            hint = f" (write {token}[])" if DType.parse(token) else ""
            self._fail(
                f"{token!r} is neither a type nor a value{hint}" if token else "it ends early"
            )
        self._next()
        if token in _WORDS and kind == "name":
            return _WORDS[token]
        try:
            return ast.literal_eval(token)
        except (SyntaxError, ValueError):
            self._fail(f"{token} is no Python value")

    def _items(self, close: str) -> tuple[list[Any], bool]:
        """The items up to the closing bracket, and whether a comma ended the last one."""
        items: list[Any] = []
        comma = False
        while not self._accept(close):
            if items and not comma:
                self._expect(close)
            items.append(self._item())
            comma = self._accept(",")
        return items, comma

    def _dict(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while not self._accept("}"):
            key = self._value()
            self._expect(":")
            found[key] = self._item()
            if not self._accept(","):
                self._expect("}")
                break
        return found

    def _type(self, text: str) -> TensorSpec:
        element = text.partition("[")[0].strip()
        if DType.parse(element) is None:
            known = ", ".join(d.text for d in DType)
            right = _NUMPY_NAMES.get(element)
            self._fail(
                f"{element!r} is no element type; "
                + (f"{element} is written {right}" if right else f"there are {known}")
            )
        try:
            return TensorSpec(text)
        except UserError as error:
            # the first line says what is wrong, the others point into the text
            what = error.what.splitlines()[0].removeprefix("line 1: ")
            self._fail(f"{text!r}: {what}")


def _missing(sign: str) -> str:
    return f"{sign!r} is missing"
