"""Graphs inside of graphs: what the functions given to `tf.cond` and `tf.while_loop` build.

Layer: frontend. Such a function is called once, while its own graph is the default one. Tensors of
the graphs around it become captured inputs; variables belong to the outermost graph; operations
around it that something inside waits for are waited for by the op that the whole becomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..abstract import TensorType
from ..tensors import Tensor
from .bodies import Body, Constant, Read
from .graph import Graph, Operation
from .symbolic import GraphTensor


class Parameter(Body):
    """A value that each call of the sub-graph is given."""


class Captured(Body):
    """The value of a tensor of the graph around, which is the op's input."""

    is_pure = True

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        return inputs


class SubGraph(Graph):
    """The graph of a branch or of the body of a loop.

    Attributes:
        outer: the graph around it.
        captured: tensors of `outer` -> what stands for them here.
        variables: tensors of `outer` that only name a variable that is used here.
        waits: operations of `outer`, or further out, that something here waits for.
    """

    def __init__(self, outer: Graph) -> None:
        self.outer = outer
        self._first = outer.operation_count + outer.inner_count
        super().__init__()
        self._collections = outer._collections
        self._prefix = outer.get_name_scope()
        self.seed = outer.seed
        self.current_device = outer.current_device
        self.captured: dict[GraphTensor, GraphTensor] = {}
        self.variables: list[GraphTensor] = []
        self.waits: dict[Operation, None] = {}
        self._known: dict[GraphTensor, GraphTensor] = {}

    @property
    def root(self) -> Graph:
        """The outermost graph."""
        return self.outer.root

    @property
    def operation_count(self) -> int:
        """Numbers operations on from those around, so that random streams differ."""
        return self._first + len(self._operations) + self.inner_count

    def close(self) -> None:
        """Nothing is added any more: numbers outside go on behind those of here."""
        self.outer.inner_count += len(self._operations) + self.inner_count
        self.finalize()

    # -- tensors ----------------------------------------------------------------------------------

    def parameter(self, type: TensorType, name: str) -> GraphTensor:
        """A tensor whose value each call is given."""
        return self.add("Placeholder", Parameter(), (), [type], name).outputs[0]

    def owned(self, tensor: GraphTensor) -> GraphTensor:
        """The tensor, or what stands here for one of the graphs around.

        Raises:
            ValueError: it is of an unrelated graph.
        """
        if tensor.graph is self:
            return tensor
        source = self.outer.owned(tensor)
        found = self._known.get(source)
        if found is None:
            found = self._known[source] = self._capture(source)
        return found

    def _capture(self, source: GraphTensor) -> GraphTensor:
        op = source.op
        body = op._body
        if isinstance(body, Read) and not body.names_first:
            self.variables.append(source)
            return self._import(op.type, Read(body.storage, 0), (), source)
        if isinstance(body, Constant) and not source.dtype.is_floating:
            # sizes and axes have to be known: no input, but the same constant
            return self._import("Const", body, (), source)
        made = self._import("Enter", Captured(), (source,), source)
        self.captured[source] = made
        return made

    def _import(
        self, type: str, body: Body, inputs: Sequence[GraphTensor], source: GraphTensor
    ) -> GraphTensor:
        """An op that stands for a tensor of the graph around, although that is its input."""
        name = self.unique_name(f"{source.op.name.rpartition('/')[2]}/Enter")
        outputs = [TensorType(source.dtype, source.shape)]
        attributes = source.op.attributes if type != "Enter" else {}
        made = Operation(self, name, type, body, inputs, outputs, (), attributes)
        self._operations[name] = made
        return made.outputs[0]

    # -- operations -------------------------------------------------------------------------------

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of this name, here or around.

        Raises:
            KeyError: there is none.
        """
        try:
            return super().get_operation_by_name(name)
        except KeyError:
            return self.outer.get_operation_by_name(name)

    def get_tensor_by_name(self, name: str) -> GraphTensor:
        """The tensor of this name, here or around.

        Raises:
            ValueError: this is no name of a tensor.
            KeyError: there is no such tensor.
        """
        try:
            return super().get_tensor_by_name(name)
        except KeyError:
            return self.owned(self.outer.get_tensor_by_name(name))

    def _as_operation(self, x: Any) -> Operation:
        try:
            return super()._as_operation(x)
        except ValueError:
            return self.outer._as_operation(x)

    def _all_control_inputs(self, extra: Sequence[Operation]) -> list[Operation]:
        found = super()._all_control_inputs(extra)
        self.waits.update((op, None) for op in found if op.graph is not self)
        return [op for op in found if op.graph is self]
