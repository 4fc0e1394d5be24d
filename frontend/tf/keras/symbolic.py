"""Keras tensors: outputs of layers and functions that have been called on inputs without values.

Layer: frontend. A call with Keras tensors among its arguments makes a `Node`: what was called, with
what, and a new Keras tensor for each result. The call runs once on traced arrays, which gives the
shapes. `network.py` makes models of the nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from ...tree import TreeDef, flatten, unflatten
from ..abstract import TensorType, common, evaluate
from ..convert import convert_to_tensor
from ..deferred import NoValue
from ..dtypes import as_dtype
from ..errors import OpError
from ..parts import packed_index, unpacked_index
from ..shapes import TensorShape
from ..tensors import OPERATOR_NAMES, OPERATORS, STATE, Tensor
from .public import function_at, path_of
from .settings import snake_case, unique_name

# What unknown sizes are thought to be, by axis; the others are tried if the first ones matter.
# First all differ, so that equal sizes of different axes are no accident that a result could rest
# on; where that does not fit (a mask of steps by steps), all but that of the batch are the same.
_HINTS = (
    ((5, 97, 101, 103, 107, 109), (7, 113, 127, 131, 137, 139), (11, 149, 151, 157, 163, 167)),
    ((5, 97, 97, 97, 97, 97), (7, 113, 113, 113, 113, 113), (11, 149, 149, 149, 149, 149)),
)
_MOST_SIZES = 16  # more than a shape has
_NO_VALUE = (
    "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't have any"
    " actual numerical value."
)


class Caller(Protocol):
    """A layer, or a function that was called on Keras tensors."""

    name: str
    _nodes: list[Node]


class KerasTensor(Tensor):
    """A tensor of a model to be made: a shape and a dtype, and the call that gives it.

    Args:
        shape: sizes, None where they are not known.
        dtype: of the elements.
        name: by default `keras_tensor`, with a number.
    """

    __slots__ = ("_index", "_name_given", "_node", "_shape")

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None) -> None:
        self._shape = TensorShape(shape)
        self.dtype = as_dtype(dtype)
        self._name_given = name or unique_name("keras_tensor")
        self._part: Any = None
        self._node: Node | None = None
        self._index = 0

    @property
    def _value(self) -> Any:  # type: ignore[override]
        hint = (
            " Use it with layers, operators and functions of tensors, and put what needs a value"
            " into the `call` of a layer, or into a `keras.layers.Lambda`."
        )
        if STATE.function is not None:  # what runs now cannot be a call of the model, too
            hint = " Pass it to the layer as an argument: what runs inside of it has no use for it."
        raise NoValue(f"{_NO_VALUE}{hint} Got {self!r}", call if STATE.function is None else None)

    # -- what it is -------------------------------------------------------------------------------

    @property
    def shape(self) -> TensorShape:
        """The sizes as far as they are known."""
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def name(self) -> str:
        """Its name; an input has that of its layer."""
        return self._name_given

    @property
    def is_symbolic(self) -> bool:
        """It has no value."""
        return True

    @property
    def device(self) -> str:
        """None yet."""
        return ""

    def set_shape(self, shape: Any) -> None:
        """Add what is known of the shape; ValueError if it contradicts."""
        self._shape = self._shape.merge_with(shape)

    # -- what it cannot do ------------------------------------------------------------------------

    def numpy(self) -> Any:
        """Not without a value."""
        raise AttributeError(f"'KerasTensor' object has no attribute 'numpy': {_NO_VALUE}")

    def _concrete(self, what: str) -> Any:
        raise ValueError(f"{_NO_VALUE} {what} needs one.")

    def _scalar(self, what: str, convert: Callable[[Any], Any]) -> Any:
        if what == "bool":
            raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")
        raise ValueError(f"{_NO_VALUE} You cannot convert it to {what}.")

    def __index__(self) -> int:
        return int(self._scalar("an index", int))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise ValueError(f"{_NO_VALUE} You cannot convert it to a NumPy array.")

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __len__(self) -> int:
        raise TypeError("object of type 'KerasTensor' has no len(): use tf.shape(tensor)[0]")

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self} cannot be pickled: save the model's weights or configuration")

    # of the object itself
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"<KerasTensor shape={self._shape}, dtype={self.dtype.name}, sparse=False,"
            f" ragged=False, name={self.name}>"
        )

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)


class Node:
    """One call of a layer or function.

    Args:
        caller: the layer or function.
        arguments: (args, kwargs), with Keras tensors among them; None for an input.
        outputs: what it gives, Keras tensors among them.
    """

    def __init__(self, caller: Caller, arguments: Any, outputs: Any) -> None:
        self.caller = caller
        self.is_input = arguments is None
        self._leaves, self._tree = flatten(arguments or ((outputs,), {}))
        self.inputs = [] if self.is_input else tensors_in(self._leaves)
        self.structure = outputs
        self._places = [k for k, x in enumerate(flatten(outputs)[0]) if isinstance(x, KerasTensor)]
        self.outputs = tensors_in(outputs)
        self.number = len(caller._nodes)  # among the calls of the caller
        caller._nodes.append(self)
        for k, tensor in enumerate(self.outputs):
            tensor._node, tensor._index = self, k

    def arguments(self, value: Callable[[KerasTensor], Any]) -> tuple[list[Any], dict[str, Any]]:
        """(args, kwargs), with other values for the Keras tensors."""
        args, kwargs = unflatten(self._tree, [_replaced(x, value) for x in self._leaves])
        return args, kwargs

    @property
    def given(self) -> Any:
        """The Keras tensors among the arguments: one, a list, or as the first argument has them."""
        args = self.arguments(lambda x: x)[0]
        if len(args) == 1:
            return args[0]
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    def results(self, found: Any) -> list[Any]:
        """Of what the call gives: that which the outputs stand for."""
        leaves = flatten(found)[0]
        return [leaves[k] for k in self._places]


def _replaced(x: Any, value: Callable[[KerasTensor], Any]) -> Any:
    return value(x) if isinstance(x, KerasTensor) else x


def has_symbolic(values: Any) -> bool:
    """Whether Keras tensors are among values, or in lists, tuples and dicts among them."""
    for x in values:
        cls = type(x)
        if cls is KerasTensor:
            return True
        if cls is list or cls is tuple:
            if x and has_symbolic(x):
                return True
        elif cls is dict and x and has_symbolic(x.values()):
            return True
    return False


def tensors_in(x: Any) -> list[KerasTensor]:
    """The Keras tensors in nested containers."""
    return [leaf for leaf in flatten(x)[0] if isinstance(leaf, KerasTensor)]


# -- calls ----------------------------------------------------------------------------------------


class Function:
    """A function that was called on Keras tensors, as an operation of models.

    Args:
        function: what was called.
        kind: the class that summaries show.
        name: by default made of the kind.
        public_name: what programs call the function; "" for operators.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        kind: str,
        name: str | None = None,
        public_name: str = "",
    ) -> None:
        self.function, self.kind, self.public_name = function, kind, public_name
        self.name = name or unique_name(snake_case(kind))
        self._nodes: list[Node] = []

    def copied(self) -> Function:
        """The same function, for another model."""
        return Function(self.function, self.kind, self.name, self.public_name)

    def __deepcopy__(self, memo: Any) -> Function:
        made = memo[id(self)] = self.copied()
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        path = path_of(self.function, self.public_name) if self.public_name else ""
        return _unpickled, (path, self.kind, self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.kind} name={self.name}>"


def _unpickled(path: str, kind: str, name: str) -> Function:
    function = function_at(path) if path else operator_function(kind)
    assert function is not None
    return Function(function, kind, name, path.rpartition(".")[2])


def call(name: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Note a call of a public function of tensors."""
    kind = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    named = kwargs.get("name")
    made = Function(function, kind, named if isinstance(named, str) else None, name)
    return note(made, function, args, kwargs)


def note(caller: Caller, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Make the node of a call, and give its outputs.

    Args:
        caller: what was called.
        function: computes it.
        args: and `kwargs`: the arguments, with Keras tensors among them.
        kwargs: see above.

    Raises:
        ValueError: the shapes do not fit together.
    """
    arguments = (tuple(args), dict(kwargs))
    leaves, tree = flatten(arguments)
    types, result = _types(function, leaves, tree)
    rest = iter(types)
    outputs = [KerasTensor(t.shape, t.dtype) if x is _TENSOR else x for x, t in _with(result, rest)]
    made = unflatten(result.tree, outputs)
    Node(caller, arguments, made)
    return made


class _Result:
    """How what a call gives is nested, and which of it are tensors."""

    tree: TreeDef
    leaves: list[Any]


_TENSOR = object()


def _with(result: _Result, types: Iterator[TensorType]) -> list[tuple[Any, Any]]:
    return [(x, next(types) if x is _TENSOR else None) for x in result.leaves]


def _types(
    function: Callable[..., Any], leaves: Sequence[Any], tree: TreeDef
) -> tuple[list[TensorType], _Result]:
    """The types of the tensors that a call gives."""
    inputs = _sources(tensors_in(leaves))
    result = _Result()

    def run(tensors: Sequence[Tensor]) -> list[Tensor]:
        there: dict[KerasTensor, Any] = dict(zip(inputs, tensors, strict=True))
        given = [_replaced(x, lambda x: _followed(x, there)) for x in leaves]
        args, kwargs = unflatten(tree, given)
        found, result.tree = flatten(function(*args, **kwargs))
        is_data = [isinstance(x, Tensor) or hasattr(x, "_read_tensor") for x in found]
        result.leaves = [_TENSOR if d else x for d, x in zip(is_data, found, strict=True)]
        return [convert_to_tensor(x) for d, x in zip(is_data, found, strict=True) if d]

    first: Exception | None = None
    for family in _HINTS:
        try:
            return _agreed(run, inputs, family), result
        except Exception as error:
            first = first or error
        if all(None not in x.shape[1:] for x in inputs):
            break
    assert first is not None
    raise first


def _agreed(
    run: Callable[[Sequence[Tensor]], list[Tensor]],
    inputs: Sequence[KerasTensor],
    family: Sequence[Sequence[int]],
) -> list[TensorType]:
    """What a function gives whatever the unknown sizes are."""
    types = [TensorType(x.dtype, x.shape) for x in inputs]
    names = [x.name for x in inputs]
    tried: list[list[TensorType]] = []
    for hints in family:
        try:
            found = evaluate(run, types, partial(_hint, hints), names)
        except OpError as error:
            raise ValueError(error.type_error or error.message) from error
        tried.append(found.outputs)
        if len(found.outputs) != len(tried[0]):
            raise ValueError(
                "How many results there are depends on a size that is not known:"
                f" {', '.join(map(repr, inputs))}"
            )
        if not found.is_fixed:
            break
    return common(tried)


def _sources(tensors: Sequence[KerasTensor]) -> list[KerasTensor]:
    """The tensors themselves; for those that may be made of sizes, what these are sizes of."""
    found: dict[KerasTensor, None] = {}
    for x in tensors:
        followed = _sources(x._node.inputs) if x._node and _may_be_sizes(x) else [x]
        found.update(dict.fromkeys(followed))
    return list(found)


def _may_be_sizes(x: KerasTensor) -> bool:
    """Whether a tensor may be a shape or a size (`tf.shape(x)[0]`), which calls need to know."""
    is_small = x.ndim == 0 or (x.ndim == 1 and (x.shape[0] or _MOST_SIZES) < _MOST_SIZES)
    made = x._node is not None and isinstance(x._node.caller, Function)
    return x.dtype.is_integer and is_small and made


def _followed(x: KerasTensor, there: dict[KerasTensor, Any]) -> Any:
    """The traced tensor for a Keras tensor, or what was made of such ones."""
    if x not in there:
        assert x._node is not None
        args, kwargs = x._node.arguments(lambda y: _followed(y, there))
        results = x._node.results(x._node.caller(*args, **kwargs))  # type: ignore[operator]
        there.update(zip(x._node.outputs, results, strict=True))
    return there[x]


def _hint(hints: Sequence[int], number: int, axis: int) -> int:
    return hints[axis % len(hints)]


# -- operators ------------------------------------------------------------------------------------

# operator -> the class that summaries show
_KINDS = {
    "add": "Add", "sub": "Subtract", "mul": "Multiply", "truediv": "TrueDivide",
    "floordiv": "FloorDivide", "mod": "Mod", "pow": "Power", "matmul": "Matmul",
    "and": "LogicalAnd", "or": "LogicalOr", "xor": "LogicalXor", "neg": "Negative",
    "abs": "Absolute", "invert": "LogicalNot", "round": "Round", "lt": "Less", "le": "LessEqual",
    "gt": "Greater", "ge": "GreaterEqual", "ne": "NotEqual", "getitem": "GetItem",
}  # fmt: skip


def _part_of(x: Any, index: Any) -> Any:
    return OPERATORS["getitem"](x, unpacked_index(index))


def operator_function(kind: str) -> Callable[..., Any] | None:
    """The function of an operator, by the class that summaries show."""
    if kind == "GetItem":
        return _part_of
    return next((OPERATORS[name] for name, own in _KINDS.items() if own == kind), None)


def _operator(name: str) -> None:
    is_reflected = name.startswith("r") and name[1:] in _KINDS
    kind = _KINDS[name[1:] if is_reflected else name]

    def method(self: KerasTensor, *args: Any) -> Any:
        if name == "getitem":
            args = (packed_index(args[0]),)
        function = operator_function(kind)
        assert function is not None
        operands = (*args, self) if is_reflected else (self, *args)
        return note(Function(function, kind), function, operands, {})

    method.__name__ = f"__{name}__"
    setattr(KerasTensor, f"__{name}__", method)


for _name in OPERATOR_NAMES:
    if _name != "eq":
        _operator(_name)
