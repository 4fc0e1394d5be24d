"""`tf.app.flags`: options of the command line, `--batch_size=32`.

Layer: frontend. Programs define flags at their start; the command line is read when a value is
first asked for, or by `tf.app.run`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_TRUE = frozenset(["true", "t", "1", "yes", "y", "on"])
_FALSE = frozenset(["false", "f", "0", "no", "n", "off"])


class Error(Exception):
    """What is wrong with flags or with the command line."""


class DuplicateFlagError(Error):
    """A flag is defined twice."""


class IllegalFlagValueError(Error):
    """A value does not fit its flag."""


class UnrecognizedFlagError(Error):
    """The command line has a flag that is not defined."""


class Flag:
    """One option.

    Attributes: `name`, `value`, `default`, `help`, `present` (whether it was given), `boolean`.
    """

    def __init__(
        self, name: str, default: Any, help: str | None, parse: Callable[[str], Any], kind: str
    ) -> None:
        self.name, self.help, self.kind = name, help or "", kind
        self._parse = parse
        self.default = self.value = default if default is None else self.parsed(default)
        self.present = False
        self.required = False

    @property
    def boolean(self) -> bool:
        """Whether it can be given without a value."""
        return self.kind == "boolean"

    def parsed(self, text: Any) -> Any:
        """The value for what the command line or the program says.

        Raises:
            IllegalFlagValueError: it is none for this flag.
        """
        try:
            return self._parse(text)
        except (TypeError, ValueError) as error:
            raise IllegalFlagValueError(f"flag --{self.name}={text}: {error}") from None

    def usage(self) -> str:
        """The lines that --help shows."""
        name = f"[no]{self.name}" if self.boolean else self.name
        shown = "" if self.default is None else f"\n    (default: {_shown(self.default)})"
        kind = f"\n    ({self.kind})" if self.kind.startswith("a") else ""
        return f"  --{name}: {self.help or '(no help available)'}{shown}{kind}"


def _shown(x: Any) -> str:
    if isinstance(x, bool):
        return f"'{str(x).lower()}'"
    return f"'{','.join(x)}'" if isinstance(x, list) else f"'{x}'"


class FlagValues:
    """All flags; their values are its attributes."""

    def __init__(self) -> None:
        self.__dict__["_flags"] = {}
        self.__dict__["_is_parsed"] = False

    def define(self, flag: Flag) -> None:
        """One more flag.

        Raises:
            DuplicateFlagError: there is one of this name.
        """
        if flag.name in self._flags:
            raise DuplicateFlagError(
                f"The flag '{flag.name}' is defined twice. Description from first occurrence:"
                f" {self._flags[flag.name].help}"
            )
        self._flags[flag.name] = flag

    def is_parsed(self) -> bool:
        """Whether the command line has been read."""
        return bool(self._is_parsed)

    def unparse_flags(self) -> None:
        """Read the command line again when a value is asked for."""
        self.__dict__["_is_parsed"] = False

    def mark_as_parsed(self) -> None:
        """Use the values as they are, without a command line."""
        self.__dict__["_is_parsed"] = True

    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        """Read a command line; what remains, the program's name first.

        Raises:
            UnrecognizedFlagError: it has a flag that is not defined, unless `known_only`.
            IllegalFlagValueError: a value does not fit; a required flag is missing.
        """
        rest, waiting = [argv[0]] if argv else [], list(argv[1:])
        self.mark_as_parsed()
        while waiting:
            word = waiting.pop(0)
            if word == "--":
                return [*rest, *waiting]
            if not word.startswith("-") or word == "-":
                rest.append(word)
                continue
            if word.lstrip("-") in ("help", "helpfull", "helpshort", "h") and "help" not in self:
                sys.stdout.write(self.get_help() + "\n")
                sys.exit(1)
            if not self._read(word, waiting):
                if not known_only:
                    name = word.lstrip("-").partition("=")[0]
                    raise UnrecognizedFlagError(f"Unknown command line flag '{name}'")
                rest.append(word)
        for flag in self._flags.values():
            if flag.required and flag.value is None:
                raise IllegalFlagValueError(
                    f"flag --{flag.name}=None: Flag --{flag.name} must have a value other than"
                    " None."
                )
        return rest

    def _read(self, word: str, waiting: list[str]) -> bool:
        """Take one flag, and its value; False if it is not defined."""
        name, equals, text = word.lstrip("-").partition("=")
        flag = self._flags.get(name)
        if flag is None and name.startswith("no") and not equals:
            flag = self._flags.get(name[2:])
            if flag is None or not flag.boolean:
                return False
            text = "false"
        elif flag is None:
            return False
        elif not equals and flag.boolean:
            text = "true"
        elif not equals:
            if not waiting:
                raise Error(f"Missing value for flag --{name}")
            text = waiting.pop(0)
        flag.value, flag.present = flag.parsed(text), True
        return True

    def get_help(self, prefix: str = "") -> str:
        """What --help shows."""
        main = sys.modules["__main__"]
        head = [getattr(main, "__doc__", None) or f"USAGE: {sys.argv[0]} [flags]", "flags:", ""]
        return "\n".join([*head, *(self._flags[n].usage() for n in sorted(self._flags))])

    main_module_help = get_help

    # -- values -----------------------------------------------------------------------------------

    def _parse_flags(self, args: Any = None) -> None:
        """Read the command line; the old way to say so."""
        self(sys.argv if args is None else ["", *args], known_only=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._flags:
            raise AttributeError(f"Unknown flag: {name}")
        if not self._is_parsed:
            self(sys.argv, known_only=True)
        return self._flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._flags:
            raise AttributeError(f"Unknown flag: {name}")
        self._flags[name].value = value

    def __delattr__(self, name: str) -> None:
        if self._flags.pop(name, None) is None:
            raise AttributeError(name)

    def __getitem__(self, name: str) -> Flag:
        return self._flags[name]  # type: ignore[no-any-return]

    def __contains__(self, name: object) -> bool:
        return name in self._flags

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._flags))

    def __len__(self) -> int:
        return len(self._flags)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._flags})

    def flag_values_dict(self) -> dict[str, Any]:
        """All values by name."""
        return {name: flag.value for name, flag in self._flags.items()}


FLAGS = FlagValues()


# -- definitions ----------------------------------------------------------------------------------


def _truth(text: Any) -> bool:
    if isinstance(text, bool):
        return text
    word = str(text).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"Non-boolean argument to boolean flag: {text!r}")
    return word in _TRUE


def _integer(text: Any) -> int:
    if isinstance(text, float):
        raise TypeError(f"expect a string or int, found {text!r}")
    return int(text, 0) if isinstance(text, str) and text[:2].lower() == "0x" else int(text)


def _words(text: Any) -> list[str]:
    if isinstance(text, (list, tuple)):
        return list(text)
    return [part.strip() for part in str(text).split(",")] if text else []


def _definition(kind: str, parse: Callable[[Any], Any], label: str) -> Callable[..., None]:
    def define(
        name: str,
        default: Any,
        help: str | None = None,
        flag_values: FlagValues = FLAGS,
        required: bool = False,
        **options: Any,
    ) -> None:
        flag = Flag(name, default, help, _limited(parse, options), label)
        flag.required = required
        flag_values.define(flag)

    define.__name__ = f"DEFINE_{kind}"
    define.__doc__ = f"Define a flag; its value: {label}.\n\n    Args:\n" + (
        "        name: without dashes.\n"
        "        default: the value if the command line has none; or None.\n"
        "        help: what --help shows.\n"
        "        flag_values: where it is defined.\n"
        "        required: whether it has to be given.\n"
        "        options: `lower_bound` and `upper_bound` of numbers.\n    "
    )
    return _with_old_names(define)


def _with_old_names(define: Callable[..., None]) -> Callable[..., None]:
    """TensorFlow's own names of the arguments are accepted, too."""

    def old(*args: Any, **kwargs: Any) -> None:
        for before, now in (
            ("flag_name", "name"), ("default_value", "default"), ("docstring", "help"),
        ):  # fmt: skip
            if before in kwargs:
                kwargs[now] = kwargs.pop(before)
        define(*args, **kwargs)

    old.__name__, old.__doc__ = define.__name__, define.__doc__
    return old


def _limited(parse: Callable[[Any], Any], options: dict[str, Any]) -> Callable[[Any], Any]:
    low, high = options.pop("lower_bound", None), options.pop("upper_bound", None)
    if options:
        raise TypeError(f"unexpected arguments: {', '.join(options)}")

    def limited(text: Any) -> Any:
        found = parse(text)
        if (low is not None and found < low) or (high is not None and found > high):
            raise ValueError(f"{found} is not between {low} and {high}")
        return found

    return limited


DEFINE_string = _definition("string", str, "string")
DEFINE_integer = _definition("integer", _integer, "an integer")
DEFINE_float = _definition("float", float, "a number")
DEFINE_boolean = DEFINE_bool = _definition("boolean", _truth, "boolean")
DEFINE_list = _definition("list", _words, "a comma separated list")


def DEFINE_enum(
    name: str,
    default: Any,
    enum_values: Sequence[str],
    help: str | None = None,
    flag_values: FlagValues = FLAGS,
    required: bool = False,
) -> None:
    """Define a flag whose value is one of several words.

    Args:
        name: without dashes.
        default: the value if the command line has none; or None.
        enum_values: the words.
        help: what --help shows.
        flag_values: where it is defined.
        required: whether it has to be given.
    """

    def one_of(text: Any) -> str:
        if text not in enum_values:
            raise ValueError(f"value should be one of <{'|'.join(enum_values)}>")
        return str(text)

    flag = Flag(name, default, f"<{'|'.join(enum_values)}>: {help or ''}", one_of, "word")
    flag.required = required
    flag_values.define(flag)


def mark_flag_as_required(name: str, flag_values: FlagValues = FLAGS) -> None:
    """Let a missing value be an error."""
    flag_values[name].required = True


def mark_flags_as_required(names: Sequence[str], flag_values: FlagValues = FLAGS) -> None:
    """Let missing values be an error."""
    for name in names:
        mark_flag_as_required(name, flag_values)
