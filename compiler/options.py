"""How to compile: one frozen record, passed as an argument.

Layer: compiler. The only module that reads environment variables::

    TENSORWRIGHT_VERIFY=1        check the graph after every pass
    TENSORWRIGHT_DUMP_DIR=DIR    write what every stage makes to DIR
    OMP_NUM_THREADS=N            let N threads share a loop, as in other programs
    NUMBA_ENABLE_CUDASIM=1       run kernels for the GPU in Numba's simulator, as Numba would
    TENSORWRIGHT_CACHE_DIR=DIR   keep compiled kernels for the GPU in DIR; empty: do not keep them
    TENSORWRIGHT_GPU_LIBRARIES=0 do everything on the GPU by kernels, nothing by cuBLAS and cuDNN
    TENSORWRIGHT_ONEDNN=0        let oneDNN do nothing; another text is the path of the library
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEVICES = ("cpu", "gpu")


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a user can choose about a compilation."""

    device: str | None = None  # one of DEVICES; None: where the arguments lie
    fast_math: bool = False  # let rules change rounding, NaN and signed zeros
    verify: bool = False  # check the graph after every pass
    dump_dir: str | None = None  # where to write what every stage makes
    onednn: bool = False  # let oneDNN compute convolutions that it computes quicker

    @staticmethod
    def from_environment(environment: Mapping[str, str] | None = None) -> Options:
        """The options that the process's environment (or the given one) asks for."""
        found = os.environ if environment is None else environment
        return Options(
            verify=found.get("TENSORWRIGHT_VERIFY", "0") not in ("", "0"),
            dump_dir=found.get("TENSORWRIGHT_DUMP_DIR") or None,
            onednn=onednn_library(found) is not None,
        )


def threads_wanted(environment: Mapping[str, str] | None = None) -> int | None:
    """How many threads the environment asks for; None: it does not say, or not in a number.

    OpenMP's variable may be a list; its first number is that of the outermost loops.
    """
    found = os.environ if environment is None else environment
    first = found.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def simulates_gpu(environment: Mapping[str, str] | None = None) -> bool:
    """Whether Numba simulates a GPU in this process."""
    found = os.environ if environment is None else environment
    return found.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def uses_gpu_libraries(environment: Mapping[str, str] | None = None) -> bool:
    """Whether NVIDIA's libraries may take the place of kernels on a GPU."""
    found = os.environ if environment is None else environment
    return found.get("TENSORWRIGHT_GPU_LIBRARIES", "1") not in ("", "0")


def onednn_library(environment: Mapping[str, str] | None = None) -> Path | None:
    """The file of oneDNN: what the environment names, or what the extra `onednn` has installed.

    None if there is none, or it is not wanted.
    """
    named = onednn_named(environment)
    if named == "0":
        return None
    if named:
        return Path(named)
    installed = Path(sys.prefix, "lib", "libdnnl.so.3")
    return installed if installed.exists() else None


def onednn_named(environment: Mapping[str, str] | None = None) -> str:
    """What the environment says of oneDNN: 0, a path, or nothing, which 1 says, too."""
    found = os.environ if environment is None else environment
    text = found.get("TENSORWRIGHT_ONEDNN", "")
    return "" if text == "1" else text


def cache_folder(environment: Mapping[str, str] | None = None) -> Path | None:
    """Where compiled kernels are kept between processes: the user's folder for such things.

    None if they are not to be kept, or there is no such folder.
    """
    found = os.environ if environment is None else environment
    chosen = found.get("TENSORWRIGHT_CACHE_DIR")
    if chosen is not None:
        return Path(chosen) if chosen else None
    if base := found.get("XDG_CACHE_HOME"):
        return Path(base) / "tensorwright"
    if home := found.get("HOME"):
        return Path(home) / ".cache" / "tensorwright"
    return None
