"""`tf.random.Generator`: a stream with its own state, kept in a variable.

Layer: frontend. The state is TensorFlow's: the counter's two words and the key, i64[3]; each draw
advances the counter by 256 for each number. In a traced function the variable is an argument and a
result of the program, so each call draws anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..shaping import stack
from ..static import shape as static_shape
from ..static import value as static_value
from ..tensors import OPERATORS, Tensor
from ..variables import Variable
from . import stateful
from .arrays import for_arrays, refuse_state, traces_arrays
from .seeds import entropy
from .stateless import uniform_integers

PHILOX = 1  # TensorFlow's number of the algorithm
_SPACING = 256


class Algorithm:
    """The generators that there are: one."""

    PHILOX = PHILOX
    AUTO_SELECT = 3


def create_rng_state(seed: Any, alg: Any = None) -> Tensor:
    """The state of a generator that starts from a seed: i64[3]."""
    words = np.zeros(3, np.int64)
    given = np.atleast_1d(static_value(seed, "random.create_rng_state")).astype(np.int64)[:3]
    words[: given.size] = given
    return convert_to_tensor(words)


class Generator:
    """A random number generator with a state of its own.

    Made by `from_seed`, `from_state` or `from_non_deterministic_state`.
    """

    def __init__(self, copy_from: Any = None, state: Any = None, alg: Any = None) -> None:
        if copy_from is not None:
            state = copy_from._state.value()
        if state is None:
            raise ValueError("either `copy_from` or `state` has to be given")
        self._state = Variable(
            convert_to_tensor(state), trainable=False, dtype=dtypes.int64, name="StateVar"
        )

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A generator that starts from an integer, or up to three of them."""
        return cls(state=create_rng_state(seed))

    @classmethod
    def from_state(cls, state: Any, alg: Any = None) -> Generator:
        """A generator with the state of another one."""
        return cls(state=convert_to_tensor(state, dtypes.int64))

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any = None) -> Generator:
        """A generator with this key (one integer) and counter (two)."""
        words = [*np.atleast_1d(static_value(counter, "Generator")).tolist(), int(key)]
        return cls(state=np.array(words, np.int64))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator that starts anywhere."""
        return cls(state=np.array([entropy(62), entropy(62), entropy(62)], np.int64))

    @property
    def state(self) -> Any:
        """The variable that holds the state; its value where the NumPy dialect is traced."""
        return self._state.value()._value if traces_arrays() else self._state

    @property
    def key(self) -> Tensor:
        """The key."""
        found: Tensor = OPERATORS["getitem"](self._state, 2)
        return found

    @property
    def algorithm(self) -> int:
        """TensorFlow's number of the algorithm."""
        return PHILOX

    def reset(self, state: Any) -> None:
        """Go on from another state."""
        self._state.assign(convert_to_tensor(state, dtypes.int64))

    def reset_from_seed(self, seed: Any) -> None:
        """Start again from a seed."""
        self._state.assign(create_rng_state(seed))

    @for_arrays
    def skip(self, delta: Any) -> Tensor:
        """Leave out numbers, as if `delta` of them had been drawn; gives the state before that."""
        before = self._state.value()
        count = static_value(delta, "Generator.skip")
        self._state.assign(_moved(before, int(count) * _SPACING))
        return before

    def _start(self, sizes: tuple[int, ...]) -> Tensor:
        before = self._state.value()
        if not before.is_symbolic:
            refuse_state("a tf.random.Generator from outside")
        self._state.assign(_moved(before, stateful.size_of(sizes) * _SPACING))
        found: Tensor = apply("RngReadAndSkip", _start, [before])
        return found

    def _floats(self, op: str, kind: str, shape: Any, dtype: Any) -> Tensor:
        wanted = stateful.checked_float(op, dtype)
        sizes = static_shape(shape, op)
        return stateful.sampled(op, self._start(sizes), kind, sizes, wanted)

    @for_arrays
    def normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:
        """Normally distributed numbers."""
        drawn = self._floats("StatelessRandomNormalV2", "normal", shape, dtype)
        return stateful.scaled(drawn, mean, stddev)

    @for_arrays
    def truncated_normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:
        """Normally distributed numbers within two standard deviations."""
        drawn = self._floats("StatelessTruncatedNormalV2", "truncated_normal", shape, dtype)
        return stateful.scaled(drawn, mean, stddev)

    @for_arrays
    def uniform(
        self,
        shape: Any,
        minval: Any = 0,
        maxval: Any = None,
        dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:
        """Floats in [minval, maxval), or integers of that range."""
        wanted = dtypes.as_dtype(dtype)
        if not wanted.is_integer:
            drawn = self._floats("StatelessRandomUniformV2", "uniform", shape, wanted)
            return stateful.ranged(drawn, minval, maxval)
        if maxval is None:
            raise ValueError(f"Must specify maxval for integer dtype {wanted!r}")
        begin = self._start(static_shape(shape, "Generator.uniform"))
        return uniform_integers(begin, shape, minval, maxval, wanted)

    @for_arrays
    def uniform_full_int(
        self, shape: Any, dtype: Any = dtypes.uint64, name: str | None = None
    ) -> Tensor:
        """Integers of all bits at random."""
        begin = self._start(static_shape(shape, "Generator.uniform_full_int"))
        return uniform_integers(begin, shape, None, None, dtypes.as_dtype(dtype))

    @for_arrays
    def binomial(
        self,
        shape: Any,
        counts: Any,
        probs: Any,
        dtype: Any = dtypes.int32,
        name: str | None = None,
    ) -> Tensor:
        """How many of `counts` trials succeed, each with probability `probs`; eager only."""
        sizes = static_shape(shape, "Generator.binomial")
        n, p = (static_value(x, "Generator.binomial") for x in (counts, probs))
        rng = stateful.generator_at(static_value(self._start(sizes), "Generator.binomial"))
        found = rng.binomial(n.astype(np.int64), p.astype(np.float64), sizes)
        return convert_to_tensor(np.asarray(found, dtypes.as_dtype(dtype).numpy))

    @for_arrays
    def make_seeds(self, count: int = 1) -> Tensor:
        """Seeds for the stateless ops: [2, count]."""
        drawn = self.uniform_full_int([count], dtypes.int64)
        zeros = convert_to_tensor(np.zeros(count, np.int64))
        return stack([drawn, zeros])

    def split(self, count: int = 1) -> list[Generator]:
        """Generators whose streams are unlike each other and this one."""
        keys = static_value(self.uniform_full_int([count], dtypes.int64), "Generator.split")
        return [Generator.from_key_counter(int(key), [0, 0]) for key in keys]

    def __deepcopy__(self, memo: Any) -> Generator:
        return Generator(copy_from=self)


def _moved(state: Tensor, distance: int) -> Tensor:
    found: Tensor = apply("RngSkip", _advanced, [state], {"distance": distance})
    return found


def _advanced(state: Any, *, distance: int) -> Any:
    low = state[0] + np.int64(distance)
    high = state[1] + (low.astype(np.uint64) < state[0].astype(np.uint64)).astype(np.int64)
    return np.stack([low, high, state[2]])


def _start(state: Any) -> Any:
    return state.astype(np.uint64)


_GLOBAL: list[Generator] = []


def get_global_generator() -> Generator:
    """The generator of the whole program."""
    if not _GLOBAL:
        _GLOBAL.append(Generator.from_non_deterministic_state())
    return _GLOBAL[0]


def set_global_generator(generator: Generator) -> None:
    """Replace the generator of the whole program."""
    _GLOBAL[:] = [generator]
