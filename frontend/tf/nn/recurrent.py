"""Recurrent networks on arrays: one step of each kind of cell, and loops over the steps.

Layer: frontend. The products with the input are one product for all steps; what is left is a scan,
which compiles to one loop, and whose derivative is one too. Sequences are [steps, batch, features].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ... import control
from ...eager import run_eagerly
from ...tracer import Tracer
from ..tensors import STATE, Tensor

Activation = Callable[[Any], Any]
States = tuple[Any, ...]


def on_arrays(function: Activation) -> Activation:
    """An activation function of tensors, for arrays; no tape records what it does."""

    def call(x: Any) -> Any:
        before, STATE.recorders = STATE.recorders, ()
        try:
            return function(Tensor(x))._value
        finally:
            STATE.recorders = before

    return call


# -- one step: (input times kernel, states, recurrent kernel, recurrent bias) -> states ---------


def simple_step(
    z: Any, states: States, kernel: Any, bias: Any, *, activation: Activation
) -> States:
    """activation(z + h @ kernel)."""
    return (on_arrays(activation)(z + states[0] @ kernel),)


def lstm_step(
    z: Any,
    states: States,
    kernel: Any,
    bias: Any,
    *,
    activation: Activation,
    recurrent_activation: Activation,
) -> States:
    """Gates for input, forgetting, cell and output, side by side: the next h and c."""
    h, c = states
    gate, squash = on_arrays(recurrent_activation), on_arrays(activation)
    enter, forget, cell, leave = np.split(z + h @ kernel, 4, axis=-1)
    c = gate(forget) * c + gate(enter) * squash(cell)
    return gate(leave) * squash(c), c


def gru_step(
    z: Any,
    states: States,
    kernel: Any,
    bias: Any,
    *,
    activation: Activation,
    recurrent_activation: Activation,
    reset_after: bool,
) -> States:
    """Gates for update and reset and the candidate, side by side: the next h.

    With `reset_after`, the reset gate acts behind the product with the kernel, as in cuDNN.
    """
    (h,) = states
    gate, squash = on_arrays(recurrent_activation), on_arrays(activation)
    units = h.shape[-1]
    if reset_after:
        inner = h @ kernel
        inner = inner if bias is None else inner + bias
        update, reset = np.split(gate(z[:, : 2 * units] + inner[:, : 2 * units]), 2, axis=-1)
        candidate = squash(z[:, 2 * units :] + reset * inner[:, 2 * units :])
    else:
        gates = gate(z[:, : 2 * units] + h @ kernel[:, : 2 * units])
        update, reset = np.split(gates, 2, axis=-1)
        candidate = squash(z[:, 2 * units :] + (reset * h) @ kernel[:, 2 * units :])
    return (update * h + (1 - update) * candidate,)


STEPS: Mapping[str, Callable[..., States]] = {
    "simple_rnn": simple_step,
    "lstm": lstm_step,
    "gru": gru_step,
}


# -- all steps ------------------------------------------------------------------------------------


def recurrent(
    *arrays: Any, kind: str, names: tuple[str, ...], count: int, reverse: bool, **options: Any
) -> tuple[Any, ...]:
    """The outputs of all steps, [steps, batch, units], the last one, and the last states.

    A step that does not count leaves the states as they are, and repeats the output of the step
    before, which is 0 at first.

    Args:
        arrays: the sequence, the kernel, the recurrent kernel, the first states, and what `names`
            says.
        kind: one of STEPS.
        names: of the further arrays: "bias" for the input, "recurrent_bias", "mask" (steps that
            count, [steps, batch]), "dropped" (what the states are multiplied with).
        count: of states.
        reverse: walk from the last step to the first.
        options: of the step; "zero_masked" with a mask: whether the output is 0 where the step
            does not count.
    """
    if not any(isinstance(x, Tracer) for x in arrays):
        given = {f"x{k}": x for k, x in enumerate(arrays)}
        rest = {"kind": kind, "names": names, "count": count, "reverse": reverse, **options}
        found: tuple[Any, ...] = run_eagerly(_named, {}, given, **rest)
        return found
    return _recurrent(arrays, kind, names, count, reverse, options)


def _named(
    *, kind: str, names: tuple[str, ...], count: int, reverse: bool, **given: Any
) -> tuple[Any, ...]:
    """As `recurrent`, the arrays by number."""
    arrays = [given.pop(f"x{k}") for k in range(3 + count + len(names))]
    return _recurrent(arrays, kind, names, count, reverse, given)


def _recurrent(
    arrays: Sequence[Any],
    kind: str,
    names: tuple[str, ...],
    count: int,
    reverse: bool,
    options: Mapping[str, Any],
) -> tuple[Any, ...]:
    (x, kernel, recurrent_kernel), first = arrays[:3], tuple(arrays[3 : 3 + count])
    more = dict(zip(names, arrays[3 + count :], strict=True))
    z = np.tensordot(x, kernel, axes=1)  # one product for all steps
    if "bias" in more:
        z = z + more["bias"]
    dropped = more.get("dropped")
    mask = more.get("mask")
    given = dict(options)
    zero_masked = given.pop("zero_masked", False)

    def step(states: States, now: Any) -> tuple[States, Any]:
        used = states if dropped is None else (states[0] * dropped, *states[1:])
        found = STEPS[kind](now, used, recurrent_kernel, more.get("recurrent_bias"), **given)
        return found, found[0]

    if mask is None:
        last, outputs = control.scan(step, first, z, reverse=reverse)
        return (outputs, last[0], *last)

    def masked(carried: tuple[Any, States], now: Any) -> tuple[tuple[Any, States], Any]:
        before, states = carried
        counts = now[1][:, None]
        found, output = step(states, now[0])
        output = np.where(counts, output, np.zeros_like(before) if zero_masked else before)
        kept = [np.where(counts, new, old) for new, old in zip(found, states, strict=True)]
        return (output, tuple(kept)), output

    start = (np.zeros_like(first[0]), first)
    (output, last), outputs = control.scan(masked, start, (z, mask), reverse=reverse)
    return (outputs, output, *last)
