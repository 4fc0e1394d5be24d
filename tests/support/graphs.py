"""Random well-typed graphs, and inputs for them.

`random_graph(rng)` draws nodes of every kind from the registry, with concrete and symbolic sizes;
`graphs()` is the same as a Hypothesis strategy. `random_inputs(rng, graph)` gives arrays with
special values mixed in that fit the types and the guards.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tensorwright.compiler import ops as _loaded  # noqa: F401  (fills the registry)
from tensorwright.compiler.errors import Loc, UserError
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim, evaluate
from tensorwright.compiler.ir.graph import Graph, Guard, Value
from tensorwright.compiler.ir.interpret import concrete
from tensorwright.compiler.ir.literal import Literal
from tensorwright.compiler.ir.opdef import REGISTRY, Kind, OpDef
from tensorwright.compiler.ir.phases import phases
from tensorwright.compiler.ir.types import DType, Shape, Size, TensorType

DTYPES = (DType.F32, DType.F64, DType.I64, DType.I32, DType.U8, DType.BOOL, DType.F16, DType.BF16)
_ELEMENTWISE = tuple(op for op in REGISTRY if op.kind is Kind.ELEMENTWISE)
_LARGEST_ELEMENT_COUNT = 4096
# Errors at run time are for tests of their own: integer powers may have negative exponents.
_MAY_RAISE = {
    "wrap_index": DTYPES,
    "cast_python_int": DTYPES,
    "require_nonempty": DTYPES,
    "require_success": DTYPES,
    "power": (DType.I64, DType.I32),
}


def graphs(**options: Any) -> st.SearchStrategy[Graph]:
    """Random graphs; options as for `random_graph`."""
    return st.randoms(use_true_random=False).map(lambda rng: random_graph(rng, **options))


def random_graph(
    rng: random.Random,
    *,
    max_nodes: int = 12,
    symbolic: bool = True,
    dtypes: tuple[DType, ...] = DTYPES,
    allow: Callable[[OpDef], bool] = lambda op: True,
) -> Graph:
    """A graph of up to `max_nodes` draws over ops that `allow` accepts."""
    return _Generator(rng, symbolic, dtypes, allow).graph(max_nodes)


def random_sizes(rng: random.Random, graph: Graph) -> dict[str, int]:
    """Numbers for the symbolic sizes under which the guards of the graph hold."""
    names = graph.size_names()
    for largest in range(4, 100):
        sizes = {name: rng.randint(1, largest) for name in names}
        # the generator makes guards of the form `size >= 0` only
        if all(evaluate(guard.size, sizes) >= 0 for guard in graph.guards):
            return sizes
    raise AssertionError(f"no small sizes hold {graph.guards}")


def random_inputs(rng: random.Random, graph: Graph) -> list[np.ndarray]:
    """One array per input."""
    sizes = random_sizes(rng, graph)
    return [random_array(rng, v.type.dtype, concrete(v.type.shape, sizes)) for v in graph.inputs]


def random_array(rng: random.Random, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
    """Ordinary numbers, a quarter of them replaced by special ones."""
    draw = np.random.default_rng(rng.getrandbits(32))
    if dtype.is_bool:
        return np.asarray(draw.integers(0, 2, shape)).astype(bool)
    if dtype.is_float:
        values = draw.normal(size=shape) * 10.0 ** draw.integers(-2, 3, shape)
    else:
        values = draw.integers(-20 if dtype.is_signed else 0, 21, shape)
    with np.errstate(all="ignore"):
        special = draw.choice(special_values(dtype), shape)
        return np.where(draw.random(shape) < 0.25, special, np.asarray(values).astype(dtype.numpy))


def special_values(dtype: DType) -> np.ndarray:
    """The corners of a dtype."""
    if dtype.is_bool:
        return np.array([False, True])
    if dtype.is_float:
        info = dtype.finfo
        found = [0.0, 1.0, 0.5, 2.0, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal]
        both = np.array(found, dtype.numpy)
        return np.concatenate([both, -both])
    info_i = np.iinfo(dtype.numpy)
    small = [0, 1, 2, 3, 7] + ([-1, -2, -7] if dtype.is_signed else [])
    return np.array([*small, info_i.min, info_i.max, info_i.max - 1], dtype.numpy)


class _Generator:
    def __init__(
        self,
        rng: random.Random,
        symbolic: bool,
        dtypes: tuple[DType, ...],
        allow: Callable[[OpDef], bool],
    ) -> None:
        self.rng = rng
        self.dtypes = dtypes
        self.builder = GraphBuilder("random")
        self.pool: list[Value] = []
        self.sizes: list[Size] = [1, 2, 3, 4]
        if symbolic:
            self.sizes += [Dim.symbol("n"), Dim.symbol("m")]
        self.elementwise = [op for op in _ELEMENTWISE if allow(op)]
        structural = {name: REGISTRY.get(name) for name in _STRUCTURAL}
        self.structural = [op for op in structural.values() if op is not None and allow(op)]

    def graph(self, max_nodes: int) -> Graph:
        for k in range(self.rng.randint(1, 4)):
            shape = tuple(self.rng.choice(self.sizes) for _ in range(self.rng.randint(0, 3)))
            type = TensorType(self.rng.choice(self.dtypes), shape)
            self.pool.append(self.builder.input(type, f"x{k}" if self.rng.random() < 0.8 else ""))
        self._bind_symbols()
        for k in range(self.rng.randint(0, max_nodes)):
            with self.builder.at(Loc("random.py", k + 1, "f") if k % 2 else None):
                self._grow()
        outputs = self.rng.sample(self.pool, min(len(self.pool), self.rng.randint(1, 3)))
        return self.builder.finish(outputs)

    def _bind_symbols(self) -> None:
        """Every symbol must be the size of an input."""
        bound = {s for v in self.pool for s in v.type.shape}
        self.sizes = [s for s in self.sizes if isinstance(s, int) or s in bound]

    def _grow(self) -> None:
        if self.elementwise and self.rng.random() < 0.6:
            self._elementwise(self.rng.choice(self.elementwise))
        elif self.structural:
            op = self.rng.choice(self.structural)
            _STRUCTURAL[op.name](self, op)

    def emit(self, op: OpDef, *inputs: Value, **attrs: Any) -> Value | None:
        """Emit a node if its types are right and its result is not too large."""
        try:
            types = op.infer([v.type for v in inputs], attrs)
        except UserError:
            return None
        if any(_largest(t.shape) > _LARGEST_ELEMENT_COUNT for t in types):
            return None
        value = self.builder.emit(op, *inputs, **attrs)
        self.pool.append(value)
        return value

    def pick(self, accept: Callable[[Value], bool] = lambda v: True) -> Value | None:
        """A value of the pool, recent ones more often."""
        found = [v for v in self.pool if accept(v)]
        if not found:
            return None
        return found[max(self.rng.randrange(len(found)), self.rng.randrange(len(found)))]

    def literal(self, dtype: DType, shape: tuple[int, ...]) -> Value:
        array = random_array(self.rng, dtype, shape)
        value = self.emit(REGISTRY["constant"], value=Literal(array))
        assert value is not None
        return value

    # --- elementwise ops: operands of one shape, dtypes found by trying

    def _elementwise(self, op: OpDef) -> None:
        choices = {"dtype": self.dtypes, "exponent": (2, 3, 7), "failure": ("singular",)}
        attrs = {name: self.rng.choice(choices[name]) for name in op.attrs}
        first = self.pick()
        assert first is not None
        shape = first.type.shape
        for _ in range(3):
            count = self.rng.randint(1, 4) if op.arity is None else op.arity
            operands = [first] + [self._like(shape) for _ in range(count - 1)]
            if self.rng.random() < 0.5:
                operands = [self._as(v, operands[-1].type.dtype) for v in operands]
            if operands[-1].type.dtype in _MAY_RAISE.get(op.name, ()):
                continue
            if self.emit(op, *operands, **attrs) is not None:
                return

    def _like(self, shape: Shape) -> Value:
        """A value of this shape: one there is, or a broadcast scalar constant."""
        found = self.pick(lambda v: v.type.shape == shape)
        if found is not None and self.rng.random() < 0.7:
            return found
        scalar = self.literal(self.rng.choice(self.dtypes), ())
        if not shape:
            return scalar
        wide = self.emit(REGISTRY["broadcast"], scalar, shape=shape, dims=())
        return scalar if wide is None else wide

    def _as(self, value: Value, dtype: DType) -> Value:
        cast = REGISTRY.get("cast")
        if cast is None or value.type.dtype is dtype:
            return value
        return self.emit(cast, value, dtype=dtype) or value

    # --- the other kinds

    def _array(self, rank: int = 1) -> Value | None:
        return self.pick(lambda v: v.type.rank >= rank)

    def broadcast(self, op: OpDef) -> None:
        x = self._array(0)
        assert x is not None
        shape, dims = [], []
        for size in x.type.shape:
            if self.rng.random() < 0.3:
                shape.append(self.rng.choice(self.sizes))
            dims.append(len(shape))
            shape.append(self.rng.choice(self.sizes) if size == 1 else size)
        if self.rng.random() < 0.5:
            shape.append(self.rng.choice(self.sizes))
        if len(shape) <= 4:
            self.emit(op, x, shape=tuple(shape), dims=tuple(dims))

    def transpose(self, op: OpDef) -> None:
        x = self._array()
        if x is not None:
            self.emit(op, x, permutation=tuple(self.rng.sample(range(x.type.rank), x.type.rank)))

    def slice(self, op: OpDef) -> None:
        x = self._array()
        if x is not None:
            starts, steps, shape = self._region(x.type.shape)
            self.emit(op, x, starts=starts, steps=steps, shape=shape)

    def pad(self, op: OpDef) -> None:
        x = self._array(0)
        if x is not None:
            room = [(self.rng.randint(0, 2), self.rng.randint(0, 2)) for _ in x.type.shape]
            wide = [a + size + b for size, (a, b) in zip(x.type.shape, room, strict=True)]
            self.emit(op, x, starts=tuple(a for a, _ in room), shape=tuple(wide))

    def windows(self, op: OpDef) -> None:
        x = self._array(1)
        if x is None:
            return
        axis, size = self.rng.randrange(x.type.rank), self.rng.randint(1, 3)
        room = x.type.shape[axis] - size
        if not isinstance(room, int):
            self.builder.guard(Guard(room, ">="))
        elif room < 0:
            return
        self.emit(op, x, axis=axis, size=size)

    def diagonal(self, op: OpDef) -> None:
        x = self._array(2)
        if x is None:
            return
        axes = self.rng.sample(range(x.type.rank), 2)
        ends = [x.type.shape[a] for a in axes]
        size = ends[0] if ends[0] == ends[1] else self.rng.randint(0, 2)
        if all(isinstance(n - size, int) and n - size >= 0 for n in ends):
            starts = tuple(self.rng.randint(0, n - size) for n in ends)  # type: ignore[arg-type]
            self.emit(op, x, axes=tuple(axes), starts=starts, size=size)

    def _region(self, sizes: Shape) -> tuple[Shape, tuple[int, ...], Shape]:
        parts = [self._range(size) for size in sizes]
        starts, steps, counts = zip(*parts, strict=True)
        return starts, steps, counts

    def _range(self, size: Size) -> tuple[Size, int, Size]:
        choice = self.rng.random()
        if choice < 0.3 or size == 0:
            return 0, 1, size
        if choice < 0.5:
            return size - 1, -1, size
        if not isinstance(size, int):
            self.builder.guard(Guard(size - 1, ">="))
            return 1, 1, size - 1
        step = self.rng.choice([1, 1, 2, -1, -2])
        start = self.rng.randrange(size)
        room = (size - 1 - start) // step if step > 0 else start // -step
        return start, step, self.rng.randint(0, room + 1)

    def reshape(self, op: OpDef) -> None:
        x = self._array()
        if x is None:
            return
        shape = list(x.type.shape)
        if self.rng.random() < 0.5:
            shape.insert(self.rng.randint(0, len(shape)), 1)
        elif 1 in shape:
            shape.remove(1)
        elif len(shape) > 1:
            k = self.rng.randrange(len(shape) - 1)
            shape[k : k + 2] = [shape[k] * shape[k + 1]]
        self.emit(op, x, shape=tuple(shape))

    def concatenate(self, op: OpDef) -> None:
        x = self._array()
        if x is not None:
            axis = self.rng.randrange(x.type.rank)
            others = [self._like(x.type.shape) for _ in range(self.rng.randint(0, 2))]
            self.emit(op, x, *(self._as(v, x.type.dtype) for v in others), axis=axis)

    def sort(self, op: OpDef) -> None:
        x = self._array()
        if x is not None:
            self.emit(op, x)

    def interleave(self, op: OpDef) -> None:
        x = self._array()
        if x is None:
            return
        shape = x.type.shape
        steps = tuple(self.rng.choice((1, 1, 2, 3)) for _ in shape)
        parts = [
            self.emit(REGISTRY["slice"], x, starts=starts, steps=steps, shape=part)
            for starts, part in phases(shape, steps)
            if all(isinstance(n, int) or n.terms[0][1] > 0 for n in part)
        ]
        if None not in parts:
            self.emit(op, *(v for v in parts if v), shape=shape, steps=steps)

    def update_slice(self, op: OpDef) -> None:
        x = self._array()
        if x is not None:
            starts, steps, shape = self._region(x.type.shape)
            self.emit(op, x, self._as(self._like(shape), x.type.dtype), starts=starts, steps=steps)

    def constant(self, op: OpDef) -> None:
        shape = tuple(self.rng.randint(0, 4) for _ in range(self.rng.randint(0, 2)))
        self.literal(self.rng.choice(self.dtypes), shape)

    def iota(self, op: OpDef) -> None:
        self.emit(op, size=self.rng.choice(self.sizes), dtype=self.rng.choice(self.dtypes))

    def dim(self, op: OpDef) -> None:
        size = self.rng.choice(self.sizes) * self.rng.choice(self.sizes) + self.rng.randint(-2, 2)
        self.emit(op, size=(size + 1) // self.rng.randint(1, 3))

    def gather(self, op: OpDef) -> None:
        x = self._array()
        if x is not None:
            self.emit(op, x, *self._indices(x.type.shape))

    def scatter(self, op: OpDef) -> None:
        x = self._array()
        if x is None:
            return
        indices = self._indices(x.type.shape)
        if indices:
            shape = (*indices[0].type.shape, *x.type.shape[len(indices) :])
            self.emit(op, x, self._as(self._like(shape), x.type.dtype), *indices)

    def _indices(self, sizes: Shape) -> list[Value]:
        """Constant index arrays of one shape for some of the first axes; none if one is empty."""
        if not all(isinstance(s, int) and s > 0 for s in sizes):
            return []
        shape = tuple(self.rng.randint(0, 3) for _ in range(self.rng.randint(0, 2)))
        draw = np.random.default_rng(self.rng.getrandbits(32))
        indices = [
            self.emit(REGISTRY["constant"], value=Literal(draw.integers(-size, size, shape)))
            for size in sizes[: self.rng.randint(1, len(sizes))]
            if isinstance(size, int)
        ]
        return [i for i in indices if i is not None]

    def reduce(self, op: OpDef) -> None:
        x = self._array()
        if x is None:
            return
        if op.reduction is not None and not op.reduction.empty_ok:
            for size in x.type.shape:
                if not isinstance(size, int):
                    self.builder.guard(Guard(size - 1, ">="))  # an empty axis has no extreme
        count = self.rng.randint(1, x.type.rank)
        self.emit(op, x, axes=tuple(sorted(self.rng.sample(range(x.type.rank), count))))

    def scan(self, op: OpDef) -> None:
        x = self._array()
        if x is not None:
            others = [self._like(x.type.shape) for _ in range((op.arity or 1) - 1)]
            others = [self._as(v, x.type.dtype) for v in others]
            self.emit(op, x, *others, axis=self.rng.randrange(x.type.rank))

    def matmul(self, op: OpDef) -> None:
        x = self._array(2)
        if x is None:
            return
        y = self.pick(lambda v: v.type.rank == x.type.rank)
        if y is not None:
            swapped = (*range(y.type.rank - 2), y.type.rank - 1, y.type.rank - 2)
            for candidate in (y, self.emit(REGISTRY["transpose"], x, permutation=swapped)):
                if candidate is not None and self.emit(op, x, candidate) is not None:
                    return


_STRUCTURAL: dict[str, Callable[[_Generator, OpDef], None]] = {
    "broadcast": _Generator.broadcast,
    "transpose": _Generator.transpose,
    "slice": _Generator.slice,
    "pad": _Generator.pad,
    "windows": _Generator.windows,
    "diagonal": _Generator.diagonal,
    "reshape": _Generator.reshape,
    "concatenate": _Generator.concatenate,
    "interleave": _Generator.interleave,
    "update_slice": _Generator.update_slice,
    "constant": _Generator.constant,
    "iota": _Generator.iota,
    "dim": _Generator.dim,
    "gather": _Generator.gather,
    "scatter_add": _Generator.scatter,
    "matmul": _Generator.matmul,
    "cumsum": _Generator.scan,
    "cumprod": _Generator.scan,
    "linear_recurrence": _Generator.scan,
    "sort": _Generator.sort,
    "argsort": _Generator.sort,
    **{op.name: _Generator.reduce for op in REGISTRY if op.kind is Kind.REDUCE},
}


def _largest(shape: Shape) -> int:
    """A bound for the number of elements when every symbol is at most 9."""
    count = 1
    for size in shape:
        count *= (
            size if isinstance(size, int) else abs(size.evaluate(dict.fromkeys(size.names(), 9)))
        )
    return count
