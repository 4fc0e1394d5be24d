"""Dtype policies: what layers compute in, and what their weights are kept in.

Layer: frontend. Under "mixed_bfloat16" and "mixed_float16" weights stay float32 and are converted
where a layer reads them; gradients come back through the conversion, as float32.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..dtypes import DType
from ..elementwise import cast
from ..tensors import Tensor
from ..variables import Variable
from . import settings

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """Compute in one dtype, keep weights in another.

    Args:
        name: a float dtype, for both, or "mixed_bfloat16" or "mixed_float16".

    Raises:
        ValueError: the name is none of these.
    """

    def __init__(self, name: Any = None) -> None:
        self.name: str = getattr(name, "name", name) or settings.floatx()
        mixed = _MIXED.get(self.name)
        try:
            self.compute: DType = settings.float_dtype(mixed or self.name)
        except TypeError:
            raise ValueError(
                f"Cannot convert {self.name!r} to a mixed precision DTypePolicy. Valid policies"
                f" include {', '.join(map(repr, _MIXED))}, and the name of any float dtype such as"
                " 'float32'."
            ) from None
        self.variable: DType = settings.float_dtype("float32") if mixed else self.compute

    @property
    def compute_dtype(self) -> str:
        """What layers compute in, and give."""
        return self.compute.name

    @property
    def variable_dtype(self) -> str:
        """What weights are kept in."""
        return self.variable.name

    @property
    def is_mixed(self) -> bool:
        """Whether the two differ."""
        return self.compute is not self.variable

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """The policy with this configuration."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


_CHOSEN: list[DTypePolicy] = []  # by the user; without one, that of `floatx`


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none."""
    return _CHOSEN[0] if _CHOSEN else DTypePolicy()


def set_dtype_policy(policy: Any) -> None:
    """Choose the policy of layers that are made from here on; None for that of `floatx`."""
    _CHOSEN[:] = [] if policy is None else [get(policy)]


def get(identifier: Any = None) -> DTypePolicy:
    """A policy for a policy, its name or configuration, a dtype, or None for the global one."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(**identifier["config"])
    return DTypePolicy(identifier)


# -- weights ------------------------------------------------------------------------------------


class _Scope(threading.local):
    """What weights are converted to on this thread where they are read; None: they are not."""

    dtype: DType | None = None


_SCOPE = _Scope()


@contextmanager
def reading_as(dtype: DType | None) -> Iterator[None]:
    """Let weights of layers with mixed precision be read as this dtype."""
    before, _SCOPE.dtype = _SCOPE.dtype, dtype
    try:
        yield
    finally:
        _SCOPE.dtype = before


class AutoCastVariable(Variable):
    """A weight that layers read in the dtype they compute in; outside of them it is as it is."""

    def _read_tensor(self) -> Tensor:
        tensor, wanted = super()._read_tensor(), _SCOPE.dtype
        return tensor if wanted is None else cast(tensor, wanted)

    def value(self) -> Tensor:
        """The value now, as a tensor."""
        return self._read_tensor()

    read_value = value
