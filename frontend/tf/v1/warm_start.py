"""`tf.train.init_from_checkpoint`: initial values of variables from a checkpoint.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..convert import convert_to_tensor
from ..graph.build import make_constant
from ..graph.graph import get_default_graph
from ..graph.state import is_building
from ..graph.variables import GraphVariable, global_variables
from ..saving.reading import load_checkpoint
from ..shapes import TensorShape


def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Any) -> None:
    """Let variables begin with values of a checkpoint, when they are initialised.

    Args:
        ckpt_dir_or_file: a prefix, or a folder, whose newest checkpoint is read.
        assignment_map: what is read where: names in the checkpoint to variables or their names, or
            scopes to scopes, with a slash at their ends ("/" for all).

    Raises:
        RuntimeError: in an eager program.
        ValueError: a variable or a value is missing, or their shapes differ.
        NotFoundError: there is no such checkpoint.
    """
    if not is_building():
        raise RuntimeError("tf.train.init_from_checkpoint needs a graph: assign values instead")
    reader = load_checkpoint(ckpt_dir_or_file)
    shapes = reader.get_variable_to_shape_map()
    is_mapping = isinstance(assignment_map, Mapping)
    for key, target in assignment_map.items() if is_mapping else assignment_map:
        for name, variable in _pairs(key, target):
            if name not in shapes:
                raise ValueError(
                    f"Tensor {name} is not found in {ckpt_dir_or_file} checkpoint {shapes}"
                )
            if not variable.shape.is_compatible_with(TensorShape(shapes[name])):
                raise ValueError(
                    f"Shape of variable {variable.name} ({variable.shape}) doesn't match with"
                    f" shape of tensor {name} ({shapes[name]}) from checkpoint reader."
                )
            _begin_with(variable, reader.get_tensor(name))


def _pairs(key: str, target: Any) -> Iterator[tuple[str, GraphVariable]]:
    """Names in the checkpoint, and the variables that begin with their values."""
    if isinstance(target, GraphVariable):
        yield key, target
        return
    known = {v.op.name: v for v in global_variables()}
    if isinstance(target, str) and target in known:
        yield key, known[target]
        return
    if not (isinstance(target, str) and target.endswith("/") and key.endswith("/")):
        raise ValueError(
            f"Assignment map with scope only name {target} should map to scope only {key}. Should"
            " be 'scope/': 'other_scope/'."
        )
    inner, outer = ("" if scope == "/" else scope for scope in (target, key))
    for name, variable in known.items():
        if name.startswith(inner):
            yield outer + name[len(inner) :], variable


def _begin_with(variable: GraphVariable, array: Any) -> None:
    graph = get_default_graph()
    tensor = convert_to_tensor(array.astype(variable.dtype.base_dtype.numpy))
    with graph.name_scope(None), graph.control_dependencies(None):
        variable._initial = make_constant(graph, tensor, "checkpoint_initializer")
        variable._initializer = variable.assign(variable._initial).op
