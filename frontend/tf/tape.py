"""GradientTape: records ops as they run, and differentiates them afterwards.

Layer: frontend. A tape keeps a record of each op that depends on what it watches. `gradient` takes
the records between sources and targets to replay.py, which compiles the gradient of each structure
once. Outer tapes record this program as one op more, so tapes nest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..tree import flatten, unflatten
from .apply import Record, apply
from .convert import convert_to_tensor
from .replay import Plan, Program, Structure, connected, program_for
from .slices import IndexedSlices, join_rows
from .tensors import OPERATORS, STATE, Tensor
from .variables import Cell, Variable

_USED_UP = (
    "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"
)


class UnconnectedGradients:
    """What a gradient is for sources that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


class GradientTape:
    """Records ops for their derivatives.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched when they are read.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watches_variables = watch_accessed_variables
        self._is_recording = False
        self._used = False
        self._forget()

    def _forget(self) -> None:
        self._records: list[Record] = []
        self._active: dict[int, Tensor] = {}  # what depends on something watched
        self._reads: dict[int, tuple[Cell, list[Tensor]]] = {}

    # -- recording --------------------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        if self._is_recording:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an"
                " already-active tape."
            )
        self._push()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._is_recording:
            self._pop()

    def _push(self) -> None:
        STATE.recorders = (*STATE.recorders, self)
        self._is_recording = True

    def _pop(self) -> None:
        STATE.recorders = tuple(t for t in STATE.recorders if t is not self)
        self._is_recording = False

    def watch(self, tensor: Any) -> None:
        """Watch a tensor, or all of a structure."""
        for x in flatten(tensor)[0]:
            if isinstance(x, Variable):
                self._watch_read(x._cell, x._cell.read())
            elif isinstance(x, Tensor):
                if not x.dtype.is_floating:
                    continue
                self._active[id(x)] = x
            else:
                raise ValueError(
                    f"Passed in object {x!r} of type {type(x).__name__!r}, not tf.Tensor"
                    " or tf.Variable or ExtensionType."
                )

    def watched_variables(self) -> tuple[Any, ...]:
        """The variables that are watched, in the order in which they were read."""
        found = []
        for cell, _ in self._reads.values():
            variable = Variable.__new__(Variable)
            variable._cell, variable.constraint, variable._initial = cell, None, cell.tensor
            found.append(variable)
        return tuple(found)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Record nothing inside of this context."""
        if not self._is_recording:
            raise ValueError("Tape is not recording.")
        self._pop()
        try:
            yield
        finally:
            self._push()

    def reset(self) -> None:
        """Forget everything."""
        self._forget()
        self._used = False

    def _read_variable(self, cell: Cell, tensor: Tensor) -> None:
        if self._watches_variables and cell.trainable and cell.dtype.is_floating:
            self._watch_read(cell, tensor)

    def _watch_read(self, cell: Cell, tensor: Tensor) -> None:
        _, tensors = self._reads.setdefault(id(cell), (cell, []))
        if id(tensor) not in self._active:
            self._active[id(tensor)] = tensor
            tensors.append(tensor)

    def active_tensors(self) -> list[Tensor]:
        """The tensors that are watched, and those that depend on them."""
        return list(self._active.values())

    def _record(self, record: Record) -> None:
        active = self._active
        if any(id(t) in active for t in record.inputs):
            self._records.append(record)
            active.update((id(t), t) for t in record.outputs)

    # -- differentiating --------------------------------------------------------------------------

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of the sum of `target` with respect to each source.

        Args:
            target: a tensor, or a structure of them.
            sources: watched tensors and variables, in any structure.
            output_gradients: weights of the targets' elements, one tensor per target.
            unconnected_gradients: "none" or "zero", for sources that the target does not depend on.

        Returns:
            A tensor (or None) for each source, in the structure of `sources`.

        Raises:
            RuntimeError: the tape is used up.
            TypeError: a source is neither a tensor nor a variable.
        """
        self._check_unused()
        fills = _fills(unconnected_gradients)
        objects, tree = flatten(sources)
        targets = [convert_to_tensor(t) for t in flatten(target)[0] if t is not None]
        weights = None
        if output_gradients is not None:
            weights = [
                None if w is None else convert_to_tensor(w) for w in flatten(output_gradients)[0]
            ]
        was_recording = self._is_recording
        if was_recording and not self._persistent:
            self._pop()
        gathers = [self._sparse(x) for x in objects]
        groups: list[list[Tensor]] = []  # tensors whose gradients belong together
        for x, found in zip(objects, gathers, strict=True):
            groups += [[r.outputs[0]] for r in found] if found else [self._of(x)]
        gradients = iter(self._run(targets, groups, weights))
        results = [
            _slices_of(found, [next(gradients) for _ in found]) if found else next(gradients)
            for found in gathers
        ]
        if not self._persistent:
            self._used = True
            self._forget()
        if fills:
            results = [
                OPERATORS["zeros_like"](x) if r is None else r
                for r, x in zip(results, objects, strict=True)
            ]
        return unflatten(tree, results)

    def _check_unused(self) -> None:
        if self._used:
            raise RuntimeError(_USED_UP)

    def _of(self, source: Any) -> list[Tensor]:
        """The tensors that stand for a source: those read of a variable."""
        if isinstance(source, Variable):
            return list(self._reads.get(id(source._cell), (None, []))[1])
        if isinstance(source, Tensor):
            return [source]
        raise TypeError(
            f"Target should be a list or nested structure of Tensors or Variables to be"
            f" differentiated, but recieved {source!r}"
        )

    def _run(
        self,
        targets: Sequence[Tensor],
        sources: Sequence[Sequence[Tensor]],
        weights: Sequence[Tensor | None] | None,
    ) -> list[Tensor | None]:
        """The gradient for each group of tensors, whose gradients are added up."""
        active = self._active
        wanted = [
            t for tensors in sources for t in tensors if id(t) in active and t.dtype.is_floating
        ]
        unique = list({id(t): t for t in wanted}.values())
        live = [t for t in targets if id(t) in active and t.dtype.is_floating]
        if not unique or not live:
            return [None] * len(sources)
        plan = Plan(self._records, unique, live)
        given = self._weights(targets, weights)
        weighted = tuple(given.get(id(t)) is not None for t in live)
        structure = Structure(plan.steps, plan.sources, plan.targets, weighted)
        leaves = [*plan.leaves, *(given[id(t)] for t in live if given.get(id(t)) is not None)]
        found = _apply_program(program_for(structure), leaves)
        by_id = dict(zip([id(t) for t in unique], found, strict=True))
        return [_sum([by_id.get(id(t)) for t in tensors]) for tensors in sources]

    def _sparse(self, source: Any) -> list[Record]:
        """The gathers of a variable, if rows of it are all that was used."""
        if not isinstance(source, Variable):
            return []
        reads = {id(t) for t in self._of(source)}
        uses = [r for r in self._records if any(id(t) in reads for t in r.inputs)]
        return uses if all(_is_gather_of(r, reads) for r in uses) else []

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """All derivatives of one tensor: for each source a tensor [*target, *source]."""
        return self._all_derivatives("jacobian", target, sources, unconnected_gradients)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivatives [batch, *target, *source] of examples that do not depend on each other.

        Raises:
            ValueError: the first sizes of target and source differ.
        """
        whole = convert_to_tensor(target)
        if not whole.shape.rank or whole.shape[0] != source.shape[0]:
            raise ValueError(
                f"Need first dimension of target shape ({whole.shape[:1]}) and source shape"
                f" ({source.shape[:1]}) to match."
            )
        return self._all_derivatives("batch_jacobian", target, source, unconnected_gradients)

    def _all_derivatives(self, kind: str, target: Any, sources: Any, unconnected: Any) -> Any:
        self._check_unused()
        fills = _fills(unconnected)
        objects, tree = flatten(sources)
        whole = convert_to_tensor(target)
        groups = [self._of(x) for x in objects]
        if any(len(tensors) > 1 for tensors in groups):
            raise ValueError(f"{kind}: a variable was assigned to while the tape recorded")
        read = connected(self._records, whole)
        chosen = [t for tensors in groups for t in tensors if id(t) in read]
        found: dict[int, Tensor | None] = {}
        if chosen:
            plan = Plan(self._records, chosen, [whole])
            structure = Structure(plan.steps, plan.sources, plan.targets, (False,), kind)
            results = _apply_program(program_for(structure), plan.leaves)
            found = dict(zip([id(t) for t in chosen], results, strict=True))
        if not self._persistent:
            self._used = True
            self._forget()
        derivatives = [found.get(id(g[0])) if g else None for g in groups]
        if fills:
            shared = 1 if kind == "batch_jacobian" else 0  # axes that target and source have both
            derivatives = [
                _zero_derivative(whole, x, shared) if d is None else d
                for d, x in zip(derivatives, objects, strict=True)
            ]
        return unflatten(tree, derivatives)

    def _weights(
        self, targets: Sequence[Tensor], weights: Sequence[Tensor | None] | None
    ) -> dict[int, Tensor]:
        if weights is None:
            return {}
        return {id(t): w for t, w in zip(targets, weights, strict=True) if w is not None}


def _fills(unconnected_gradients: Any) -> bool:
    """Whether zeros stand for what a target does not depend on, instead of None."""
    choice = str(getattr(unconnected_gradients, "value", unconnected_gradients))
    if choice not in ("none", "zero"):
        raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")
    return choice == "zero"


def _zero_derivative(target: Tensor, source: Any, shared: int) -> Tensor:
    shape = (*target.shape.as_list(), *source.shape.as_list()[shared:])
    return convert_to_tensor(np.zeros(shape, source.dtype.numpy))


def _is_gather_of(record: Record, reads: set[int]) -> bool:
    """Whether an op takes whole rows of one of the tensors, and needs nothing else of them."""
    whole_rows = record.attrs.get("axis", 0) == 0 and not record.attrs.get("batch_dims", 0)
    return (
        record.name in ("GatherV2", "ResourceGather")
        and whole_rows
        and id(record.inputs[0]) in reads
        and all(id(t) not in reads for t in record.inputs[1:])
    )


def _slices_of(gathers: Sequence[Record], found: Sequence[Tensor | None]) -> Any:
    """The gradient of a variable of which rows were gathered."""
    pairs = [(r, g) for r, g in zip(gathers, found, strict=True) if g is not None]
    if not pairs:
        return None
    shape = pairs[0][0].inputs[0].shape
    tail = {"tail": tuple(shape.as_list()[1:])}
    values = apply("ConcatV2", join_rows, [g for _, g in pairs], tail)
    indices = apply("ConcatV2", join_rows, [r.inputs[1] for r, _ in pairs], {"tail": ()})
    return IndexedSlices(values, indices, shape)


def _apply_program(program: Program, leaves: Sequence[Tensor]) -> list[Tensor | None]:
    """Run a gradient as one op, so that outer tapes record it."""
    found = iter(apply("Gradient", program, leaves))
    return [next(found) if some else None for some in program.connected]


def _sum(found: Sequence[Tensor | None]) -> Tensor | None:
    total: Tensor | None = None
    for x in found:
        if x is not None:
            total = x if total is None else OPERATORS["add"](total, x)
    return total
