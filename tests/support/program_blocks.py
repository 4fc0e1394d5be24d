"""The statements that random programs are made of.

A block asks a `Writer` for operands and gives the text of a statement. It need not work for every
choice: what NumPy refuses is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from support.random_programs import Block, Writer, broadcasts

BLOCKS: list[Block] = []


def block(weight: int = 1, **facts: bool) -> Callable[[Callable[[Writer], str]], Any]:
    """Add the decorated function to the blocks."""

    def register(write: Callable[[Writer], str]) -> Callable[[Writer], str]:
        BLOCKS.extend([Block(write, **facts)] * weight)
        return write

    return register


def is_float(v: Any) -> bool:
    return np.asarray(v).dtype.kind == "f"


def is_integer(v: Any) -> bool:
    return np.asarray(v).dtype.kind in "iu"


def is_bool(v: Any) -> bool:
    return np.asarray(v).dtype.kind == "b"


def has_axes(v: Any) -> bool:
    return np.ndim(v) > 0


def is_small(v: Any) -> bool:
    """Whether a product with it takes no time at the larger sizes either."""
    return np.size(v) <= 60


@block(weight=4)
def _binary(w: Writer) -> str:
    a = w.pick()
    b = w.pick_with(a)
    if w.rng.random() < 0.3:
        a, b = b, a
    return f"{w.new()} = {a} {w.choose('+', '-', '*')} {b}"


@block(weight=2)
def _function_of_two(w: Writer) -> str:
    a = w.pick()
    return f"{w.new()} = np.{w.choose('maximum', 'minimum', 'add', 'fmax')}({a}, {w.pick_with(a)})"


@block()
def _quotient(w: Writer) -> str:
    a = w.pick()
    return f"{w.new()} = {a} / (np.abs({w.pick_with(a)}) + 1)"


@block(needs_exact=True)
def _integer_quotient(w: Writer) -> str:
    a = w.pick()
    return f"{w.new()} = {a} {w.choose('//', '%')} (np.abs({w.pick_with(a)}) + 1)"


@block(weight=2)
def _unary(w: Writer) -> str:
    a = w.pick()
    return w.new() + " = " + w.choose(f"-{a}", f"abs({a})", f"np.square({a})", f"{a} ** 2", f"+{a}")


@block(is_exact=False)
def _elementary(w: Writer) -> str:
    name = w.choose("exp", "tanh", "sin", "arctan", "expm1", "cosh", "cbrt")
    return f"{w.new()} = np.{name}({w.pick(is_float)} * 0.5)"


@block()
def _root(w: Writer) -> str:
    return f"{w.new()} = np.sqrt(np.abs({w.pick()}) + 1.0)"


@block(needs_exact=True, weight=2)
def _comparison(w: Writer) -> str:
    a = w.pick()
    return f"{w.new()} = {a} {w.choose('<', '<=', '==', '!=', '>')} {w.pick_with(a)}"


@block(weight=2)
def _where(w: Writer) -> str:
    a = w.pick()
    b = w.pick_with(a)
    return f"{w.new()} = np.where({w.pick(is_bool)}, {a}, {b})"


@block()
def _clip(w: Writer) -> str:
    return f"{w.new()} = np.clip({w.pick(lambda v: not is_bool(v))}, 1, 3)"


@block(needs_exact=True)
def _conversion(w: Writer) -> str:
    dtype = w.choose("np.float64", "np.float32", "np.int64", "np.int32", "bool", "np.uint8")
    return f"{w.new()} = np.abs({w.pick()}).astype({dtype})"


@block(needs_exact=True)
def _rounding(w: Writer) -> str:
    return f"{w.new()} = np.{w.choose('floor', 'rint', 'sign', 'trunc')}({w.pick(is_float)})"


@block()
def _bits(w: Writer) -> str:
    a = w.pick(is_integer)
    b = w.pick(lambda v: is_integer(v) and broadcasts(np.shape(v), np.shape(w.values[a])))
    return f"{w.new()} = {a} {w.choose('&', '|', '^')} {b}"


@block(weight=3)
def _integer_reduction(w: Writer) -> str:
    a = w.pick(lambda v: not is_float(v))
    name = w.choose("sum", "max", "min", "prod", "any", "all")
    return f"{w.new()} = {a}.{name}({_axis_arguments(w, a)})"


@block(weight=2)
def _order(w: Writer) -> str:
    a = w.pick()
    return f"{w.new()} = np.{w.choose('max', 'min', 'ptp')}({a}, {_axis_arguments(w, a)})"


@block(needs_exact=True)
def _position(w: Writer) -> str:
    a = w.pick(has_axes)
    axis = w.choose("", f"axis={w.axis(a)}")
    return f"{w.new()} = np.{w.choose('argmax', 'argmin')}({a}, {axis})"


@block(is_exact=False, weight=3)
def _float_reduction(w: Writer) -> str:
    a = w.pick(is_float)
    return f"{w.new()} = {a}.{w.choose('sum', 'mean', 'mean', 'var')}({_axis_arguments(w, a)})"


@block(is_exact=False)
def _centred(w: Writer) -> str:
    a = w.pick(lambda v: is_float(v) and has_axes(v))
    return f"{w.new()} = {a} - {a}.mean(axis={w.axis(a)}, keepdims=True)"


@block(is_exact=False)
def _softmax(w: Writer) -> str:
    a = w.pick(lambda v: is_float(v) and has_axes(v))
    axis, v = w.axis(a), w.new()
    return (
        f"{v} = np.exp({a} - np.max({a}, axis={axis}, keepdims=True))\n"
        f"{v} = {v} / {v}.sum(axis={axis}, keepdims=True)"
    )


def _axis_arguments(w: Writer, name: str) -> str:
    ndim = np.ndim(w.values[name])
    if ndim == 0:
        return ""
    axes = w.choose("None", str(w.axis(name)), str(w.axis(name)), str(tuple(range(ndim))))
    return f"axis={axes}" + w.choose("", "", ", keepdims=True")


@block()
def _running(w: Writer) -> str:
    a = w.pick(has_axes)
    return f"{w.new()} = np.cumsum({a}, axis={w.choose('None', str(w.axis(a)))})"


@block(weight=5)
def _slice(w: Writer) -> str:
    a = w.pick()
    return f"{w.new()} = {a}[{w.index(a)}]"


@block(weight=2)
def _axes(w: Writer) -> str:
    a = w.pick(has_axes)
    i, k = w.axis(a), w.axis(a)
    form = w.choose(
        f"{a}.T",
        f"np.swapaxes({a}, {i}, {k})",
        f"np.moveaxis({a}, {i}, {k})",
        f"np.expand_dims({a}, {i})",
        f"np.squeeze({a})",
        f"np.flip({a}, {i})",
        f"np.roll({a}, {w.choose('1', '-2', '7')}, axis={i})",
        f"np.roll({a}, 2)",
    )
    return f"{w.new()} = {form}"


@block(weight=2)
def _reshape(w: Writer) -> str:
    a = w.pick(has_axes)
    form = w.choose(
        f"{a}.reshape(-1)",
        f"{a}.ravel()",
        f"{a}.reshape({a}.shape[0], -1)",
        f"{a}.reshape(-1, {a}.shape[-1])",
        f"{a}.reshape((1, *{a}.shape))",
        f"{a}.flatten()",
        f"{a}.reshape(-1, 2)",
    )
    return f"{w.new()} = {form}"


@block(weight=2)
def _join(w: Writer) -> str:
    a = w.pick(has_axes)
    axis = w.axis(a)
    b = w.pick(lambda v: np.ndim(v) == np.ndim(w.values[a]))
    part = f"{a}[{w.choose('1:', '::-1', ':2', ':-1')}]"
    form = w.choose(
        f"np.concatenate([{a}, {b}], axis={axis})",
        f"np.concatenate(({a}, {part}, {b}))",
        f"np.stack([{a}, {b}], axis={axis})",
        f"np.stack(({a}, {a}[::-1], {a}), axis=-1)",
        f"np.tile({a}, {w.choose('2', '(2, 1)')})",
        f"np.repeat({a}, 2, axis={axis})",
        f"np.pad({a}, {w.choose('1', '(2, 0)')}, mode='{w.choose('constant', 'edge', 'reflect')}')",
    )
    return f"{w.new()} = {form}"


@block()
def _split(w: Writer) -> str:
    a = w.pick(has_axes)
    v = w.new()
    return w.choose(
        f"{v}, rest{v} = halves({a})",
        f"{v} = np.split({a}, [1, 3])[1]",
        f"{v} = np.array_split({a}, 2)[0]",
    )


@block()
def _gather(w: Writer) -> str:
    a = w.pick(has_axes)
    form = w.choose(
        f"{a}[[0, -1, 0]]",
        f"{a}[np.arange({a}.shape[0]) // 2]",
        f"{a}[np.array([[0, 1], [1, 0]])]",
        f"np.take({a}, [1, 0], axis={w.axis(a)})",
        f"{a}[..., [-1, 0]]",
    )
    return f"{w.new()} = {form}"


@block(needs_exact=True)
def _traced_gather(w: Writer) -> str:
    a = w.pick(has_axes)
    index = w.pick(lambda v: is_integer(v) and np.ndim(v) < 3)
    return f"{w.new()} = {a}[{index} % {a}.shape[0]]"


@block()
def _python_call(w: Writer) -> str:
    a = w.pick()
    return f"{w.new()} = scaled({a}{w.choose('', ', 3', ', by=' + w.number(a))})"


@block(weight=2)
def _product(w: Writer) -> str:
    a = w.pick(lambda v: not is_float(v) and is_small(v))
    b = w.pick(lambda v: not is_float(v) and is_small(v))
    form = w.choose(f"{a} @ {b}", f"np.dot({a}, {b})", f"np.outer({a}, {b})", f"{a} @ {a}.T")
    return f"{w.new()} = {form}"


@block(is_exact=False, weight=2)
def _float_product(w: Writer) -> str:
    a, b = w.pick(lambda v: is_float(v) and is_small(v)), w.pick(is_small)
    form = w.choose(
        f"{a} @ {b}",
        f"{b} @ {a}",
        f"{a} @ {a}.T",
        f"np.tensordot({a}, {b}, 1)",
        f"np.einsum('...i,...i->...', {a}, {a})",
        f"np.einsum('ij,kj->ik', {a}, {b})",
        f"np.inner({a}, {b})",
    )
    return f"{w.new()} = {form} * 0.1"


@block(weight=2)
def _creation(w: Writer) -> str:
    a = w.pick(has_axes)
    form = w.choose(
        f"np.zeros_like({a})",
        f"np.arange({a}.shape[0])",
        f"np.ones(({a}.shape[0], 2))",
        f"np.full({a}.shape, 2)",
        f"np.eye({a}.shape[0])",
        f"np.linspace(0, 1, {a}.shape[-1])",
        "np.arange(6).reshape(2, 3)",
    )
    return f"{w.new()} = {form}"


@block(weight=3)
def _copy(w: Writer) -> str:
    a = w.pick(has_axes)
    return f"{w.new()} = {w.choose(f'{a}.copy()', f'np.array({a})', f'{a} + 0')}"


@block(weight=5)
def _assignment(w: Writer) -> str:
    a = w.writable()
    return f"{a}[{w.index(a)}] = {w.choose(w.number(a), w.pick())}"


@block(weight=3)
def _in_place(w: Writer) -> str:
    a = w.writable()
    target = w.choose(a, f"{a}[{w.index(a)}]")
    return f"{target} {w.choose('+=', '*=', '-=')} {w.choose(w.number(a), w.pick())}"


@block(weight=2)
def _overlap(w: Writer) -> str:
    a = w.writable()
    return w.choose(
        f"{a}[1:] = {a}[:-1]",
        f"{a}[1:] += {a}[:-1]",
        f"{a}[...] = {a}[::-1]",
        f"{a}[::2] = {a}[::-2]",
        f"{a}[:-1] *= {a}[1:]",
        f"{a}[0], {a}[-1] = {a}[-1], {a}[0]",
    )


@block(needs_exact=True)
def _masked_assignment(w: Writer) -> str:
    a = w.writable()
    return f"{a}[{a} > 1] = {w.choose('1', '0')}"


@block()
def _indexed_assignment(w: Writer) -> str:
    a = w.writable()
    return f"{a}[[0, -1]] = {w.choose(w.number(a), f'{a}[[-1, 0]]')}"


@block(weight=2)
def _loop(w: Writer) -> str:
    a = w.pick(has_axes)
    v = w.new()
    number = w.number(a)
    return w.choose(
        f"{v} = {a}.copy()\nfor i in range(1, 4):\n    {v} = {v} * {number} - i",
        f"{v} = np.zeros_like({a})\nfor i in range({a}.shape[0]):\n    {v}[i] = {a}[-i] + i",
        f"{v} = {a}[0]\nfor row in {a}[1:4]:\n    {v} = np.maximum({v}, row)",
        f"{v} = {a} + 0\nfor i in range(3):\n    {v}[i:] += {a}[i]",
    )


@block()
def _sizes(w: Writer) -> str:
    a = w.pick(has_axes)
    v = w.new()
    return w.choose(
        f"if {a}.shape[0] > 4:\n    {v} = {a}[2:]\nelse:\n    {v} = {a} * 2",
        f"{v} = {a}[: {a}.shape[0] // 2]",
        f"{v} = {a} * {a}.shape[0]",
        f"{v} = {a}[{a}.shape[0] - 2 :]",
        f"{v} = {a}[: len({a}) - 1]",
    )


@block(weight=2)
def _recurrence(w: Writer) -> str:
    a = w.pick(has_axes)
    v = w.new()
    return w.choose(
        f"{v} = {a} * 1\nfor i in range(1, min(5, {a}.shape[0])):\n    {v}[i] += {v}[i - 1]",
        f"{v} = np.zeros(({a}.shape[0], 3))\nfor i in range(3):\n    {v}[:, i] = {a}[..., 0] - i",
        f"{v} = 0\nfor i in range(min(4, len({a}))):\n    {v} = {v} * 2 + {a}[i]",
    )


@block(weight=3)
def _view_of_a_view(w: Writer) -> str:
    a = w.writable()
    view = w.choose(
        f"{a}[1:][::2]",
        f"{a}.T[::-1]",
        f"{a}.reshape(-1)[1:-1]",
        f"{a}[::-1][:2]",
        f"{a}[..., ::2].T",
    )
    return f"{view}{w.choose('[...] = ', '[1:] += ', '[0] = ', '[...] *= ')}{w.number(a)}"


@block(weight=2)
def _outer(w: Writer) -> str:
    a, b = (w.pick(lambda v: has_axes(v) and is_small(v)) for _ in range(2))
    operator = w.choose("+", "*", "-")
    return (
        w.new()
        + " = "
        + w.choose(
            f"{a}[:, None] {operator} {b}[None, :]",
            f"np.add.outer({a}, {b})",
            f"{a}[..., None] {operator} {b}",
            f"np.subtract.outer({a}[0], {b}[:3])",
        )
    )


@block()
def _logic(w: Writer) -> str:
    a = w.pick(is_bool)
    b = w.pick(lambda v: is_bool(v) and broadcasts(np.shape(v), np.shape(w.values[a])))
    form = w.choose(f"{a} & {b}", f"{a} | ~{b}", f"{a} ^ {b}", f"np.logical_or({a}, {b})")
    return f"{w.new()} = {form}"


@block(needs_exact=True, weight=2)
def _mixed_functions(w: Writer) -> str:
    a = w.pick()
    b = w.pick_with(a)
    form = w.choose(
        f"np.select([{a} > {b}, {a} < 0], [{a}, {b}], -1)",
        f"np.where({a} > {b}, {a} * 2, {b}) + 1",
        f"divmod({a}, np.abs({b}) + 1)[1]",
        f"np.minimum({a}, {b}) * ({a} != {b})",
        f"np.heaviside({a}, {b})",
        f"np.fmax({a}, {b}) - np.fmin({a}, {b})",
        f"np.isclose({a}, {b})",
    )
    return f"{w.new()} = {form}"


@block(weight=2)
def _more_shapes(w: Writer) -> str:
    a = w.pick(has_axes)
    axis = w.axis(a)
    form = w.choose(
        f"np.diff({a}, axis={axis})",
        f"np.triu({a})",
        f"np.diag({a})",
        f"np.cumprod({a} * 0 + 1, axis={axis})",
        f"np.rot90({a})",
        f"np.broadcast_to({a}, (2, *{a}.shape))",
        f"np.meshgrid({a}, {a})[{w.choose('0', '1')}]",
        f"np.hstack([{a}, {a}])",
        f"np.insert({a}, 1, 2, axis={axis})",
        f"np.delete({a}, 0, axis={axis})",
        f"np.append({a}, {a}[:1])",
        f"np.atleast_2d({a})",
        f"np.lib.stride_tricks.sliding_window_view({a}, 2, axis={axis})",
        f"np.concatenate([np.zeros((1, *{a}.shape[1:]), {a}.dtype), {a}[:-1]])",
    )
    return f"{w.new()} = {form}"


@block(is_exact=False, weight=2)
def _more_sums(w: Writer) -> str:
    a = w.pick(is_float)
    axis = _axis_arguments(w, a)
    form = w.choose(
        f"np.sum({a} * {a}, {axis})",
        f"np.std({a}, {axis})",
        f"np.linalg.norm({a})",
        f"np.nanmean({a}, {axis})",
        f"np.average({a})",
        f"({a} * {w.pick_with(a)}).sum({axis})",
        f"np.sum({a}, dtype=np.float64, {axis})",
        f"np.trace({a})",
        f"np.cumsum({a} * {a}, axis=-1)",
    )
    return f"{w.new()} = {form}"


@block(needs_exact=True)
def _masked_sum(w: Writer) -> str:
    a = w.pick(lambda v: is_integer(v) and has_axes(v))
    form = w.choose(
        f"np.sum({a}, where={a} > 1)",
        f"np.max({a}, initial=0, where={a} < 3, {_axis_arguments(w, a)})",
        f"np.count_nonzero({a}, axis={w.axis(a)})",
        f"np.prod({a}, initial=2)",
        f"np.mean({a} > 1)",
    )
    return f"{w.new()} = {form}"


@block(weight=2)
def _results_into_arrays(w: Writer) -> str:
    a = w.writable()
    b = w.pick(lambda v: broadcasts(np.shape(v), np.shape(w.values[a])))
    return w.choose(
        f"np.multiply({a}, {b}, out={a})",
        f"np.add({a}[1:], {a}[:-1], out={a}[1:])",
        f"np.negative({a}, out={a}[::-1])",
        f"np.maximum({a}, {b}, out={a}, where={a} != 0)",
        f"np.copyto({a}, {b})",
        f"{a}.fill({w.number(a)})",
        f"{a}[1:-1] = ({a}[:-2] + {a}[2:]) * {w.number(a)}",
    )
