"""`tf.io`: base64, files, `tf.io.gfile`.

Layer: frontend; eager only.
"""

from __future__ import annotations

import base64
import binascii
import glob as _glob
import os
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from . import dtypes
from .convert import convert_to_tensor
from .errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
)
from .strings import mapped, values
from .tensors import Tensor

_CLASSES: dict[type[OSError], type[OpError]] = {
    FileNotFoundError: NotFoundError,
    FileExistsError: AlreadyExistsError,
    PermissionError: PermissionDeniedError,
    IsADirectoryError: FailedPreconditionError,
    NotADirectoryError: FailedPreconditionError,
}


def _converted(path: Any, error: OSError) -> OpError:
    """TensorFlow's error for one of the operating system."""
    cls = _CLASSES.get(type(error), OpError)
    return cls(None, None, f"{path}; {error.strerror}")


def _path(x: Any) -> str:
    """A path given as a string, bytes, a path object or a tensor."""
    if isinstance(x, Tensor):
        x = x.numpy()
    return os.fsdecode(x)


def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Tensor:
    """Strings in the base64 that web addresses use; padded with = if `pad`."""

    def encoded(text: bytes) -> bytes:
        found = base64.urlsafe_b64encode(text)
        return found if pad else found.rstrip(b"=")

    return mapped(encoded, values(input, "EncodeBase64"))


def decode_base64(input: Any, name: str | None = None) -> Tensor:
    """Strings that are base64 decoded.

    Raises:
        InvalidArgumentError: a string is no base64.
    """

    def decoded(text: bytes) -> bytes:
        bare = text.rstrip(b"=")
        try:
            return base64.b64decode(bare + b"=" * (-len(bare) % 4), b"-_", validate=True)
        except binascii.Error:
            raise InvalidArgumentError(
                "Invalid character found in base64. [Op:DecodeBase64] name: "
            ) from None

    return mapped(decoded, values(input, "DecodeBase64"))


def read_file(filename: Any, name: str | None = None) -> Tensor:
    """The bytes of a file, as one string."""
    path = _path(filename)
    try:
        with open(path, "rb") as file:
            return convert_to_tensor(file.read())
    except OSError as error:
        raise _converted(path, error) from None


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """Write a string to a file; folders are made as needed."""
    path = _path(filename)
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(values(contents, "WriteFile")[()])
    except OSError as error:
        raise _converted(path, error) from None


def matching_files(pattern: Any, name: str | None = None) -> Tensor:
    """The paths that match patterns such as "folder/*.txt", in order."""
    patterns = np.atleast_1d(values(pattern, "MatchingFiles"))
    found = sorted({path for p in patterns for path in _glob.glob(_path(p))})
    return convert_to_tensor(found) if found else Tensor(np.empty(0, object), dtypes.string)


def decode_raw(
    input_bytes: Any,
    out_type: Any,
    little_endian: bool = True,
    fixed_length: int | None = None,
    name: str | None = None,
) -> Tensor:
    """The bytes of strings of equal length as numbers, along a new last axis.

    Raises:
        InvalidArgumentError: the lengths differ, or are no multiple of the dtype's size.
    """
    wanted = dtypes.as_dtype(out_type)
    order = wanted.numpy.newbyteorder("<" if little_endian else ">")
    array = values(input_bytes, "DecodeRaw")
    texts = [t if fixed_length is None else _fitted(t, fixed_length) for t in array.ravel()]
    sizes = {len(t) for t in texts} or {0}
    if len(sizes) > 1 or next(iter(sizes)) % wanted.size:
        raise InvalidArgumentError(
            f"DecodeRaw requires strings of one size that is a multiple of {wanted.size}, the size"
            f" of {wanted.name}, got {sorted(sizes)} [Op:DecodeRaw] name: "
        )
    flat = np.frombuffer(b"".join(texts), order).astype(wanted.numpy)
    return convert_to_tensor(flat.reshape((*array.shape, next(iter(sizes)) // wanted.size)))


def _fitted(text: bytes, size: int) -> bytes:
    return text[:size].ljust(size, b"\0")


# -- tf.io.gfile ----------------------------------------------------------------------------------


class FileStatistics(NamedTuple):
    """What `stat` gives."""

    length: int
    mtime_nsec: int
    is_directory: bool


class GFile:
    """A file, opened when it is first used; a context.

    Args:
        name: the path.
        mode: "r", "w", "a", with "b" for bytes.
    """

    def __init__(self, name: Any, mode: str = "r", encoding: str = "utf-8") -> None:
        self.name = _path(name)
        self.mode = mode
        self._encoding = None if "b" in mode else encoding
        self._file: Any = None

    def _opened(self) -> Any:
        if self._file is None:
            try:
                self._file = open(self.name, self.mode, encoding=self._encoding)  # noqa: SIM115
            except OSError as error:
                raise _converted(self.name, error) from None
        return self._file

    def read(self, n: int = -1) -> Any:
        """The next n characters or bytes; all for -1."""
        return self._opened().read(n)

    def readline(self) -> Any:
        """The next line."""
        return self._opened().readline()

    def readlines(self) -> list[Any]:
        """All lines."""
        return list(self._opened().readlines())

    def write(self, file_content: Any) -> None:
        """Write text or bytes."""
        self._opened().write(file_content)

    def seek(self, offset: int, whence: int = 0) -> None:
        """Go to a place in the file."""
        self._opened().seek(offset, whence)

    def tell(self) -> int:
        """The place in the file."""
        return int(self._opened().tell())

    def size(self) -> int:
        """The number of bytes."""
        return stat(self.name).length

    def flush(self) -> None:
        """Write out what is held back."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._opened())


def exists(path: Any) -> bool:
    """Whether there is a file or folder of this name."""
    return os.path.exists(_path(path))


def isdir(path: Any) -> bool:
    """Whether there is a folder of this name."""
    return os.path.isdir(_path(path))


def join(path: Any, *paths: Any) -> str:
    """Parts of a path joined."""
    return os.path.join(_path(path), *[_path(p) for p in paths])


def glob(pattern: Any) -> list[str]:
    """The paths that match a pattern, or several."""
    patterns = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    return [path for p in patterns for path in sorted(_glob.glob(_path(p)))]


def listdir(path: Any) -> list[str]:
    """The names in a folder."""
    return list(_guarded(os.listdir, path))


def mkdir(path: Any) -> None:
    """Make a folder; the one around it has to exist."""
    _guarded(os.mkdir, path)


def makedirs(path: Any) -> None:
    """Make a folder and those around it."""
    os.makedirs(_path(path), exist_ok=True)


def remove(path: Any) -> None:
    """Delete a file."""
    _guarded(os.remove, path)


def rmtree(path: Any) -> None:
    """Delete a folder and all in it."""
    _guarded(shutil.rmtree, path)


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Move a file or folder; onto another one only if `overwrite`."""
    _refuse_overwriting(dst, overwrite)
    _guarded(os.replace, src, _path(dst))


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copy a file; onto another one only if `overwrite`."""
    _refuse_overwriting(dst, overwrite)
    _guarded(shutil.copyfile, src, _path(dst))


def _refuse_overwriting(path: Any, overwrite: bool) -> None:
    if not overwrite and os.path.exists(_path(path)):
        raise AlreadyExistsError(None, None, f"{_path(path)}; File exists")


def stat(path: Any) -> FileStatistics:
    """Length and time of a file."""
    found = _guarded(os.stat, path)
    return FileStatistics(found.st_size, found.st_mtime_ns, isdir(path))


def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Iterator[Any]:
    """(folder, folders in it, files in it) for a folder and all below it."""
    return os.walk(_path(top), topdown, onerror)


def _guarded(function: Any, path: Any, *rest: Any) -> Any:
    try:
        return function(_path(path), *rest)
    except OSError as error:
        raise _converted(_path(path), error) from None
