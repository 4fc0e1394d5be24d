"""Attention: of many heads with weights, and of plain vectors.

Layer: frontend. Weights that nobody asks for are not kept; see nn/attention.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...nn.attention import attend, attention_weights, masked_softmax
from ...nn.normalise import dropout
from ...shapes import TensorShape
from ...shaping import expand_dims
from ...tensors import Tensor
from .base import FAMILY, Layer
from .weighted import Weighted

# -- functions on arrays --------------------------------------------------------------------------


def _project(x: Any, kernel: Any, *bias: Any) -> Any:
    """[batch, ..., features] by [features, heads, size]: [batch, heads, items, size]."""
    features, heads, size = kernel.shape
    found = np.tensordot(x, kernel.reshape((features, heads * size)), axes=1)
    if bias:
        found = found + bias[0].reshape((heads * size,))
    return found.reshape((*found.shape[:-1], heads, size)).transpose((0, 2, 1, 3))


def _combine(seen: Any, kernel: Any, *bias: Any) -> Any:
    """What the heads see, side by side, times [heads, size, features]."""
    heads, size, features = kernel.shape
    seen = seen.transpose((0, 2, 1, 3))
    flat = seen.reshape((*seen.shape[:2], heads * size))
    found = np.tensordot(flat, kernel.reshape((heads * size, features)), axes=1)
    return found + bias[0] if bias else found


def _all_masks(whole: Any, *others: tuple[Any, int]) -> list[Tensor]:
    """The mask [batch, queries, keys] made of all that there are, in a list; else an empty one."""
    given = [expand_dims(cast(mask, "bool"), axis) for mask, axis in others if mask is not None]
    if whole is not None:
        given.insert(0, cast(whole, "bool"))
    if not given:
        return []
    first, *rest = given
    for mask in rest:
        first = apply("LogicalAnd", _both, [first, mask])
    return [first]


def _both(x: Any, y: Any) -> Any:
    return x & y


def _where(mask: Any, x: Any) -> Any:
    return np.where(mask[..., None], x, x.dtype.type(0))


def _attended(
    layer: Any, q: Tensor, k: Tensor, v: Tensor, mask: list[Tensor], attrs: dict[str, Any],
    training: bool, wants_weights: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """What is seen, and the weights if they are wanted; they are not kept otherwise."""
    drops = training and layer.dropout > 0
    if not (drops or wants_weights):
        return apply("Attention", attend, [q, k, v, *mask], attrs), None
    weights: Tensor = apply("AttentionWeights", attention_weights, [q, k, *mask], attrs)
    used = dropout(weights, layer.dropout, seed=layer.seed) if drops else weights
    return apply("BatchMatMulV2", np.matmul, [used, v]), weights


# -- layers ---------------------------------------------------------------------------------------


@FAMILY.add()
class MultiHeadAttention(Weighted):
    """Attention of several heads, each with projections of its own.

    Args:
        num_heads: how many.
        key_dim: the size of each head for queries and keys.
        value_dim: the size of each head for values; by default `key_dim`.
        dropout: the part of the weights that is dropped in training.
        use_bias: whether projections have biases.
        output_shape: the size of the result; by default that of the query.
        kernel_initializer: where projections begin; and so on for biases, regularisers and
            constraints.
        seed: of the dropout.
        options: see `Layer`.
    """

    supports_masking = True

    fields = (
        "num_heads", "key_dim", "value_dim", "dropout", "use_bias", "output_shape",
        "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
        "kernel_constraint", "bias_constraint", "seed",
    )  # fmt: skip

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if attention_axes not in (None, 1, (1,), [1]):
            raise NotImplementedError("MultiHeadAttention: attention_axes other than the second")
        self.num_heads, self.key_dim = int(num_heads), int(key_dim)
        self.value_dim = int(value_dim or key_dim)
        self.dropout, self.use_bias, self.seed = float(dropout), bool(use_bias), seed
        self.output_shape = output_shape
        self._describe("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._describe("bias", bias_initializer, bias_regularizer, bias_constraint)
        self._parts: dict[str, list[Any]] = {}

    def build(self, query: Any, value: Any = None, key: Any = None) -> None:
        """Make the projections, given the shapes of what is projected."""
        features = TensorShape(query)[-1]
        value_features = TensorShape(query if value is None else value)[-1]
        key_features = value_features if key is None else TensorShape(key)[-1]
        heads, size = self.num_heads, self.key_dim
        self._add("query", (features, heads, size), (heads, size))
        self._add("key", (key_features, heads, size), (heads, size))
        self._add("value", (value_features, heads, self.value_dim), (heads, self.value_dim))
        width = self.output_shape
        if isinstance(width, (list, tuple)):
            (width,) = width
        result = int(width or features)
        self._add("attention_output", (heads, self.value_dim, result), (result,))
        self.built = True

    def _add(self, name: str, shape: Any, bias_shape: Any) -> None:
        made = self._parts[name] = [self._make("kernel", shape, name=f"{name}/kernel")]
        if self.use_bias:
            made.append(self._make("bias", bias_shape, name=f"{name}/bias"))

    def _values(self, name: str) -> list[Tensor]:
        return [v.value() for v in self._parts[name]]

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
    ) -> Any:
        """What each query sees of the values; with `return_attention_scores` the weights, too.

        Args:
            query: [batch, queries, features].
            value: [batch, keys, features].
            key: [batch, keys, features]; by default the values.
            attention_mask: [batch, queries, keys], True where a query may look.
            return_attention_scores: whether [batch, heads, queries, keys] weights are returned.
            training: whether weights are dropped.
            use_causal_mask: whether query i looks at the keys up to i alone.
            query_mask: [batch, queries], True for those that count.
            value_mask: [batch, keys], True for those that count.
            key_mask: as `value_mask`.
        """
        q, v = convert_to_tensor(query), convert_to_tensor(value)
        k = v if key is None else convert_to_tensor(key)
        if not self._parts:
            self.build(q.shape, v.shape, k.shape)
        queries, keys, values = (
            apply("Einsum", _project, [x, *self._values(name)])
            for name, x in (("query", q), ("key", k), ("value", v))
        )
        mask = _all_masks(attention_mask, (query_mask, -1), (value_mask, -2), (key_mask, -2))
        attrs = {"scale": self.key_dim**-0.5, "causal": bool(use_causal_mask)}
        wanted = return_attention_scores
        seen, weights = _attended(self, queries, keys, values, mask, attrs, training, wanted)
        found = apply("Einsum", _combine, [seen, *self._values("attention_output")])
        return (found, weights) if return_attention_scores else found

    def _maybe_build(self, first: Any) -> None:
        """Nothing: the shapes of all arguments are needed, and `call` has them."""


@FAMILY.add()
class Attention(Layer):
    """Attention without projections: softmax(query @ key.T) @ value.

    Args:
        use_scale: whether the scores are multiplied with a weight.
        score_mode: "dot".
        dropout: the part of the weights that is dropped in training.
        seed: of the dropout.
        options: see `Layer`.
    """

    supports_masking = True

    fields = ("use_scale", "dropout", "seed")

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if score_mode != "dot":
            raise NotImplementedError(f"Attention: score_mode={score_mode!r}: only 'dot'")
        self.use_scale, self.dropout, self.seed = bool(use_scale), float(dropout), seed

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """That of the queries."""
        return previous_mask[0] if previous_mask is not None else None

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """What each query sees of the values.

        Args:
            inputs: [query, value] or [query, value, key], each [batch, items, features].
            mask: [of queries, of values], [batch, items] or None: values that count.
            return_attention_scores: whether the weights are returned, too.
            training: whether weights are dropped.
            use_causal_mask: whether query i looks at the keys up to i alone.
        """
        q, v, *rest = (convert_to_tensor(x) for x in inputs)
        k = rest[0] if rest else v
        given = list(mask) if mask is not None else []
        counts, seen = (*given, None, None)[:2]
        masks = _all_masks(None, (seen, 1))
        causal, wanted = bool(use_causal_mask), bool(return_attention_scores)
        found, weights = self._seen(q, k, v, masks, causal, training, wanted)
        if counts is not None:
            found = apply("Masked", _where, [cast(counts, "bool"), found])
        return (found, weights) if return_attention_scores else found

    def _seen(
        self, q: Tensor, k: Tensor, v: Tensor, masks: list[Tensor], causal: bool, training: bool,
        wanted: bool,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """What is seen of the values, and the weights if they are wanted."""
        if self.use_scale:
            q = q * self.scale.value()  # type: ignore[operator]
        attrs = {"scale": 1.0, "causal": causal}
        return _attended(self, q, k, v, masks, attrs, training, wanted)


def _additive(query: Any, key: Any, *rest: Any, has_scale: bool, causal: bool) -> Any:
    """The softmax of sum(scale * tanh(query + key)): [batch, queries, keys]."""
    others = list(rest)
    seen = np.tanh(query[:, :, None] + key[:, None])
    scores = np.sum(seen * others.pop(0) if has_scale else seen, axis=-1)
    return masked_softmax(scores, others[0] if others else None, 0 if causal else None)


@FAMILY.add()
class AdditiveAttention(Attention):
    """Attention by sums: softmax(sum(scale * tanh(query + key))) @ value (Bahdanau, 2014)."""

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **options: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **options)

    def build(self, input_shape: Any) -> None:
        """Make the scale, a number for each feature."""
        if self.use_scale:
            size = TensorShape(input_shape[0])[-1]
            self.scale = self.add_weight(name="scale", shape=(size,), initializer="glorot_uniform")

    def _seen(
        self, q: Tensor, k: Tensor, v: Tensor, masks: list[Tensor], causal: bool, training: bool,
        wanted: bool,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        scale = [self.scale.value()] if self.use_scale else []
        attrs = {"has_scale": bool(scale), "causal": causal}
        weights: Tensor = apply("AdditiveAttention", _additive, [q, k, *scale, *masks], attrs)
        drops = training and self.dropout > 0
        used = dropout(weights, self.dropout, seed=self.seed) if drops else weights
        return apply("BatchMatMulV2", np.matmul, [used, v]), weights


__all__ = ["AdditiveAttention", "Attention", "MultiHeadAttention"]
