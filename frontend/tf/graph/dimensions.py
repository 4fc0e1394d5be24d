"""TensorFlow 1's shapes: their elements are `Dimension`s, unknown sizes print as "?".

Layer: frontend.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from ..shapes import TensorShape


class Dimension:
    """The size of an axis; `value` is an int, or None if it is not known."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: int | None = TensorShape([value]).as_list()[0]

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self.value is None:
            raise TypeError("the size of this axis is not known: use tf.shape(x), a tensor")
        return self.value

    def is_compatible_with(self, other: Any) -> bool:
        """Whether the two may be equal."""
        value = _value(other)
        return self.value is None or value is None or self.value == value

    def __eq__(self, other: object) -> Any:
        try:
            value = _value(other)
        except (TypeError, ValueError):
            return NotImplemented
        return None if self.value is None or value is None else self.value == value

    def __ne__(self, other: object) -> Any:
        same = self.__eq__(other)
        return same if same is NotImplemented or same is None else not same

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def __repr__(self) -> str:
        return f"Dimension({self.value})"


def _value(x: Any) -> int | None:
    return x.value if isinstance(x, Dimension) else Dimension(x).value


def _method(name: str, compute: Callable[[Any, Any], Any], swap: bool, wrap: bool) -> None:
    def method(self: Dimension, other: Any) -> Any:
        try:
            a, b = self.value, _value(other)
        except (TypeError, ValueError):
            return NotImplemented
        found = None if a is None or b is None else compute(b, a) if swap else compute(a, b)
        return Dimension(found) if wrap else found

    method.__name__ = f"__{name}__"
    setattr(Dimension, f"__{name}__", method)


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _method(_name, getattr(operator, _name), False, True)
    _method(f"r{_name}", getattr(operator, _name), True, True)
for _name in ("lt", "le", "gt", "ge"):
    _method(_name, getattr(operator, _name), False, False)


class GraphShape(TensorShape):
    """A shape whose elements are `Dimension`s."""

    __slots__ = ()

    @property
    def dims(self) -> Any:
        """The sizes as a list of `Dimension`s, or None."""
        return None if self._dims is None else [Dimension(d) for d in self._dims]

    def __iter__(self) -> Iterator[Any]:
        return iter([Dimension(d) for d in self._known()])

    def __getitem__(self, key: Any) -> Any:
        found = self._known()[key]
        return GraphShape(found) if isinstance(key, slice) else Dimension(found)

    def concatenate(self, other: Any) -> TensorShape:
        """The sizes of this and then those of the other."""
        return GraphShape(TensorShape(self).concatenate(other))

    def merge_with(self, other: Any) -> TensorShape:
        """What is known from either; ValueError if they disagree."""
        return GraphShape(TensorShape(self).merge_with(TensorShape(other)))

    def __str__(self) -> str:
        return super().__str__().replace("None", "?")

    def __repr__(self) -> str:
        if self._dims is None:
            return "TensorShape(None)"
        return f"TensorShape([{', '.join(map(repr, self))}])"
