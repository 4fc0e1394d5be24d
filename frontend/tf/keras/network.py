"""The calls between a model's inputs and its outputs, in the order in which they run.

Layer: frontend. Built from the nodes behind Keras tensors (symbolic.py). Running it calls the same
layers and functions again, on tensors; so a compiled step of a model is one program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...tree import flatten, unflatten
from ..convert import convert_to_tensor
from ..elementwise import cast
from ..shaping import expand_dims, squeeze
from ..tensors import Tensor
from .masks import mask_of, put_masks
from .symbolic import Caller, KerasTensor, Node


class Network:
    """The calls that lead from some Keras tensors to others.

    Args:
        inputs: Keras tensors: one, or several in lists, tuples and dicts.
        outputs: likewise.

    Attributes: `nodes` and `callers`, from the inputs on; `inputs` and `outputs`, flat.

    Raises:
        ValueError: they are no Keras tensors, or outputs need other inputs.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.given, self.structure = _sorted(inputs), _sorted(outputs)
        self.inputs = _keras_tensors("inputs", self.given)
        self.outputs = _keras_tensors("outputs", self.structure)
        self._tree = flatten(self.structure)[1]
        self.nodes, self.callers = _ordered(self.inputs, self.outputs)
        self.members = frozenset(self.nodes)
        self._check()
        names = [caller.name for caller in self.callers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f'The name "{name}" is used {names.count(name)} times in the model. All'
                    " operation names should be unique."
                )

    def _check(self) -> None:
        """Refuse outputs that cannot be computed from the inputs."""
        there = set(self.inputs)
        for node in self.nodes:
            if not node.is_input and there.issuperset(node.inputs):
                there.update(node.outputs)
        paths = list(self._tree.paths())
        for path, tensor in zip(paths, self.outputs, strict=True):
            if tensor not in there:
                raise ValueError(f"Output with path `{path}` is not connected to `inputs`")

    @property
    def is_chain(self) -> bool:
        """Whether each call takes what the one before it gives, and no layer is called twice."""
        return len(self.callers) == len(self.nodes) and all(
            len(node.inputs) == 1 and node.inputs[0]._node is before
            for before, node in zip(self.nodes, self.nodes[1:], strict=False)
        )

    def run(self, tensors: Sequence[Tensor], training: bool | None) -> Any:
        """The outputs for tensors in place of the inputs.

        Args:
            tensors: see above.
            training: if it is known, calls that were noted with another value get this one.
        """
        found: dict[KerasTensor, Any] = dict(zip(self.inputs, tensors, strict=True))
        for node in self.nodes:
            if node.is_input or not all(x in found for x in node.inputs):
                continue
            args, kwargs = node.arguments(found.__getitem__)
            if training is not None and "training" in kwargs:
                kwargs["training"] = training
            results = node.results(node.caller(*args, **kwargs))  # type: ignore[operator]
            found.update(zip(node.outputs, results, strict=True))
        return unflatten(self._tree, [found[x] for x in self.outputs])

    def __reduce__(self) -> tuple[Any, ...]:
        """The calls in a list, for copies and pickles: what calls what is as deep as the model."""
        numbers = {x: k for k, x in enumerate(self._tensors())}
        calls = []
        for node in self.nodes:
            arguments = None if node.is_input else node.arguments(lambda x: _Place(numbers[x]))
            calls.append((node.caller, arguments, _numbered(node.structure, numbers)))
        types = [(tuple(x.shape), x.dtype, x.name) for x in numbers]
        ends = _numbered((self.given, self.structure), numbers)
        return _restored, (calls, types, ends)

    def _tensors(self) -> list[KerasTensor]:
        """All Keras tensors of the calls, each once."""
        found = dict.fromkeys(self.inputs)
        for node in self.nodes:
            found.update(dict.fromkeys(node.outputs))
        return list(found)

    # -- what it is called with -------------------------------------------------------------------

    def tensors(self, name: str, inputs: Any) -> list[Tensor]:
        """What a model was called with, in the order of its inputs, with their dtypes and ranks.

        Args:
            name: of the model, for messages.
            inputs: tensors, in the structure of the model's inputs; or by their names, in a dict.

        Raises:
            ValueError: there are too many or too few, or their shapes do not fit.
        """
        leaves = self._in_order(name, inputs)
        if len(leaves) != len(self.inputs):
            raise ValueError(
                f'Layer "{name}" expects {len(self.inputs)} input(s), but it received'
                f" {len(leaves)} input tensors. Inputs received: {_shown(leaves)}"
            )
        pairs = zip(leaves, self.inputs, strict=True)
        return [_fitting(name, k, x, wanted) for k, (x, wanted) in enumerate(pairs)]

    def _in_order(self, name: str, inputs: Any) -> list[Any]:
        if not isinstance(inputs, dict):
            return flatten(inputs)[0]
        if isinstance(self.given, dict):
            keys = list(self.given)
        else:
            keys = [x.name for x in self.inputs]
        missing = [k for k in keys if k not in inputs]
        if missing:
            raise ValueError(
                f"Missing data for input {', '.join(map(repr, missing))} of layer {name!r}. You"
                f" passed a data dictionary with keys {list(inputs)}. Expected the following keys:"
                f" {keys}"
            )
        return flatten([inputs[k] for k in keys])[0]


class _Place(int):
    """Stands for a Keras tensor, by number."""


def _numbered(x: Any, numbers: dict[KerasTensor, int]) -> Any:
    return mapped(x, lambda v: _Place(numbers[v]) if isinstance(v, KerasTensor) else v)


def _restored(calls: list[Any], types: list[Any], ends: Any) -> Network:
    """The network of a list of calls; see `Network.__reduce__`."""
    tensors = [KerasTensor(*type) for type in types]

    def tensor(x: Any) -> Any:
        return tensors[x] if isinstance(x, _Place) else x

    for caller, arguments, structure in calls:
        if arguments is None:
            (made,) = caller._nodes[0].outputs
            tensors[structure] = made
            continue
        (args, kwargs), outputs = mapped(arguments, tensor), mapped(structure, tensor)
        Node(caller, (tuple(args), kwargs), outputs)
    return Network(*mapped(ends, tensor))


def mapped(x: Any, function: Callable[[Any], Any]) -> Any:
    """The same containers, with what the function makes of the leaves."""
    leaves, tree = flatten(x)
    return unflatten(tree, [function(v) for v in leaves])


def _sorted(x: Any) -> Any:
    """With dicts in the order of their keys, which is that of Keras."""
    if isinstance(x, dict):
        return {k: _sorted(x[k]) for k in sorted(x)}
    return type(x)([_sorted(v) for v in x]) if type(x) in (list, tuple) else x


def _keras_tensors(what: str, given: Any) -> list[KerasTensor]:
    leaves = flatten(given)[0]
    if not leaves:
        raise ValueError(f"`{what}` argument cannot be empty. Received: {what}={given}")
    for x in leaves:
        if not isinstance(x, KerasTensor):
            raise ValueError(
                f"All `{what}` values must be KerasTensors. Received: {what}={given} including"
                f" invalid value {x} of type {type(x)}"
            )
    return leaves


def _fitting(name: str, number: int, x: Any, wanted: KerasTensor) -> Tensor:
    """A tensor with the dtype and the rank of an input; an axis of 1 at the end may differ."""
    given = convert_to_tensor(x)
    tensor = given
    if tensor.dtype is not wanted.dtype:
        tensor = cast(tensor, wanted.dtype)
    if tensor.ndim == wanted.ndim + 1 and tensor.shape[-1] == 1:
        tensor = squeeze(tensor, -1)
    elif tensor.ndim == wanted.ndim - 1 and wanted.shape[-1] == 1:
        tensor = expand_dims(tensor, -1)
    expected = [None, *wanted.shape[1:]]
    if not tensor.shape.is_compatible_with(expected):
        raise ValueError(
            f"Input {number} with name '{wanted.name}' of layer '{name}' is incompatible with the"
            f" layer: expected shape={wanted.shape}, found shape={given.shape}"
        )
    if tensor is not given:
        put_masks(tensor, mask_of(given))
    return tensor


def _shown(leaves: Sequence[Any]) -> str:
    shapes = [getattr(x, "shape", None) for x in leaves]
    return f"[{', '.join(f'shape={s}' for s in shapes)}]"


# -- order ----------------------------------------------------------------------------------------


def _ordered(
    inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]
) -> tuple[list[Node], list[Caller]]:
    """The nodes behind the outputs, and what they call, as Keras lists them.

    What is further from the outputs comes first. A layer that is called several times stands where
    its furthest call does; what is equally far is in the order in which a walk back from the
    outputs meets it.
    """
    own = frozenset(inputs)
    nodes, met = _behind(own, outputs)
    depth: dict[Node, int] = dict.fromkeys(reversed(nodes), 0)
    furthest: dict[Caller, int] = {}
    for node in reversed(nodes):  # each after all that read it
        depth[node] = furthest[node.caller] = max(depth[node], furthest.get(node.caller, 0))
        for source in _sources(node, own):
            depth[source] = max(depth[source], depth[node] + 1)
    for x in inputs:  # those that no output needs
        if x._node is not None and x._node.is_input and x._node not in depth:
            depth[x._node] = furthest[x._node.caller] = 0
            met[x._node.caller] = -1
    callers = sorted(furthest, key=lambda c: (-furthest[c], met[c]))
    return sorted(depth, key=lambda n: -depth[n]), callers


def _sources(node: Node, inputs: frozenset[KerasTensor]) -> list[Node]:
    """The nodes that give what a node reads; none for what the model is called with."""
    return [x._node for x in node.inputs if x._node and (x not in inputs or x._node.is_input)]


def _behind(
    inputs: frozenset[KerasTensor], outputs: Sequence[KerasTensor]
) -> tuple[list[Node], dict[Caller, int]]:
    """The nodes that outputs rest on, sources first; and when the walk has met each caller."""
    finished: dict[Node, None] = {}
    met: dict[Caller, int] = {}
    for output in outputs:
        waiting = [] if output in inputs or output._node is None else [output._node]
        while waiting:
            node = waiting[-1]
            met.setdefault(node.caller, len(met))
            open_ones = [s for s in _sources(node, inputs) if s not in finished]
            if node not in finished and open_ones:
                waiting.append(open_ones[0])
            else:
                finished[node] = None
                waiting.pop()
    return list(finished), met
