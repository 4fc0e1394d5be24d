"""The MNIST digits as TensorFlow 1's tutorials read them: `input_data.read_data_sets(folder)`.

Layer: frontend. Reads the four original files; nothing is downloaded.
"""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import dtypes
from .idx import DamagedFileError, parse_idx, read_idx

_PIXELS = 28 * 28
_CLASSES = 10
_FAKE_EXAMPLES = 10_000
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


class DataSet:
    """Images and their labels, and batches of them.

    Args:
        images: uint8 [n, height, width, 1].
        labels: [n], or [n, classes] with one_hot.
        fake_data: hand out the same made-up example always, for tests.
        one_hot: whether fake labels are rows with a single 1.
        dtype: float32, from 0 to 1, or uint8.
        reshape: whether each image becomes a row: [n, height * width].
        seed: of the order of batches; by default it differs from run to run.

    Raises:
        TypeError: the dtype is neither.
        ValueError: there is not one label for each image.
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = dtypes.float32,
        reshape: bool = True,
        seed: int | None = None,
    ) -> None:
        wanted = dtypes.as_dtype(dtype)
        if wanted not in (dtypes.uint8, dtypes.float32):
            raise TypeError(f"Invalid image dtype {dtype!r}, expected uint8 or float32")
        self._images, self._labels = np.asarray(images), np.asarray(labels)
        self._fake_label: Any = None
        self._num_examples = _FAKE_EXAMPLES
        if fake_data:
            self._fake_label = [1] + [0] * (_CLASSES - 1) if one_hot else 0
        else:
            self._take(reshape, wanted is dtypes.float32)
        self._random = np.random.RandomState(seed)
        self._order = np.arange(self._num_examples)
        self._place = 0  # in the order
        self._epochs_completed = 0

    def _take(self, reshape: bool, as_floats: bool) -> None:
        count = len(self._images)
        if count != len(self._labels):
            raise ValueError(f"there are {count} images and {len(self._labels)} labels")
        self._num_examples = count
        if reshape:
            self._images = self._images.reshape(count, math.prod(self._images.shape[1:]))
        if as_floats:
            self._images = self._images.astype(np.float32) * np.float32(1 / 255)

    @property
    def images(self) -> np.ndarray:
        """The images."""
        return self._images

    @property
    def labels(self) -> np.ndarray:
        """The labels."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many images there are."""
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        """How often batches have been through all examples."""
        return self._epochs_completed

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[Any, Any]:
        """(images, labels) of the next examples; each epoch has another order if `shuffle`.

        Raises:
            ValueError: there are no examples.
        """
        if fake_data or self._fake_label is not None:
            label = 0 if self._fake_label is None else self._fake_label
            return [[1] * _PIXELS for _ in range(batch_size)], [label] * batch_size
        if not self._num_examples:
            raise ValueError("next_batch: the data set is empty")
        taken = self._next(batch_size, shuffle)
        return self._images[taken], self._labels[taken]

    def _next(self, count: int, shuffle: bool) -> np.ndarray:
        """The numbers of the next examples."""
        if shuffle and not self._epochs_completed and not self._place:
            self._random.shuffle(self._order)
        parts = []
        while self._place + count > self._num_examples:
            parts.append(self._order[self._place :].copy())
            count -= len(parts[-1])
            self._place = 0
            self._epochs_completed += 1
            if shuffle:
                self._random.shuffle(self._order)
        parts.append(self._order[self._place : self._place + count])
        self._place += count
        return np.concatenate(parts)


class Datasets(NamedTuple):
    """The parts of the data."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: Any,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = dtypes.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str | None = None,
) -> Datasets:
    """MNIST, or any data in files of that form, from a folder.

    Args:
        train_dir: the folder with the four files, compressed (.gz) or not.
        fake_data: read nothing, give made-up examples.
        one_hot: labels as rows of ten with a single 1 (float64), else as uint8.
        dtype: of the images: float32, from 0 to 1, or uint8.
        reshape: whether each image becomes a row of pixels, else [height, width, 1].
        validation_size: how many of the training examples are for validation.
        seed: of the order of batches.
        source_url: not used: nothing is downloaded.

    Raises:
        FileNotFoundError: files are missing; the message says which.
        DamagedFileError: a file is not complete, or is another one.
        ValueError: the validation size is not possible.
    """
    if fake_data:
        fakes = [DataSet([], [], True, one_hot, dtype, seed=seed) for _ in range(3)]
        return Datasets(*fakes)
    train_images, train_labels, test_images, test_labels = _arrays(Path(os.fsdecode(train_dir)))
    if not 0 <= validation_size <= len(train_images):
        raise ValueError(
            f"Validation size should be between 0 and {len(train_images)}."
            f" Received: {validation_size}."
        )
    parts = [
        (train_images[validation_size:], train_labels[validation_size:]),
        (train_images[:validation_size], train_labels[:validation_size]),
        (test_images, test_labels),
    ]
    made = [
        DataSet(images[..., None], _labels(labels, one_hot), False, one_hot, dtype, reshape, seed)
        for images, labels in parts
    ]
    return Datasets(*made)


def _labels(labels: np.ndarray, one_hot: bool) -> np.ndarray:
    return dense_to_one_hot(labels, _CLASSES) if one_hot else labels


def _arrays(folder: Path) -> list[np.ndarray]:
    paths = [_file(folder, name) for name in FILES]
    missing = [name for name, path in zip(FILES, paths, strict=True) if path is None]
    if missing:
        raise FileNotFoundError(
            f"MNIST: {', '.join(missing)} not found in {folder.absolute()}. Nothing is downloaded:"
            f" put the four files {', '.join(f'{n}.gz' for n in FILES)} there, as they are or"
            " unpacked."
        )
    arrays = [
        read_idx(path, 3 if "images" in name else 1)
        for name, path in zip(FILES, paths, strict=True)
    ]
    for k in (0, 2):
        if len(arrays[k]) != len(arrays[k + 1]):
            raise DamagedFileError(
                f"{paths[k]} has {len(arrays[k])} images, {paths[k + 1]} has"
                f" {len(arrays[k + 1])} labels"
            )
    return arrays


def _file(folder: Path, name: str) -> Path | None:
    """The file of this name; some archives write its last hyphen as a dot."""
    dotted = name.replace("-idx", ".idx")
    for each in (f"{name}.gz", name, f"{dotted}.gz", dotted):
        if (folder / each).is_file():
            return folder / each
    return None


# -- reading single files -------------------------------------------------------------------------


def extract_images(f: Any) -> np.ndarray:
    """The images in an opened .gz file: uint8 [n, height, width, 1]."""
    return parse_idx(_content(f), 3, _name(f))[..., None]


def extract_labels(f: Any, one_hot: bool = False, num_classes: int = _CLASSES) -> np.ndarray:
    """The labels in an opened .gz file: uint8 [n], or float64 [n, classes]."""
    labels = parse_idx(_content(f), 1, _name(f))
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


def _content(f: Any) -> bytes:
    with gzip.GzipFile(fileobj=f) as unpacked:
        return unpacked.read()


def _name(f: Any) -> str:
    return str(getattr(f, "name", "file"))


def dense_to_one_hot(labels_dense: np.ndarray, num_classes: int) -> np.ndarray:
    """Labels as rows with a single 1 (float64)."""
    return np.eye(num_classes)[labels_dense]
