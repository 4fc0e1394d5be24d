"""Cases of ops that are not elementwise: operand shapes (with symbolic sizes), attributes, data.

`StructuralCase` makes graphs of the op and of its derivatives in both modes, to second order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tensorwright.compiler import ops as _loaded  # noqa: F401  (fills the registry)
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.graph import Graph, Value
from tensorwright.compiler.ir.interpret import concrete
from tensorwright.compiler.ir.opdef import REGISTRY, OpDef
from tensorwright.compiler.ir.types import DType, Shape, TensorType
from tensorwright.compiler.transforms.forward import push_forward
from tensorwright.compiler.transforms.reverse import pull_back

N, M = Dim.symbol("n"), Dim.symbol("m")
SIZES = {"n": 4, "m": 3}


@dataclass(frozen=True)
class StructuralCase:
    """An op on float64 operands of these shapes, and then on `indices` (or a condition)."""

    name: str
    shapes: tuple[Shape, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    indices: tuple[Any, ...] = ()
    first: bool = False  # whether the indices come first

    @property
    def op(self) -> OpDef:
        return REGISTRY[self.name]

    def __str__(self) -> str:
        shapes = "-".join("x".join(map(str, s)) or "0d" for s in self.shapes)
        attrs = "-".join(f"{k}{v}" for k, v in self.attrs.items())
        return f"{self.name}-{shapes}-{attrs}".replace(" ", "")

    def static(self) -> StructuralCase:
        """The same with all sizes known."""
        shapes = tuple(concrete(s, SIZES) for s in self.shapes)
        attrs = {name: concrete(value, SIZES) for name, value in self.attrs.items()}
        return replace(self, shapes=shapes, attrs=attrs)

    def floats(self, seed: int = 0) -> list[np.ndarray]:
        """Data for the float operands: all different, none close to zero."""
        rng = np.random.default_rng(seed)
        return [self._random(rng, concrete(s, SIZES)) for s in self.shapes]

    def like_result(self, seed: int) -> np.ndarray:
        """Data of the result's shape."""
        (type,) = self.op.infer([v.type for v in self._operands(GraphBuilder())], self.attrs)
        return self._random(np.random.default_rng(seed), concrete(type.shape, SIZES))

    def _random(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.asarray(rng.uniform(0.3, 1.7, shape) * rng.choice([-1.0, 1.0], shape))

    def others(self) -> list[np.ndarray]:
        """The operands that are no floats."""
        return [np.asarray(i) for i in self.indices]

    def reference(self, floats: Sequence[np.ndarray]) -> np.ndarray:
        """What NumPy gives."""
        arrays = [*self.others(), *floats] if self.first else [*floats, *self.others()]
        attrs = {name: concrete(value, SIZES) for name, value in self.attrs.items()}
        return np.asarray(self.op.reference(*arrays, **attrs))

    # -- graphs; inputs are the float operands, the others, and what a derivative is taken along

    def _operands(self, builder: GraphBuilder) -> list[Value]:
        floats = [builder.input(TensorType(DType.F64, s)) for s in self.shapes]
        others = [
            builder.input(TensorType(DType.of(i.dtype), i.shape))  # type: ignore[arg-type]
            for i in self.others()
        ]
        return [*others, *floats] if self.first else [*floats, *others]

    def _start(self) -> tuple[GraphBuilder, list[Value], Value]:
        builder = GraphBuilder(self.name)
        operands = self._operands(builder)
        # an input that has every symbolic size by itself
        builder.input(TensorType(DType.F64, (N, M)), "sizes")
        floats = [v for v in operands if v.type.dtype.is_float]
        return builder, floats, builder.emit(self.op, *operands, **self.attrs)

    def inputs(self, floats: Sequence[np.ndarray], *along: np.ndarray) -> list[np.ndarray]:
        """The inputs of one of the graphs."""
        return [*floats, *self.others(), np.zeros((SIZES["n"], SIZES["m"])), *along]

    def reverse(self) -> Graph:
        """Cotangents of the float operands, from one of the result."""
        builder, floats, out = self._start()
        ct = builder.input(out.type, "ct")
        return builder.finish(self._pull(builder, out, ct, floats))

    def of_squares(self) -> Graph:
        """The gradient of half the sum of squares of the result, with no further input."""
        builder, floats, out = self._start()
        return builder.finish(self._pull(builder, out, out, floats))

    def forward(self) -> Graph:
        """The result's tangent, from those of the float operands."""
        builder, floats, out = self._start()
        tangents = [builder.input(v.type) for v in floats]
        (found,) = push_forward(builder, builder.nodes[:], floats, tangents, [out])
        assert found is not None
        return builder.finish([found])

    def second(self, *, forward: bool) -> Graph:
        """The derivative of sum(weights * cotangents): by reverse mode, or of them by forward mode.

        Inputs after the cotangent: one weight per float operand; in forward mode they are the
        tangents of the operands.
        """
        builder, floats, out = self._start()
        ct = builder.input(out.type, "ct")
        cts = self._pull(builder, out, ct, floats)
        weights = [builder.input(v.type) for v in floats]
        nodes = builder.nodes[:]
        if forward:
            pushed = push_forward(builder, nodes, floats, weights, cts)
            found = zip(pushed, cts, strict=True)
            return builder.finish([v or self._zeros(builder, c) for v, c in found])
        return builder.finish(self._pull(builder, cts, weights, [*floats, ct]))

    def _pull(self, builder: GraphBuilder, out: Any, ct: Any, inputs: Any) -> list[Value]:
        outs, cts = (out, ct) if isinstance(out, list) else ([out], [ct])
        found = pull_back(builder, builder.nodes[:], outs, cts, inputs)
        return [v or self._zeros(builder, x) for v, x in zip(found, inputs, strict=True)]

    def _zeros(self, builder: GraphBuilder, like: Value) -> Value:
        return builder.emit(REGISTRY["subtract"], like, like)


def _case(name: str, *shapes: Shape, indices: tuple[Any, ...] = (), **attrs: Any) -> StructuralCase:
    first = name == "select"
    return StructuralCase(name, shapes, attrs, indices, first)


def _windowed(
    name: str,
    x: Shape,
    y: Shape,
    *,
    strides: int = 1,
    padding: tuple[Any, Any] = (0, 0),
    dilation: int = 1,
    spread: int = 1,
    groups: Any = 1,
    **attrs: Any,
) -> StructuralCase:
    """A convolution with the same numbers along each spatial axis."""
    axes = len(x) - 2
    return _case(
        name, x, y, strides=(strides,) * axes, padding=(padding,) * axes,
        dilation=(dilation,) * axes, spread=(spread,) * axes, groups=groups, **attrs,
    )  # fmt: skip


def _mask(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 2, shape).astype(bool)


CASES = (
    _case("broadcast", (), shape=(2, N), dims=()),
    _case("broadcast", (N, 1), shape=(N, 2, 5), dims=(0, 2)),
    _case("broadcast", (1, N), shape=(1, N), dims=(0, 1)),
    _case("broadcast", (1, 1), shape=(3, 1), dims=(0, 1)),
    _case("broadcast", (0, 1), shape=(0, 3), dims=(0, 1)),
    _case("broadcast", (1,), shape=(0,), dims=(0,)),
    _case("transpose", (2, 3, N), permutation=(2, 0, 1)),
    _case("transpose", (), permutation=()),
    _case("slice", (6, N), starts=(5, 1), steps=(-2, 1), shape=(2, N - 1)),
    _case("slice", (N,), starts=(N - 1,), steps=(-1,), shape=(N,)),
    _case("slice", (N,), starts=(0,), steps=(1,), shape=(0,)),
    _case("slice", (30,), starts=(3,), steps=(4,), shape=(5,)),
    _case("slice", (30,), starts=(3,), steps=(1,), shape=(1,)),
    _case("pad", (3, N), starts=(1, 0), shape=(4, N + 2)),
    _case("pad", (0,), starts=(1,), shape=(2,)),
    _case("pad", (), starts=(), shape=()),
    _case("reshape", (2, N), shape=(2 * N,)),
    _case("reshape", (1, 1), shape=()),
    _case("reshape", (0, 3), shape=(3, 0)),
    _case("windows", (N,), axis=0, size=2),
    _case("windows", (2, 7, N), axis=1, size=3),
    _case("windows", (5,), axis=0, size=5),
    _case("windows", (3, 1), axis=1, size=1),
    _case("diagonal", (N, N), axes=(0, 1), starts=(0, 0), size=N),
    _case("diagonal", (3, 2, N), axes=(2, 0), starts=(1, 0), size=3),
    _case("diagonal", (N, 2, N), axes=(0, 2), starts=(0, 1), size=N - 1),
    _case("diagonal", (2, 3), axes=(0, 1), starts=(0, 0), size=0),
    _case("concatenate", (2, N), (3, N), (0, N), axis=0),
    _case("concatenate", (N,), axis=0),
    _case("concatenate", (2, N), (2, M), axis=1),
    _case("interleave", (2, N), (2, N), (1, N), (1, N), shape=(3, 2 * N), steps=(2, 2)),
    _case("interleave", (3, N), shape=(3, N), steps=(1, 1)),
    _case("interleave", (1,), (0,), (0,), shape=(1,), steps=(3,)),
    _case("update_slice", (5, N), (2, N - 1), starts=(4, 1), steps=(-3, 1)),
    _case("update_slice", (N,), (N - 1,), starts=(1,), steps=(1,)),
    _case("update_slice", (3,), (0,), starts=(0,), steps=(1,)),
    _case("update_slice", (), (), starts=(), steps=()),
    _case("gather", (5, N), indices=(np.array([0, -1, 2, 2]),)),
    _case("gather", (5, 3), indices=(np.array([[0, 4]]), np.array([[-1, 2]]))),
    _case("gather", (5, 2), indices=(np.array(3),)),
    _case("gather", (5, 2), indices=(np.array([], np.int64),)),
    _case("scatter_add", (5, N), (4, N), indices=(np.array([0, -1, 2, 2]),)),
    _case("scatter_add", (5, 3), (1, 2), indices=(np.array([[0, 4]]), np.array([[-1, 2]]))),
    _case("scatter_add", (5,), (), indices=(np.array(3),)),
    _case("reduce_sum", (2, N, 3), axes=(0, 2)),
    _case("reduce_sum", (2, 0), axes=(1,)),
    _case("reduce_sum", (N,), axes=()),
    _case("reduce_prod", (2, N, 3), axes=(0, 2)),
    _case("reduce_prod", (N,), axes=(0,)),
    _case("reduce_prod", (2, 1), axes=(1,)),
    _case("reduce_prod", (2, 0), axes=(1,)),
    _case("reduce_prod", (3, N), axes=()),
    _case("reduce_max", (2, N, 3), axes=(0, 2)),
    _case("reduce_min", (2, N), axes=(1,)),
    _case("reduce_max", (2, 1), axes=(1,)),
    _case("reduce_max", (0, 2), axes=(1,)),
    _case("cumsum", (2, N), axis=1),
    _case("cumsum", (0,), axis=0),
    _case("cumprod", (2, N), axis=1),
    _case("cumprod", (N, 2), axis=0),
    _case("cumprod", (1,), axis=0),
    _case("cumprod", (0,), axis=0),
    _case("linear_recurrence", (2, N), (2, N), axis=1),
    _case("linear_recurrence", (N,), (N,), axis=0),
    _case("sort", (2, N)),
    _case("sort", (3,)),
    _case("sort", (2, 0)),
    _case("sort", (N, 1)),
    _case("matmul", (2, N), (N, 3)),
    _case("matmul", (2, 3, N), (2, N, 1)),
    _case("matmul", (2, 0), (0, 3)),
    _case("matmul", (1, 1), (1, 1)),
    _windowed("convolve", (N, 6, 5, 3), (3, 2, 3, 4)),
    _windowed("convolve", (2, 6, 5, 2), (3, 3, 2, 3), strides=2, padding=(1, 0)),
    _windowed("convolve", (2, 5, 2), (2, 2, 3), strides=3, dilation=2, padding=(2, 1)),
    _windowed("convolve", (1, 3, 4, 2, 2), (2, 1, 2, 2, 2), padding=(0, 1)),
    _windowed("convolve", (2, N, 2), (2, 2, 3), strides=2, padding=(0, 1)),
    _windowed("convolve", (2, 3, 4, 4), (3, 3, 2, 6), spread=2, padding=(2, 3), groups=2),
    _windowed("convolve", (2, 6, 2), (2, 2, 1), strides=2, padding=(-1, -2)),
    _windowed("convolve", (2, 5, 5, 3), (3, 3, 1, 3), padding=(1, 1), groups=3),
    _windowed("convolve", (2, 5, 6), (2, 1, 12), strides=2, groups=6),
    _windowed("convolve", (2, 5, 2 * N), (2, 2, 3 * N), groups=N),
    _windowed("convolve", (0, 5, 2), (2, 2, 3)),
    _windowed("convolve", (2, 1, 1, 2), (1, 1, 2, 3), strides=2),
    _windowed("convolve_filter", (N, 6, 5, 3), (N, 4, 3, 2), window=(3, 3)),
    _windowed("convolve_filter", (2, 7, 2), (2, 4, 4), strides=2, padding=(1, 1), groups=2,
              dilation=2, window=(2,)),
    _windowed("convolve_filter", (2, 3, 2), (2, 4, 2), spread=2, groups=2, window=(2,)),
    _windowed("convolve_filter", (0, 5, 2), (0, 4, 3), window=(2,)),
    _case("select", (2, 5), (2, 5), indices=(_mask(2, 5),)),
    _case("select", (), (), indices=(np.array(True),)),
)  # fmt: skip
