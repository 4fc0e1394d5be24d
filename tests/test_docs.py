"""The documents say what is so: links, commands, code and lists are compared with the source."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.sources import ROOT
from tensorwright.compiler.ir.opdef import REGISTRY, Kind
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.printer import to_text

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/*.md")])
CI = (ROOT / ".ci" / "run").read_text()
INSTALL = ["pip install . && python -m tensorwright demo", 'pip install -e ".[test]" && pytest']


def readme_module():
    spec = importlib.util.spec_from_file_location("readme", ROOT / ".ci" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(path):
    """The anchors that headings get: lower case, no punctuation, dashes for spaces."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(path):
    """Every `folder/file.py` in backquotes, from the root, from the document or from a layer."""
    bases = [ROOT, path.parent, ROOT / "compiler", ROOT / "compiler" / "kernel"]
    bases += [ROOT / "compiler" / "codegen" / backend for backend in ("llvm", "cuda")]
    bases += [ROOT / "runtime" / "cuda"]
    for name in re.findall(r"`([\w./]+\.py)`", path.read_text()):
        assert any((base / name).exists() for base in bases), name


def test_readme_gives_the_two_commands_and_ci_runs_them():
    commands = readme_module().blocks("sh")
    assert [c.strip() for c in commands[:2]] == INSTALL
    # CI takes them out of README.md by number, and has no commands of its own for the same.
    assert "readme_command 1" in CI and "readme_command 2" in CI
    assert not [command for command in INSTALL if command in CI]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/batching.md",
        "docs/control-flow.md",
        "docs/convolutions.md",
        "docs/gradients.md",
        "docs/keras.md",
        "docs/random.md",
        "docs/tensorboard.md",
        "docs/tensorflow1.md",
        "docs/tensorflow2.md",
    ],
)
def test_programs_print_what_documents_say(name, tmp_path):
    command = [sys.executable, ROOT / ".ci" / "readme.py", "python", ROOT / name]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_programs_for_a_gpu_print_what_their_page_says(tmp_path):
    pytest.importorskip("numba.cuda", reason="the simulator is in Numba CUDA")
    command = [sys.executable, "-W", "ignore", ROOT / ".ci" / "readme.py", "python"]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    page = ROOT / "docs" / "gpu.md"
    subprocess.run([*command, page], cwd=tmp_path, check=True, env=environment)


def test_readme_text_is_checked():
    assert sum(expected is not None for _, expected in readme_module().programs()) >= 2


def test_graphs_in_the_ir_page_parse_and_print_equally():
    graphs = re.findall(r"^```ir\n(.*?)^```", Path(ROOT, "docs/ir.md").read_text(), re.M | re.S)
    assert graphs
    for text in graphs:
        assert to_text(parse(text)) == text


def test_ir_page_lists_the_ops_that_are_not_elementwise():
    text = Path(ROOT, "docs/ir.md").read_text()
    names = [op for op in REGISTRY if op.kind is not Kind.ELEMENTWISE]
    for op in names:
        attributes = f" {{{', '.join(sorted(op.attrs))}}}" if op.attrs else ""
        in_group = op.kind is Kind.REDUCE and f"`{op.name}`" in text
        assert in_group or f"`{op.name}{attributes}`" in text, op.name


def test_glossary_is_short():
    assert Path(ROOT, "docs/glossary.md").read_text().count("\n") <= 60
