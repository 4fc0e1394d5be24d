"""Layers that repeat pixels, vectors and layers; whole channels dropped."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tf

L = tf.keras.layers
RNG = np.random.default_rng(2)
LINE, IMAGE, VOLUME = (
    RNG.standard_normal(s).astype(np.float32) for s in ((2, 3, 4), (2, 3, 4, 5), (1, 2, 3, 2, 4))
)


def test_up_sampling() -> None:
    np.testing.assert_array_equal(L.UpSampling1D(3)(LINE), np.repeat(LINE, 3, 1))
    expected = np.repeat(np.repeat(IMAGE, 2, 1), 3, 2)
    np.testing.assert_array_equal(L.UpSampling2D((2, 3))(IMAGE), expected)
    first = L.UpSampling2D((2, 3), "channels_first")(np.moveaxis(IMAGE, -1, 1)).numpy()
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), expected)
    assert L.UpSampling3D(2)(VOLUME).shape == (1, 4, 6, 4, 4)
    smooth = L.UpSampling2D(2, interpolation="bilinear")
    np.testing.assert_array_equal(smooth(IMAGE), tf.image.resize(IMAGE, (6, 8)))
    first = L.UpSampling2D(2, "channels_first", "bilinear")(np.moveaxis(IMAGE, -1, 1)).numpy()
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), smooth(IMAGE), rtol=1e-6)
    again = L.UpSampling2D.from_config(smooth.get_config())
    np.testing.assert_array_equal(again(IMAGE), smooth(IMAGE))


def test_repeat_vector_and_time_distributed() -> None:
    found = L.RepeatVector(3)(LINE[:, 0]).numpy()
    np.testing.assert_array_equal(found, np.repeat(LINE[:, :1], 3, 1))
    steps = RNG.standard_normal((2, 3, 6, 6, 1)).astype(np.float32)
    layer = L.TimeDistributed(L.Conv2D(4, 3))
    found = layer(steps).numpy()
    for k in range(3):
        np.testing.assert_allclose(found[:, k], layer.layer(steps[:, k]), rtol=1e-4, atol=1e-5)
    assert [w.shape for w in layer.get_weights()] == [(3, 3, 1, 4), (4,)]
    again = L.TimeDistributed.from_config(layer.get_config())
    again(steps)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(steps), found)
    with pytest.raises(ValueError, match="at least 3 dimensions"):
        layer(np.ones((2, 3)))


def test_whole_channels_are_dropped() -> None:
    layer = L.SpatialDropout2D(0.5)
    ones = np.ones((16, 3, 4, 8), np.float32)
    np.testing.assert_array_equal(layer(ones), ones)
    found = layer(ones, training=True).numpy()
    assert set(np.unique(found)) == {0.0, 2.0}
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :1, :1], found.shape))
    first = L.SpatialDropout1D(0.5, "channels_first")(np.ones((16, 8, 5)), training=True).numpy()
    np.testing.assert_array_equal(first, np.broadcast_to(first[:, :, :1], first.shape))
    assert L.SpatialDropout3D(0.5)(VOLUME, training=True).shape == VOLUME.shape
