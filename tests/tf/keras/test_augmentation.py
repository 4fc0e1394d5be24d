"""Layers that change images at random, and bring them to one size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

K, L = tf.keras, tf.keras.layers
IMAGES = np.arange(40, dtype=np.float32).reshape(2, 4, 5, 1)
# Drawn from ranges of one number, so that the result is known.
FIXED: list[tuple[str, dict[str, Any]]] = [
    ("RandomRotation", {"factor": (0.25, 0.25)}),
    ("RandomRotation", {"factor": (0.1, 0.1), "fill_mode": "constant", "fill_value": 7.0}),
    ("RandomRotation", {"factor": (-0.3, -0.3), "interpolation": "nearest"}),
    ("RandomTranslation", {"height_factor": (0.25, 0.25), "width_factor": (-0.3, -0.3)}),
    ("RandomTranslation", {"height_factor": (0.6, 0.6), "width_factor": 0.0, "fill_mode": "wrap"}),
    ("RandomTranslation", {"height_factor": 0, "width_factor": (0.5, 0.5), "fill_mode": "nearest"}),
    ("RandomZoom", {"height_factor": (0.5, 0.5)}),
    ("RandomZoom", {"height_factor": (-0.4, -0.4), "width_factor": (0.2, 0.2)}),
    ("RandomBrightness", {"factor": (0.1, 0.1)}),
    ("RandomBrightness", {"factor": (-0.5, -0.5), "value_range": (0, 30)}),
    ("Resizing", {"height": 3, "width": 7}),
    ("Resizing", {"height": 2, "width": 2, "crop_to_aspect_ratio": True}),
    ("Resizing", {"height": 6, "width": 3, "interpolation": "nearest"}),
    ("CenterCrop", {"height": 2, "width": 2}),
    ("CenterCrop", {"height": 6, "width": 3}),
]


def named(case: tuple[str, dict[str, Any]]) -> str:
    return "-".join([case[0], *(f"{k}={v}" for k, v in case[1].items())]).replace(" ", "")


@pytest.mark.peers
@pytest.mark.parametrize("case", FIXED, ids=named)
def test_as_keras(case: tuple[str, dict[str, Any]]) -> None:
    peer = pytest.importorskip("tensorflow")
    found, expected = (getattr(m.keras.layers, case[0])(**case[1])(IMAGES) for m in (tf, peer))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-4)


def test_values() -> None:
    moved = L.RandomTranslation((0.25, 0.25), (0.2, 0.2), "constant")(IMAGES)
    expected = np.zeros((4, 5), np.float32)
    expected[1:, 1:] = IMAGES[0, :-1, :-1, 0]
    np.testing.assert_allclose(moved[0, :, :, 0], expected)
    zoomed = L.RandomZoom((0.5, 0.5))(IMAGES)[0, :, :, 0]
    np.testing.assert_allclose(zoomed[0], [0, 0.5, 2, 3.5, 4])
    np.testing.assert_allclose(zoomed[:, 2], [2, 5.75, 13.25, 17])
    turned = L.RandomRotation((0.5, 0.5), "nearest")(IMAGES)
    np.testing.assert_allclose(turned, IMAGES[:, ::-1, ::-1], atol=1e-4)
    np.testing.assert_allclose(L.RandomBrightness((0.1, 0.1))(IMAGES), IMAGES + 25.5)
    np.testing.assert_array_equal(L.CenterCrop(2, 3)(IMAGES), IMAGES[:, 1:3, 1:4])
    assert L.Resizing(2, 2)(IMAGES.astype(np.uint8)).dtype == tf.uint8


RANDOM = [
    L.RandomFlip(), L.RandomFlip("horizontal"), L.RandomRotation(0.2), L.RandomZoom(0.3, 0.2),
    L.RandomTranslation(0.2, 0.2), L.RandomContrast(0.4), L.RandomBrightness(0.3),
]  # fmt: skip


@pytest.mark.parametrize("layer", RANDOM, ids=lambda x: type(x).__name__)
def test_images_are_changed_in_training_alone(layer: Any) -> None:
    K.utils.set_random_seed(0)
    images = np.random.default_rng(0).uniform(0, 255, (16, 6, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer(images, training=False), images)
    first, second = layer(images).numpy(), layer(images).numpy()
    assert not np.allclose(first, second) and first.shape == images.shape
    assert layer(images[0].astype(np.uint8)).dtype == tf.float32
    x = K.Input((6, 5, 3))
    model = K.Model(x, layer(x))
    assert model.output_shape == (None, 6, 5, 3)
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)
    changed = tf.function(lambda x: model(x, training=True))
    assert not np.allclose(changed(images), changed(images))
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_each_image_is_flipped_for_itself() -> None:
    images = np.broadcast_to(IMAGES[:1], (64, 4, 5, 1))
    found = L.RandomFlip("vertical", seed=3)(images).numpy()
    is_flipped = [np.array_equal(x, IMAGES[0, ::-1]) for x in found]
    assert 10 < sum(is_flipped) < 54
    kept = [np.array_equal(x, IMAGES[0]) for x in found]
    assert all(a != b for a, b in zip(is_flipped, kept, strict=True))


def test_random_parts() -> None:
    images = np.random.default_rng(0).uniform(size=(3, 8, 9, 2)).astype(np.float32)
    layer = L.RandomCrop(4, 5)
    found = layer(images).numpy()
    places = [(r, c) for r in range(5) for c in range(5)]
    assert any(np.array_equal(found, images[:, r : r + 4, c : c + 5]) for r, c in places)
    assert layer(images, training=False).shape == (3, 4, 5, 2)
    assert L.RandomCrop(10, 10)(images).shape == (3, 10, 10, 2)
    assert layer(K.Input((8, 9, 2))).shape == (None, 4, 5, 2)


def test_a_model_with_augmentation_learns() -> None:
    K.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 96)
    x = rng.uniform(0, 60, (96, 8, 8, 1)).astype(np.float32) + 120 * y[:, None, None, None]
    model = K.Sequential([
        K.Input((8, 8, 1)), L.RandomFlip(), L.RandomRotation(0.1), L.RandomZoom(0.1),
        L.Rescaling(1 / 255), L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(),
        L.Dense(2),
    ])  # fmt: skip
    loss = K.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(K.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    assert model.fit(x, y, epochs=15, verbose=0).history["accuracy"][-1] > 0.9


def test_refusals() -> None:
    for make, words in (
        (lambda: L.RandomRotation(2.0), r"range \[-1.0, 1.0\]"),
        (lambda: L.RandomZoom((0.1, 0.2, 0.3)), "`height_factor`"),
        (lambda: L.RandomContrast(-0.1), r"range \[0.0, 1.0\]"),
        (lambda: L.RandomContrast((0.1, 0.2, 0.3)), "two numbers"),
        (lambda: L.RandomBrightness(0.1, value_range=3), "`value_range`"),
        (lambda: L.RandomFlip("sideways"), "`mode`"),
        (lambda: L.RandomFlip(data_format="channels_first"), "channels_last"),
        (lambda: L.RandomFlip()(np.ones(3)), "rank 3 or 4"),
        (lambda: L.RandomZoom(0.1)(K.Input((None, 4, 1))), "has to be known"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(NotImplementedError, match="Unknown `fill_mode`"):
        L.RandomZoom(0.1, fill_mode="mirror")
    with pytest.raises(NotImplementedError, match="Unknown `interpolation`"):
        L.RandomZoom(0.1, interpolation="cubic")
