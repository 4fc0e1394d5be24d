"""`checkpoint`: compute again on the way back instead of keeping.

Layer: frontend. The function's nodes are emitted as usual; its rule emits them once more where the
derivative is taken, on inputs behind a `barrier` that waits for the cotangent. So nothing of the
first computation but inputs and results outlives it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.ir.batching import BatchSite, Mapped
from ...compiler.ir.derivative import Contribution, Site
from ...compiler.ops.markers import BARRIER
from ...compiler.transforms.reverse import pull_back_terms
from ..context import current
from .batched import batch_rule
from .marked import Marked, Terms, copy_into, emit_marked


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose derivative in reverse mode computes its intermediate values again.

    They are not kept from the forward pass, which takes less memory and more time. Applied to
    the blocks of a deep model it keeps their inputs alone.
    """

    @functools.wraps(function)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        ctx = current()
        if ctx is None:
            return function(*args, **kwargs)

        def called(given: tuple[Any, dict[str, Any]]) -> tuple[Any, Any]:
            return function(*given[0], **given[1]), None

        name = getattr(function, "__name__", "function")
        what = f"the checkpointed function {name}"
        return emit_marked(ctx, what, called, (args, kwargs), _Recompute, stop=False)

    return checkpointed


@dataclass(frozen=True, eq=False)
class _Recompute:
    """The rule of one call."""

    marked: Marked

    def vjp(self, site: Site, cts: Terms) -> list[Contribution]:
        """Compute the results again, and pull back through that."""
        builder = site.operands[0].builder
        first = self.marked.layout.first_argument
        waits = [ct.value for ct in cts if ct is not None]
        inputs = [builder.emit(BARRIER, x.value, *waits) for x in site.operands[first:]]
        start = len(builder.nodes)
        outputs = copy_into(builder, self.marked.graph, inputs, gradient=True)
        wanted = [v for v, w in zip(inputs, site.wanted[first:], strict=True) if w]
        nodes = builder.nodes[start:]
        found = iter(pull_back_terms(builder, nodes, outputs, cts, wanted))
        return [*[None] * first, *(next(found) if w else None for w in site.wanted[first:])]

    def jvp(self, site: Site, tangents: Terms) -> Terms:
        """The tangents that the results have anyway."""
        return tangents[: self.marked.layout.results]

    def batch(self, site: BatchSite) -> Sequence[Mapped]:
        """The rule for a stack of examples."""
        return batch_rule(self, self.marked.layout.results, site)
