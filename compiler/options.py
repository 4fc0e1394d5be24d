"""How to compile: one frozen record, passed as an argument.

Layer: compiler. The only module that reads environment variables::

    TENSORWRIGHT_VERIFY=1        check the graph after every pass
    TENSORWRIGHT_DUMP_DIR=DIR    write what every stage makes to DIR
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a user can choose about a compilation."""

    fast_math: bool = False  # let rules change rounding, NaN and signed zeros
    verify: bool = False  # check the graph after every pass
    dump_dir: str | None = None  # where to write what every stage makes

    @staticmethod
    def from_environment(environment: Mapping[str, str] | None = None) -> Options:
        """The options that the process's environment (or the given one) asks for."""
        found = os.environ if environment is None else environment
        return Options(
            verify=found.get("TENSORWRIGHT_VERIFY", "0") not in ("", "0"),
            dump_dir=found.get("TENSORWRIGHT_DUMP_DIR") or None,
        )
