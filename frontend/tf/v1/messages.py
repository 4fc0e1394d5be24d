"""`tf.logging`: messages of a program, on standard error: `INFO:tensorflow:step 100`.

Layer: frontend.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections import Counter
from typing import Any

from ..scopes import get_logger

DEBUG, INFO, WARN, ERROR, FATAL = 10, 20, 30, 40, 50
_COUNTS: Counter[Any] = Counter()


class _Stream:
    """Standard error as it is when something is written."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _logger() -> logging.Logger:
    """The logger; it writes to standard error unless the program has set up logging itself."""
    found = get_logger()
    if not found.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler(_Stream())  # type: ignore[type-var]
        handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
        found.addHandler(handler)
    if found.level == logging.NOTSET:
        found.setLevel(logging.WARNING)
    return found


def log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """A message of some level; `args` are put into it as by `%`."""
    _logger().log(level, msg, *args, **kwargs)


def debug(msg: Any, *args: Any, **kwargs: Any) -> None:
    """A message of level DEBUG."""
    log(DEBUG, msg, *args, **kwargs)


def info(msg: Any, *args: Any, **kwargs: Any) -> None:
    """A message of level INFO."""
    log(INFO, msg, *args, **kwargs)


def warning(msg: Any, *args: Any, **kwargs: Any) -> None:
    """A message of level WARN."""
    log(WARN, msg, *args, **kwargs)


warn = warning


def error(msg: Any, *args: Any, **kwargs: Any) -> None:
    """A message of level ERROR."""
    log(ERROR, msg, *args, **kwargs)


def fatal(msg: Any, *args: Any, **kwargs: Any) -> None:
    """A message of level FATAL; the program goes on."""
    log(FATAL, msg, *args, **kwargs)


def vlog(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """As `log`."""
    log(level, msg, *args, **kwargs)


def _caller() -> Any:
    frame = traceback.extract_stack(limit=3)[0]
    return frame.filename, frame.lineno


def log_every_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """A message at the first of every `n` calls from one line."""
    place = _caller()
    if _COUNTS[place] % n == 0:
        log(level, msg, *args)
    _COUNTS[place] += 1


def log_first_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """A message at the first `n` calls from one line."""
    place = _caller()
    if _COUNTS[place] < n:
        log(level, msg, *args)
    _COUNTS[place] += 1


def log_if(level: int, msg: Any, condition: Any, *args: Any) -> None:
    """A message if a condition holds."""
    if condition:
        log(level, msg, *args)


def flush() -> None:
    """Write out what is held back."""
    for handler in _logger().handlers:
        handler.flush()


def get_verbosity() -> int:
    """The lowest level that is shown."""
    return _logger().level


def set_verbosity(v: Any) -> None:
    """Set the lowest level that is shown: `tf.logging.INFO`."""
    _logger().setLevel(v)
