"""`python -m benchmarks.gpu`: check everything on a GPU against the CPU, then measure.

    python -m benchmarks.gpu --json gpu.json     all checks and figures
    python -m benchmarks.gpu --check-only        the checks alone
    python -m benchmarks.gpu --sizes small       quick, for Numba's simulator, too

Checks are the cases of the tests: every op of the registry, derivatives, programs, workloads. What
is measured runs on arrays that lie on the GPU already. A sample is a number of calls, at whose end
the GPU is waited for; the median of the samples is reported. `traffic` is what the arguments and
results of a call come to, over its time; `of copy` compares it with a kernel that copies an array.
PyTorch (`torch.compile`) and JAX (`jax.jit`) do the same where they can be imported. Products and
convolutions are measured by kernels of our own, and by cuBLAS and cuDNN where these are installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import tensorwright as tw
from tensorwright.runtime.cuda import driver
from tensorwright.runtime.cuda.libraries import libraries

from . import machine, ours
from .peers.translate import rebind
from .workload import Arguments, Workload, leaves, map_leaves
from .workloads import BY_NAME

TESTS = Path(__file__).parents[1] / "tests"
KERNELS = 20  # of the program whose calls are timed on the host

# Sizes of the workloads, as their `inputs` take them; float32.
SIZES: dict[str, dict[str, tuple[int, ...]]] = {
    "full": {
        "chain": (2**28,),
        "black_scholes": (2**28,),
        "softmax": (2**18, 2**10),
        "layernorm": (2**18, 2**10),
        "sum": (2**28,),
        "argmax": (2**28,),
        "mlp_step": (8192, 784, 128, 10),
        "cnn_step": (128, 28, 32, 64, 1024, 10),
    },
    "small": {
        "chain": (64,),
        "black_scholes": (64,),
        "softmax": (4, 16),
        "layernorm": (4, 16),
        "sum": (64,),
        "argmax": (64,),
        "mlp_step": (2, 4, 3, 2),
        "cnn_step": (2, 8, 2, 3, 4, 2),
    },
}
COPIED = {"full": 2**28, "small": 64}  # float32s
# Of a matrix product, and of images and filters.
PRODUCTS = {"full": ((8192, 1024), (1024, 4096)), "small": ((4, 3), (3, 5))}
IMAGES = {"full": ((128, 28, 28, 32), (5, 5, 32, 64)), "small": ((2, 4, 4, 2), (3, 3, 2, 3))}
SIDES = {"full": 64, "small": 2}  # of the matrices of the program of many kernels
# Seconds of a sample at least, and the number of samples.
PLANS = {"full": (0.02, 21), "small": (0.0, 3)}


class Side(Protocol):
    """A library that runs programs on the GPU."""

    name: str

    def argument(self, value: Any) -> Any:
        """An array of NumPy's on the GPU; numbers stay what they are."""

    def compiled(self, workload: Workload) -> Callable[..., Any]:
        """The workload's function, compiled when it is first called."""

    def wait(self, result: Any) -> None:
        """Return when a result, and all before it, is computed."""


class Ours:
    """tensorwright."""

    name = "tensorwright"

    def argument(self, value: Any) -> Any:
        """As `Side.argument`."""
        return tw.device_put(value) if isinstance(value, np.ndarray | np.generic) else value

    def compiled(self, workload: Workload) -> Callable[..., Any]:
        """As `Side.compiled`."""
        return tw.jit(ours.source(workload))

    def wait(self, result: Any) -> None:
        """As `Side.wait`."""
        for leaf in leaves(result):
            leaf.block_until_ready()


class Torch:
    """`torch.compile` of the same source on tensors; the net as users of PyTorch write it."""

    name = "torch"

    def __init__(self) -> None:
        self.torch = torch = importlib.import_module("torch")
        if not torch.cuda.is_available():
            raise ImportError("PyTorch sees no GPU")
        torch.backends.cudnn.allow_tf32 = False  # float32 is float32 on all sides
        numpy = importlib.import_module("benchmarks.peers.torch_numpy").namespace()
        numpy.where, numpy.argmax = torch.where, torch.argmax
        numpy.maximum = lambda a, b: torch.clamp_min(a, b)
        self.names = {"np": numpy, "erf": torch.special.erf}

    def argument(self, value: Any) -> Any:
        """As `Side.argument`."""
        return (
            self.torch.as_tensor(value, device="cuda") if isinstance(value, np.ndarray) else value
        )

    def compiled(self, workload: Workload) -> Callable[..., Any]:
        """As `Side.compiled`."""
        self.torch._dynamo.reset()
        if workload.name == "cnn_step":
            return importlib.import_module("benchmarks.peers.networks").torch_step()  # type: ignore[no-any-return]
        return self.torch.compile(rebind(workload.function, self.names), dynamic=False)  # type: ignore[no-any-return]

    def wait(self, result: Any) -> None:
        """As `Side.wait`."""
        self.torch.cuda.synchronize()


class Jax:
    """`jax.jit` of the same source."""

    name = "jax"

    def __init__(self) -> None:
        self.jax = importlib.import_module("jax")
        if self.jax.default_backend() != "gpu":
            raise ImportError("JAX sees no GPU")
        self.jax.config.update("jax_default_matmul_precision", "highest")  # see Torch
        self.names = {
            "np": importlib.import_module("jax.numpy"),
            "erf": importlib.import_module("jax.scipy.special").erf,
        }

    def argument(self, value: Any) -> Any:
        """As `Side.argument`."""
        return self.jax.device_put(value) if isinstance(value, np.ndarray) else value

    def compiled(self, workload: Workload) -> Callable[..., Any]:
        """As `Side.compiled`."""
        if workload.name == "cnn_step":
            networks = importlib.import_module("benchmarks.peers.networks")
            return self.jax.jit(networks.jax_step())  # type: ignore[no-any-return]
        return self.jax.jit(rebind(workload.function, self.names))  # type: ignore[no-any-return]

    def wait(self, result: Any) -> None:
        """As `Side.wait`."""
        self.jax.block_until_ready(result)


PEERS: tuple[Callable[[], Side], ...] = (Torch, Jax)


# -- checks ---------------------------------------------------------------------------------------


def check(pattern: str) -> list[str]:
    """Run the tests' cases whose names contain a text; what is wrong, one line for each."""
    if str(TESTS) not in sys.path:
        sys.path[:0] = [str(TESTS.parent), str(TESTS)]
    cases = importlib.import_module("support.simulated_gpu").cases()
    chosen = {name: case for name, case in cases.items() if pattern in name}
    wrong = []
    for name, case in chosen.items():
        try:
            case()
        except tw.UnsupportedError:
            continue
        except Exception as error:  # whatever is wrong with one, the others are checked
            wrong.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}"[:300])
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} checks pass")
    for line in wrong:
        print(f"  WRONG {line}")
    return wrong


# -- figures --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A sample lasts `seconds` at least; the median of `samples` counts."""

    seconds: float
    samples: int


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of a workload on one side; what is not known is None."""

    workload: str
    side: str
    seconds: float | None = None
    first: float | None = None  # the first call: compilation included
    nbytes: int = 0
    error: str = ""


def seconds_per_call(side: Side, call: Callable[[], Any], plan: Plan) -> float:
    """The median time of a call, those that follow it queued meanwhile."""
    number, last = 1, 0.0
    while True:
        last = _sample(side, call, number)
        if last >= plan.seconds:
            break
        number = max(2 * number, int(number * plan.seconds / max(last, 1e-9)))
    return statistics.median(_sample(side, call, number) / number for _ in range(plan.samples))


def _sample(side: Side, call: Callable[[], Any], number: int) -> float:
    begin = time.perf_counter()
    for _ in range(number):
        result = call()
    side.wait(result)
    return time.perf_counter() - begin


def host_seconds(side: Side, call: Callable[[], Any], plan: Plan) -> float:
    """The median time until a call returns, the GPU being idle before."""
    samples = []
    for _ in range(max(plan.samples, 3) * 10):
        begin = time.perf_counter()
        result = call()
        samples.append(time.perf_counter() - begin)
        side.wait(result)
    return statistics.median(samples)


def measure(side: Side, workload: Workload, arguments: Arguments, expected: Any, plan: Plan) -> Row:
    """A workload on one side; what it gives is compared with the CPU's result."""
    name = workload.name
    try:
        given = map_leaves(side.argument, arguments)
        call = side.compiled(workload)
        begin = time.perf_counter()
        result = call(*given)
        side.wait(result)
        first = time.perf_counter() - begin
        wrong = _difference(workload, result, expected)
        if wrong:
            return Row(name, side.name, error=wrong)
        seconds = seconds_per_call(side, lambda: call(*given), plan)
    except Exception as error:  # a side that fails costs its own figure
        return Row(name, side.name, error=f"{type(error).__name__}: {error}".splitlines()[0][:200])
    arrays = [np.asarray(x) for x in leaves((arguments, expected))]
    return Row(name, side.name, seconds, first, sum(a.nbytes for a in arrays))


def _difference(workload: Workload, result: Any, expected: Any) -> str:
    """What is wrong with a result; '' where it is right within ten times the CPU's bounds."""
    for got, wanted in zip(leaves(result), leaves(expected), strict=True):
        left = np.asarray(got.cpu() if hasattr(got, "cpu") else got)
        right = np.asarray(wanted)
        rtol = 10 * workload.tolerance[0]
        scale = float(np.max(np.abs(right), initial=0.0))
        if left.shape != right.shape or not np.allclose(left, right, rtol, rtol * scale):
            return f"wrong result: {left.dtype}{left.shape}, expected {right.dtype}{right.shape}"
    return ""


def copied(x: Any) -> Any:
    return np.copy(x)


def products(x: Any, w: Any) -> Any:
    for _ in range(KERNELS):
        x = x @ w
    return x


def run(sides: Sequence[Side], size: str, only: Sequence[str]) -> dict[str, Any]:
    """All figures of the chosen workloads."""
    plan = Plan(*PLANS[size])
    bandwidth = copy_bandwidth(COPIED[size], plan)
    print(f"copy kernel: {bandwidth / 1e9:.1f} GB/s read and written\n")
    print(f"{'workload':15}{'side':14}{'time':>12}{'traffic':>13}{'of copy':>9}{'first call':>12}")
    rows = []
    for name, shape in SIZES[size].items():
        if only and name not in only:
            continue
        workload = BY_NAME[name]
        rng = np.random.default_rng(0)
        arguments = workload.inputs(rng, np.dtype(np.float32), *shape)
        expected = tw.jit(ours.source(workload), device="cpu")(*arguments)
        for side in sides:
            rows.append(measure(side, workload, arguments, expected, plan))
            print(_line(rows[-1], bandwidth), flush=True)
    overhead = launch_overhead(SIDES[size], plan)
    print(
        f"\ncall of a program of {overhead['launches']} kernels:"
        f" {overhead['host'] * 1e6:.1f} us until it returns,"
        f" {overhead['queued'] * 1e6:.1f} us each in a row"
    )
    found = {"copy": bandwidth, "workloads": [asdict(row) for row in rows], "launch": overhead}
    return found if only else {**found, "libraries": compare_libraries(size, plan)}


def copy_bandwidth(elements: int, plan: Plan) -> float:
    """Bytes read and written per second by a kernel that copies float32s."""
    side, x = Ours(), tw.device_put(np.ones(elements, np.float32))
    call = tw.jit(copied)
    return 2 * x.nbytes / seconds_per_call(side, lambda: call(x), plan)


def launch_overhead(side_length: int, plan: Plan) -> dict[str, Any]:
    """What the host does for a call of a program of many short kernels."""
    side, call = Ours(), tw.jit(products)
    x = np.full((side_length, side_length), 1 / side_length, np.float32)
    there = tw.device_put(x)
    side.wait(call(there, there))
    launches = sum(1 for _ in tw.jit(products).lower(x, x).compilation.gpu.launches())
    return {
        "launches": launches,
        "host": host_seconds(side, lambda: call(there, there), plan),
        "queued": seconds_per_call(side, lambda: call(there, there), plan),
    }


# -- libraries and kernels ------------------------------------------------------------------------


def product(a: Any, b: Any) -> Any:
    return a @ b


def convolution(x: Any, w: Any) -> Any:
    return tw.conv(x, w, padding="SAME")


def by_images(x: Any, w: Any) -> Any:
    """A derivative whose cotangent is 1 everywhere."""
    return tw.grad(lambda x: convolution(x, w).sum())(x)


def by_filters(x: Any, w: Any) -> Any:
    """Likewise."""
    return tw.grad(lambda w: convolution(x, w).sum())(w)


@contextmanager
def _with_libraries(wanted: bool) -> Iterator[None]:
    name = "TENSORWRIGHT_GPU_LIBRARIES"
    before = os.environ.get(name)
    os.environ[name] = str(int(wanted))
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def compare_libraries(size: str, plan: Plan) -> list[dict[str, Any]]:
    """Seconds of products and convolutions by kernels and, where they are, by libraries."""
    with _with_libraries(True):
        there = libraries(driver.current()).names()
    print(f"\nby kernels, and by {' and '.join(there) or 'libraries, which are not installed'}")
    rows = []
    cases = [(product, PRODUCTS, "cuBLAS")]
    cases += [(each, IMAGES, "cuDNN") for each in (convolution, by_images, by_filters)]
    for function, shapes, library in cases:
        rng = np.random.default_rng(0)
        given = [tw.device_put(rng.normal(size=s).astype(np.float32)) for s in shapes[size]]
        row: dict[str, Any] = {"function": function.__name__, "library": library}
        results = []
        for wanted in (False, True)[: 1 + (library in there)]:
            with _with_libraries(wanted):
                call = tw.jit(function)
                results.append(np.asarray(call(*given)))
                seconds = seconds_per_call(Ours(), lambda: call(*given), plan)  # noqa: B023
            row[("kernels", "by_library")[wanted]] = seconds
        scale = float(np.max(np.abs(results[0])))
        row["difference"] = float(np.max(np.abs(results[0] - results[-1]))) / scale
        rows.append(row)
        print(_library_line(row), flush=True)
    return rows


def _library_line(row: dict[str, Any]) -> str:
    line = f"{row['function']:15}{row['kernels'] * 1e3:9.3f} ms"
    if "by_library" not in row:
        return line
    took, difference = row["by_library"] * 1e3, row["difference"]
    return f"{line}{took:9.3f} ms by {row['library']}, {difference:.1e} apart"


def _line(row: Row, bandwidth: float) -> str:
    if row.seconds is None or row.first is None:
        return f"{row.workload:15}{row.side:14}{'-':>12}  {row.error}"
    rate = row.nbytes / row.seconds
    return (
        f"{row.workload:15}{row.side:14}{row.seconds * 1e3:9.3f} ms{rate / 1e9:8.0f} GB/s"
        f"{rate / bandwidth:9.2f}{row.first:10.2f} s"
    )


def chosen_sides(peers: bool) -> list[Side]:
    """Ours, and the peers that can be imported and see a GPU."""
    sides: list[Side] = [Ours()]
    for peer in PEERS if peers else ():
        try:
            sides.append(peer())
        except Exception as error:  # not installed, or for another driver
            print(f"without {peer.__name__}: {str(error).splitlines()[0]}")
    return sides


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status tells whether all is right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check-only", action="store_true", help="measure nothing")
    parser.add_argument("--no-check", action="store_true", help="check nothing")
    parser.add_argument("--checks", default="", metavar="TEXT", help="those with this in the name")
    parser.add_argument("--sizes", choices=sorted(SIZES), default="full")
    parser.add_argument("--only", default="", metavar="NAMES", help="workloads, with commas")
    parser.add_argument("--no-peers", action="store_true", help="tensorwright alone")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    only = [name for name in options.only.split(",") if name]
    unknown = [name for name in only if name not in SIZES["full"]]
    if unknown:
        parser.error(f"no workload named {', '.join(unknown)}: {', '.join(SIZES['full'])}")
    warnings.simplefilter("ignore")
    (gpu,) = tw.config.list_physical_devices("GPU") or (None,)
    if gpu is None:
        print("there is no GPU", file=sys.stderr)
        return 2
    described = machine.describe()
    described["gpu"] = tw.config.experimental.get_device_details(gpu)
    for key, value in described.items():
        print(f"{key:<13}{value}")
    wrong = [] if options.no_check else check(options.checks)
    found: dict[str, Any] = {"machine": described, "wrong": wrong}
    if not options.check_only:
        found |= run(chosen_sides(not options.no_peers), options.sizes, only)
        wrong = wrong + [row["error"] for row in found["workloads"] if _is_ours_wrong(row)]
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1, default=str) + "\n")
    return int(bool(wrong))


def _is_ours_wrong(row: dict[str, Any]) -> bool:
    return row["side"] == Ours.name and bool(row["error"])


if __name__ == "__main__":
    sys.exit(main())
