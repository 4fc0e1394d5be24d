"""Configurations of models of inputs and outputs: their layers, and how these are called.

Layer: frontend. The form is Keras's: each layer has `inbound_nodes`, the arguments of its calls, in
which a tensor is the name of a layer, which call of it, and which of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .layers.base import FAMILY, Layer
from .network import Network, mapped
from .public import function_at, path_of
from .symbolic import Caller, Function, KerasTensor, Node, note, operator_function

_OPERATORS = "keras.ops"
_TENSOR = "__keras_tensor__"


def config_of(network: Network) -> dict[str, Any]:
    """The layers of a network, its inputs and its outputs."""
    numbers: dict[Node, int] = {}
    for caller in network.callers:
        own = [node for node in caller._nodes if node in network.members]
        numbers.update((node, k) for k, node in enumerate(own))

    def place(x: KerasTensor) -> list[Any]:
        assert x._node is not None
        return [x._node.caller.name, numbers[x._node], x._index]

    def argument(x: KerasTensor) -> dict[str, Any]:
        config = {"shape": tuple(x.shape), "dtype": x.dtype.name, "keras_history": place(x)}
        return {"class_name": _TENSOR, "config": config}

    layers = []
    for caller in network.callers:
        calls = []
        for node in caller._nodes:
            if node in numbers and not node.is_input:
                args, kwargs = node.arguments(argument)
                calls.append({"args": args, "kwargs": kwargs})
        layers.append({**_serialized(caller), "name": caller.name, "inbound_nodes": calls})
    return {
        "layers": layers,
        "input_layers": mapped(network.given, place),
        "output_layers": mapped(network.structure, place),
    }


def _serialized(caller: Caller) -> dict[str, Any]:
    if not isinstance(caller, Function):
        return {"module": "keras.layers", **FAMILY.serialize(caller)}
    module = _OPERATORS
    if operator_function(caller.kind) is not caller.function:
        module = path_of(caller.function, caller.public_name)
    return {"module": module, "class_name": caller.kind, "config": {"name": caller.name}}


def _caller(config: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    """A new layer or function for its configuration."""
    module = config.get("module", "")
    if module in ("", "keras.layers") or not config.get("inbound_nodes"):
        return FAMILY.deserialize(config, custom_objects)
    kind = config["class_name"]
    if module == _OPERATORS:
        function = operator_function(kind)
        assert function is not None
        return Function(function, kind, config["config"]["name"], "")
    name = module.rpartition(".")[2]
    return Function(function_at(module), kind, config["config"]["name"], name)


def rebuilt(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> tuple[Any, Any]:
    """Inputs and outputs that a configuration describes, made by new layers."""
    callers = {c["name"]: _caller(c, custom_objects) for c in config["layers"]}
    waiting = [(callers[c["name"]], list(c["inbound_nodes"])) for c in config["layers"]]

    def tensor(place: Any) -> KerasTensor | None:
        name, node, index = place
        nodes = callers[name]._nodes
        return nodes[node].outputs[index] if node < len(nodes) else None

    while any(calls for _, calls in waiting):
        before = sum(len(calls) for _, calls in waiting)
        for caller, calls in waiting:
            while calls and _called(caller, calls[0], tensor):
                calls.pop(0)
        if sum(len(calls) for _, calls in waiting) == before:
            raise ValueError("The configuration is of no model: its layers wait for each other.")
    return _tensors(config["input_layers"], tensor), _tensors(config["output_layers"], tensor)


def _called(caller: Any, node: dict[str, Any], tensor: Callable[[Any], Any]) -> bool:
    """Repeat a call; False if a tensor that it takes is not there yet."""
    missing = []

    def replace(x: Any) -> Any:
        if isinstance(x, dict) and x.get("class_name") == _TENSOR:
            found = tensor(x["config"]["keras_history"])
            missing.extend([] if found is not None else [x])
            return found
        if isinstance(x, dict):
            return {k: replace(v) for k, v in x.items()}
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return type(x)(*[replace(v) for v in x])
        return type(x)([replace(v) for v in x]) if isinstance(x, (list, tuple)) else x

    args, kwargs = replace(list(node["args"])), replace(node["kwargs"])
    if not missing:
        again(caller, args, kwargs)
    return not missing


def again(caller: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a layer, or a function that was called before, on Keras tensors."""
    if isinstance(caller, Layer):
        return caller(*args, **kwargs)
    return note(caller, caller.function, args, kwargs)


def _tensors(places: Any, tensor: Callable[[Any], Any]) -> Any:
    if isinstance(places, dict):
        return {k: _tensors(v, tensor) for k, v in places.items()}
    if places and isinstance(places[0], str):
        return tensor(places)
    return type(places)([_tensors(v, tensor) for v in places])


def copied(network: Network, copy: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Inputs and outputs like those of a network, made by other layers.

    Args:
        network: what is copied.
        copy: makes a layer for each layer; functions are called as they are.
    """
    made: dict[Any, Any] = {}
    found: dict[KerasTensor, Any] = {}
    for node in network.nodes:
        caller = node.caller
        if caller not in made:
            is_layer = isinstance(caller, Layer)
            made[caller] = copy(caller) if is_layer else caller.copied()  # type: ignore[attr-defined]
        if node.is_input:
            results = made[caller]._nodes[0].outputs
        elif all(x in found for x in node.inputs):
            results = node.results(again(made[caller], *node.arguments(found.__getitem__)))
        else:
            continue
        found.update(zip(node.outputs, results, strict=True))
    return tuple(mapped(s, found.__getitem__) for s in (network.given, network.structure))  # type: ignore[return-value]
