"""TensorFlow's error classes.

Layer: frontend. Each is an `OpError` with a message.
"""

from __future__ import annotations

from typing import Any

from ...compiler.errors import TensorwrightError


class OpError(TensorwrightError):
    """Base of what goes wrong in an op. Attributes: `message`, `op`, `node_def`, `error_code`."""

    error_code = 2

    def __init__(self, node_def: Any = None, op: Any = None, message: str = "") -> None:
        if message == "" and op is None and isinstance(node_def, str):
            node_def, message = None, node_def
        super().__init__(message)
        self.message, self.op, self.node_def = message, op, node_def

    def __str__(self) -> str:
        return self.message


def _error(name: str, code: int, doc: str) -> type[OpError]:
    made = type(name, (OpError,), {"error_code": code, "__doc__": doc, "__module__": __name__})
    return made


CancelledError = _error("CancelledError", 1, "An operation was cancelled.")
UnknownError = _error("UnknownError", 2, "The cause is not known.")
InvalidArgumentError = _error(
    "InvalidArgumentError", 3, "An argument has a value or type that the op does not take."
)
DeadlineExceededError = _error("DeadlineExceededError", 4, "A deadline has passed.")
NotFoundError = _error("NotFoundError", 5, "Something asked for does not exist.")
AlreadyExistsError = _error("AlreadyExistsError", 6, "Something to be made exists already.")
PermissionDeniedError = _error("PermissionDeniedError", 7, "The caller may not do this.")
ResourceExhaustedError = _error("ResourceExhaustedError", 8, "A resource is used up.")
FailedPreconditionError = _error(
    "FailedPreconditionError", 9, "The state does not allow this: a variable is not initialised."
)
AbortedError = _error("AbortedError", 10, "An operation was aborted.")
OutOfRangeError = _error("OutOfRangeError", 11, "Past the end of a sequence.")
UnimplementedError = _error("UnimplementedError", 12, "The op does not do this.")
InternalError = _error("InternalError", 13, "An invariant is broken.")
UnavailableError = _error("UnavailableError", 14, "A service is not available.")
DataLossError = _error("DataLossError", 15, "Data are lost or corrupt.")
UnauthenticatedError = _error("UnauthenticatedError", 16, "The caller is not known.")


class OperatorNotAllowedInGraphError(TypeError):
    """Python needs the value of a tensor that has none while a function is traced."""
