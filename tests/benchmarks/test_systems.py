"""The benchmark of linear systems runs, and compares results on the way."""

from benchmarks.systems import main


def test_quick_run(capsys):
    main(["--quick"])
    printed = capsys.readouterr().out
    assert printed.count("us") == 16 and "det, 100 of 4 x 4" in printed
