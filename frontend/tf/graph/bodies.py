"""How operations are computed.

Layer: frontend. A body takes the values of an op's inputs and gives those of its outputs, as
concrete tensors or, while a program is traced, as traced ones; so one body serves native programs,
host ops and the inference of shapes. Variables and random streams come from `STATE.environment`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...tree import TreeDef, flatten, unflatten
from .. import dtypes
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..tensors import STATE, Tensor

if TYPE_CHECKING:
    from .graph import Operation
    from .variables import Storage


class Body:
    """Computes the outputs of an op.

    Attributes:
        is_host: whether it needs concrete values: it runs between native programs, as Python.
        writes: whether it changes variables or has other effects. What does not comes first.
        names_first: how many of the op's inputs only name variables; the body does not get them.
        is_pure: whether it can be called to find out what it gives, and always gives the same.
        is_movable: whether it can run on the host, if it turns out that it cannot be compiled.
    """

    is_host = False
    writes = False
    names_first = 0
    is_pure = False

    @property
    def is_differentiable(self) -> bool:
        """Whether running it once more, on other values, gives its derivative."""
        return self.is_pure

    @property
    def is_movable(self) -> bool:
        """See above."""
        return self.is_pure and not self.writes

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        raise NotImplementedError


def computed(op: Operation, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """The outputs of an op; errors in data name it."""
    try:
        return op._body(inputs)
    except InvalidArgumentError as error:
        if "[[{{" in error.message:
            raise
        message = error.message.removesuffix(" name: ").rstrip()
        raise InvalidArgumentError(None, op, f"{message}\n\t [[{{{{node {op.name}}}}}]]") from None


class Data:
    """Stands for a tensor among the arguments of a call."""

    def __repr__(self) -> str:
        return "tensor"


DATA = Data()


class Call(Body):
    """A public function with arguments some of which are tensors of the graph."""

    is_pure = True

    def __init__(self, function: Callable[..., Any], tree: TreeDef, statics: Sequence[Any]) -> None:
        self.function = function
        self.tree = tree
        self.statics = tuple(statics)
        self.result: TreeDef | None = None  # the nesting of what it returns, once it is known

    def arguments(self) -> Any:
        """What the function is called with, `DATA` for tensors: (args, kwargs)."""
        return unflatten(self.tree, list(self.statics))

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        rest = iter(inputs)
        leaves = [next(rest) if x is DATA else x for x in self.statics]
        args, kwargs = unflatten(self.tree, leaves)
        found, self.result = flatten(self.function(*args, **kwargs))
        return [convert_to_tensor(x) for x in found]


class Constant(Body):
    """A value that never changes."""

    is_pure = True

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.is_host = tensor.dtype.base_dtype is dtypes.string  # native programs have no strings

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        return [self.tensor]


class Fed(Body):
    """A value that each run has to be given."""

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        op = STATE.environment.op
        raise InvalidArgumentError(
            f"You must feed a value for placeholder tensor '{op.name}' with dtype"
            f" {op.outputs[0].dtype.kernel_name}{_shape_note(op)}\n\t [[{{{{node {op.name}}}}}]]"
        )


def _shape_note(op: Any) -> str:
    shape = op.outputs[0].shape
    return "" if shape.rank is None else f" and shape [{','.join(map(str, shape))}]"


class Nothing(Body):
    """No outputs: what waits for its control inputs."""

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        return []


class Read(Body):
    """The value of a variable, when the op runs."""

    def __init__(self, storage: Storage, names_first: int = 1) -> None:
        self.storage = storage
        self.names_first = names_first
        self.is_host = storage.dtype is dtypes.string

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        return [STATE.environment.cell(self.storage).read()]


class Update(Body):
    """New values of variables, computed from their old ones and the inputs.

    Args:
        storages: the variables that are written.
        function: takes the old values and the inputs, as tensors; gives the new values, in order.
        reads: whether the old values are needed.
    """

    writes = True

    def __init__(
        self, storages: Sequence[Storage], function: Callable[..., Sequence[Tensor]], reads: bool
    ) -> None:
        self.storages = tuple(storages)
        self.names_first = len(self.storages)
        self._function = function
        self._reads = reads

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        cells = [STATE.environment.cell(s) for s in self.storages]
        old = [cell.read() for cell in cells] if self._reads else []
        found = self._function(*old, *inputs)
        for cell, tensor, storage in zip(cells, found, self.storages, strict=True):
            cell.write(storage.checked(tensor))
        return list(found)


class Host(Body):
    """A Python function of arrays that is called in each run: it may have effects.

    Args:
        function: takes arrays, gives as many arrays as the op has outputs.
        writes: whether it is an effect, rather than a result, that it is there for.
    """

    is_host = True

    def __init__(self, function: Callable[..., Sequence[Any]], writes: bool = False) -> None:
        self._function = function
        self.writes = writes

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        found = self._function(*[np.asarray(t._value) for t in inputs])
        wanted = STATE.environment.op.outputs
        return [
            convert_to_tensor(np.asarray(x), t.dtype) for x, t in zip(found, wanted, strict=True)
        ]
