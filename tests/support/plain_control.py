"""tw.scan and its siblings as plain Python on ndarrays: what compiled ones are compared with."""

from __future__ import annotations

import numpy as np

from tensorwright.frontend.tree import flatten, unflatten


def scan(f, init, xs=None, length=None, reverse=False, *, memory_budget=None):
    leaves, tree = flatten(xs)
    count = len(leaves[0]) if leaves else length
    carry, ys = init, [None] * count
    for i in reversed(range(count)) if reverse else range(count):
        carry, ys[i] = f(carry, unflatten(tree, [x[i] for x in leaves]))
    stacked = [np.stack(y) for y in zip(*(flatten(y)[0] for y in ys), strict=True)]
    return carry, unflatten(flatten(ys[0])[1], stacked)


def map(f, xs):
    return scan(lambda carry, x: (None, f(x)), None, xs)[1]


def fori_loop(lower, upper, body_fun, init_val):
    val = init_val
    for i in range(lower, upper):
        val = body_fun(i, val)
    return val


def while_loop(cond_fun, body_fun, init_val, *, memory_budget=None):
    val = init_val
    while cond_fun(val):
        val = body_fun(val)
    return val


def cond(pred, true_fun, false_fun, *operands):
    return true_fun(*operands) if pred else false_fun(*operands)


def switch(index, branches, *operands):
    return branches[min(max(index, 0), len(branches) - 1)](*operands)
