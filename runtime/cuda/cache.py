"""Compiled kernels on disk, so that a later process does not compile them.

Layer: runtime. In: a `GpuProgram` and what to compile for. Out: an `Image`. A file is named by a
hash of all that the machine code depends on. It is written beside its place and then renamed, so
that others see all of it or none; one that is damaged is made anew, and a folder that cannot be
written is as good as none.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...compiler.launches import GpuProgram
from ...compiler.options import cache_folder
from .compiling import machine_image, parameters, source_image
from .protocol import Image

_FORMAT = b"tensorwright kernels 1\n"  # what a file begins with
_ENDING = ".kernels"
_MOST_FILES = 4096  # the oldest are removed beyond that
_DIGEST = sha256().digest_size
# What makes machine code of a source.
_PACKAGES = ("tensorwright", "numba", "numba-cuda", "nvidia-nvvm", "nvidia-nvjitlink")
_MODULES = ("compiling.py", "intrinsics.py")  # ours, which may change within a version

Make = Callable[[GpuProgram, str], Image]


def image(program: GpuProgram, target: str) -> Image:
    """The compiled kernels of a program for `target`, from disk if they are there.

    Raises:
        DeviceError: what compiles them is not installed.
    """
    if target == "simulator":
        return source_image(program)
    return kept(program, target, cache_folder(), machine_image)


def kept(program: GpuProgram, target: str, folder: Path | None, make: Make) -> Image:
    """What `make` makes, kept in a folder."""
    if folder is None:
        return make(program, target)
    file = folder / f"{_key(program, target)}{_ENDING}"
    found = _read(file)
    if found is None:
        found = make(program, target)
        _write(file, found)
    return found


def _key(program: GpuProgram, target: str) -> str:
    """A name for all that the machine code follows from."""
    parts = [program.source, json.dumps(parameters(program)), target, *_versions()]
    return sha256("\0".join(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    here = Path(__file__).parent
    own = [(here / name).read_text() for name in _MODULES if (here / name).exists()]
    return (*(_version(name) for name in _PACKAGES), *own)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(file: Path) -> Image | None:
    """The image in a file; None if there is none, or it is damaged."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    rest = data[len(_FORMAT) :]
    digest, content = rest[:_DIGEST], rest[_DIGEST:]
    if not data.startswith(_FORMAT) or sha256(content).digest() != digest:
        return None
    head, _, code = content.partition(b"\n")
    names = json.loads(head)
    kinds = {name: tuple(kinds) for name, kinds in names["parameters"].items()}
    return Image(code, names["entries"], kinds)


def _write(file: Path, image: Image) -> None:
    head = json.dumps({"entries": image.entries, "parameters": image.parameters})
    content = head.encode() + b"\n" + image.code
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_room(file.parent)
        place, name = tempfile.mkstemp(dir=file.parent)
        try:
            with open(place, "wb") as out:
                out.write(_FORMAT + sha256(content).digest() + content)
            os.replace(name, file)
        except OSError:
            os.unlink(name)
            raise


def _make_room(folder: Path) -> None:
    """Remove the oldest quarter of too many files."""
    files = [entry for entry in os.scandir(folder) if entry.name.endswith(_ENDING)]
    if len(files) >= _MOST_FILES:
        files.sort(key=lambda entry: entry.stat().st_mtime)
        for entry in files[: _MOST_FILES // 4]:
            os.unlink(entry.path)
