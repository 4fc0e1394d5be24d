"""docs/tensorflow-coverage.md lists what there is."""

import importlib.util

import tensorwright as tf
from support.sources import ROOT


def generator():
    path = ROOT / ".ci" / "tensorflow_coverage.py"
    spec = importlib.util.spec_from_file_location("tensorflow_coverage", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes():
    module = generator()
    assert module.PAGE.read_text() == module.page(), "run python .ci/tensorflow_coverage.py"


def test_there_are_enough_names_and_all_are_documented():
    module = generator()
    found = module.namespaces()
    assert sum(map(len, found.values())) > 1000
    assert len(found["tf"]) > 180
    undocumented = [
        name
        for name in found["tf"]
        if callable(getattr(tf, name)) and not getattr(tf, name).__doc__
    ]
    assert not undocumented
