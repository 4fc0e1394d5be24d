"""Attention on arrays: what queries see of values, without all weights in memory at once.

Layer: frontend. Arrays are [..., items, size]. Long sequences are walked in blocks of queries, each
of which sees all keys: the weights of one block are all that is kept. On the way back they are
computed again (`checkpoint`). Memory then grows with the number of items, not with its square, and
a block's weights stay in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import control
from ...tracer import Tracer
from ...transforms.checkpoint import checkpoint
from ..sizes import numbers

_SCORES_IN_BLOCKS = 1 << 18  # scores of one head; fewer are computed at once
_SCORES_AT_ONCE = 1 << 18  # of a block: 1 MB
_SMALLEST_BLOCK = 16  # queries


def attention_weights(query: Any, key: Any, *mask: Any, scale: float, causal: bool) -> Any:
    """The softmax of the products of queries and keys: [..., queries, keys].

    Args:
        query: [..., queries, size].
        key: [..., keys, size].
        mask: True where a query may look, broadcast to the result.
        scale: what the products are multiplied with.
        causal: whether query i looks at the keys up to i alone.
    """
    return _weights(query, key, mask[0] if mask else None, scale, 0 if causal else None)


def _weights(query: Any, key: Any, mask: Any, scale: float, first: Any) -> Any:
    """As `attention_weights`; `first` is the number of the first query, None if none is causal."""
    scores = np.matmul(query * query.dtype.type(scale), np.swapaxes(key, -1, -2))
    return masked_softmax(scores, mask, first)


def masked_softmax(scores: Any, mask: Any, first: Any) -> Any:
    """The softmax of scores [..., queries, keys] where queries may look; arguments as above."""
    if mask is not None:
        scores = np.where(over_heads(mask, scores.ndim), scores, _far_below(scores.dtype))
    if first is not None:
        queries, keys = scores.shape[-2:]
        later = numbers(keys) > first + numbers(queries)[:, None]
        scores = np.where(later, _far_below(scores.dtype), scores)
    raised = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return raised / np.sum(raised, axis=-1, keepdims=True)


def _far_below(dtype: Any) -> Any:
    """As Keras: finite, so that a row without anything to look at has no NaN."""
    return dtype.type(-3e4 if dtype.itemsize == 2 else -1e9)


def over_heads(mask: Any, rank: int) -> Any:
    """A mask [batch, queries, keys] with an axis for the heads, unless it has one."""
    while mask.ndim < rank:
        mask = np.expand_dims(mask, 1 if mask.ndim > 2 else 0)
    return mask


def attend(
    query: Any, key: Any, value: Any, *mask: Any, scale: float, causal: bool, block: int = 0
) -> Any:
    """What queries see of values: [..., queries, value size]; see `attention_weights`.

    Args:
        query: [..., queries, size].
        key: [..., keys, size].
        value: [..., keys, value size].
        mask: True where a query may look, broadcast to [..., queries, keys].
        scale: what the products of queries and keys are multiplied with.
        causal: whether query i looks at the keys up to i alone.
        block: so many queries at once; 0 chooses.
    """
    size = _block(query.shape[-2], key.shape[-2], block)
    if not size:
        found = attention_weights(query, key, *mask, scale=scale, causal=causal)
        return np.matmul(found, value)
    where = over_heads(mask[0], query.ndim) if mask else None
    arrays = (query, key, value, *mask)
    walk = _each if any(isinstance(x, Tracer) for x in arrays) else _each_now
    return walk(query, key, value, where, (scale, causal, size))


def _block(queries: Any, keys: Any, block: int) -> int:
    """How many queries are seen to at once; 0: all of them, as where sizes are symbols."""
    if not (isinstance(queries, int) and isinstance(keys, int)):
        return 0
    if block or queries * keys < _SCORES_IN_BLOCKS:
        return block
    return max(_SMALLEST_BLOCK, _SCORES_AT_ONCE // keys)


def _each_now(query: Any, key: Any, value: Any, mask: Any, options: tuple[Any, ...]) -> Any:
    """As `_each`, on concrete arrays."""
    scale, causal, size = options
    *lead, queries, _ = query.shape
    found = np.empty((*lead, queries, value.shape[-1]), value.dtype)
    if mask is not None:
        mask = np.broadcast_to(mask, (*lead, *mask.shape[-2:]))
    for place in np.ndindex(*lead):
        for first in range(0, queries, size):
            part = slice(first, first + size)
            where = None if mask is None else mask[place]
            if where is not None and len(where) > 1:
                where = where[part]
            start = first if causal else None
            seen = _weights(query[place][part], key[place], where, scale, start)
            np.matmul(seen, value[place], out=found[(*place, part)])
    return found


def _each(query: Any, key: Any, value: Any, mask: Any, options: tuple[Any, ...]) -> Any:
    """One batch element and one head after the other."""
    if query.ndim == 2:
        return _in_blocks(query, key, value, mask, options)
    alone = mask is not None and mask.shape[0] != 1  # a mask for each

    def step(nothing: Any, given: Any) -> tuple[Any, Any]:
        q, k, v, *own = given
        where = own[0] if alone else None if mask is None else mask[0]
        return nothing, _each(q, k, v, where, options)

    xs = (query, key, value, *([mask] if alone else []))
    return control.scan(step, np.float32(0), xs)[1]


def _in_blocks(query: Any, key: Any, value: Any, mask: Any, options: tuple[Any, ...]) -> Any:
    scale, causal, size = options
    queries, width = query.shape
    count = queries // size
    whole = count * size
    alone = mask is not None and mask.shape[0] != 1

    @checkpoint
    def seen(q: Any, first: Any, where: Any) -> Any:
        return np.matmul(_weights(q, key, where, scale, first if causal else None), value)

    def step(nothing: Any, given: Any) -> tuple[Any, Any]:
        q, first, *own = given
        return nothing, seen(q, first, own[0] if alone else mask)

    parts = []
    if count:
        xs = [query[:whole].reshape((count, size, width)), np.arange(count) * size]
        xs += [mask[:whole].reshape((count, size, mask.shape[1]))] if alone else []
        found = control.scan(step, np.float32(0), tuple(xs))[1]
        parts.append(found.reshape((whole, value.shape[-1])))
    if queries > whole:
        parts.append(seen(query[whole:], np.int64(whole), mask[whole:] if alone else mask))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
