"""Every example, on a small input: it runs, passes its own check, and prints its speed-up."""

import importlib.util
import sys
from pathlib import Path

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


def test_demo(monkeypatch, capsys):
    monkeypatch.setattr(demo, "OPTIONS", 1000)
    monkeypatch.setattr(demo, "PLATE", 32)
    assert demo.main() == 0
    printed = capsys.readouterr().out
    assert printed.count("x  ") >= 3 and "Where to look next" in printed
