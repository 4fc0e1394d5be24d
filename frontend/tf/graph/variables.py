"""Variables of graphs: ops that name, initialise, read and change a value that sessions keep.

Layer: frontend. As in TensorFlow 1 a variable is four ops: its initial value, `Variable` itself
(`VariableV2`), `Variable/Assign` and `Variable/read`. Sessions keep its value, by `Storage`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..abstract import TensorType
from ..convert import convert_to_tensor
from ..dtypes import DType
from ..errors import InvalidArgumentError
from ..shapes import TensorShape
from ..tensors import Tensor
from ..v1.variables import VariableV1
from .assignments import Assignable, Target, assigned
from .bodies import Read
from .build import convert
from .graph import Graph, Operation, get_default_graph
from .initialized import ValueOr
from .keys import GraphKeys
from .ops import group
from .state import is_building, session_for, working_graph
from .symbolic import GRAPH_OPERATORS, GraphTensor


class Storage:
    """What a session keeps a value for. Shapes may be open, where they are not checked."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, name: str, dtype: DType, shape: TensorShape) -> None:
        self.name, self.dtype, self.shape = name, dtype, shape

    def checked(self, tensor: Tensor) -> Tensor:
        """A value that is to be kept.

        Raises:
            InvalidArgumentError: it has another shape.
        """
        if not self.shape.is_compatible_with(tensor.shape):
            raise InvalidArgumentError(
                "Assign requires shapes of both tensors to match. lhs shape= "
                f"{_sizes(self.shape)} rhs shape= {_sizes(tensor.shape)}"
            )
        return tensor


def _sizes(shape: TensorShape) -> str:
    return "<unknown>" if shape.rank is None else f"[{','.join(map(str, shape))}]"


def make_storage_op(
    graph: Graph, name: str, dtype: DType, shape: TensorShape
) -> tuple[Storage, Operation]:
    """The op that stands for a variable."""
    storage = Storage(name.rstrip("/"), dtype, shape)
    type = TensorType(dtypes.reference(dtype), shape)
    op = graph.add("VariableV2", Read(storage, 0), (), [type], name, {"dtype": dtype})
    storage.name = op.name
    return storage, op


class GraphVariable(Assignable, VariableV1):
    """A variable of a graph; arguments as those of TensorFlow 1's `tf.Variable`."""

    def __init__(
        self,
        initial_value: Any = None,
        trainable: Any = True,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Callable[[Any], Any] | None = None,
        use_resource: bool | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        around = get_default_graph()
        self.graph = graph = around.root  # also in branches and loops
        scope = around.get_name_scope()
        self.constraint = constraint
        self._is_trainable = trainable is None or bool(trainable)
        with (
            graph.as_default(),
            graph.control_dependencies(None),
            graph.name_scope(f"{scope}/" if scope else None),
        ):
            self._make(graph, initial_value, dtype, name, shape, validate_shape)
        keys = list(collections) if collections is not None else [GraphKeys.GLOBAL_VARIABLES]
        if self._is_trainable and GraphKeys.TRAINABLE_VARIABLES not in keys:
            keys.append(GraphKeys.TRAINABLE_VARIABLES)
        graph.add_to_collections(keys, self)

    def _make(
        self, graph: Graph, value: Any, dtype: Any, name: str | None, shape: Any, check: bool
    ) -> None:
        with graph.name_scope(name or "Variable") as scope:
            self._first = self._initial_tensor(graph, value, dtype)
            base = self._first.dtype.base_dtype
            static = TensorShape(self._first.shape) if check else TensorShape(None)
            if check and not static.is_fully_defined():
                raise ValueError(f"initial_value must have a shape specified: {self._first}")
            if shape is not None:
                static = TensorShape(shape)
            self._storage, self._op = make_storage_op(graph, scope, base, static)
            self._variable = self._op.outputs[0]
            self._initializer = assigned(
                self._target(), self._first, "Assign", validate_shape=check
            ).op
            read = TensorType(base, static)
            self._snapshot = graph.add(
                "Identity", Read(self._storage), [self._variable], [read], "read"
            ).outputs[0]

    def _initial_tensor(self, graph: Graph, value: Any, dtype: Any) -> GraphTensor:
        if callable(value):
            with graph.name_scope("Initializer"):
                return convert(value(), dtype, "initial_value", graph)
        if isinstance(value, GraphTensor) and value.graph is not graph is value.graph.root:
            raise ValueError(
                f"Initializer for variable {graph.get_name_scope()}/ is from inside a control-flow"
                " construct, such as a loop or conditional. When creating a variable inside a loop"
                " or conditional, use a lambda as the initializer."
            )
        return convert(value, dtype, "initial_value", graph)

    def _target(self) -> Target:
        return Target(self._storage, self._variable)

    # -- what it is -------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of its tensor, `Variable:0`."""
        return self._variable.name

    @property
    def op(self) -> Operation:
        """The op that stands for it."""
        return self._op

    @property
    def dtype(self) -> DType:
        """A reference dtype: `float32_ref`."""
        return self._variable.dtype

    @property
    def shape(self) -> TensorShape:
        """The sizes."""
        return self._variable.shape

    @property
    def ndim(self) -> int | None:
        """The number of axes."""
        return self.shape.rank

    @property
    def trainable(self) -> bool:
        """Whether optimisers change it."""
        return self._is_trainable

    @property
    def device(self) -> str:
        """The device that it was made for."""
        return self._op.device

    @property
    def initializer(self) -> Operation:
        """The op that gives it its initial value."""
        return self._initializer

    @property
    def initial_value(self) -> GraphTensor:  # type: ignore[override]
        """The tensor of its initial value."""
        return self._first

    def initialized_value(self) -> GraphTensor:
        """Its value or, where it has none yet, the initial value: for those of other variables."""
        graph = self.graph
        type = TensorType(self._first.dtype, self._storage.shape)
        with graph.control_dependencies(None), graph.name_scope("cond"):
            body = ValueOr(self._storage)
            op = graph.add("Merge", body, [self._variable, self._first], [type], "Merge")
        return op.outputs[0]

    @property
    def handle(self) -> Any:
        """What its value is kept under."""
        return self._storage

    def _as_graph_element(self) -> GraphTensor:
        return self._variable

    def _graph_value(self) -> GraphTensor:
        # ops that wait for others see what those have assigned
        has_to_wait = working_graph(self.graph).has_control_inputs
        return self.read_value() if has_to_wait else self._snapshot

    def _read_tensor(self) -> Tensor:
        return self._snapshot

    # -- its value --------------------------------------------------------------------------------

    def value(self) -> GraphTensor:
        """Its value, before anything in the same run changes it."""
        return self._snapshot

    def read_value(self) -> GraphTensor:
        """Its value when this read runs: after the operations that it waits for."""
        type = TensorType(self.dtype.base_dtype, self._storage.shape)
        graph = working_graph(self.graph)
        op = graph.add("Identity", Read(self._storage), [self._variable], [type], "Read")
        return op.outputs[0]

    def eval(self, session: Any = None) -> Any:
        """Its value in a session, by default the default session."""
        return self._variable.eval(session=session)

    def load(self, value: Any, session: Any = None) -> None:
        """Put a value in place in a session, without adding an op."""
        found = session_for(session, self.graph, "evaluate tensor")
        tensor = self._storage.checked(convert_to_tensor(value, self.dtype.base_dtype))
        found.cell(self._storage).write(tensor)

    def numpy(self) -> Any:
        """Not in a graph."""
        raise NotImplementedError("numpy() is only available when eager execution is enabled.")

    def _concrete(self, what: str) -> Any:
        raise TypeError(f"{what} of {self!r}: a variable of a graph has values in sessions only")

    __array__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self._snapshot)

    def __iter__(self) -> Any:
        raise TypeError("'Variable' object is not iterable.")

    def __getitem__(self, index: Any) -> Any:
        part = GRAPH_OPERATORS["getitem"](self._graph_value(), index)
        part._part = self, index
        return part

    # -- identity and printed form ----------------------------------------------------------------

    # of the object itself; in C, because every run looks tensors up
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    __str__ = __repr__


def _operator(name: str) -> None:
    def method(self: GraphVariable, *args: Any) -> Any:
        return GRAPH_OPERATORS[name](self._graph_value(), *args)

    setattr(GraphVariable, f"__{name}__", method)


GraphVariable.__name__ = GraphVariable.__qualname__ = "RefVariable"  # what messages call it
for _name in GRAPH_OPERATORS:
    if _name != "getitem":
        _operator(_name)


class _VariableClass(type(VariableV1)):  # type: ignore[misc]
    """`tf.Variable` as a class of both: calling it makes one of the kind that fits the mode."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = GraphVariable if is_building() else VariableV1
        return made(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, VariableV1)


class Variable(VariableV1, metaclass=_VariableClass):
    """TensorFlow 1's `tf.Variable`: of the graph, or, in eager programs, a value itself."""


# -- functions ------------------------------------------------------------------------------------


def variables_initializer(var_list: Any, name: str = "init") -> Any:
    """An op that initialises variables."""
    if not is_building():
        return None
    return group(*[v.initializer for v in var_list], name=name)


def global_variables_initializer() -> Any:
    """An op that initialises all variables made so far."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Any:
    """An op that initialises all local variables made so far."""
    return variables_initializer(local_variables(), name="init")


initialize_all_variables = global_variables_initializer
initialize_local_variables = local_variables_initializer


def _collection(key: str) -> Callable[..., list[Any]]:
    def variables(scope: str | None = None) -> list[Any]:
        return get_default_graph().get_collection(key, scope)

    variables.__doc__ = f"The variables in the collection `{key}` of the default graph."
    return variables


global_variables = _collection(GraphKeys.GLOBAL_VARIABLES)
local_variables = _collection(GraphKeys.LOCAL_VARIABLES)
trainable_variables = _collection(GraphKeys.TRAINABLE_VARIABLES)
model_variables = _collection(GraphKeys.MODEL_VARIABLES)
moving_average_variables = _collection(GraphKeys.MOVING_AVERAGE_VARIABLES)
all_variables = global_variables
