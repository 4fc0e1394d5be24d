"""`checkpoint`: the same derivatives with less memory, in loops and under other transforms."""

import functools

import numpy as np
import pytest

import tensorwright as tw

SIZE = 64
BLOCKS = 20


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(3)
    return [rng.normal(size=(SIZE, SIZE)) / np.sqrt(SIZE) for _ in range(BLOCKS)]


def chain(group):
    """A loss over blocks, with a checkpoint around every `group` of them; 0: none."""

    def blocks(x, *weights):
        for w in weights:
            x = np.tanh(x @ w)
        return x

    run = tw.checkpoint(blocks) if group else blocks

    def loss(weights, x):
        count = group or len(weights)
        for k in range(0, len(weights), count):
            x = run(x, *weights[k : k + count])
        return (x * x).sum()

    return loss


def scratch(lowered):
    """How many arrays of the blocks' size the scratch memory has room for."""
    return sum(lowered.compilation.kernels.arena) / (SIZE * SIZE * 8)


def test_a_chain_of_blocks_takes_less_memory(weights):
    x = np.ones((SIZE, SIZE))
    expected = tw.grad(chain(0))(weights, x)
    everything = scratch(tw.grad(chain(0)).lower(weights, x))
    assert everything >= BLOCKS
    for group in (2, 4, 5):
        gradient = tw.grad(chain(group))
        # the inputs of the groups, what one group keeps, and what is being worked on
        room = BLOCKS / group + 2 * group + 2
        assert scratch(gradient.lower(weights, x)) <= min(room, 0.7 * everything)
        for found, known in zip(gradient(weights, x), expected, strict=True):
            np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-13)


def test_the_forward_pass_is_not_affected(weights):
    x = np.ones((SIZE, SIZE))
    plain, with_checkpoints = tw.jit(chain(0)), tw.jit(chain(4))
    assert with_checkpoints(weights, x) == plain(weights, x)
    texts = [f.lower(weights, x).text("optimized") for f in (plain, with_checkpoints)]
    assert texts[0].count("matmul") == texts[1].count("matmul") == BLOCKS


def f(x, y):
    return np.exp(np.sin(x) * y) + y


X = np.array([0.5, 1.0, 2.0])
Y = np.array([1.0, -2.0, 0.5])


def wrapped(function):
    return tw.checkpoint(tw.checkpoint(function))


CALLS = {
    "plain": lambda f: lambda x, y: f(x, y).sum(),
    "of itself": lambda f: lambda x, y: f(f(x, y), y).sum(),
    "loop": lambda f: (
        lambda x, y: tw.scan(lambda c, _: (f(c, y) * 0.3, c), x, None, length=4)[0].sum()
    ),
    "branch": lambda f: lambda x, y: tw.cond(x[0] > 0, lambda: f(x, y), lambda: x * y).sum(),
    "vmap": lambda f: lambda x, y: tw.vmap(f, in_axes=(0, None))(x, y[0]).sum(),
    "closure": lambda f: lambda x, y: tw.checkpoint(lambda x: f(x, y) * y)(x).sum(),
}


@pytest.mark.parametrize("checkpoint", [tw.checkpoint, tw.remat, wrapped])
@pytest.mark.parametrize("call", CALLS)
def test_derivatives_are_the_same(call, checkpoint):
    function, plain = CALLS[call](checkpoint(f)), CALLS[call](f)
    for derive in (
        lambda f: tw.grad(f, (0, 1)),
        lambda f: lambda x, y: tw.jvp(f, (x, y), (y, x)),
        lambda f: tw.grad(lambda x, y: tw.grad(f)(x, y) @ x, (0, 1)),
        lambda f: lambda x, y: tw.jvp(tw.grad(f), (x, y), (y, x)),
        lambda f: lambda x, y: tw.vjp(f, x, y)[1](1.0),
    ):
        found, expected = derive(function)(X, Y), derive(plain)(X, Y)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_nested_arguments_keywords_and_other_objects():
    @tw.checkpoint
    def layer(p, x, *, how="tanh"):
        """A layer."""
        y = x @ p["w"] + p["b"]
        return {"out": np.tanh(y) if how == "tanh" else y, "how": how, "sizes": x.shape}

    def loss(p, x):
        found = layer(p, layer(p, x)["out"], how="linear")
        assert found["how"] == "linear"
        return found["out"].sum() * found["sizes"][0]

    p = {"w": np.eye(3) * 0.5, "b": 0.25}
    x = np.ones((2, 3))
    gradient = tw.grad(loss)(p, x)
    inner = 1 - np.tanh(0.75) ** 2
    assert gradient["b"] == pytest.approx(2 * 6 * (1 + 0.5 * inner), rel=1e-13)
    assert layer.__doc__ == "A layer."
    np.testing.assert_array_equal(layer(p, x)["out"], np.tanh(x @ p["w"] + 0.25))


def test_masks_go_through():
    def safe(log):
        return lambda x: np.where(x > 0, log(x), 0.0).sum()

    x = np.array([-1.0, 0.0, 2.0])
    expected = tw.grad(safe(np.log))(x)
    np.testing.assert_array_equal(expected, [0, 0, 0.5])
    np.testing.assert_array_equal(tw.grad(safe(tw.checkpoint(lambda x: np.log(x))))(x), expected)


def test_integer_arguments_and_results():
    @tw.checkpoint
    def pick(x, k):
        return np.sin(x)[k], k + 1

    def loss(x, k):
        picked, k = pick(x, k)
        return (picked * k).sum()

    found = tw.grad(loss)(X, np.array([0, 2]))
    np.testing.assert_allclose(found, np.cos(X) * [1, 0, 3], rtol=1e-14)


def test_recomputation_is_not_merged_with_the_forward_pass():
    def loss(x):
        y = tw.checkpoint(lambda x: np.exp(np.sin(x)))(x)
        return (y * y).sum()

    text = tw.grad(loss).lower(X).text("optimized")
    assert text.count("barrier(") == 1
    assert text.count("= sin(") == 2
    assert "custom" not in tw.grad(loss).lower(X).text("graph")


def test_assigning_to_an_argument_is_refused():
    def edit(x):
        x[0] = 1.0
        return x

    with pytest.raises(tw.UnsupportedError, match="argument of the checkpointed function edit"):
        tw.jit(tw.checkpoint(edit))(X)


def test_as_a_decorator_of_methods():
    class Model:
        rate = 2.0

        @functools.partial(tw.checkpoint)
        def scaled(self, x):
            return self.rate * x**2

    np.testing.assert_array_equal(tw.grad(lambda x: Model().scaled(x).sum())(X), 4 * X)
