"""Which cases the normal run has, and which only a thorough one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def one_in(every: int, cases: Sequence[Any]) -> list[Any]:
    """Cases, of which the normal run has one of every so many; a tuple is several arguments."""
    return [
        case if k % every == 0 else pytest.param(*_arguments(case), marks=pytest.mark.thorough)
        for k, case in enumerate(cases)
    ]


def _arguments(case: Any) -> tuple[Any, ...]:
    return case if type(case) is tuple else (case,)
