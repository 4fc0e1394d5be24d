"""Graphs and their operations: names, scopes, collections, control inputs.

Layer: frontend. An operation says how it is computed by its body (bodies.py); a graph only
describes. Names are made unique as TensorFlow 1 did, with regard to case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..abstract import TensorType
from ..proto.graphs import GraphDef, NodeDef
from .bodies import Body
from .definition import graph_def, node_def
from .extras import GraphExtras
from .placement import merged
from .state import MODE, STACKS, session_for, stacked
from .symbolic import GraphTensor


class Operation:
    """A node of a graph.

    Attributes: `name`, `type`, `graph`, `inputs`, `outputs` (tensors), `control_inputs` (operations
    that run before it), `device`.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        type: str,
        body: Body,
        inputs: Sequence[GraphTensor],
        outputs: Sequence[TensorType],
        control_inputs: Sequence[Operation],
        attributes: dict[str, Any],
    ) -> None:
        self.graph = graph
        self.name = name
        self.type = type
        self.inputs = tuple(inputs)
        self.control_inputs = list(control_inputs)
        self.attributes = attributes
        device = graph.current_device
        self.device: str = device(self) if callable(device) else device
        self.number = graph.operation_count
        self.random_seed = graph.seed, graph.operation_count
        self.outputs = [GraphTensor(self, k, t) for k, t in enumerate(outputs)]
        self._body = body

    @property
    def values(self) -> Any:
        """A function that gives the outputs."""
        return lambda: tuple(self.outputs)

    @property
    def node_def(self) -> NodeDef:
        """The message that describes the operation."""
        return node_def(self)

    @property
    def needed(self) -> tuple[GraphTensor, ...]:
        """The inputs whose values the body reads; others only name a variable."""
        count = self._body.names_first
        return self.inputs[count:]

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run it in a session, by default the default session.

        Raises:
            ValueError: there is no session.
        """
        session_for(session, self.graph, "execute operation").run(self, feed_dict)

    def get_attr(self, name: str) -> Any:
        """An attribute: "dtype", "value" and the like.

        Raises:
            ValueError: it has none of this name.
        """
        if name not in self.attributes:
            raise ValueError(f"Operation '{self.name}' has no attr named '{name}'.")
        return self.attributes[name]

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"

    def __str__(self) -> str:
        return str(self.node_def)


class Graph(GraphExtras):
    """Operations in the order in which they were made. `as_default()` lets ops go here."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}
        self._used: dict[str, int] = {}
        self._prefix = ""
        self._control: list[list[Operation]] = []
        self._collections: dict[str, list[Any]] = {}
        self._is_final = False
        self.variable_scopes: Any = None  # of variable_scope; see scoping.py
        self.seed: int | None = None
        self.current_device: Any = ""  # a name, or a function of the operation
        self.versions = None
        self.inner_count = 0  # operations of branches and loops
        self._seeds = 0  # random ops without seeds of their own

    # -- looking things up ------------------------------------------------------------------------

    @property
    def root(self) -> Graph:
        """The graph around, if it is that of a branch or a loop; see subgraph.py."""
        return self

    def take_seeds(self, count: int) -> int:
        """The first of so many numbers that stand for the seeds of random ops without one."""
        self._seeds += count
        return self._seeds - count

    @property
    def operation_count(self) -> int:
        """How many operations there are."""
        return len(self._operations)

    version = operation_count

    def get_operations(self) -> list[Operation]:
        """All operations, in the order in which they were made."""
        return list(self._operations.values())

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of this name.

        Raises:
            KeyError: there is none.
            TypeError: the name is no string.
        """
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {name!r}.")
        found = self._operations.get(name)
        if found is None:
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
        return found

    def get_tensor_by_name(self, name: str) -> GraphTensor:
        """The tensor of this name, `add:0`.

        Raises:
            ValueError: this is no name of a tensor.
            KeyError: there is no such tensor.
        """
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {name!r}.")
        owner, colon, place = name.rpartition(":")
        if not colon or not place.isdigit():
            if name in self._operations:
                raise ValueError(
                    f"The name {name!r} refers to an Operation, not a Tensor. Tensor names must be"
                    ' of the form "<op_name>:<output_index>".'
                )
            raise ValueError(
                f"The name {name!r} looks like an (invalid) Operation name, not a Tensor. Tensor"
                ' names must be of the form "<op_name>:<output_index>".'
            )
        op = self._operations.get(owner)
        if op is None:
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation,"
                f" {owner!r}, does not exist in the graph."
            )
        if int(place) >= len(op.outputs):
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation,"
                f" {owner!r}, exists but only has {len(op.outputs)} outputs."
            )
        return op.outputs[int(place)]

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """The tensor or operation that an object (or a name) stands for.

        Raises:
            ValueError: it belongs to another graph, or is no name.
            KeyError: there is none of this name.
            TypeError: it stands for neither.
        """
        convert = getattr(obj, "_as_graph_element", None)
        if convert is not None:
            obj = convert()
        if isinstance(obj, str):
            if ":" in obj and allow_tensor:
                return self.get_tensor_by_name(obj)
            if not allow_operation:
                return self.get_tensor_by_name(obj)
            return self.get_operation_by_name(obj)
        kinds: list[tuple[str, Any, bool]] = [
            ("Tensor", GraphTensor, allow_tensor),
            ("Operation", Operation, allow_operation),
        ]
        for label, kind, is_allowed in kinds:
            if isinstance(obj, kind) and is_allowed:
                if obj.graph is not self:
                    raise ValueError(f"{label} {obj} is not an element of this graph.")
                return obj
        wanted = " or ".join(label for label, _, is_allowed in kinds if is_allowed)
        raise TypeError(f"Can not convert a {type(obj).__name__} into a {wanted}.")

    # -- names ------------------------------------------------------------------------------------

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """A name, under the current scopes, that no operation or scope has: `add`, `add_1`."""
        full = f"{self._prefix}/{name}" if self._prefix else name
        count = self._used.get(full)
        if count is None:
            if mark_as_used:
                self._used[full] = 1
            return full
        while f"{full}_{count}" in self._used:
            count += 1
        found = f"{full}_{count}"
        if mark_as_used:
            self._used[full] = count + 1
            self._used[found] = 1
        return found

    @contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """A prefix for the names of the ops made inside; "a/" (with a slash) enters `a` again.

        Raises:
            ValueError: it is no name of a scope.
        """
        if name is not None and not isinstance(name, str):
            raise TypeError(f"Scope name has to be a string, got {name!r}")
        if name and not _is_scope_name(name, at_root=not self._prefix):
            raise ValueError(f"'{name}' is not a valid scope name")
        before = self._prefix
        if not name:
            self._prefix = ""
        elif name.endswith("/"):
            self._prefix = name[:-1]
        else:
            self._prefix = self.unique_name(name)
        try:
            yield f"{self._prefix}/" if self._prefix else ""
        finally:
            self._prefix = before

    def get_name_scope(self) -> str:
        """The current scope."""
        return self._prefix

    # -- making operations ------------------------------------------------------------------------

    def add(
        self,
        type: str,
        body: Body,
        inputs: Sequence[GraphTensor] = (),
        outputs: Sequence[TensorType] = (),
        name: str | None = None,
        attributes: dict[str, Any] | None = None,
        control_inputs: Sequence[Operation] = (),
    ) -> Operation:
        """A new operation.

        Args:
            type: TensorFlow's name of the kind of op.
            body: how it is computed.
            inputs: tensors of this graph.
            outputs: dtype and shape of each result.
            name: made unique, or, with a slash at its end, taken as it is; by default the type.
            attributes: what messages, files and `get_attr` show.
            control_inputs: operations that run before it, beside those of the current scopes.

        Raises:
            RuntimeError: the graph is finalized.
            ValueError: an input is of another graph, or the name is not allowed.
        """
        if self._is_final:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        tensors = [self.owned(t) for t in inputs]
        label = name or type
        if not _is_scope_name(label.rstrip("/"), at_root=not self._prefix and label[-1] != "/"):
            raise ValueError(f"'{label}' is not a valid node name")
        label = label[:-1] if label.endswith("/") else self.unique_name(label)
        made = Operation(
            self, label, type, body, tensors, outputs,
            self._all_control_inputs(control_inputs), attributes or {},
        )  # fmt: skip
        self._operations[label] = made
        self._used.setdefault(label, 1)
        return made

    def owned(self, tensor: GraphTensor) -> GraphTensor:
        """The tensor, if it is of this graph.

        Raises:
            ValueError: it is of another one.
        """
        if tensor.graph is not self:
            raise ValueError(
                f"{tensor} must be from the same graph as the other operands: it belongs to"
                " another graph."
            )
        return tensor

    def _all_control_inputs(self, extra: Sequence[Operation]) -> list[Operation]:
        found = dict.fromkeys(op for scope in self._control for op in scope)
        found.update(dict.fromkeys(extra))
        return list(found)

    @property
    def has_control_inputs(self) -> bool:
        """Whether ops that are made now have to wait for others."""
        return any(self._control)

    @contextmanager
    def control_dependencies(self, control_inputs: Any) -> Iterator[None]:
        """Ops made inside run after these operations and tensors; None forgets outer ones."""
        before = self._control
        if control_inputs is None:
            self._control = []
        else:
            self._control = [*before, [self._as_operation(x) for x in control_inputs]]
        try:
            yield
        finally:
            self._control = before

    def _as_operation(self, x: Any) -> Operation:
        found = self.as_graph_element(getattr(x, "op", x) if not isinstance(x, str) else x)
        return found.op if isinstance(found, GraphTensor) else found  # type: ignore[no-any-return]

    @contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Note a device with the ops made inside; all of them run on this one."""
        before = self.current_device
        name = device_name_or_function
        if isinstance(name, str):
            self.current_device = merged(before if isinstance(before, str) else "", name)
        else:
            self.current_device = name or ""
        try:
            yield
        finally:
            self.current_device = before

    # -- default ----------------------------------------------------------------------------------

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Let ops go to this graph."""
        with stacked(STACKS.graphs, self):
            yield self

    def finalize(self) -> None:
        """Allow no further operations."""
        self._is_final = True

    @property
    def finalized(self) -> bool:
        """Whether no further operations are allowed."""
        return self._is_final

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> GraphDef:
        """The message that describes the graph, for files and for TensorBoard.

        Args:
            from_version: leave out so many operations, those that were made first.
            add_shapes: add the shapes of outputs.
        """
        return graph_def(self, from_version, add_shapes)

    # -- collections ------------------------------------------------------------------------------

    def add_to_collection(self, name: str, value: Any) -> None:
        """Append to a named list."""
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append to several named lists."""
        for name in [names] if isinstance(names, str) else dict.fromkeys(names or ()):
            self.add_to_collection(name, value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """A copy of a named list; of those only whose names begin with `scope`."""
        found = self._collections.get(name, [])
        if scope is None:
            return list(found)
        return [x for x in found if getattr(x, "name", "").startswith(scope)]

    def get_collection_ref(self, name: str) -> list[Any]:
        """A named list itself."""
        return self._collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list[str]:
        """The names of all lists."""
        return [name for name in self._collections if isinstance(name, str)]

    def clear_collection(self, name: str) -> None:
        """Empty a named list."""
        self._collections.pop(name, None)

    def __repr__(self) -> str:
        return f"<tensorflow.python.framework.ops.Graph object at {hex(id(self))}>"


def _is_scope_name(name: str, at_root: bool) -> bool:
    """Letters, digits and "_.-/"; at the root beginning with a letter, a digit or a dot."""
    allowed = all((c.isascii() and c.isalnum()) or c in "_.-/\\>" for c in name)
    first = name[:1]
    return allowed and (not at_root or (first.isascii() and first.isalnum()) or first == ".")


# -- the default graph ----------------------------------------------------------------------------


def get_default_graph() -> Graph:
    """The graph that ops go to."""
    if STACKS.graphs:
        return STACKS.graphs[-1]  # type: ignore[no-any-return]
    if MODE.default is None:
        MODE.default = Graph()
    return MODE.default


def reset_default_graph() -> None:
    """Make a new, empty graph the default one; the old one stays as it is.

    Raises:
        AssertionError: inside of `with graph.as_default()`.
    """
    if STACKS.graphs:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared"
            " graph, exit the nesting and create a new graph."
        )
    MODE.default = Graph()


def add_to_collection(name: str, value: Any) -> None:
    """Append to a named list of the default graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append to several named lists of the default graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """A copy of a named list of the default graph."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: str) -> list[Any]:
    """A named list of the default graph itself."""
    return get_default_graph().get_collection_ref(key)
