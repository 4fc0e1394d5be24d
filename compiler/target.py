"""The machine that code is generated for: data only.

Layer: compiler, imports nothing of ours. `codegen/llvm/machine.py` fills one in for the host.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARE_NS = 25_000  # work for each thread: starting and joining threads takes some us


@dataclass(frozen=True, slots=True)
class Target:
    """A CPU as LLVM names it, and the facts that the choice of code depends on.

    `features` is LLVM's comma-separated list (`+avx2,-avx512f`); `vector_bytes` is the width of
    the vectors that kernels are written with: 64, 32 or 16. With `has_onednn` programs may ask for
    that library.
    """

    cpu: str
    features: str
    vector_bytes: int
    has_fma: bool
    has_onednn: bool = False
