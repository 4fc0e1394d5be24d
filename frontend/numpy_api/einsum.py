"""np.einsum: a chain of pairwise contractions.

Layer: frontend. Two operands become one `matmul`: shared axes that stay in the result are batch
axes, those that do not are summed over.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.errors import ShapeError
from ...compiler.ir.graph import Value
from ...compiler.ir.types import Size
from .. import lift, values
from ..context import TraceContext, require
from ..location import user_location
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from .linear import matrix_product, multiply_sum

Term = tuple[Value, str]  # an operand and one letter per axis


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None) -> Any:
    """As `np.einsum`, with subscripts given as text."""
    ctx = require()
    subscripts, *arrays = operands
    if not isinstance(subscripts, str):
        subscripts, arrays = _from_sublists(operands)
    tracers = [lift.as_array(a) for a in arrays]
    inputs, result = _letters(subscripts, [t.ndim for t in tracers])
    if len(tracers) == 1 and set(inputs[0]) == set(result) and dtype is None:
        return FUNCTIONS["store"]("einsum", _view(tracers[0], inputs[0], result), out)
    common = np.result_type(*(t.dtype for t in tracers)) if dtype is None else np.dtype(dtype)
    element = values.dtype_of(common)
    terms = [
        _one_letter_each(ctx, values.cast(ctx, t._read(), element), letters)
        for t, letters in zip(tracers, inputs, strict=True)
    ]
    sizes = _sizes(ctx, terms)
    terms = [(_spread(ctx, v, letters, sizes), letters) for v, letters in terms]
    for first, second in _order(terms, result, sizes):
        x, y = terms[first], terms[second]
        rest = [t for k, t in enumerate(terms) if k not in (first, second)]
        needed = set(result).union(*(letters for _, letters in rest))
        terms = [*rest, _pair(ctx, x, y, needed)]
    value = _arrange(ctx, terms[0], result)
    return FUNCTIONS["store"]("einsum", lift.tracer(ctx, value), out)


def _view(x: Tracer, letters: str, result: str) -> Tracer:
    """One operand with nothing to sum: a view, as in NumPy."""
    for letter in result:
        while letters.count(letter) > 1:
            i = letters.index(letter)
            k = letters.index(letter, i + 1)
            x = _diagonal(x, letter, i, k)
            x._frozen = "assigning to a diagonal is not supported"
            letters = letters[:i] + letters[i + 1 : k] + letters[k + 1 :] + letter
    return FUNCTIONS[np.transpose](x, tuple(letters.index(c) for c in result))


def _from_sublists(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The other calling form: array, axis numbers, array, axis numbers, ..., [result axes]."""
    arrays = list(operands[: len(operands) // 2 * 2 : 2])
    lists = list(operands[1::2])
    text = [_sublist(axes) for axes in lists]
    result = "->" + _sublist(operands[-1]) if len(operands) % 2 else ""
    return ",".join(text) + result, arrays


def _sublist(axes: Any) -> str:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join("..." if k is Ellipsis else letters[k] for k in axes)


def _letters(subscripts: str, ranks: list[int]) -> tuple[list[str], str]:
    """One letter per axis for each operand and the result; `...` becomes upper-case Greek."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise ValueError("the number of operands does not match the number of subscripts of einsum")
    hidden = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"
    longest = 0
    spelled = []
    for letters, rank in zip(inputs, ranks, strict=True):
        if "..." in letters:
            count = rank - len(letters) + 3
            longest = max(longest, count)
            letters = letters.replace("...", hidden[24 - count :] if count else "")
        if len(letters) != rank:
            raise ValueError(
                f"einsum: the subscripts '{letters}' do not match an operand of {rank} dimensions"
            )
        spelled.append(letters)
    ellipsis = hidden[24 - longest :] if longest else ""
    if arrow:
        return spelled, right.replace("...", ellipsis)
    everything = "".join(spelled)
    once = sorted(c for c in set(everything) - set(ellipsis) if everything.count(c) == 1)
    return spelled, ellipsis + "".join(once)


def _one_letter_each(ctx: TraceContext, x: Value, letters: str) -> Term:
    """Diagonals for letters that occur twice in one operand."""
    for letter in letters:
        while letters.count(letter) > 1:
            i = letters.index(letter)
            k = letters.index(letter, i + 1)
            x = _diagonal(lift.tracer(ctx, x), letter, i, k)._read()
            letters = letters[:i] + letters[i + 1 : k] + letters[k + 1 :] + letter
    return x, letters


def _diagonal(x: Tracer, letter: str, i: int, k: int) -> Tracer:
    if not require().equal(x._type.shape[i], x._type.shape[k]):
        raise ShapeError(
            f"einsum: the axes called '{letter}' differ in size",
            got=str(x._type),
            loc=user_location(),
        )
    made: Tracer = FUNCTIONS[np.diagonal](x, 0, i, k)
    return made


def _sizes(ctx: TraceContext, terms: list[Term]) -> dict[str, Size]:
    sizes: dict[str, Size] = {}
    for x, letters in terms:
        for letter, size in zip(letters, x.type.shape, strict=True):
            known = sizes.get(letter, 1)
            if ctx.equal(known, 1):
                sizes[letter] = size
            elif not ctx.equal(size, 1) and not ctx.equal(known, size):
                raise ShapeError(
                    f"einsum: the axes called '{letter}' differ in size",
                    got=f"{known} and {size}",
                    loc=user_location(),
                )
    return sizes


def _spread(ctx: TraceContext, x: Value, letters: str, sizes: dict[str, Size]) -> Value:
    return values.broadcast(ctx, x, tuple(sizes[c] for c in letters))


def _order(terms: list[Term], result: str, sizes: dict[str, Size]) -> list[tuple[int, int]]:
    """Pairs to contract; the product of a pair goes to the end of the list."""
    if len(terms) <= 2:
        return [(0, 1)] * (len(terms) - 1)
    ctx = require()
    # stand-ins without data: the path depends on the shapes only
    shapes = [
        np.broadcast_to(np.float32(0), tuple(ctx.hint(sizes[c]) for c in letters))
        for _, letters in terms
    ]
    alphabet = {
        c: chr(ord("a") + k) if k < 26 else chr(ord("A") + k - 26) for k, c in enumerate(sizes)
    }
    spelled = ",".join("".join(alphabet[c] for c in letters) for _, letters in terms)
    target = "".join(alphabet[c] for c in result)
    path, _ = np.einsum_path(f"{spelled}->{target}", *shapes, optimize="greedy")
    pairs = []
    for step in path[1:]:
        chosen = sorted(step)
        while len(chosen) > 1:  # einsum_path may leave several operands for the last step
            pairs.append((chosen[0], chosen[1]))
            count = len(terms) - len(pairs)
            chosen = sorted([*(k - 2 if k > chosen[1] else k for k in chosen[2:]), count - 1])
    return pairs


def _pair(ctx: TraceContext, x: Term, y: Term, needed: set[str]) -> Term:
    """The product of two operands, summed over the letters that nothing else needs."""
    x = _summed(ctx, x, needed | set(y[1]))
    y = _summed(ctx, y, needed | set(x[1]))
    (a, left), (b, right) = x, y
    shared = [c for c in left if c in right]
    batch = [c for c in shared if c in needed]
    summed = [c for c in shared if c not in needed]
    rows = [c for c in left if c not in shared]
    columns = [c for c in right if c not in shared]
    size = dict(zip(left + right, (*a.type.shape, *b.type.shape), strict=True))
    if not summed or not (rows or columns):
        return _loop_pair(ctx, x, y, [*batch, *rows, *columns], summed, size)

    def flat(names: list[str]) -> Size:
        return values.size_of(tuple(size[c] for c in names))

    kept = tuple(size[c] for c in batch)
    a = _arrange(ctx, x, [*batch, *rows, *summed])
    b = _arrange(ctx, y, [*batch, *summed, *columns])
    a = values.reshape(ctx, a, (*kept, flat(rows), flat(summed)))
    b = values.reshape(ctx, b, (*kept, flat(summed), flat(columns)))
    product = matrix_product(ctx, a, b)
    order = [*batch, *rows, *columns]
    return values.reshape(ctx, product, tuple(size[c] for c in order)), "".join(order)


def _loop_pair(
    ctx: TraceContext, x: Term, y: Term, order: list[str], summed: list[str], size: dict[str, Size]
) -> Term:
    """Multiply and sum, where a matrix product would have one row and one column."""
    names = [*order, *summed]
    shape = tuple(size[c] for c in names)
    parts = []
    for value, letters in (x, y):
        placed = _arrange(ctx, (value, letters), [c for c in names if c in letters])
        dims = tuple(k for k, c in enumerate(names) if c in letters)
        parts.append(ctx.emit_once("broadcast", placed, shape=shape, dims=dims))
    along = tuple(range(len(order), len(names)))
    if along:
        return multiply_sum(ctx, parts[0], parts[1], along), "".join(order)
    op = "logical_and" if parts[0].type.dtype.is_bool else "multiply"
    return ctx.emit(op, *parts), "".join(order)


def _summed(ctx: TraceContext, term: Term, needed: set[str]) -> Term:
    """Sum away the letters that are not needed."""
    x, letters = term
    along = tuple(k for k, c in enumerate(letters) if c not in needed)
    if not along:
        return term
    op = "reduce_any" if x.type.dtype.is_bool else "reduce_sum"
    return ctx.emit(op, x, axes=along), "".join(c for c in letters if c in needed)


def _arrange(ctx: TraceContext, term: Term, order: Any) -> Value:
    """The operand with its axes in this order; other letters are summed over."""
    x, letters = _summed(ctx, term, set(order))
    missing = set(order) - set(letters)
    if missing:
        raise ValueError(f"einsum: the result has the subscript '{missing.pop()}' of no operand")
    return values.transpose(ctx, x, tuple(letters.index(c) for c in order))
