"""The command line: `tensorwright dump`, `tensorwright demo`.

Layer: api. Wrong use of the command line ends with one line on stderr and status 2; an error in
the user's program prints that error and ends with status 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__, demo
from ..compiler.compile import STAGES
from ..compiler.errors import TensorwrightError
from .dump import dump
from .usage import UsageError, UserProgramError

_SIGPIPE_STATUS = 128 + 13  # what a shell reports for a program that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit status."""
    try:
        options = _parser().parse_args(argv)
        status = _run(options)
        sys.stdout.flush()
        return status
    except UsageError as error:
        print(f"tensorwright: error: {error}", file=sys.stderr)
        return 2
    except UserProgramError as error:
        print(error, file=sys.stderr)
        return 1
    except TensorwrightError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has gone (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _SIGPIPE_STATUS


def _run(options: argparse.Namespace) -> int:
    if options.command == "demo":
        return demo.main()
    print(dump(options.function, options.args, options.stage, options.grad, options.target), end="")
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tensorwright", description="Compiles NumPy functions to native code.")
    parser.add_argument("--version", action="version", version=f"tensorwright {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("demo", help="time three programs against NumPy")
    show = commands.add_parser(
        "dump",
        help="show what a function becomes, stage by stage",
        description="Shows what a function becomes, without running it.",
    )
    show.add_argument("function", metavar="FILE.py:FUNCTION", help="jitted or plain")
    show.add_argument(
        "--args",
        metavar="TYPES",
        help="types of the arguments: 'f64[n, 3], float, (i32[4], bool), steps=10'; a size that is "
        "a name stays open; 'float', 'int' and 'bool' are Python numbers; a value such as 10 is "
        "passed as it is",
    )
    show.add_argument(
        "--grad",
        metavar="NUMBERS",
        help="show the function with its gradient by these positional arguments: '0' or '0,1'",
    )
    show.add_argument(
        "--target",
        default="cpu",
        help="cpu, or cuda for the kernels that a GPU gets, with the stages source and ptx",
    )
    show.add_argument("--stage", metavar="STAGE", help=f"{', '.join(STAGES)} or all")
    return parser
