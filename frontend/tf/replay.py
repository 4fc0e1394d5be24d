"""Recorded ops as programs: what a tape has recorded, run again on traced arrays, differentiated.

Layer: frontend. `Plan` takes the records that lie between sources and targets and describes them by
structure: which op functions, on which values, with which attributes. Equal structures share one
compiled program (`program_for`), so a training loop compiles its gradient once. The program
computes forward again; what the forward pass has computed is used where it was not recorded.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...compiler.ir.graph import Value
from ...compiler.transforms.reverse import pull_back
from .. import lift, values
from ..context import require
from ..jacobians import jacobian
from ..jit import Jitted
from ..tracer import Tracer
from .apply import Function, Record
from .tensors import Tensor

# Where an operand comes from: leaf k of the program, or output i of step k.
Place = tuple[int, int]
_LEAF = -1


class Step(NamedTuple):
    """An op of a plan."""

    function: Function
    operands: tuple[Place, ...]
    attrs: tuple[tuple[str, Any], ...]
    is_tuple: bool


class Structure(NamedTuple):
    """All that a program depends on, but data."""

    steps: tuple[Step, ...]
    sources: tuple[Place, ...]
    targets: tuple[Place, ...]
    weighted: tuple[bool, ...]  # which targets have a cotangent among the leaves, at their end
    kind: str = "gradient"  # or "jacobian", "batch_jacobian": of the only target


class Plan:
    """The steps from sources to targets, and the tensors that they read."""

    def __init__(
        self, records: Sequence[Record], sources: Sequence[Tensor], targets: Sequence[Tensor]
    ) -> None:
        self.leaves: list[Tensor] = []
        self._place: dict[int, Place] = {}
        self._attrs: dict[int, Any] = {}
        steps = [self._step(k, r) for k, r in enumerate(_needed(records, targets))]
        self.steps = tuple(steps)
        self.sources = tuple(self._placed(t) for t in sources)
        self.targets = tuple(self._placed(t) for t in targets)

    def _step(self, number: int, record: Record) -> Step:
        operands = tuple(self._placed(t) for t in record.inputs)
        for k, t in enumerate(record.outputs):
            self._place[id(t)] = (number, k)
        attrs = tuple((name, _frozen(x)) for name, x in record.attrs.items())
        return Step(record.function, operands, attrs, record.is_tuple)

    def _placed(self, tensor: Tensor) -> Place:
        place = self._place.get(id(tensor))
        if place is None:
            place = self._place[id(tensor)] = (_LEAF, len(self.leaves))
            self.leaves.append(tensor)
        return place


def _needed(records: Sequence[Record], targets: Sequence[Tensor]) -> list[Record]:
    """The records that the targets depend on, in order."""
    wanted = {id(t) for t in targets}
    found = []
    for record in reversed(records):
        if any(id(t) in wanted for t in record.outputs):
            wanted.update(id(t) for t in record.inputs)
            found.append(record)
    return found[::-1]


def connected(records: Sequence[Record], target: Tensor) -> set[int]:
    """The ids of the tensors of floats that a recorded target depends on, itself among them."""
    read = {id(t) for r in _needed(records, [target]) for t in r.inputs if t.dtype.is_floating}
    return read | {id(target)}


class _Array:
    """An array as an attribute: hashable, compared by its bits."""

    __slots__ = ("array", "key")

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.key = (array.dtype.str, array.shape, array.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Array) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _frozen(x: Any) -> Hashable:
    if isinstance(x, np.ndarray):
        return _Array(x)
    if isinstance(x, (list, tuple)):
        return tuple(_frozen(y) for y in x)
    if isinstance(x, slice):
        return ("slice", _frozen(x.start), _frozen(x.stop), _frozen(x.step))
    return x if isinstance(x, Hashable) else _Identity(x)


class _Identity:
    """An object that cannot be hashed, compared by identity."""

    __slots__ = ("object",)

    def __init__(self, object: Any) -> None:
        self.object = object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.object is other.object

    def __hash__(self) -> int:
        return id(self.object)


def _thawed(x: Any) -> Any:
    if isinstance(x, _Array):
        return x.array
    if isinstance(x, _Identity):
        return x.object
    if isinstance(x, tuple):
        if len(x) == 4 and x[0] == "slice":
            return slice(*(_thawed(y) for y in x[1:]))
        return tuple(_thawed(y) for y in x)
    return x


class Program:
    """The compiled gradient of a structure, as an op: it gives the gradients that exist.

    `connected` says for which sources there is one; known once the program has been called.
    """

    def __init__(self, structure: Structure) -> None:
        compute = {
            "gradient": _gradients,
            "jacobian": _jacobians,
            "batch_jacobian": _batch_jacobians,
        }[structure.kind]

        def gradient(*leaves: Any) -> tuple[Any, ...]:
            return compute(structure, leaves)

        self._gradient = Jitted(gradient)
        self.connected: tuple[bool, ...] = ()

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """The gradients, from the structure's leaves and the targets' cotangents."""
        found = self._gradient(*arrays)
        self.connected = tuple(x is not None for x in found)
        return tuple(x for x in found if x is not None)


@lru_cache(maxsize=512)
def program_for(structure: Structure) -> Program:
    """The program of a structure: one, so that what outer tapes record of it is one op."""
    return Program(structure)


def _gradients(structure: Structure, leaves: Sequence[Any]) -> tuple[Any, ...]:
    return Replay(structure, leaves).gradients()


def _jacobians(structure: Structure, leaves: Sequence[Any]) -> tuple[Any, ...]:
    """[*target, *source] for each source; sources are leaves here."""
    (target,) = structure.targets
    places = [k for _, k in structure.sources]

    def function(*sources: Any) -> Any:
        given = list(leaves)
        for k, x in zip(places, sources, strict=True):
            given[k] = x
        plain = structure._replace(sources=())
        return Replay(plain, given).values[target]

    found: tuple[Any, ...] = jacobian(function, tuple(range(len(places))))(
        *[leaves[k] for k in places]
    )
    return found


def _batch_jacobians(structure: Structure, leaves: Sequence[Any]) -> tuple[Any, ...]:
    """[batch, *target, *source]: examples do not depend on each other, so they can be summed."""
    (target,) = structure.targets
    summed = Step(_sum_examples, (target,), (), False)
    total = (len(structure.steps), 0)
    whole = structure._replace(steps=(*structure.steps, summed), targets=(total,))
    moved = []
    for (_, k), found in zip(structure.sources, _jacobians(whole, leaves), strict=True):
        inner = found.ndim - leaves[k].ndim  # axes of one example's target
        moved.append(np.moveaxis(found, inner, 0))
    return tuple(moved)


def _sum_examples(x: Any) -> Any:
    return np.sum(x, axis=0, dtype=x.dtype)


class Replay:
    """A structure run on traced arrays; the sources are fresh values."""

    def __init__(self, structure: Structure, leaves: Sequence[Any]) -> None:
        self.ctx = require()
        self.structure = structure
        count = sum(structure.weighted)
        self.cotangents = leaves[len(leaves) - count :]
        self._sources: dict[Place, Tracer] = {}
        self._wanted = set(structure.sources)
        self.values: dict[Place, Any] = {}
        self._start = len(self.ctx.builder.nodes)
        for k, leaf in enumerate(leaves[: len(leaves) - count]):
            self._put((_LEAF, k), leaf)
        for k, step in enumerate(structure.steps):
            self._run(k, step)

    def _put(self, place: Place, value: Any) -> None:
        if place in self._wanted:
            value = self._fresh(lift.lift(value))
            self._sources[place] = value
        self.values[place] = value

    def _fresh(self, x: Tracer) -> Tracer:
        value = self.ctx.emit("positive", x._read())
        return Tracer(self.ctx, x._type, value, scalar=x._scalar)

    def _run(self, number: int, step: Step) -> None:
        operands = [self.values[place] for place in step.operands]
        found = step.function(*operands, **{name: _thawed(x) for name, x in step.attrs})
        for k, x in enumerate(found if step.is_tuple else (found,)):
            self._put((number, k), x)

    def source_values(self) -> list[Value]:
        """The fresh values."""
        return [self._sources[place]._read() for place in self.structure.sources]

    def target_values(self) -> list[Value]:
        """The values that are differentiated."""
        return [lift.lift(self.values[place])._read() for place in self.structure.targets]

    def gradients(self) -> tuple[Any, ...]:
        """The sum of all targets' derivatives, for each source; None where there is none."""
        targets = self.target_values()
        rest = iter(self.cotangents)
        seeds: list[Value | None] = []
        for v, weighted in zip(targets, self.structure.weighted, strict=True):
            if weighted:
                given = lift.lift(next(rest))._read()
                seeds.append(values.broadcast(self.ctx, given, v.type.shape))
            elif v.type.dtype.is_float:
                seeds.append(values.full(self.ctx, v.type.shape, 1, v.type.dtype))
            else:
                seeds.append(None)
        nodes = self.ctx.builder.nodes[self._start :]
        found = pull_back(self.ctx.builder, nodes, targets, seeds, self.source_values())
        return tuple([None if v is None else lift.tracer(self.ctx, v) for v in found])
