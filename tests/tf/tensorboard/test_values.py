"""Arrays as summaries."""

import io
import wave

import numpy as np
import pytest
from PIL import Image

import tensorwright as tf
from tensorwright.frontend.tf.proto.events import Summary
from tensorwright.frontend.tf.summaries import histograms, plugins, values
from tensorwright.frontend.tf.summaries.png import encode_png


def decoded(data):
    return Summary.FromString(data).value


def pixels(file):
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (40, 7)])
def test_png(channels, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    found = pixels(encode_png(image))
    assert np.array_equal(found.reshape(image.shape), image)


def test_png_of_16_bits():
    image = np.arange(6, dtype=np.uint16).reshape(2, 3, 1) * 9000
    assert np.array_equal(pixels(encode_png(image)), image[..., 0])
    with pytest.raises(ValueError, match="1 to 4 channels"):
        encode_png(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        encode_png(np.zeros((2, 2, 1), np.float32))


def test_scalar():
    (value,) = decoded(values.scalar("tag", np.float64(0.1)))
    assert (value.tag, value.simple_value) == ("tag", np.float32(0.1))
    assert decoded(values.scalar("big", 1e300))[0].simple_value == np.inf
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[\] != \[2\] \(tag 'x'\)"):
        values.scalar("x", [1.0, 2.0])


def test_histogram_limits():
    limits = histograms.bucket_limits()
    assert len(limits) == 1551 and limits[775] == 0.0
    assert limits[776] == 1e-12 and limits[777] == 1e-12 * 1.1
    assert np.array_equal(limits, -limits[::-1])


def test_histogram():
    (value,) = decoded(values.histogram("h", [2.0, 4.0]))
    found = value.histo
    assert (found.min, found.max, found.num, found.sum, found.sum_squares) == (2, 4, 2, 6, 20)
    # as TensorFlow gives it
    assert found.bucket_limit == [
        1.9661990955585713,
        2.1628190051144287,
        3.8315657995195243,
        4.2147223794714774,
        1.7976931348623157e308,
    ]
    assert found.bucket == [0, 1, 0, 1, 0]


def test_histogram_of_nothing_and_of_no_numbers():
    found = decoded(values.histogram("h", np.zeros(0)))[0].histo
    assert (found.num, found.min, found.bucket) == (0, 1.7976931348623157e308, [0.0])
    for bad, word in ((np.nan, "Nan"), (np.inf, "Infinity")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{word} in summary histogram"):
            values.histogram("h", [1.0, bad])


def test_every_value_is_counted():
    data = np.random.default_rng(1).standard_cauchy(10_000) * 1e-3
    found = decoded(values.histogram("h", data))[0].histo
    limits = np.array(found.bucket_limit)
    counts = np.histogram(data, np.concatenate([[-np.inf], limits]))[0]
    assert np.array_equal(counts, found.bucket) and sum(found.bucket) == 10_000


def test_values_at_limits():
    limits = histograms.bucket_limits()
    inner = limits[1:-1]
    near = [np.nextafter(inner, -np.inf), limits, np.nextafter(inner, np.inf)]
    data = np.concatenate([*near, [5e-324, -5e-324, 0.0, -0.0, 1e300, -1e300]])
    found = decoded(values.histogram("h", data))[0].histo
    counts = np.bincount(
        np.minimum(np.searchsorted(limits, data, "right"), len(limits) - 1), minlength=len(limits)
    )
    of_limit = dict(zip(limits, counts, strict=True))
    assert [of_limit[limit] for limit in found.bucket_limit] == found.bucket
    assert sum(found.bucket) == len(data)


def test_image_tags():
    batch = np.zeros((2, 3, 4, 1), np.uint8)
    assert [v.tag for v in decoded(values.image("i", batch))] == ["i/image/0", "i/image/1"]
    assert [v.tag for v in decoded(values.image("i", batch, 1))] == ["i/image"]
    image = decoded(values.image("i", batch))[0].image
    assert (image.height, image.width, image.colorspace) == (3, 4, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_images_are_scaled(dtype):
    positive = np.array([0.0, 0.5, 2.0, 1.0], dtype).reshape(1, 2, 2, 1)
    image = decoded(values.image("i", positive))[0].image
    assert pixels(image.encoded_image_string).ravel().tolist() == [0, 63, 255, 127]
    signed = np.array([-0.5, 0.25, 0.0, 0.5], dtype).reshape(1, 2, 2, 1)
    image = decoded(values.image("i", signed))[0].image
    assert pixels(image.encoded_image_string).ravel().tolist() == [1, 191, 128, 255]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_that_are_no_numbers_are_red(channels):
    batch = np.full((1, 2, 2, channels), -0.5, np.float32)
    batch[0, 0, 0] = np.nan
    file = decoded(values.image("i", batch))[0].image.encoded_image_string
    shown = pixels(file).reshape(2, 2, channels)
    assert shown[0, 0].tolist() == [255, 0, 0, 255][:channels]
    assert (shown[1] == 1).all()


def test_images_that_are_none():
    for shape in ((2, 3), (1, 2, 2, 2), (1, 0, 2, 1)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=str(shape[0])):
            values.image("i", np.zeros(shape, np.float32))


def test_audio():
    sound = np.array([[0.0, 0.5, -1.0, 2.0]], np.float32)
    (value,) = decoded(values.audio("a", sound, 8000.0, 1))
    assert value.tag == "a/audio" and value.audio.content_type == "audio/wav"
    assert (value.audio.sample_rate, value.audio.length_frames) == (8000.0, 4)
    with wave.open(io.BytesIO(value.audio.encoded_audio_string)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16384, -32768, 32767]
    with pytest.raises(tf.errors.InvalidArgumentError, match="frames"):
        values.audio("a", np.zeros(3, np.float32), 8000.0)


def test_text_names_its_plugin():
    (value,) = decoded(values.text("t", np.array([b"a", b"b"], object)))
    assert value.tensor.string_val == [b"a", b"b"]
    assert value.metadata.plugin_data.plugin_name == "text"


def test_merged():
    both = values.merged([values.scalar("a", 1.0), values.scalar("b", 2.0)])
    assert [v.tag for v in decoded(both)] == ["a", "b"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag a"):
        values.merged([values.scalar("a", 1.0), values.scalar("a", 2.0)])


def test_histograms_of_equal_width():
    found = plugins.histogram(np.arange(10.0), 5)
    assert found[:, 2].tolist() == [2, 2, 2, 2, 2]
    assert np.allclose(found[:, 0], np.arange(5) * 1.8) and found[-1, 1] == 9.0
    assert plugins.histogram(np.full(4, 3.0), 2).tolist() == [[3, 3, 0], [3, 3, 4]]
    assert plugins.histogram(np.zeros(0), 2).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert plugins.histogram(np.arange(3.0)).shape == (30, 3)


def test_images_of_newer_summaries_are_clipped():
    row = np.array([-0.5, 0.2, 0.999, 1.5], np.float32).reshape(1, 1, 4, 1)
    width, height, file = plugins.image(row)
    assert (width, height) == (b"4", b"1")
    assert pixels(file).ravel().tolist() == [0, 51, 255, 255]
    for dtype, value, shown in ((np.uint16, 65535, 255), (np.int8, 100, 200), (np.uint8, 9, 9)):
        whole = np.full((1, 1, 1, 1), value, dtype)
        assert pixels(plugins.image(whole)[2]).item() == shown
    assert len(plugins.image(np.zeros((5, 1, 1, 3), np.uint8), 2)) == 4
