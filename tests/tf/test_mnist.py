"""The reader of MNIST's files, on files made from scikit-learn's digits."""

import gzip
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tensorwright as tf
from tensorwright.examples.tutorials.mnist import input_data
from tensorwright.frontend.tf.mnist import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS

TRAIN = 1500
DIGITS = load_digits()
PIXELS = np.pad(np.kron(DIGITS.images, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))
PIXELS = np.round(PIXELS * (255 / 16)).astype(np.uint8)
LABELS = DIGITS.target.astype(np.uint8)


def idx(array):
    head = struct.pack(">I", 0x800 + array.ndim)
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def files():
    return {
        TRAIN_IMAGES: idx(PIXELS[:TRAIN]),
        TRAIN_LABELS: idx(LABELS[:TRAIN]),
        TEST_IMAGES: idx(PIXELS[TRAIN:]),
        TEST_LABELS: idx(LABELS[TRAIN:]),
    }


@pytest.fixture
def folder(tmp_path):
    for name, data in files().items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data, 1))
    return tmp_path


def test_the_parts(folder):
    mnist = input_data.read_data_sets(folder, one_hot=True, validation_size=100)
    assert mnist.train.images.shape == (TRAIN - 100, 784)
    assert mnist.train.images.dtype == np.float32
    assert mnist.validation.num_examples == 100 and mnist.test.num_examples == len(LABELS) - TRAIN
    assert mnist.train.images.min() == 0.0 and mnist.train.images.max() == 1.0
    assert np.allclose(mnist.test.images.reshape(-1, 28, 28), PIXELS[TRAIN:] / 255, atol=1e-6)
    assert mnist.test.labels.dtype == np.float64
    assert np.array_equal(mnist.test.labels.argmax(1), LABELS[TRAIN:])
    assert np.array_equal(mnist.validation.labels.argmax(1), LABELS[:100])


def test_forms_of_the_data(folder):
    mnist = input_data.read_data_sets(str(folder), dtype=tf.uint8, reshape=False, validation_size=0)
    assert mnist.train.images.shape == (TRAIN, 28, 28, 1)
    assert mnist.train.images.dtype == mnist.train.labels.dtype == np.uint8
    assert mnist.validation.num_examples == 0
    with pytest.raises(ValueError, match="empty"):
        mnist.validation.next_batch(1)


def test_files_may_be_unpacked(tmp_path):
    for name, data in files().items():
        (tmp_path / name.replace("-idx", ".idx")).write_bytes(data)
    assert input_data.read_data_sets(tmp_path, validation_size=5).train.num_examples == TRAIN - 5


def test_each_epoch_gives_every_example_once(folder):
    data = input_data.read_data_sets(folder, validation_size=0, dtype=np.uint8).train
    seen = []
    for _ in range(15):
        assert data.epochs_completed == 0
        images, labels = data.next_batch(100)
        assert images.shape == (100, 784) and labels.shape == (100,)
        seen.append(images)
    first = np.concatenate(seen)
    assert sorted(map(bytes, first)) == sorted(map(bytes, data.images))
    assert not np.array_equal(first, data.images)
    again, _ = data.next_batch(100)
    assert data.epochs_completed == 1 and not np.array_equal(again, seen[0])


def test_images_keep_their_labels(folder):
    data = input_data.read_data_sets(folder, validation_size=0, dtype=np.uint8).train
    labels_of = {}
    for image, label in zip(data.images, data.labels, strict=True):
        labels_of.setdefault(bytes(image), set()).add(int(label))
    images, labels = data.next_batch(1400)
    more, more_labels = data.next_batch(1400)  # across the end of the epoch
    for image, label in zip((*images, *more), (*labels, *more_labels), strict=True):
        assert int(label) in labels_of[bytes(image)]


def test_order(folder):
    def batches(seed, shuffle=True):
        data = input_data.read_data_sets(folder, validation_size=0, seed=seed).test
        return [data.next_batch(120, shuffle=shuffle)[1].tolist() for _ in range(5)]

    assert batches(3) == batches(3) != batches(4)
    plain = np.resize(LABELS[TRAIN:], 600).tolist()
    assert np.concatenate(batches(3, shuffle=False)).tolist() == plain


def test_batches_larger_than_the_data(folder):
    data = input_data.read_data_sets(folder, validation_size=1490).train
    images, _ = data.next_batch(35)
    assert len(images) == 35 and data.epochs_completed == 3


def test_fake_data():
    mnist = input_data.read_data_sets("nowhere", fake_data=True, one_hot=True)
    images, labels = mnist.train.next_batch(3)
    assert len(images) == 3 and len(images[0]) == 784 and labels == [[1] + [0] * 9] * 3
    assert mnist.test.num_examples == 10_000


def test_missing_files_are_named(folder):
    (folder / f"{TEST_LABELS}.gz").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        input_data.read_data_sets(folder)
    text = str(caught.value)
    assert text.startswith(f"MNIST: {TEST_LABELS} not found in {folder}")
    assert "Nothing is downloaded" in text and f"{TRAIN_IMAGES}.gz" in text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d[:3], "ends within its head"),
        (lambda d: d[:-1], "the file has 1175999 behind"),
        (lambda d: d + b"x", "the file has 1176001 behind"),
        (lambda d: idx(LABELS), "starts with the number 2049; .* starts with 2051"),
        (lambda d: b"<html>", "ends within its head"),
        (lambda d: gzip.compress(d)[:-20], "compressed file is damaged"),
        (lambda d: idx(PIXELS[:7]), "has 7 images, .* has 1500 labels"),
    ],
)
def test_damaged_files_are_named(folder, change, text):
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(change(files()[TRAIN_IMAGES]))
    with pytest.raises(ValueError, match=text) as caught:
        input_data.read_data_sets(folder)
    assert TRAIN_IMAGES in str(caught.value)


def test_arguments_are_checked(folder):
    with pytest.raises(ValueError, match="between 0 and 1500"):
        input_data.read_data_sets(folder)
    with pytest.raises(TypeError, match="expected uint8 or float32"):
        input_data.read_data_sets(folder, dtype=tf.float64, validation_size=0)


def test_single_files(folder):
    with open(folder / f"{TRAIN_IMAGES}.gz", "rb") as file:
        assert input_data.extract_images(file).shape == (TRAIN, 28, 28, 1)
    with open(folder / f"{TRAIN_LABELS}.gz", "rb") as file:
        assert input_data.extract_labels(file, one_hot=True).shape == (TRAIN, 10)
