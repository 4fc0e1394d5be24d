"""The ways in which a command can fail that are not tensorwright's own errors.

Layer: api, imports nothing of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class UsageError(Exception):
    """The command line asks for something that is not there; the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UserProgramError(Exception):
    """The user's own code raised something; the message is what to print."""


def choices(wrong: str, right: Sequence[str]) -> str:
    """The end of a message: the nearest of the names that exist, or all of them."""
    near = difflib.get_close_matches(wrong, right, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(right)}" if right else ""
