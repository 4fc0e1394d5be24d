"""`tf.saved_model`: a module as files that another process runs without the Python class.

Layer: frontend. A folder with `saved_model.json` (the graph of objects, the programs of their
functions as text) and `variables/variables.npz`. Loading executes no code of the file's.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from ..concrete import ConcreteFunction
from ..convert import convert_to_tensor
from ..functions import Function
from ..random import seeds
from ..variables import Cell, Variable
from .programs import RestoredFunction, saved_programs
from .tree import Node, arrays_of, is_trackable, read_arrays, variable_key, walk, write_arrays

_FILE = "saved_model.json"
_VARIABLES = os.path.join("variables", "variables.npz")
_VERSION = 1
_RANDOM = "random_state"  # stands for the hidden state of random ops
DEFAULT_SIGNATURE = "serving_default"


def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """Write a module, its variables and its functions to a folder.

    Args:
        obj: a `tf.Module`, or another object with variables and `tf.function`s as attributes.
        export_dir: the folder; made if needed.
        signatures: a function, or functions by name, to be found under `signatures`.
        options: for TensorFlow's signature.

    Raises:
        ValueError: the object cannot be saved.
        AssertionError: a function uses a variable that the object does not lead to.
    """
    if not is_trackable(obj):
        raise ValueError(
            "Expected an object of type `Trackable`, such as `tf.Module` or a subclass of the"
            f" `Trackable` class, for export. Got {obj!r} with type {type(obj)}."
        )
    methods = _methods(obj)
    for function in methods.values():
        if function.input_signature is not None and not function._programs:
            function.get_concrete_function()  # may create variables
    nodes = walk(obj)
    by_cell = {n.object.handle: k for k, n in enumerate(nodes) if n.kind == "variable"}
    number_of = _Numbers(by_cell)
    described = [_described(node, number_of) for node in nodes]
    functions = {n: _function(f, number_of) for n, f in methods.items()}
    content = {
        "version": _VERSION,
        "nodes": described,
        "methods": functions,
        "signatures": _signatures(signatures, number_of),
    }
    folder = os.fsdecode(export_dir)
    os.makedirs(os.path.join(folder, "variables"), exist_ok=True)
    write_arrays(os.path.join(folder, _VARIABLES), arrays_of(nodes), None)
    with open(os.path.join(folder, _FILE), "w") as file:
        json.dump(content, file)


class _Numbers:
    """What stands for a variable in the file."""

    def __init__(self, by_cell: dict[Cell, int]) -> None:
        self._by_cell = by_cell

    def __call__(self, cell: Cell) -> Any:
        if cell is seeds.state_cell():
            return _RANDOM
        found = self._by_cell.get(cell)
        if found is None:
            raise AssertionError(
                "Tried to export a function which references an 'untracked' resource: the variable"
                f" {cell.name!r} is not an attribute of the object that is saved"
            )
        return found


def _methods(obj: Any) -> dict[str, Function]:
    """The `tf.function`s among the methods of an object's class, bound to it."""
    attributes = (item for cls in type(obj).__mro__ for item in vars(cls).items())
    names = {name for name, x in attributes if isinstance(x, Function)}
    return {name: getattr(obj, name) for name in sorted(names)}


def _function(function: Function, number_of: _Numbers) -> dict[str, Any]:
    signature = function._signature
    names = None if signature is None else list(signature.parameters)
    return saved_programs(function, number_of, names)


def _described(node: Node, number_of: _Numbers) -> dict[str, Any]:
    made: dict[str, Any] = {"kind": node.kind, "children": node.children}
    if node.kind == "variable":
        variable = node.object
        made |= {"key": variable_key(node), "trainable": variable.trainable}
        made |= {"name": variable.handle.name, "shape": variable.shape.as_list()}
    elif node.kind == "function":
        made["function"] = _function(node.object, number_of)
    elif node.kind == "object":
        made["methods"] = {
            name: _function(f, number_of)
            for name, f in _methods(node.object).items()
            if node.path  # the root's are saved beside the nodes
        }
    return made


def _signatures(signatures: Any, number_of: _Numbers) -> dict[str, Any]:
    if signatures is None:
        return {}
    named = signatures if isinstance(signatures, dict) else {DEFAULT_SIGNATURE: signatures}
    return {name: _signature(f, number_of) for name, f in named.items()}


def _signature(function: Any, number_of: _Numbers) -> dict[str, Any]:
    if isinstance(function, Function):
        return _function(function, number_of)
    if isinstance(function, ConcreteFunction):
        carrier = Function(function._function)
        carrier._programs = {None: [function]}
        return _function(carrier, number_of)
    raise ValueError(
        "Got a non-TensorFlow function among the signatures: pass a tf.function with an"
        f" input_signature, or a concrete function, not {function!r}"
    )


# -- loading --------------------------------------------------------------------------------------


class RestoredObject:
    """An object that was loaded; its attributes are those that were saved."""

    def __init__(self) -> None:
        self.signatures: dict[str, RestoredFunction] = {}


class _Callable(RestoredObject):
    """An object whose class had a `__call__`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the saved `__call__`."""
        return self.__dict__["__call__"](*args, **kwargs)


def load(export_dir: Any, tags: Any = None, options: Any = None) -> Any:
    """Read a folder that `save` has written.

    Raises:
        OSError: there is no model in the folder.
        ValueError: it was written by a newer version, or by TensorFlow itself.
    """
    folder = os.fsdecode(export_dir)
    path = os.path.join(folder, _FILE)
    if not os.path.exists(path):
        if os.path.exists(os.path.join(folder, "saved_model.pb")):
            raise ValueError(f"{folder} holds a model in TensorFlow's own format, not in ours")
        raise OSError(f"SavedModel file does not exist at: {path}")
    with open(path) as file:
        content = json.load(file)
    if content["version"] > _VERSION:
        raise ValueError(f"{path} is of version {content['version']}; this reads {_VERSION}")
    arrays, _ = read_arrays(os.path.join(folder, _VARIABLES))
    return _restored(content, arrays)


def _restored(content: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    nodes = content["nodes"]
    made: list[Any] = [_made(node, arrays, content, k) for k, node in enumerate(nodes)]
    cells: dict[Any, Cell] = {k: x.handle for k, x in enumerate(made) if isinstance(x, Variable)}
    cells[_RANDOM] = seeds.state_cell()
    for k, node in enumerate(nodes):
        if node["kind"] == "function":
            made[k] = RestoredFunction(f"function_{k}", node["function"], cells)
    for k in reversed(range(len(nodes))):  # the contents of tuples first
        _fill(made, k, nodes[k])
    root = made[0]
    for k, node in enumerate(nodes):
        for name, saved in (content["methods"] if k == 0 else node.get("methods", {})).items():
            made[k].__dict__[name] = RestoredFunction(name, saved, cells)
    for name, saved in content["signatures"].items():
        root.signatures[name] = RestoredFunction(name, saved, cells, gives_dict=True)
    return root


def _made(
    node: dict[str, Any], arrays: dict[str, np.ndarray], content: dict[str, Any], number: int
) -> Any:
    """An empty object for a node."""
    kind = node["kind"]
    if kind == "variable":
        return Variable(
            convert_to_tensor(arrays[node["key"]]),
            trainable=node["trainable"],
            name=node["name"],
            shape=node["shape"],
        )
    if kind == "dict":
        return {}
    if kind in ("list", "tuple"):
        return []
    methods = content["methods"] if number == 0 else node.get("methods", {})
    return _Callable() if "__call__" in methods else RestoredObject()


def _fill(made: list[Any], number: int, node: dict[str, Any]) -> None:
    x = made[number]
    children = [(name, made[k]) for name, k in node["children"].items()]
    if isinstance(x, list):
        x.extend(child for _, child in children)
        if node["kind"] == "tuple":
            made[number] = tuple(x)
    elif isinstance(x, dict):
        x.update(children)
    elif isinstance(x, RestoredObject):
        x.__dict__.update(children)


def contains_saved_model(export_dir: Any) -> bool:
    """Whether there is a model in the folder."""
    return os.path.exists(os.path.join(os.fsdecode(export_dir), _FILE))
