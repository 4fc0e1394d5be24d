"""TensorFlow's error classes.

Layer: frontend. Each is an `OpError` with a message.
"""

from __future__ import annotations

from typing import Any

from ...compiler.errors import TensorwrightError


class OpError(TensorwrightError):
    """Base of what goes wrong in an op. Attributes: `message`, `op`, `node_def`, `error_code`."""

    error_code = 2
    type_error: str | None = None  # of wrong dtypes: what the TypeError says when a graph is built

    def __init__(self, node_def: Any = None, op: Any = None, message: str = "") -> None:
        if message == "" and op is None and isinstance(node_def, str):
            node_def, message = None, node_def
        super().__init__(message)
        self.message, self.op, self.node_def = message, op, node_def

    def __str__(self) -> str:
        return self.message


class CancelledError(OpError):
    """An operation was cancelled."""

    error_code = 1


class UnknownError(OpError):
    """The cause is not known."""

    error_code = 2


class InvalidArgumentError(OpError):
    """An argument has a value or type that the op does not take."""

    error_code = 3


class DeadlineExceededError(OpError):
    """A deadline has passed."""

    error_code = 4


class NotFoundError(OpError):
    """Something asked for does not exist."""

    error_code = 5


class AlreadyExistsError(OpError):
    """Something to be made exists already."""

    error_code = 6


class PermissionDeniedError(OpError):
    """The caller may not do this."""

    error_code = 7


class ResourceExhaustedError(OpError):
    """A resource is used up."""

    error_code = 8


class FailedPreconditionError(OpError):
    """The state does not allow this: a variable is not initialised."""

    error_code = 9


class AbortedError(OpError):
    """An operation was aborted."""

    error_code = 10


class OutOfRangeError(OpError):
    """Past the end of a sequence."""

    error_code = 11


class UnimplementedError(OpError):
    """The op does not do this."""

    error_code = 12


class InternalError(OpError):
    """An invariant is broken."""

    error_code = 13


class UnavailableError(OpError):
    """A service is not available."""

    error_code = 14


class DataLossError(OpError):
    """Data are lost or corrupt."""

    error_code = 15


class UnauthenticatedError(OpError):
    """The caller is not known."""

    error_code = 16


class OperatorNotAllowedInGraphError(TypeError):
    """Python needs the value of a tensor that has none while a function is traced."""
