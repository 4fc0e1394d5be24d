"""Tensors of graphs: outputs of operations, without values.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..abstract import TensorType
from ..tensors import OPERATOR_NAMES, Tensor
from .dimensions import GraphShape
from .state import session_for

if TYPE_CHECKING:
    from .graph import Graph, Operation

# name of the special method -> function that makes the op; filled by operators.py
GRAPH_OPERATORS: dict[str, Callable[..., Any]] = {}
# assign, of parts of variables; filled by assignments.py
GRAPH_PART_METHODS: dict[str, Callable[..., Any]] = {}


class GraphTensor(Tensor):
    """An output of an operation: `op`, `graph`, `value_index`, `name`, `dtype`, `shape`.

    It stands for a value that `session.run(tensor)` computes.
    """

    __slots__ = ("_shape", "op", "value_index")

    def __init__(self, op: Operation, value_index: int, type: TensorType) -> None:
        self.op = op
        self.value_index = value_index
        self.dtype = type.dtype
        self._shape = GraphShape(type.shape)
        self._part: Any = None

    @property
    def _value(self) -> Any:  # type: ignore[override]
        raise TypeError(
            f"{self} has no value: it describes an op of a graph. Run it with session.run(tensor),"
            " and build graphs with functions of tensorwright.compat.v1"
        )

    # -- what it is -------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The graph that it belongs to."""
        return self.op.graph

    @property
    def name(self) -> str:
        """The op's name and the number of the output: `add:0`."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def shape(self) -> GraphShape:
        """The sizes as far as they are known."""
        return self._shape

    def set_shape(self, shape: Any) -> None:
        """Add what is known of the shape; ValueError if it contradicts."""
        try:
            self._shape = GraphShape(self._shape.merge_with(shape))
        except ValueError:
            raise ValueError(
                f"Tensor's shape {self._shape} is not compatible with supplied shape"
                f" {GraphShape(shape)}"
            ) from None

    @property
    def ndim(self) -> int:
        """The number of axes; ValueError if it is not known."""
        return len(self._shape)

    @property
    def is_symbolic(self) -> bool:
        """It has no value."""
        return True

    @property
    def device(self) -> str:
        """The device that its op was made for."""
        return self.op.device

    def consumers(self) -> list[Operation]:
        """The operations that read it."""
        return [op for op in self.graph.get_operations() if any(t is self for t in op.inputs)]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Its value in a session, by default the default session."""
        return session_for(session, self.graph, "evaluate tensor").run(self, feed_dict)

    # -- what it cannot do ------------------------------------------------------------------------

    def numpy(self) -> Any:
        """Not in a graph."""
        raise AttributeError("'Tensor' object has no attribute 'numpy': use session.run(tensor)")

    def __bool__(self) -> bool:
        raise TypeError(
            "Using a `tf.Tensor` as a Python `bool` is not allowed. Use `if t is not None:` instead"
            " of `if t:` to test if a tensor is defined, and use TensorFlow ops such as tf.cond to"
            " execute subgraphs conditioned on the value of a tensor."
        )

    def _scalar(self, what: str, convert: Callable[[Any], Any]) -> Any:
        raise TypeError(f"{what}() of {self}: a tensor of a graph has no value; use session.run")

    def __index__(self) -> int:
        raise TypeError(f"{self} has no value: use session.run")

    def __len__(self) -> int:
        raise TypeError("object of type 'Tensor' has no len(): use tf.shape(tensor)[0]")

    def __iter__(self) -> Iterator[Any]:
        sizes = self._shape._dims
        if sizes == ():
            raise TypeError("Cannot iterate over a scalar tensor")
        count = sizes[0] if sizes else None
        if count is None:
            raise TypeError("Tensor objects are only iterable when their first size is known.")
        return iter([GRAPH_OPERATORS["getitem"](self, k) for k in range(count)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise NotImplementedError(
            f"Cannot convert a symbolic Tensor ({self.name}) to a numpy array: use session.run"
        )

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self} cannot be pickled: it is part of a graph")

    def __getattr__(self, name: str) -> Any:
        if name in GRAPH_PART_METHODS and self._part is not None:
            return partial(GRAPH_PART_METHODS[name], self)
        raise AttributeError(f"'Tensor' object has no attribute '{name}'")

    # -- identity ---------------------------------------------------------------------------------

    # of the object itself; in C, because every run looks tensors up
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self._shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        known = "" if self._shape.rank is None else f", shape={self._shape}"
        return f'Tensor("{self.name}"{known}, dtype={self.dtype.name})'


def _operator(name: str) -> None:
    def method(self: GraphTensor, *args: Any) -> Any:
        return GRAPH_OPERATORS[name](self, *args)

    method.__name__ = f"__{name}__"
    setattr(GraphTensor, f"__{name}__", method)


GraphTensor.__name__ = GraphTensor.__qualname__ = "Tensor"  # what messages call it
for _name in OPERATOR_NAMES:
    if _name not in ("eq", "ne"):
        _operator(_name)
