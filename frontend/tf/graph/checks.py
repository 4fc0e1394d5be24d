"""Assertions in graphs: operations that raise InvalidArgumentError in a run.

Layer: frontend. They run on the host. What can be told from dtypes and shapes is checked when the
op is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import debugging
from ..errors import InvalidArgumentError
from ..printing import text_of
from .ops import host_op
from .state import is_building


def Assert(
    condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None
) -> Any:
    """An operation that raises InvalidArgumentError, with the data, unless the condition holds.

    Args:
        condition: truth values, all of which have to hold.
        data: tensors that the message shows.
        summarize: how many elements of each; 3 by default.
        name: of the op.
    """
    limit = 3 if summarize is None else summarize
    if not is_building():
        return debugging.Assert(condition, data, limit)

    def check(holds: np.ndarray, *arrays: np.ndarray) -> Sequence[Any]:
        if not holds.all():
            shown = " ".join(f"[{text_of(a, limit)}]" for a in arrays)
            raise InvalidArgumentError(f"assertion failed: {shown}")
        return []

    return host_op("Assert", check, [condition, *data], (), name, writes=True)
