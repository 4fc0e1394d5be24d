"""The global step of TensorFlow 1: the one variable that counts the steps of training.

Layer: frontend. A graph keeps it in the collection `GLOBAL_STEP`; eager programs have one in all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..convert import convert_to_tensor
from ..graph.build import make_constant
from ..graph.graph import Graph, get_default_graph
from ..graph.keys import GraphKeys
from ..graph.state import is_building
from ..graph.variables import GraphVariable
from ..tensors import Tensor
from ..variables import Variable

_NAME = "global_step"


class _Eager:
    """The step of eager programs."""

    variable: Variable | None = None


def get_global_step(graph: Graph | None = None) -> Any:
    """The global step; None if there is none."""
    if graph is None and not is_building():
        return _Eager.variable
    home = graph or get_default_graph()
    found = home.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) != 1:
        if found:
            return None
        try:
            found = [home.get_tensor_by_name(f"{_NAME}:0")]
        except KeyError:
            return None
    assert_global_step(found[0])
    return found[0]


def create_global_step(graph: Graph | None = None) -> Any:
    """Make the global step.

    Raises:
        ValueError: there is one.
    """
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    if graph is None and not is_building():
        _Eager.variable = Variable(0, dtype=dtypes.int64, trainable=False, name=_NAME)
        return _Eager.variable
    home = graph or get_default_graph()

    def zero() -> Any:
        return make_constant(home, convert_to_tensor(np.int64(0)), "zeros")

    with home.as_default(), home.name_scope(None):
        keys = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP]
        return GraphVariable(zero, trainable=False, collections=keys, name=_NAME)


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The global step, made if there is none."""
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def assert_global_step(global_step_tensor: Any) -> None:
    """Check that something can be a global step.

    Raises:
        TypeError: it is no integer of shape ().
    """
    x = global_step_tensor
    if not isinstance(x, (Variable, Tensor)):
        raise TypeError(f'Existing "global_step" must be a Variable or Tensor: {x}.')
    if not x.dtype.base_dtype.is_integer:
        raise TypeError(f'Existing "global_step" does not have integer type: {x.dtype}')
    if x.shape.rank != 0 and x.shape.is_fully_defined():
        raise TypeError(f'Existing "global_step" is not scalar: {x.shape}')


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of the global step in a session."""
    if not is_building():
        return int(global_step_tensor.numpy())
    return int(sess.run(global_step_tensor))
