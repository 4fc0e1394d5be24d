"""Every example, on a small input: it runs, passes its own check, and prints its speed-up."""

import gzip
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from tensorwright import demo

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # Registered as an import would do, so that source lines can be looked up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_image_pipeline(tmp_path, capsys):
    pytest.importorskip("sklearn")
    image = pytest.importorskip("PIL.Image")
    output = tmp_path / "small.png"
    assert load("image_pipeline").main(["--crop", "64", "--output", str(output)]) == 0
    assert image.open(output).size == (128, 128)
    assert "compiled" in capsys.readouterr().out


def test_option_prices(capsys):
    assert load("option_prices").main(["--count", "2000"]) == 0
    assert "implied volatility found back" in capsys.readouterr().out


def test_planets(capsys):
    assert load("planets").main(["--years", "1"]) == 0
    assert "energy drifted" in capsys.readouterr().out


def test_logistic_regression(capsys):
    pytest.importorskip("sklearn")
    assert load("logistic_regression").main([]) == 0
    assert "told right" in capsys.readouterr().out


def test_physical_model(capsys):
    assert load("physical_model").main(["--replicas", "40"]) == 0
    assert "2.7250" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "steps", "accuracy"),
    [("softmax", 400, 0.93), ("mlp", 150, 0.93), ("cnn", 12, 0.4)],
)
def test_classifiers_of_digits(name, steps, accuracy, tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(EXAMPLES)
    arguments = ["--steps", str(steps), "--accuracy", str(accuracy), "--output", str(tmp_path)]
    if name == "cnn":
        arguments += ["--batch", "64"]
    assert load(f"digits_{name}").main(arguments) == 0
    printed = capsys.readouterr().out
    assert "the same answers" in printed
    assert (tmp_path / "curves.png").read_bytes()[1:4] == b"PNG"
    assert list(tmp_path.glob("events.out.tfevents.*")) and list(tmp_path.glob("weights*"))


def test_classifiers_read_mnist(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 6000), ("t10k", 500)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        images[np.arange(count), labels] = 255  # a line at a height that tells the class
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            sizes = np.array(array.shape, ">u4").tobytes()
            head = bytes([0, 0, 8, array.ndim]) + sizes
            packed = gzip.compress(head + array.tobytes(), 1)
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(packed)
    arguments = ["--data", str(folder), "--steps", "60", "--output", str(tmp_path / "out")]
    assert load("digits_softmax").main([*arguments, "--accuracy", "1"]) == 0
    assert "of 500 other images" in capsys.readouterr().out


def test_demo(monkeypatch, capsys):
    monkeypatch.setattr(demo, "OPTIONS", 1000)
    monkeypatch.setattr(demo, "PLATE", 32)
    assert demo.main() == 0
    printed = capsys.readouterr().out
    assert printed.count("x  ") >= 3 and "Where to look next" in printed
