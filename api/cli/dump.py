"""`tensorwright dump`: a function from a file, lowered for argument types from the command line.

Layer: api. In: `FILE.py:FUNCTION`, the text of `--args`, a stage. Out: the stage's text.
"""

from __future__ import annotations

import inspect
import sys
import tokenize
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..compiler.compile import STAGES
from ..compiler.errors import TensorwrightError
from ..frontend.jit import Jitted, jit
from ..frontend.location import is_hidden
from ..frontend.lowered import CUDA_STAGES, Lowered
from ..frontend.transforms import value_and_grad
from .arguments import Arguments, parse_arguments
from .usage import UsageError, UserProgramError, choices

TARGETS = {"cpu": STAGES, "cuda": CUDA_STAGES}


def dump(
    place: str, args: str | None, stage: str | None, grad: str | None = None, target: str = "cpu"
) -> str:
    """The text of one stage (None: the first), or of all of them under headings.

    With `grad` it is that of the function with its gradient: `grad` has the numbers of the
    arguments, "0" or "0,1". `target` is one of TARGETS.
    """
    if target not in TARGETS:
        raise UsageError(f"there is no target {target!r}{choices(target, list(TARGETS))}")
    stages = TARGETS[target]
    stage = stage or stages[0]
    if stage not in (*stages, "all"):
        raise UsageError(f"there is no stage {stage!r}{choices(stage, [*stages, 'all'])}")
    file, name = _split(place)
    arguments = None if args is None else parse_arguments(args)
    function = _find(_load(file), name, file)
    lowered = _lower(function, arguments, name, None if grad is None else _numbers(grad))
    text = lowered.cuda if target == "cuda" else lowered.text
    if stage != "all":
        return text(stage)
    return "\n".join(f"==== {each}\n\n{text(each)}" for each in stages)


# --- the function ------------------------------------------------------------------------------


def _split(place: str) -> tuple[Path, str]:
    file, colon, name = place.rpartition(":")
    if not colon or not name or not file:
        raise UsageError(f"{place!r} names no function; write FILE.py:FUNCTION")
    return Path(file), name


def _load(file: Path) -> ModuleType:
    """The file as a module, as `python FILE.py` would run it but for the name `__main__`."""
    try:
        with tokenize.open(file) as source:  # honours the file's declared encoding
            text = source.read()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no Python file: {error}") from None
    module = ModuleType(file.stem if file.stem not in sys.modules else f"_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        exec(compile(text, str(file), "exec"), module.__dict__)
    except SyntaxError as error:
        raise UsageError(f"{file}:{error.lineno}: {error.msg}") from None
    except TensorwrightError:
        raise
    except Exception as error:
        raise _user_error(error) from error
    return module


def _find(module: ModuleType, name: str, file: Path) -> Callable[..., Any]:
    """The function that a dotted name reaches from the module."""
    found: Any = module
    for part in name.split("."):
        owner = found
        found = getattr(owner, part, None)
        if found is None:
            where = file if owner is module else name.rpartition(".")[0]
            names = [n for n in vars(owner) if _is_function(getattr(owner, n), module)]
            raise UsageError(f"{where} has no function {part!r}{choices(part, names)}")
    if not callable(found) or inspect.isclass(found):
        what = "class" if inspect.isclass(found) else type(found).__name__
        raise UsageError(f"{name} in {file} is a {what}, not a function")
    return found


def _is_function(x: Any, module: ModuleType) -> bool:
    """Whether to offer this attribute: a function that the file itself defines."""
    return (
        callable(x) and not inspect.isclass(x) and getattr(x, "__module__", None) == module.__name__
    )


# --- its arguments -----------------------------------------------------------------------------


def _lower(
    function: Callable[..., Any],
    arguments: Arguments | None,
    name: str,
    argnums: tuple[int, ...] | None,
) -> Lowered:
    signature = inspect.signature(function)
    if arguments is None:
        arguments = Arguments()
    try:
        signature.bind(*arguments.positional, **arguments.named)
    except TypeError as error:
        raise UsageError(
            f"{name}{_plain(signature)}: {error}; write {_example(signature)}"
        ) from None
    jitted = function if isinstance(function, Jitted) else _jitted(function, arguments)
    if argnums is not None:
        _check_numbers(argnums, arguments, name)
        jitted = value_and_grad(jitted, argnums if len(argnums) > 1 else argnums[0])
    try:
        return jitted.lower(*arguments.positional, **arguments.named)
    except TensorwrightError:
        raise
    except Exception as error:
        raise _user_error(error) from error


def _jitted(function: Callable[..., Any], arguments: Arguments) -> Jitted:
    """A plain function, compiled with the values of `--args` static."""
    found: Any = jit(
        static_argnums=arguments.value_positions, static_argnames=arguments.value_names
    )(function)
    return found


def _numbers(text: str) -> tuple[int, ...]:
    """The text of `--grad`, read."""
    try:
        return tuple([int(part) for part in text.split(",")])
    except ValueError:
        raise UsageError(f"--grad {text!r}: write numbers of arguments, as in --grad 0,1") from None


def _check_numbers(numbers: tuple[int, ...], arguments: Arguments, name: str) -> None:
    count = len(arguments.positional)
    for number in numbers:
        if not -count <= number < count:
            has = f"{count} positional argument{'' if count == 1 else 's'}"
            raise UsageError(f"--grad {number}: --args gives {name} {has}, counted from 0")
    if len({number % count for number in numbers}) < len(numbers):
        raise UsageError(f"--grad {','.join(map(str, numbers))}: an argument is chosen twice")


def _plain(signature: inspect.Signature) -> str:
    """`(x, y, steps=10)`, without annotations."""
    parameters = [
        p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()
    ]
    return str(inspect.Signature(parameters))


def _example(signature: inspect.Signature) -> str:
    """What `--args` could be: an array for every parameter that has no default."""
    wanted = []
    for p in signature.parameters.values():
        if p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        wanted.append(f"{p.name}=f64[n]" if p.kind is p.KEYWORD_ONLY else "f64[n]")
    return f'for instance --args "{", ".join(wanted)}"'


# --- errors in the user's code -----------------------------------------------------------------


def _user_error(error: Exception) -> UserProgramError:
    """Python's traceback of the user's frames alone."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not is_hidden(frame.filename)
    ]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    lines += traceback.format_exception_only(error)
    return UserProgramError("".join(lines).rstrip())
