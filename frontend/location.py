"""Where in the user's program we are: the innermost frame that is neither ours nor NumPy's.

Layer: frontend, imports only errors. Called for every traced operation, so it walks raw frames
(about 1 us) and never builds a traceback.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from types import CodeType

import numpy as np

from ..compiler.errors import Loc

# Not resolved: code objects name their files as they were found, through symbolic links.
_ROOT = Path(os.path.abspath(__file__)).parents[1]
# In a checkout the package is spread over folders beside tests and examples; once installed, all
# of it lies below one folder.
_OURS = (
    [_ROOT / folder for folder in ("api", "compiler", "frontend", "runtime")]
    if (_ROOT / "api").is_dir()
    else [_ROOT]
)
_HIDDEN = tuple(str(p) + os.sep for p in (*_OURS, Path(os.path.abspath(np.__file__)).parent))


@lru_cache(maxsize=4096)
def is_hidden(file: str) -> bool:
    """Whether a source file is ours or NumPy's, and so no place to point a user at."""
    return os.path.abspath(file).startswith(_HIDDEN)


@lru_cache(maxsize=4096)
def _loc(code: CodeType, line: int) -> Loc:
    return Loc(code.co_filename, line, code.co_name)


def user_location() -> Loc | None:
    """The line of the user's code that is running now; None when no frame is the user's."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not is_hidden(code.co_filename):
            return _loc(code, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None
