"""`tf.app.run`: reads the flags, calls `main` and ends the program.

Layer: frontend.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from . import flags


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Read the command line, call `main(rest of it)`, and end the program with what it returns.

    Args:
        main: by default the function `main` of the program.
        argv: the command line; by default that of the program.
    """
    words = list(sys.argv if argv is None else argv)
    function = main or sys.modules["__main__"].main  # type: ignore[attr-defined]
    try:
        rest = flags.FLAGS(words, known_only=True)
    except flags.Error as error:
        sys.stderr.write(
            f"FATAL Flags parsing error:\n  {error}\n"
            "Pass --helpshort or --helpfull to see help on flags.\n"
        )
        sys.exit(1)
    sys.exit(function(rest))
