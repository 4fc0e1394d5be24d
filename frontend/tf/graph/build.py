"""Public functions as makers of ops: in a graph, a call becomes an op that computes it later.

Layer: frontend. `graph_op(function)` is the function for both worlds: it runs at once, or makes
one op whose body is the call (bodies.Call). Names follow TensorFlow 1: the op's type, or what
`name=` says; numbers beside tensors become constants `mul/x`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ...arguments import signature_of
from ...tree import flatten, unflatten
from .. import dtypes
from ..abstract import TensorType
from ..apply import like
from ..convert import accepts, convert_to_tensor, has_tensor
from ..dtypes import DType
from ..elementwise import constant as eager_constant
from ..errors import OpError
from ..shapes import TensorShape
from ..tensors import Tensor
from .bodies import DATA, Body, Call, Constant
from .dimensions import Dimension
from .graph import Graph, Operation, get_default_graph
from .infer import Inferred, infer
from .state import is_building, working_graph
from .symbolic import GraphTensor
from .wording import OLDER_TYPES, located

# Types of ops that have other names eagerly; stop_gradient is an op in graphs only.
_TYPES = {**OLDER_TYPES, "stop_gradient": "StopGradient"}
# Functions whose ops are called as they are, although one op does the work.
_OWN_NAMES = frozenset([
    "clip_by_norm", "clip_by_value", "concat", "conv2d_transpose", "conv3d_transpose", "dropout",
    "embedding_lookup", "eye", "l2_normalize", "linspace", "moments", "ones", "ones_like",
    "one_hot", "random_normal", "random_uniform", "range", "separable_conv2d", "split", "stack",
    "transpose", "truncated_normal", "unstack", "xw_plus_b", "zeros", "zeros_like",
])  # fmt: skip
_DEFAULT_NAMES = {
    "as_string": "AsString",
    "boolean_mask": "boolean_mask",
    "decode_base64": "DecodeBase64",
    "decode_raw": "DecodeRaw",
    "encode_base64": "EncodeBase64",
    "ensure_shape": "EnsureShape",
    "matmul": "MatMul",
    "identity_n": "IdentityN",
    "invert_permutation": "InvertPermutation",
    "join": "StringJoin",
    "length": "StringLength",
    "lower": "StringLower",
    "regex_full_match": "StaticRegexFullMatch",
    "parallel_stack": "parallel_stack",
    "size": "Size",
    "regex_replace": "StaticRegexReplace",
    "strip": "StringStrip",
    "substr": "Substr",
    "to_number": "StringToNumber",
    "upper": "StringUpper",
    "batch_normalization": "batchnorm",
    "depthwise_conv2d": "depthwise",
    "log_uniform_candidate_sampler": "LogUniformCandidateSampler",
    "softmax_cross_entropy_with_logits": "softmax_cross_entropy_with_logits_sg",
    "normal": "random_normal",
    "uniform": "random_uniform",
    "uniform_candidate_sampler": "UniformCandidateSampler",
    "real_divide": "RealDiv",
    "bitcast": "Bitcast",
    "div": "div",
    "divide": "truediv",
    "floordiv": "floordiv",
    "norm": "norm",
    "pad": "Pad",
    "rank": "Rank",
    "reduce_logsumexp": "ReduceLogSumExp",
    "round": "Round",
    "saturate_cast": "saturate_cast",
    "sequence_mask": "SequenceMask",
    "shape": "Shape",
    "stop_gradient": "StopGradient",
    "svd": "Svd",
    "tensordot": "Tensordot",
    "truediv": "truediv",
}
# Ops that draw random numbers.
_DRAWS = frozenset([
    "Multinomial", "RandomGamma", "RandomPoisson", "RandomShuffle", "RandomStandardNormal",
    "RandomUniform", "RandomUniformInt", "TruncatedNormal",
])  # fmt: skip
# Parameters that are operands: Python numbers there become constants of the graph.
_OPERANDS = frozenset(["x", "y", "a", "b", "input_tensor"])


class Maker:
    """Makes ops of one public function.

    Args:
        function: runs at once on tensors.
        name: what its ops are called by default; else the type of the op that it consists of.
        type: the type of its ops; else that of the last op that it consists of.
    """

    def __init__(
        self, function: Callable[..., Any], name: str | None = None, type: str | None = None
    ) -> None:
        self.function = function
        self._name = name
        self._type = type
        self._parameters = _parameters(function)
        self.takes_name = "name" in self._parameters or "kwargs" in self._parameters
        self._operands = [k for k, p in enumerate(self._parameters[:2]) if p in _OPERANDS]

    def __call__(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The outputs of a new op, nested as the function's results are."""
        given = list(args)
        name = kwargs.pop("name", None)
        if "name" in self._parameters:
            place = self._parameters.index("name")
            if place < len(given):
                name = given[place]
                given[place] = None
        graph = graph_of([given, kwargs])
        operands = self._made_of_numbers(given)
        if self._name is None or self._type is None:
            self._learn(graph, given, kwargs, name)
        scope = name or self._name
        assert scope is not None
        if not operands:
            return self._add(graph, given, kwargs, scope)
        with graph.name_scope(scope) as full:
            for k, (value, dtype) in operands.items():
                given[k] = convert(value, dtype, self._parameters[k], graph)
        return self._add(graph, given, kwargs, full)

    def typed(self, args: Sequence[Any], outputs: Sequence[TensorType]) -> GraphTensor:
        """The first output of a new op of tensors, whose outputs are known."""
        graph = graph_of(list(args))
        body, inputs = call_of(self.function, args, {}, graph)
        assert self._type is not None
        return graph.add(self._type, body, inputs, outputs, self._name).outputs[0]

    def _learn(
        self, graph: Graph, args: Sequence[Any], kwargs: dict[str, Any], name: str | None
    ) -> None:
        """Find out which ops the function consists of, and so what it is called."""
        body, inputs = call_of(self.function, args, kwargs, graph)
        own = getattr(self.function, "__name__", "op")
        shown = name or self._name or _DEFAULT_NAMES.get(own) or own
        ops = infer_named(body, inputs, shown, graph).ops
        last = ops[-1] if ops else own
        if self._type is None:
            self._type = _TYPES.get(last, last)
        if self._name is None:
            single = len(set(ops)) == 1 and own not in _OWN_NAMES
            self._name = _DEFAULT_NAMES.get(own) or (self._type if single else own)

    def _made_of_numbers(self, args: Sequence[Any]) -> dict[int, tuple[Any, DType | None]]:
        """The operands that are no tensors yet, by place: numbers take the dtype beside them."""
        present = [k for k in self._operands if k < len(args)]
        tensors = [args[k] for k in present if is_graph_value(args[k])]
        dtype = graph_value(tensors[0]).dtype.base_dtype if tensors else None
        found: dict[int, tuple[Any, DType | None]] = {}
        for k in present:
            x = args[k]
            if is_graph_value(x):
                continue
            if isinstance(x, (list, tuple)) and _has_graph_value(x):
                found[k] = x, dtype
                continue
            value = _operand(x, dtype)
            dtype = value.dtype
            found[k] = value, dtype
        return found

    def _add(self, graph: Graph, args: Sequence[Any], kwargs: dict[str, Any], name: str) -> Any:
        body, inputs = call_of(self.function, args, kwargs, graph)
        made = add_call(graph, body, inputs, name, self._type)
        if body.result is None or not made.outputs:
            return made
        return unflatten(body.result, made.outputs)


def _operand(x: Any, dtype: DType | None) -> Tensor:
    """A number as an operand, beside a tensor of this dtype."""
    if dtype is None:
        return convert_to_tensor(x)
    try:
        return like("", x, dtype)
    except TypeError as error:
        raise _expected(x, dtype, error) from None


def _parameters(function: Callable[..., Any]) -> list[str]:
    signature = signature_of(function)
    return [] if signature is None else list(signature.parameters)


def graph_op(
    function: Callable[..., Any], name: str | None = None, type: str | None = None
) -> Callable[..., Any]:
    """The function for both worlds: it makes an op of the default graph, or runs at once."""
    maker = Maker(function, name, type)

    @wraps(function)
    def op(*args: Any, **kwargs: Any) -> Any:
        if not is_building():
            if not maker.takes_name:
                kwargs.pop("name", None)
            return function(*args, **kwargs)
        return maker(args, kwargs)

    return op


# -- calls ----------------------------------------------------------------------------------------


def call_of(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], graph: Graph
) -> tuple[Call, list[GraphTensor]]:
    """The body of an op that computes `function(*args, **kwargs)`, and the op's inputs."""
    leaves, tree = flatten((tuple(args), dict(kwargs)))
    inputs: list[GraphTensor] = []
    statics: list[Any] = []
    for leaf in leaves:
        if is_graph_value(leaf):
            inputs.append(graph.owned(graph_value(leaf)))
            statics.append(DATA)
        else:
            statics.append(_kept(leaf))
    return Call(function, tree, statics), inputs


def _kept(leaf: Any) -> Any:
    """An argument to keep for later: arrays may change in the meantime."""
    if isinstance(leaf, np.ndarray):
        return leaf.copy()
    return leaf.value if isinstance(leaf, Dimension) else leaf


def add_call(
    graph: Graph,
    body: Body,
    inputs: Sequence[GraphTensor],
    name: str,
    type: str | None = None,
) -> Operation:
    """An op whose outputs are found by inference."""
    found = infer_named(body, inputs, name, graph)
    kinds = [t.dtype.kind for t in inputs] + [t.dtype.kind for t in found.outputs]
    has_strings = "O" in kinds or "c" in kinds
    body.is_host = body.is_host or found.is_host or has_strings
    made = graph.add(type or "Call", body, inputs, found.outputs, name)
    if not _DRAWS.isdisjoint(found.ops) and not _has_seed(body):
        made.random_seed = graph.seed, graph.root.take_seeds(len(_DRAWS.intersection(found.ops)))
    return made


def _has_seed(body: Body) -> bool:
    """Whether a call says what its random numbers start from."""
    if not isinstance(body, Call):
        return False
    args, kwargs = body.arguments()
    if "seed" in kwargs:
        return kwargs["seed"] is not None
    names = _parameters(body.function)
    place = names.index("seed") if "seed" in names else len(args)
    return place < len(args) and args[place] is not None


def infer_named(body: Body, inputs: Sequence[GraphTensor], name: str, graph: Graph) -> Inferred:
    """As `infer`; errors say which op it is about."""
    try:
        return infer(body, inputs)
    except (ValueError, NotImplementedError):
        raise
    except Exception as error:
        if isinstance(error, OpError) and error.type_error is not None:
            raise TypeError(error.type_error) from error
        message = located(str(getattr(error, "message", error)), name, inputs)
        if isinstance(error, TypeError):
            raise TypeError(message) from error
        raise ValueError(message) from error


def graph_of(arguments: Any) -> Graph:
    """The graph of the first tensor among nested arguments, or the default graph."""
    for leaf in flatten(arguments)[0]:
        if is_graph_value(leaf):
            return working_graph(leaf.graph)
    return get_default_graph()


def is_graph_value(x: Any) -> bool:
    """Whether x is a tensor or a variable of a graph."""
    return isinstance(x, GraphTensor) or hasattr(x, "_graph_value")


def _has_graph_value(x: Any) -> bool:
    return any(is_graph_value(leaf) for leaf in flatten(x)[0])


def graph_value(x: Any) -> GraphTensor:
    """The tensor itself, or that of a variable."""
    return x if isinstance(x, GraphTensor) else x._graph_value()  # type: ignore[no-any-return]


# -- constants and conversion ---------------------------------------------------------------------


def make_constant(graph: Graph, value: Tensor, name: str = "Const") -> GraphTensor:
    """A `Const` op."""
    type = TensorType(value.dtype, value.shape)
    attributes = {"dtype": value.dtype, "value": value}
    return graph.add("Const", Constant(value), (), [type], name, attributes).outputs[0]


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Any:
    """A tensor with this value; see `tf.constant`.

    Args:
        value: numbers or strings, nested lists of them, or an array.
        dtype: what they are converted to.
        shape: what they are repeated or arranged to.
        name: of the op.
        verify_shape: whether a shape other than that of the value is an error.
    """
    if verify_shape and shape is not None:
        given, wanted = convert_to_tensor(value, dtype).shape, TensorShape(shape)
        if given != wanted:
            raise TypeError(f"Expected Tensor's shape: {wanted}, got {given}.")
    if not is_building():
        return eager_constant(value, dtype, shape)
    try:
        found = eager_constant(value, dtype)
    except TypeError as error:
        raise _expected(value, dtype, error) from None
    if shape is not None:
        found = _filled(found, TensorShape(shape))
    return make_constant(get_default_graph(), found, name or "Const")


def _filled(tensor: Tensor, shape: TensorShape) -> Tensor:
    """The elements in this shape; the last one is repeated for those that are missing."""
    count = shape.num_elements()
    if count is None:
        raise TypeError(f"the shape of tf.constant has to be known, got {shape}")
    elements = np.ravel(np.asarray(tensor._value))
    if elements.size > count:
        raise ValueError(
            f"Too many elements provided. Needed at most {count}, but received {elements.size}"
        )
    last = elements[-1:] if elements.size else np.zeros(1, elements.dtype)
    elements = np.concatenate([elements, np.repeat(last, count - elements.size)])
    array = elements.reshape([size or 0 for size in shape.as_list()])
    return Tensor(array if array.ndim else array[()], tensor.dtype)


def _expected(value: Any, dtype: Any, error: TypeError) -> TypeError:
    """TensorFlow 1's words for a value that cannot be of a dtype: they name the element."""
    if dtype is None:
        return error
    wanted = dtypes.as_dtype(dtype)
    for x in flatten(value)[0]:
        if isinstance(x, (bool, int, float, str, bytes)) and not accepts(wanted, x):
            kind = type(x).__name__
            return TypeError(f"Expected {wanted.name}, got {x!r} of type '{kind}' instead.")
    return error


def convert(
    value: Any, dtype: Any = None, name: str | None = None, graph: Graph | None = None
) -> GraphTensor:
    """A tensor of the graph: constants for what is none.

    Raises:
        ValueError: a tensor has another dtype.
        TypeError: the value cannot be represented in the dtype.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if is_graph_value(value):
        tensor = graph_value(value)
        if wanted is not None and tensor.dtype.base_dtype is not wanted.base_dtype:
            raise ValueError(
                f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype"
                f" {tensor.dtype.name}: {tensor!r}"
            )
        return tensor
    target = graph or graph_of(value)
    if isinstance(value, (list, tuple)) and (_has_graph_value(value) or has_tensor(value)):
        return pack(value, wanted, name or "packed", target)
    if isinstance(value, Dimension):
        value = int(value)
    try:
        found = convert_to_tensor(value, wanted)
    except TypeError as error:
        raise _expected(value, wanted, error) from None
    return make_constant(target, found, name or "Const")


def pack(values: Any, dtype: Any, name: str, graph: Graph) -> GraphTensor:
    """Nested lists with tensors among them, as one tensor."""
    body, inputs = call_of(convert_to_tensor, [values], {"dtype": dtype}, graph)
    return add_call(graph, body, inputs, name, "Pack").outputs[0]


def convert_public(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    dtype_hint: Any = None,
) -> Any:
    """A tensor with the value; see `tf.convert_to_tensor`."""
    if not is_building():
        return convert_to_tensor(value, dtype, dtype_hint or preferred_dtype)
    return convert(value, dtype, name)
