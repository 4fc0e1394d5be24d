"""Convolutions by oneDNN: how a program asks for one, and what the runtime answers.

Layer: compiler/codegen/llvm; descriptions only. As with functions of our own library, what is asked
for is told by a name (`Asked.name`). It stands for a *record* that the runtime fills: what oneDNN
has made for this shape, and the native function that calls it (onednn_calls.py). The record's first
word is null where oneDNN cannot do it.

oneDNN works in the threads of `@tw.parallel`, some images in a call, and is told to start none of
its own: a loop of OpenMP's ends when all its threads have run, which takes a time slice of the
system where another process has the processor. How many images a call does follows from sizes
alone, so results have the same bits for any number of threads.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import chain

Pair = tuple[int, int]  # along the height and the width

FORWARD, BY_INPUT, BY_FILTER = "forward", "by_input", "by_filter"


@dataclass(frozen=True, slots=True)
class Asked:
    """A convolution of f32 with two spatial axes, of some images, channels last.

    `source` are the sides of what is read, which has `channels`, and `result` of what is computed,
    which has `features`. By input, the source is the cotangent, and geometry and filter are those
    of the convolution forward; by filter, the result is the cotangent.
    """

    kind: str
    images: int
    groups: int  # 1, or as many as channels and features
    channels: int
    features: int
    source: Pair
    result: Pair
    window: Pair
    steps: Pair
    dilation: Pair
    padding: Pair  # zeros before the first element, forward
    filter: tuple[int, int, int, int]  # strides along window, channels, features

    @property
    def name(self) -> str:
        """The symbol that stands for it, without @."""
        kind, *numbers = astuple(self)
        flat = chain.from_iterable(n if isinstance(n, tuple) else (n,) for n in numbers)
        return ".".join(["tw.onednn", kind, *map(str, flat)])

    @staticmethod
    def of_name(name: str) -> Asked:
        """What a name says."""
        kind, *texts = name.split(".")[2:]
        n = [int(text) for text in texts]
        pairs = [(n[k], n[k + 1]) for k in range(4, 16, 2)]
        source, result, window, steps, dilation, padding = pairs
        counts = (n[0], n[1], n[2], n[3])
        filter = (n[16], n[17], n[18], n[19])
        return Asked(kind, *counts, source, result, window, steps, dilation, padding, filter)


# The words of a record. Behind `run` and `engine` are a primitive, and one that reorders the filter
# (null: it is used, or made, as it lies); memory descriptors of a unit's input, filter and result
# as the primitive takes them, of what is reordered, `from` and `to`, and of scratch memory; bytes
# of the primitive's filter, from one unit's to the next (0: all use one), and of scratch memory;
# and as what the primitive takes input, filter and result.
RECORD = (
    *("run", "engine", "primitive", "reorder"),
    *("x", "w", "y", "from", "to", "scratch"),
    *("w_bytes", "w_step", "scratch_bytes", "x_role", "w_role", "y_role"),
)

# The words of what a program says: where input, filter and result begin (null: the result is not
# kept), bytes from one unit to the next, and what is done behind a unit (null: nothing), a function
# of the context, the unit's result and its number. `run` adds the others.
GIVEN = ("x", "w", "y", "x_step", "y_step", "behind", "context")
WORK = (*GIVEN, "record", "weights", "failed")


def word(of: tuple[str, ...], name: str) -> int:
    """The offset of a word."""
    return 8 * of.index(name)
