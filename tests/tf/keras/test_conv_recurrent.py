"""Long short-term memories whose products are convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

K, L = tf.keras, tf.keras.layers
FILM = np.random.default_rng(2).standard_normal((2, 4, 6, 5, 3)).astype(np.float32)


def test_a_step_is_that_of_an_lstm() -> None:
    layer, usual = L.ConvLSTM1D(4, 1), L.LSTM(4)
    x = FILM[:, :, :1, 0]
    found = layer(x)
    usual(x[:, :, 0])
    usual.set_weights([w[0] if w.ndim == 3 else w for w in layer.get_weights()])
    assert (layer.get_weights()[2][4:8] == 1).all()
    np.testing.assert_allclose(found[:, 0], usual(x[:, :, 0]), rtol=1e-5, atol=1e-6)


def test_states_masks_and_directions() -> None:
    layer = L.ConvLSTM2D(2, 3, padding="same", return_sequences=True, return_state=True)
    every, h, c = layer(FILM)
    assert every.shape == (2, 4, 6, 5, 2) and h.shape == c.shape == (2, 6, 5, 2)
    np.testing.assert_array_equal(every[:, -1], h)
    first, *states = layer(FILM[:, :2])
    rest = layer(FILM[:, 2:], initial_state=states)[0]
    np.testing.assert_allclose(np.concatenate([first, rest], 1), every, rtol=1e-5, atol=1e-6)
    mask = np.array([[True, True, False, False], [True] * 4])
    masked = layer(FILM, mask=mask)[1]
    np.testing.assert_allclose(masked[0], every[0, 1], rtol=1e-5, atol=1e-6)
    again = L.ConvLSTM2D.from_config(layer.get_config())
    again(FILM)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(FILM)[0], every)


def test_films_are_continued() -> None:
    K.utils.set_random_seed(0)
    x = K.Input((None, 6, 5, 3))
    y = L.ConvLSTM2D(4, 3, padding="same", return_sequences=True, dropout=0.1)(x)
    y = L.ConvLSTM2D(4, 3, padding="same", recurrent_dropout=0.1)(y)
    model = K.Model(x, L.Conv2D(3, 3, padding="same")(y))
    assert y.shape == (None, 6, 5, 4)
    model.compile(K.optimizers.Adam(0.02), "mse")
    losses = model.fit(FILM[:, :3], FILM[:, 3], epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_states_of_the_last_batch() -> None:
    layer = L.ConvLSTM2D(2, 2, stateful=True)
    model = K.Sequential([K.Input((2, 6, 5, 3), batch_size=2), layer])
    model.predict(FILM[:, :2], verbose=0, batch_size=2)
    found = model.predict(FILM[:, 2:], verbose=0, batch_size=2)
    layer.reset_states()
    np.testing.assert_allclose(layer(FILM), found, rtol=1e-5, atol=1e-6)


def test_refusals() -> None:
    def make(shape: Any, **options: Any) -> Any:
        return L.ConvLSTM2D(2, 3, **options)(K.Input(shape))

    for shape, options, words in (
        ((6, 5, 3), {}, "expected ndim=5"),
        ((4, None, 5, 3), {}, "static input shapes"),
        ((4, 6, 5, 3), {"data_format": "channels_first"}, "channels_last"),
    ):
        with pytest.raises(ValueError, match=words):
            make(shape, **options)
