import io
from pathlib import Path

import pytest

from tensorwright.compiler.opt import main

TEXT = """\
graph @a(%x: f64[n]) {
  %0: f64[] = constant() {value=1.0}
  %1: f64[n] = broadcast(%0) {dims=[], shape=[n]}
  %2: f64[n] = multiply(%x, %1)
  return %2
}
"""
PRUNED = "graph @a(%x: f64[n]) {\n  return %x\n}\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.ir"
    path.write_text(TEXT)
    return str(path)


def test_named_passes(file: str, capsys: pytest.CaptureFixture[str]):
    assert main([file, "-p", "simplify,prune", "--verify"]) == 0
    assert capsys.readouterr().out == PRUNED


def test_the_default_pipeline_reads_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stdin", io.StringIO(TEXT))
    assert main([]) == 0
    assert capsys.readouterr().out == PRUNED


def test_each_stage_is_shown(file: str, capsys: pytest.CaptureFixture[str]):
    assert main([file, "-p", "cse,simplify,prune", "--print-after-all"]) == 0
    out = capsys.readouterr().out
    assert "// after cse (unchanged)\n// after simplify\ngraph @a" in out


def test_mistakes_are_errors(tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]):
    assert main([file, "-p", "nothing"]) == 1
    assert "there is no pass 'nothing'" in capsys.readouterr().err
    bad = tmp_path / "bad.ir"
    bad.write_text("graph @a() { return %0 }")
    assert main([str(bad)]) == 1
    assert "%0 is not defined" in capsys.readouterr().err
    assert main([str(tmp_path / "missing.ir")]) == 1


def test_the_list(capsys: pytest.CaptureFixture[str]):
    assert main(["--list"]) == 0
    assert "cse              Compute equal expressions once." in capsys.readouterr().out
