"""What an op gives, before it runs: the dtype and the shape of each output.

Layer: frontend. The body runs on abstract tensors: tracers, whose unknown sizes are symbols. Where
a rank is not known, several are tried, and what all of them agree on is the answer. Ops that need
values (strings, `unique`) are called on small samples instead, and run on the host later.

Integers that stand for shapes are followed back to where they come from (`tf.shape(x)[0]`), so that
`tf.reshape(y, [tf.shape(x)[0], 10])` finds its sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ....compiler.errors import UserError
from .. import dtypes
from ..abstract import TensorType, common, evaluate
from ..apply import Record
from ..errors import OpError
from ..shapes import TensorShape
from ..tensors import STATE, Tensor
from ..variables import Cell
from .bodies import Body, Call, Constant
from .state import Environment, running
from .symbolic import GraphTensor

_RANKS = range(5)  # that are tried where none is known
_MOST_COMBINATIONS = 125
_HINTS = (5, 7, 2)  # sizes that unknown ones are thought to have
_SAMPLES = ((2, 2), (3, 3), (2, 1))  # sizes, and numbers of different values
_LARGEST = 2**31
_MOST_FOLLOWED = 64  # elements of constants that may be shapes or axes
_SMALL = (2, 3, 4, 6, 8)  # sizes that are tried last
# What a body raises because it is given no values.
NEEDS_VALUES = (TypeError, NotImplementedError, UserError)
_WRONG = (ValueError, TypeError, UserError, OpError, NotImplementedError, IndexError, KeyError)


class Inferred(NamedTuple):
    """What a body gives, and the names of the ops that it consists of."""

    outputs: list[TensorType]
    ops: list[str]
    is_host: bool


@dataclass
class _Roots:
    """The tensors that abstract evaluation starts from, and the ops on shapes behind them."""

    tensors: list[GraphTensor] = field(default_factory=list)
    found: dict[GraphTensor, bool] = field(default_factory=dict)

    def visit(self, tensor: GraphTensor) -> None:
        if tensor in self.found:
            return
        followed = is_shape_op(tensor)
        self.found[tensor] = followed
        if followed:
            for x in tensor.op.inputs:
                self.visit(x)
        else:
            self.tensors.append(tensor)


def is_shape_op(tensor: GraphTensor) -> bool:
    """Whether a tensor is a shape, a size or an axis that can be computed from other tensors."""
    rank = tensor.shape.rank
    body = tensor.op._body
    if isinstance(body, Constant):
        return (tensor.shape.num_elements() or 0) <= _MOST_FOLLOWED
    small = tensor.dtype.is_integer and rank is not None and rank <= 1
    return small and body.is_pure and not body.is_host


class _Records:
    """Notes the names of the ops that are applied."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def _record(self, record: Record) -> None:
        self.names.append(record.name)

    def _read_variable(self, cell: Cell, tensor: Tensor) -> None:
        return None

    def active_tensors(self) -> list[Tensor]:
        """None: it follows no derivatives."""
        return []


class _Abstract(Environment):
    """Variables and random streams without values."""

    def cell(self, storage: Any) -> Cell:
        dims = [_HINTS[0] if d is None else d for d in storage.shape.as_list()]
        value = np.broadcast_to(np.zeros((), storage.dtype.numpy), dims)
        return Cell(Tensor(value, storage.dtype), storage.name, True, storage.shape)

    def random_start(self, name: str, seed: int | None, size: int) -> Tensor:
        cell = Cell(Tensor(np.zeros(3, np.uint64)), "start", False, TensorShape([3]))
        return cell.read() if STATE.function is not None else cell.tensor


_KNOWN: dict[Any, tuple[Inferred, Any]] = {}  # of calls, with the nesting of their results
_MOST_KNOWN = 4096


def infer(body: Body, inputs: Sequence[GraphTensor]) -> Inferred:
    """What `body` gives for these inputs.

    Raises:
        ValueError: the shapes do not fit together; and what the body itself raises.
    """
    roots = _roots(inputs, frozenset())
    key = _key(body, inputs) if len(roots.tensors) == len(roots.found) else None
    if key is None or not isinstance(body, Call):
        return _followed(body, inputs, roots)
    known = _KNOWN.get(key)
    if known is None:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        found = _followed(body, inputs, roots)
        known = _KNOWN[key] = found, body.result
    found, body.result = known
    return Inferred(list(found.outputs), list(found.ops), found.is_host)


def _roots(inputs: Sequence[GraphTensor], kept: frozenset[GraphTensor]) -> _Roots:
    roots = _Roots(list(kept), dict.fromkeys(kept, False))
    for t in inputs:
        roots.visit(t)
    return roots


def _followed(body: Body, inputs: Sequence[GraphTensor], roots: _Roots) -> Inferred:
    """As `_infer`; vectors of unknown sizes may turn out to be data, rather than shapes."""
    try:
        return _infer(body, inputs, roots)
    except _WRONG:
        data = frozenset(t for t in inputs if roots.found[t] and t.shape._dims == (None,))
        if not data:
            raise
        try:
            return _infer(body, inputs, _roots(inputs, data))
        except _WRONG:
            pass
        raise


def _key(body: Body, inputs: Sequence[GraphTensor]) -> Any:
    """What the result of inference depends on; None if that cannot be told."""
    if not isinstance(body, Call):
        return None
    distinct: dict[GraphTensor, int] = {}
    places = tuple(distinct.setdefault(t, len(distinct)) for t in inputs)
    statics = tuple((type(x), x) for x in body.statics)
    key = (
        body.function, body.tree, statics, places,
        tuple((t.dtype, t.shape._dims) for t in distinct),
    )  # fmt: skip
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _infer(body: Body, inputs: Sequence[GraphTensor], roots: _Roots) -> Inferred:
    if any(t.dtype.kind in "Oc" for t in roots.tensors):
        return _sampled(body, inputs, roots)
    error: Exception | None = None
    found: list[list[TensorType]] = []
    records = _Records()
    for ranks in _ranks(roots.tensors):
        if found and (len(set(ranks.values())) > 1 or _is_hopeless(common(found))):
            break
        try:
            found.append(_with_ranks(body, inputs, roots, ranks, records))
        except _WRONG as problem:
            error = error or problem
    if found:
        return Inferred(common(found), list(records.names), False)
    assert error is not None
    if isinstance(error, NEEDS_VALUES):
        try:
            return _sampled(body, inputs, roots)
        except _WRONG:
            raise error from None
    raise error


def _is_hopeless(outputs: Sequence[TensorType]) -> bool:
    """Whether nothing is known of the shapes, so that other ranks can add nothing."""
    return all(t.shape.rank is None for t in outputs)


def _ranks(tensors: Sequence[GraphTensor]) -> Iterator[dict[GraphTensor, int]]:
    """Ranks for the tensors whose rank is not known: first all the same, then all combinations."""
    unknown = [t for t in tensors if t.shape.rank is None]
    if not unknown:
        yield {}
        return
    for rank in _RANKS:
        yield dict.fromkeys(unknown, rank)
    if len(unknown) > 1 and len(_RANKS) ** len(unknown) <= _MOST_COMBINATIONS:
        for ranks in product(_RANKS, repeat=len(unknown)):
            if len(set(ranks)) > 1:
                yield dict(zip(unknown, ranks, strict=True))


def _with_ranks(
    body: Body,
    inputs: Sequence[GraphTensor],
    roots: _Roots,
    ranks: dict[GraphTensor, int],
    records: _Records,
) -> list[TensorType]:
    """Tries sizes for the unknown ones until the body accepts them."""
    known = {d for t in roots.tensors for d in (t.shape._dims or ()) if d is not None and d > 1}
    known |= _sizes_in(body)
    first: Exception | None = None

    def tried(hint: int, special: dict[GraphTensor, int]) -> tuple[list[TensorType], bool] | None:
        nonlocal first
        try:
            return _abstract(body, inputs, roots, ranks, hint, special, records)
        except _WRONG as error:
            first = first or error
            return None

    for hint in dict.fromkeys((_HINTS[0], *sorted(known), *_SMALL, 1)):
        result = tried(hint, {})
        if result is None:
            continue
        found, is_fixed = result
        if not is_fixed:
            return found
        names = list(records.names)
        # a size was taken for a number: what follows from it shows for other sizes
        others = _HINTS[1:] if hint == _HINTS[0] else (2 * hint, 3 * hint)
        results = [r[0] for r in (tried(other, {}) for other in others) if r is not None]
        records.names[:] = names
        if results or hint == _HINTS[0] or not (ranks or hint == 1):
            return common([found, *results])
        # it was chosen to fit, together with the ranks, or for all sizes at once
        return [TensorType(t.dtype, _without(t.shape, hint)) for t in found]
    for special in _fitting(roots.tensors):
        result = tried(_HINTS[0], special)
        if result is not None:
            again = tried(
                _HINTS[1], {t: size * _HINTS[1] // _HINTS[0] for t, size in special.items()}
            )
            return common([result[0], *([again[0]] if again else [])])
    assert first is not None
    raise first


def _fitting(tensors: Sequence[GraphTensor]) -> Iterator[dict[GraphTensor, int]]:
    """Sizes for tensors with one unknown size, so that they have as many elements as another."""
    hint = _HINTS[0]
    for t in tensors:
        dims = t.shape._dims or ()
        if dims.count(None) != 1:
            continue
        known = prod(d for d in dims if d is not None)
        for other in tensors:
            count = prod(hint if d is None else d for d in other.shape._dims or ())
            if other is not t and known and count % known == 0:
                yield {t: count // known}


def _sizes_in(body: Body) -> set[int]:
    """Sizes that the arguments of a call name, and their product: of a reshape, for example."""
    if not isinstance(body, Call):
        return set()
    found = [int(x) for x in body.statics if type(x) is int and 1 < x < _LARGEST]
    return {*found, min(prod(found), _LARGEST)} - {1}


def _abstract(
    body: Body,
    inputs: Sequence[GraphTensor],
    roots: _Roots,
    ranks: dict[GraphTensor, int],
    hint: int,
    special: dict[GraphTensor, int],
    records: _Records,
) -> tuple[list[TensorType], bool]:
    """The outputs, and whether they hold for some sizes only: symbols were fixed, or compared."""

    def body_of(leaves: Sequence[Tensor]) -> Sequence[Tensor]:
        records.names.clear()
        env = dict(zip(roots.tensors, leaves, strict=True))
        given = [_follow(t, env) for t in inputs]
        STATE.recorders = (records,)
        return body(given)

    def likely(number: int, axis: int) -> int:
        return special.get(roots.tensors[number], hint)

    types = [_ranked(t, ranks) for t in roots.tensors]
    with running(_Abstract()):
        found = evaluate(body_of, types, likely, [t.op.name for t in roots.tensors])
    return found.outputs, hint == 1 or found.is_fixed


def _ranked(tensor: GraphTensor, ranks: dict[GraphTensor, int]) -> TensorType:
    dims = tensor.shape._dims
    shape = (None,) * ranks[tensor] if dims is None else dims
    return TensorType(tensor.dtype, TensorShape(shape))


def _follow(tensor: GraphTensor, env: dict[GraphTensor, Tensor]) -> Tensor:
    """The value of a root, or of an op on shapes."""
    found = env.get(tensor)
    if found is None:
        op = tensor.op
        outputs = op._body([_follow(t, env) for t in op.inputs])
        env.update(zip(op.outputs, outputs, strict=True))
        found = env[tensor]
    return found


def _without(shape: TensorShape, size: int) -> TensorShape:
    return TensorShape([None if d == size else d for d in shape.as_list()])


# -- samples --------------------------------------------------------------------------------------


def _sampled(body: Body, inputs: Sequence[GraphTensor], roots: _Roots) -> Inferred:
    """Calls the body on small arrays; what differs between them is not known."""
    if not body.is_pure:
        raise TypeError("the op needs values to find out what it gives")
    found: list[list[TensorType]] = []
    error: Exception | None = None
    records = _Records()
    for size, values in _SAMPLES:
        for ranks in _ranks(roots.tensors):
            try:
                env = {t: _sample(t, ranks, size, values) for t in roots.tensors}
                recorders, STATE.recorders = STATE.recorders, (records,)
                records.names.clear()
                try:
                    with running(_Abstract()):
                        outputs = body([_follow(t, env) for t in inputs])
                finally:
                    STATE.recorders = recorders
            except _WRONG as problem:
                error = error or problem
                continue
            found.append([TensorType(x.dtype, TensorShape(np.shape(x._value))) for x in outputs])
    if not found:
        assert error is not None
        raise error
    return Inferred(common(found), records.names, True)


def _sample(tensor: GraphTensor, ranks: dict[GraphTensor, int], size: int, values: int) -> Tensor:
    dims = tensor.shape._dims
    if dims is None:
        dims = (None,) * ranks[tensor]
    shape = [size if d is None else d for d in dims]
    if tensor.dtype is dtypes.string:
        value: Any = np.full(shape, b"a", object)
    else:
        value = (np.arange(prod(shape)) % values).reshape(shape).astype(tensor.dtype.numpy)
    return Tensor(value if shape or value.dtype == object else value[()], tensor.dtype)
