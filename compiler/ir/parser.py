"""The text form of a graph, read.

Layer: compiler/ir. A hand-written recursive parser of the grammar in docs/ir.md. Nodes are made by
`GraphBuilder`, so what parses is well typed; result types may be left out except for `constant`.
Inputs keep their names, the names of other values matter inside of the text only.
The ops must have been loaded (import compiler/ops) before text can mention them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..errors import Loc, UserError
from .builder import GraphBuilder
from .dims import Dim
from .graph import Graph, Guard, Value
from .literal import Literal
from .opdef import REGISTRY
from .types import DType, Shape, Size, TensorType


class ParseError(UserError, ValueError):
    """The text is not a graph; the message shows the line and points into it."""


def parse(text: str) -> Graph:
    """The one graph that `text` holds."""
    parser = _Parser(text)
    result = parser.graph()
    parser.expect_end()
    return result


def parse_type(text: str) -> TensorType:
    """A type such as `f32[4, 2*n]`."""
    parser = _Parser(text)
    result = parser.type()
    parser.expect_end()
    return result


def parse_size(text: str) -> Size:
    """A size expression such as `2*n + 1`."""
    parser = _Parser(text)
    result = parser.size()
    parser.expect_end()
    return result


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # a group name of _TOKEN, or "end"
    text: str
    start: int


_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>\#[^\n]*|^//[^\n]*)
  | (?P<value>%[A-Za-z_0-9]+)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<bits>0x[0-9a-f]*)
  | (?P<float>\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+)
  | (?P<int>\d+)
  | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
  | (?P<sign>//|>=|==|!=|[-+*/(){}\[\],:=@])
    """,
    re.VERBOSE | re.MULTILINE,
)
_LOC = re.compile(r"#\s*(?P<file>\S.*?):(?P<line>\d+)(?: in (?P<function>.+?))?\s*")
_WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[_Token] = []
        self.locs: dict[int, Loc] = {}  # by the index of the token that the comment follows
        self.at = 0
        self._tokenize()

    def _tokenize(self) -> None:
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                self._fail(f"unexpected character {self.text[position]!r}", position)
            kind = str(match.lastgroup)
            if kind == "comment":
                self._note_location(match.group())
            elif kind != "space":
                self.tokens.append(_Token(kind, match.group(), position))
            position = match.end()
        self.tokens.append(_Token("end", "the end of the text", len(self.text)))

    def _note_location(self, comment: str) -> None:
        match = _LOC.fullmatch(comment)
        if match:
            loc = Loc(match["file"], int(match["line"]), match["function"] or "")
            self.locs[len(self.tokens) - 1] = loc

    # --- tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def _fail(self, what: str, position: int | None = None) -> NoReturn:
        position = self.token.start if position is None else position
        begin = self.text.rfind("\n", 0, position) + 1
        line = self.text[begin:].split("\n", 1)[0]
        number = self.text.count("\n", 0, position) + 1
        caret = " " * (position - begin) + "^"
        raise ParseError(f"line {number}: {what}\n  {line}\n  {caret}")

    def accept(self, text: str) -> bool:
        """Step over the token `text`, if it is next."""
        if self.token.kind in ("sign", "name") and self.token.text == text:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Step over the token `text`, which must be next."""
        if not self.accept(text):
            self._fail(f"expected {text!r}, found {self.token.text!r}")

    def take(self, kind: str, what: str) -> str:
        """Step over a token of this kind, which must be next; its text."""
        if self.token.kind != kind:
            self._fail(f"expected {what}, found {self.token.text!r}")
        self.at += 1
        return self.tokens[self.at - 1].text

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self.token.kind != "end":
            self._fail(f"expected the end of the text, found {self.token.text!r}")

    # --- graphs

    def graph(self) -> Graph:
        """A whole graph; what follows it is left."""
        self.expect("graph")
        self.expect("@")
        quoted = self.token.kind == "string"
        name = json.loads(self.take("string", "")) if quoted else self.take("name", "a name")
        builder = GraphBuilder(name)
        values: dict[str, Value] = {}
        self.expect("(")
        while not self.accept(")"):
            self._input(builder, values)
            if not self.accept(","):
                self.expect(")")
                break
        self.expect("{")
        while self.accept("guard"):
            builder.guard(self._guard())
        while self.token.kind == "value":
            self._node(builder, values)
        self.expect("return")
        outputs = []
        while self.token.kind == "value":
            outputs.append(self._operand(values))
            if not self.accept(","):
                break
        self.expect("}")
        return builder.finish(outputs)

    def _input(self, builder: GraphBuilder, values: dict[str, Value]) -> None:
        name = self._new_name(values)
        self.expect(":")
        hint = "" if name[1:].isdigit() else name[1:]
        values[name] = builder.input(self.type(), hint)

    def _guard(self) -> Guard:
        size = self.size()
        if self.token.text not in ("==", "!=", ">="):
            self._fail(f"expected '==', '!=' or '>=', found {self.token.text!r}")
        relation = self.take("sign", "a relation")
        if self.take("int", "0") != "0":
            self._fail("a guard compares with 0")
        return Guard(size, relation)

    def _node(self, builder: GraphBuilder, values: dict[str, Value]) -> None:
        names: list[str] = []
        types: list[TensorType | None] = []
        while True:
            names.append(self._new_name(values))
            types.append(self.type() if self.accept(":") else None)
            if not self.accept(","):
                break
        self.expect("=")
        start = self.token.start
        op = REGISTRY.get(self.take("name", "the name of an op"))
        if op is None:
            self._fail(f"there is no op {self.tokens[self.at - 1].text!r}", start)
        operands = []
        self.expect("(")
        while not self.accept(")"):
            operands.append(self._operand(values))
            if not self.accept(","):
                self.expect(")")
                break
        attrs = self._attrs(types[0])
        self._check_use(op.name, op.arity, op.attrs, len(operands), attrs, start)
        with builder.at(self.locs.get(self.at - 1)):
            try:
                node = builder.emit_node(op, operands, **attrs)
            except UserError as error:
                self._fail(str(error), start)
        if len(node.outputs) != len(names):
            self._fail(f"{op.name} has {len(node.outputs)} results", start)
        for name, type, value in zip(names, types, node.outputs, strict=True):
            if type is not None and type != value.type:
                self._fail(f"{op.name} gives {value.type}, the text says {type}", start)
            values[name] = value

    def _check_use(
        self,
        name: str,
        arity: int | None,
        wanted: tuple[str, ...],
        count: int,
        attrs: dict[str, Any],
        start: int,
    ) -> None:
        if arity is not None and arity != count:
            self._fail(f"{name} takes {arity} operands, found {count}", start)
        if set(attrs) != set(wanted):
            self._fail(f"{name} has the attributes {list(wanted)}, found {list(attrs)}", start)

    def _new_name(self, values: dict[str, Value]) -> str:
        start = self.token.start
        name = self.take("value", "a value such as %0")
        if name in values:
            self._fail(f"{name} is defined twice", start)
        return name

    def _operand(self, values: dict[str, Value]) -> Value:
        start = self.token.start
        name = self.take("value", "a value such as %0")
        if name not in values:
            self._fail(f"{name} is not defined", start)
        return values[name]

    # --- types and sizes

    def type(self) -> TensorType:
        start = self.token.start
        dtype = DType.parse(self.take("name", "an element type"))
        if dtype is None:
            self._fail("no such element type", start)
        self.expect("[")
        return TensorType(dtype, self._sizes())

    def _sizes(self) -> Shape:
        sizes: list[Size] = []
        while not self.accept("]"):
            sizes.append(self.size())
            if not self.accept(","):
                self.expect("]")
                break
        return tuple(sizes)

    def size(self) -> Size:
        """Sums of products of names, ints and floor divisions by ints."""
        total: Size = -self._product() if self.accept("-") else self._product()
        while True:
            if self.accept("+"):
                total = total + self._product()
            elif self.accept("-"):
                total = total - self._product()
            else:
                return total

    def _product(self) -> Size:
        result = self._factor()
        while self.accept("*"):
            result = result * self._factor()
        return result

    def _factor(self) -> Size:
        if self.token.kind == "int":
            return int(self.take("int", "an int"))
        if self.token.kind == "name":
            return Dim.symbol(self.take("name", "a name"))
        self.expect("(")
        inner = self.size()
        self.expect(")")
        # `(n + 1)//2` is one factor: `2*(n + 1)//2` is 2 * ((n + 1)//2), as it is printed
        if self.accept("//"):
            divisor = int(self.take("int", "an int"))
            if divisor == 0:
                self._fail("division by zero")
            return inner // divisor
        return inner

    # --- attributes

    def _attrs(self, result: TensorType | None) -> dict[str, Any]:
        attrs: dict[str, Any] = {}
        if not self.accept("{"):
            return attrs
        while not self.accept("}"):
            key = self.take("name", "the name of an attribute")
            self.expect("=")
            attrs[key] = self._literal(result) if key == "value" else self._attr()
            if not self.accept(","):
                self.expect("}")
                break
        return attrs

    def _attr(self) -> Any:
        token = self.token
        if token.kind == "string":
            return json.loads(self.take("string", "a string"))
        if self.accept("["):
            return self._list()
        if token.text == "graph" and self.tokens[self.at + 1].text == "@":
            return self.graph()
        if token.kind == "name" and token.text in _WORDS:
            self.at += 1
            return _WORDS[token.text]
        if token.kind == "name" and DType.parse(token.text):
            self.at += 1
            return DType.parse(token.text)
        if self._float_is_next():
            return self._float(DType.F64).item()
        return self.size()

    def _list(self) -> tuple[Any, ...]:
        items: list[Any] = []
        while not self.accept("]"):
            items.append(self._attr())
            if not self.accept(","):
                self.expect("]")
                break
        return tuple(items)

    def _float_is_next(self) -> bool:
        token = self.tokens[self.at + 1] if self.token.text == "-" else self.token
        return token.kind in ("float", "bits") or token.text in ("inf", "nan")

    def _float(self, dtype: DType) -> np.generic:
        if self.token.kind == "bits":
            return _from_bits(self.token_bits(), dtype)[0]
        sign = "-" if self.accept("-") else ""
        if self.token.kind not in ("float", "int") and self.token.text not in ("inf", "nan"):
            self._fail(f"expected a number, found {self.token.text!r}")
        self.at += 1
        return dtype.numpy.type(sign + self.tokens[self.at - 1].text)

    def token_bits(self) -> bytes:
        """Step over `0x...`; its bytes."""
        digits = self.token.text[2:]
        if len(digits) % 2:
            self._fail("expected an even number of hex digits")
        self.at += 1
        return bytes.fromhex(digits)

    def _literal(self, type: TensorType | None) -> Literal:
        shape = [size for size in type.shape if isinstance(size, int)] if type else []
        if type is None or len(shape) != type.rank:
            self._fail("a literal needs a result type with known sizes")
        start = self.token.start
        if self.token.kind == "bits" and type.rank:
            data = self.token_bits()
            if len(data) != type.size * type.dtype.itemsize:
                self._fail(f"expected {type.size} elements of {type.dtype}", start)
            return Literal(_from_bits(data, type.dtype).reshape(shape), type.dtype)
        array = np.empty(shape, type.dtype.numpy)
        self._fill(array, type.dtype)
        return Literal(array, type.dtype)

    def _fill(self, array: np.ndarray, dtype: DType) -> None:
        if array.ndim == 0:
            array[...] = self._element(dtype)
            return
        self.expect("[")
        for k in range(len(array)):
            if k:
                self.expect(",")
            self._fill(array[k, ...], dtype)
        self.expect("]")

    def _element(self, dtype: DType) -> Any:
        if dtype.is_float:
            return self._float(dtype)
        if dtype.is_bool:
            if self.accept("true"):
                return True
            self.expect("false")
            return False
        start = self.token.start
        number = int(("-" if self.accept("-") else "") + self.take("int", "an int"))
        info = np.iinfo(dtype.numpy)
        if not info.min <= number <= info.max:
            self._fail(f"{number} does not fit into {dtype}", start)
        return number


def _from_bits(data: bytes, dtype: DType) -> np.ndarray:
    words = np.frombuffer(data, f">u{dtype.itemsize}")
    return words.astype(f"u{dtype.itemsize}").view(dtype.numpy)
