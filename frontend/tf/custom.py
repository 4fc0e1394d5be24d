"""tf.custom_gradient and tf.recompute_grad.

Layer: frontend. The function is one op, whose derivative in a tape's program is the user's: there
it is `tw.custom_vjp`. On the way back the function runs once more, for its `grad_fn`; what of it
the derivative does not need is pruned.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..context import current
from ..transforms.checkpoint import checkpoint
from ..transforms.custom import custom_vjp
from ..tree import flatten, unflatten
from .apply import apply
from .convert import convert_to_tensor
from .errors import InvalidArgumentError
from .tensors import STATE, Tensor


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that states its own gradient; a decorator.

    Args:
        f: takes tensors, returns (result, grad_fn); `grad_fn(*upstream)` takes one gradient for
            each result and returns one for each argument.

    Returns:
        A function of the tensors that returns the result.
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        key = tuple(sorted(kwargs.items()))
        op = ops.get(key)
        if op is None:
            op = ops[key] = _Custom(f, kwargs)
        return op.apply(args)

    ops: dict[Any, _Custom] = {}
    return decorated


class _Custom:
    """The op of one function with some keyword arguments."""

    def __init__(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
        self._function = functools.partial(function, **kwargs)
        self._name = getattr(function, "__name__", "function")
        self._tree: Any = None
        self._rule = custom_vjp(self._forward)
        self._rule.defvjp(lambda *x: (self._forward(*x), x), self._backward)

    def apply(self, args: Sequence[Any]) -> Any:
        """Apply it to tensors."""
        found = apply("CustomGradient", self._op, [convert_to_tensor(x) for x in args])
        return unflatten(self._tree, list(found))

    def _op(self, *arrays: Any) -> tuple[Any, ...]:
        return tuple(self._rule(*arrays)) if current() is not None else self._forward(*arrays)

    def _call(self, arrays: Sequence[Any]) -> tuple[list[Any], Callable[..., Any]]:
        """The function on tensors of these arrays, without tapes: results and grad_fn."""
        recorders, STATE.recorders = STATE.recorders, ()
        try:
            returned = self._function(*[Tensor(x) for x in arrays])
        finally:
            STATE.recorders = recorders
        if not isinstance(returned, tuple) or len(returned) != 2 or not callable(returned[1]):
            raise TypeError(f"{self._name}: a custom_gradient function returns (result, grad_fn)")
        results, self._tree = flatten(returned[0])
        return [convert_to_tensor(x)._value for x in results], returned[1]

    def _forward(self, *arrays: Any) -> tuple[Any, ...]:
        return tuple(self._call(arrays)[0])

    def _backward(self, arrays: Sequence[Any], cts: Sequence[Any]) -> tuple[Any, ...]:
        _, grad_fn = self._call(arrays)
        found = flatten(grad_fn(*[Tensor(ct) for ct in cts]))[0]
        if len(found) != len(arrays):
            raise InvalidArgumentError(
                f"custom_gradient function expected to return {len(arrays)} gradients, but returned"
                f" {len(found)} instead."
            )
        return tuple(None if g is None else convert_to_tensor(g)._value for g in found)


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose gradient computes intermediate values again instead of keeping them."""

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if current() is None:
            return f(*args, **kwargs)

        def on_arrays(*arrays: Any) -> Any:
            returned = f(*[Tensor(x) for x in arrays], **kwargs)
            leaves, trees["result"] = flatten(returned)
            return tuple(convert_to_tensor(x)._value for x in leaves)

        trees: dict[str, Any] = {}
        found = checkpoint(on_arrays)(*[convert_to_tensor(x)._value for x in args])
        return unflatten(trees["result"], [Tensor(x) for x in found])

    return decorated
