"""Nested arguments and results in the native call."""

import collections
import gc
import sys
import threading
import weakref
from typing import NamedTuple

import numpy as np
import pytest

from support.memory import needs_proc, resident
from support.programs import RETURN, copy_bytes, loop, pointer, program, signature
from tensorwright.compiler.codegen.llvm.call import call_text
from tensorwright.compiler.errors import InternalError
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.program import LeafKind, Signature, tuple_of_leaves
from tensorwright.runtime import load

X, Y = np.arange(2.0), np.arange(2.0) + 10


class List(list):
    pass


class Dict(dict):
    pass


class Text(str):
    __slots__ = ()


class Pair(NamedTuple):
    x: object
    y: object


def copier(inputs, outputs, arguments, result, **options):
    """Copies the 8 or 16 bytes of each input to the output of the same number."""
    what = signature(inputs, outputs, arguments=arguments, result=result)
    counts = [16 if leaf.type.rank else leaf.type.dtype.itemsize for leaf in what.inputs]
    body = copy_bytes([(k, k, n) for k, n in enumerate(counts[: len(what.outputs)])])
    return load(program(what, body, **options))


def copied(arguments, result, count=2, **options):
    """A copier of arrays of two elements."""
    arrays = "; ".join(["f64[2]"] * count)
    return copier(arrays, arrays, arguments, result, **options)


def same(found, expected):
    """Containers of one class with equal keys and equal leaves of one class."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, (tuple, list)):
        for f, e in zip(found, expected, strict=True):
            same(f, e)
    else:
        np.testing.assert_array_equal(found, expected)
        assert getattr(found, "dtype", None) == getattr(expected, "dtype", None)


NESTINGS = [
    ((..., ...), X, Y),
    ([..., ...], X, Y),
    ({"a": ..., "b": ...}, X, Y),
    ({"b": ..., "a": ...}, X, Y),
    ([(...,), {"a": {"b": [...]}}], X, Y),
    ({"a": None, "b": (), "c": [], "d": {}, "e": (..., [...])}, X, Y),
    ((None, {"a": {"a": ..., "b": None}, "b": {"a": ...}}), X, X),
    ([[[[[[...], [], (...,)]]]]], X, Y),
    ({"": ..., "é\n€": ...}, X, Y),
]


def filled(example, leaves):
    """The object with the leaves in place of `...`."""
    if example is ...:
        return next(leaves)
    if isinstance(example, dict):
        return {key: filled(value, leaves) for key, value in example.items()}
    if example is None:
        return None
    return type(example)(filled(child, leaves) for child in example)


@pytest.mark.parametrize(("example", "x", "y"), NESTINGS, ids=lambda v: str(v)[:40])
def test_arguments_and_results(example, x, y):
    f = copied((example,), example)
    argument = filled(example, iter([x, y]))
    first = f(argument)
    same(first, argument)
    second = f(argument)
    same(second, argument)
    assert first is not second and second is not argument
    # the nesting of the result does not depend on that of the arguments
    same(copied((..., ...), example)(x, y), argument)
    same(copied((example,), (..., ...))(argument), (x, y))
    same(copied((..., example), [example, None, ...], 3)(y, argument)[1:], [None, y])


def test_several_arguments():
    f = copied(({"a": ...}, ..., [...]), [..., ..., ...], 3)
    same(f({"a": X}, Y, [X]), [X, Y, X])
    for arguments in [(), ({"a": X}, Y), ({"a": X}, Y, X), ([X], Y, {"a": X}), (X, Y, X)]:
        assert f(*arguments) is NotImplemented


ARGUMENT = {"w": [X, (Y, None)], "b": {}, "c": []}
OTHERS = [
    X,
    None,
    {},
    [[X, (Y, None)], {}, []],
    {"w": [X, (Y, None)], "b": {}},
    {"w": [X, (Y, None)], "b": {}, "c": [], "d": X},
    {"w": [X, (Y, None)], "c": [], "b": {}},
    {"w": [X, (Y, None)], "b": {}, "d": []},
    {"w": [X, (Y, None)], "b": {}, 1: []},
    {"w": [X, (Y, None)], Text("b"): {}, "c": []},
    {"w": [X, (Y, None)], "b": None, "c": []},
    {"w": [X, (Y, None)], "b": {}, "c": ()},
    {"w": [X, (Y, None)], "b": {}, "c": [X]},
    {"w": [X, (Y, None)], "b": {"a": X}, "c": []},
    {"w": [X, (Y,)], "b": {}, "c": []},
    {"w": [X, (Y, X)], "b": {}, "c": []},
    {"w": [X, [Y, None]], "b": {}, "c": []},
    {"w": (X, (Y, None)), "b": {}, "c": []},
    {"w": [X, Pair(Y, None)], "b": {}, "c": []},
    {"w": List([X, (Y, None)]), "b": {}, "c": []},
    {"w": [X, (Y, None)], "b": Dict(), "c": []},
    {"w": [X, (Y, None)], "b": collections.OrderedDict(), "c": []},
    Dict(ARGUMENT),
    collections.defaultdict(list, ARGUMENT),
    {"w": [X, (np.arange(3.0), None)], "b": {}, "c": []},
    {"w": [X, (np.arange(4.0)[::2], None)], "b": {}, "c": []},
    {"w": [X, (1.0, None)], "b": {}, "c": []},
    {"w": [X, ([Y], None)], "b": {}, "c": []},
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_other_structures_are_left_to_python(other):
    f = copied(({"w": [..., (..., None)], "b": {}, "c": []},), (..., ...))
    objects = [o for o in (X, Y, other) if o is not None]
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(100):
        assert f(other) is NotImplemented
    assert [sys.getrefcount(o) for o in objects] == before
    same(f(ARGUMENT), (X, Y))


def test_keys_may_be_equal_strings():
    f = copied(({"weight": ..., "läng": ...},), (..., ...))
    keys = ["".join(["wei", "ght"]), "".join(["lä", "ng"])]
    assert keys[0] is not sys.intern("weight")
    same(f({keys[0]: X, keys[1]: Y}), (X, Y))
    assert f({keys[0] + "s": X, keys[1]: Y}) is NotImplemented
    (key, _) = copied((..., ...), {"weight": ..., "läng": ...})(X, Y)
    assert key is sys.intern("weight")


def test_dicts_with_a_past():
    f = copied(({"a": ..., "b": ...},), (..., ...))
    d = {str(k): k for k in range(100)}
    for k in range(100):
        del d[str(k)]
    d |= {"c": 1, "a": X, "d": 2, "b": Y}
    del d["c"], d["d"]
    same(f(d), (X, Y))
    split = Holder(X, Y).__dict__  # shares its keys with others
    same(f(split), (X, Y))


class Holder:
    def __init__(self, a, b):
        self.a = a
        self.b = b


def test_many_items_and_deep_nesting():
    count = 300
    arguments = ({f"k{n}": ... for n in range(count)}, [...] * count)
    f = copied(arguments, arguments, 2 * count)
    arrays = [np.array([k, -k], float) for k in range(2 * count)]
    given = dict(zip(arguments[0], arrays[:count], strict=True)), arrays[count:]
    same(f(*given), given)
    deep, argument = ..., X
    for k in range(100):
        deep, argument = ([deep], [argument]) if k % 2 else ({"a": deep}, {"a": argument})
    same(copied((deep,), deep, 1)(argument), argument)
    assert copied((deep,), deep, 1)(argument[0]) is NotImplemented


# -- leaves -----------------------------------------------------------------------------------


def test_numbers_in_containers():
    kinds = "; ".join(["float", "int", "bool", *(f"np.{d}" for d in DType)])
    values = [2.5, -(2**63), True, *(d.numpy.type(1) for d in DType)]
    names = [f"k{k}" for k in range(len(values))]
    for example, argument in [
        ([...] * len(values), values),
        (dict.fromkeys(names, ...), dict(zip(names, values, strict=True))),
        ((...,) * len(values), tuple(values)),
    ]:
        f = copier(kinds, kinds, (example,), example)
        same(f(argument), argument)
        same(f(argument), argument)
    f = copier("int", "int", ([...],), [...])
    assert f([2**63]) is f([True]) is f([1.0]) is NotImplemented


@pytest.mark.parametrize("dtype", DType, ids=str)
def test_results_of_every_class(dtype):
    scalar = f"np.{dtype}"
    f = copier(scalar, f"{dtype}[]", (...,), ...)
    value = dtype.numpy.type(1)
    same(f(value), value)
    f = copier(scalar, f"array {dtype}[]", (...,), ...)
    result = f(value)
    assert type(result) is np.ndarray and result.shape == () and result.dtype is dtype.numpy
    assert result == 1 and result.flags.owndata and result.flags.writeable
    result[...] = 0
    same(f(value), np.array(value))


def test_python_numbers_as_results():
    f = copier("float; int; bool", "float; int; bool", (..., ..., ...), (..., ..., ...))
    for values in [(0.5, 0, True), (-0.0, 2**63 - 1, False), (float("inf"), -(2**63), True)]:
        same(f(*values), values)
    assert copier("bool", "bool", (...,), ...)(False) is False


def test_results_without_leaves():
    for example in (None, (), [], {}, {"a": [None, ()]}):
        what = signature("f64[2]", "bool[]", result=example)
        f = load(program(what, RETURN))
        same(f(X), filled(example, iter(())))
        assert f(X) is not f(X) or example in (None, ())


def test_sizes_of_nested_arrays():
    what = signature(
        "f64[n]; f64[n, m]", "f64[n + m]; f64[m]", ["n - m >= 0"],
        arguments=([..., {"a": ...}],), result={"long": ..., "short": [...]},
    )  # fmt: skip
    f = load(program(what, RETURN))
    result = f([np.ones(5), {"a": np.ones((5, 3))}])
    assert result["long"].shape == (8,) and result["short"][0].shape == (3,)
    assert f([np.ones(5), {"a": np.ones((4, 3))}]) is NotImplemented
    assert f([np.ones(5), {"a": np.ones((5, 6))}]) is NotImplemented


def test_signatures_that_do_not_fit_together():
    one = signature("f64[2]", "f64[2]")
    two, empty = tuple_of_leaves(2), tuple_of_leaves(0)
    for wrong in (
        Signature(one.inputs, one.outputs, two, one.result),
        Signature(one.inputs, one.outputs, empty, one.result),
        Signature(one.inputs, one.outputs, one.arguments, two),
        Signature(one.inputs, one.outputs, one.arguments, empty),
        Signature(one.inputs, signature("", "f32[]").outputs[:0], one.arguments, one.result),
    ):
        with pytest.raises(InternalError):
            call_text(wrong)
    (leaf,) = signature("", "f32[]").outputs
    leaf = type(leaf)(LeafKind.FLOAT, leaf.type)
    with pytest.raises(InternalError, match="cannot be made of f32"):
        call_text(Signature((), (leaf,), empty, one.result))


# -- references -------------------------------------------------------------------------------


NESTED = {"w": [..., (..., ...)], "b": {"s": ...}, "n": None}
KINDS = "f64[2]; f64[2]; float; np.f32"


def argument_of(x, number, scalar):
    return {"w": [x, (x, number)], "b": {"s": scalar}, "n": None}


def calls(what):
    """A call that does `what`, and the objects whose references it could get wrong."""
    x, number, scalar = np.arange(2.0), 12.25, np.float32(2)
    good = argument_of(x, number, scalar)
    run, results = copy_bytes([(0, 0, 16), (1, 1, 16), (2, 2, 8), (3, 3, 4)]), KINDS
    if what == "error":
        run = "ret i64 2"
    elif what == "no memory":
        results = "f64[2]; f64[2, 100000000000000]; float; np.f32"
    f = load(program(signature(KINDS, results, arguments=(NESTED,), result=NESTED), run))
    wrong = argument_of(x, number, 2.0)

    def call():
        if what == "mismatch":
            assert f(wrong) is NotImplemented
        elif what in ("error", "no memory"):
            with pytest.raises(IndexError if what == "error" else MemoryError):
                f(good)
        else:
            f(good)

    parts = [
        x,
        number,
        scalar,
        good,
        good["w"],
        good["w"][1],
        good["b"],
        wrong,
        f,
        None,
        np.float32,
    ]
    return call, [*parts, *map(sys.intern, ["w", "b", "s", "n"]), x.dtype]


@needs_proc
@pytest.mark.parametrize("what", ["good", "mismatch", "error", "no memory"])
def test_references_are_balanced(what):
    call, objects = calls(what)

    def counts():
        return [sys.getrefcount(o) for o in objects if o is not None]

    for _ in range(1000):
        call()
    gc.collect()
    before, memory, nones = counts(), resident(), sys.getrefcount(None)
    for _ in range(100_000 if what in ("good", "mismatch") else 10_000):
        call()
    assert counts() == before
    assert abs(sys.getrefcount(None) - nones) < 100  # the interpreter's own count varies
    assert resident() - memory < 1 << 20


def test_results_own_what_is_in_them():
    f = copied((..., ...), {"a": [...], "b": (..., {})})
    result = f(X, Y)
    assert sys.getrefcount(result) == 2
    for part in (result["a"], result["a"][0], result["b"], result["b"][0], result["b"][1]):
        assert sys.getrefcount(part) == 4  # the result, our tuple, `part`, the parameter
    assert gc.is_tracked(result) and gc.is_tracked(result["a"])
    result["a"].extend([1, 2, 3])
    result.update(c=1, d=2, e=3, f=4, g=5, h=6)
    same(result["a"], [X, 1, 2, 3])


def test_one_array_in_several_places():
    f = copied(([..., {"a": ...}], ...), (..., ..., ...), 3)
    x = np.arange(2.0)
    before = sys.getrefcount(x)
    same(f([x, {"a": x}], x), (x, x, x))
    assert sys.getrefcount(x) == before


def test_every_allocation_may_fail():
    testcapi = pytest.importorskip("_testcapi")
    if not hasattr(testcapi, "set_nomemory"):
        pytest.skip("cannot make allocations fail")
    call, objects = calls("good")
    objects = [o for o in objects if o is not None]
    call()
    held = []

    def attempt(k):
        failed = False
        # take what the interpreter keeps of freed objects
        held.extend([({"x": n}, [n], (n, n), (n, n, n), float(n), {}) for n in range(100)])
        testcapi.set_nomemory(k, k + 1)
        try:
            call()
        except MemoryError:
            failed = True
        finally:
            testcapi.remove_mem_hooks()
        return failed

    attempt(1000)
    before = [sys.getrefcount(o) for o in objects]
    outcomes = [attempt(k) for k in range(1, 40)]
    assert [sys.getrefcount(o) for o in objects] == before
    # two arrays, two numbers, two tuples and lists, two dicts; the interpreter may keep some
    assert sum(outcomes) >= 6 and not outcomes[-1]


# -- other threads ----------------------------------------------------------------------------

# Copies what the argument holds after another thread has changed its containers.
SLOW_COPY = loop(
    f"""{pointer("y", "out", 0)}
    %old = load volatile double, ptr %y
    %root = call double @llvm.sqrt.f64(double %old)
    store volatile double %root, ptr %y""",
    "60000000",
).replace("ret i64 0", copy_bytes([(0, 0, 8), (1, 1, 16), (2, 2, 16)]))


def test_arguments_stay_alive_while_the_program_runs():
    what = signature(
        "float; f64[2]; f64[2]", "float; f64[2]; f64[2]",
        arguments=({"n": ..., "a": [(...,)], "b": ...},), result=[..., ..., ...],
    )  # fmt: skip
    f = load(program(what, SLOW_COPY, cost=10**6))
    x, y = np.arange(2.0), np.arange(2.0) + 5
    argument = {"n": float("7.5"), "a": [(x,)], "b": y}
    alive = [weakref.ref(x), weakref.ref(y)]
    del x, y
    during = []

    def change():
        inner = argument["a"]
        argument.clear()
        inner.clear()
        argument.update({str(k): float(k) for k in range(1000)})
        during.extend(ref() is not None for ref in alive)

    thread = threading.Timer(0.02, change)
    thread.start()
    result = f(argument)
    assert len(during) == 2, "the program did not let the other thread run"
    thread.join()
    assert during == [True, True] and [ref() for ref in alive] == [None, None]
    same(result, [7.5, np.arange(2.0), np.arange(2.0) + 5])


def test_threads_change_containers_all_the_time():
    f = copied(({"a": ..., "l": [..., ...]},), [..., ..., ...], 3, cost=10**6)
    argument = {"a": X.copy(), "l": [X.copy(), X.copy()]}
    stop = threading.Event()

    def change():
        k = 0
        while not stop.is_set():
            k += 1
            argument["a"] = X.copy()
            argument["l"][0] = X.copy()
            argument["l"] = argument["l"][:1] if k % 5 == 0 else [X.copy(), X.copy()]

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    taken = 0
    try:
        while taken < 300:
            result = f(argument)
            if result is not NotImplemented:
                taken += 1
                same(result, [X, X, X])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
