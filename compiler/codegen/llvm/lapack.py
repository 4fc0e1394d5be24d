"""Linear systems and factors of matrices as calls of the LAPACK that SciPy ships.

Layer: compiler/codegen/llvm. For each matrix of a stack one call, in native loops. LAPACK reads our
matrices as their transposes, which the ops account for (ops/matrices.py). It overwrites its
operands: they are copies, whose memory results take. Addresses are bound by the runtime under names
such as `@tw.lapack.dgetrf`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...ir.types import DType, Size
from ...kernel.form import Access, MatrixCall
from ...kernel.storage import step_buffers
from .blas import address, for_each, int_slot, letter_slot, number_slot, transposed_slot
from .loops import counted_loop
from .memory import memory_type
from .sizes import emit_size
from .writer import FunctionWriter, ModuleWriter

Apply = Callable[[list[str]], None]  # of the index of a matrix

_NAN, _LEAST = "0x7FF8000000000000", "0xFFF0000000000000"


def emit_matrices(module: ModuleWriter, call: MatrixCall, size_names: Sequence[str]) -> None:
    """Write the call, with loops over the batch axes, as the function `@name`."""
    pointers = [("ptr", f"%p{k}") for k in range(len(step_buffers(call)))]
    sizes = [("i64", f"%n.{name}") for name in size_names]
    params = [*pointers, *sizes, ("ptr", "%status")]
    fn = module.function("void", f"@{call.name}", params, linkage="internal")
    stack = _Stack(module, fn, call, size_names)
    for_each(fn, call.batch, stack.names, _ROUTINES[call.routine.name](stack))
    fn.line("ret void")


class _Stack:
    """The matrices of a call, and what Fortran wants to know of them."""

    def __init__(
        self,
        module: ModuleWriter,
        fn: FunctionWriter,
        call: MatrixCall,
        size_names: Sequence[str],
    ) -> None:
        self.module, self.fn, self.call = module, fn, call
        self.names = {name: f"%n.{name}" for name in size_names}
        self.element = memory_type(call.dtype)
        self._places = {b: f"%p{k}" for k, b in enumerate(step_buffers(call))}

    def at(self, access: Access, index: list[str]) -> str:
        """The address of one matrix, one row of pivots, one number."""
        element = memory_type(access.buffer.dtype)
        return address(self.fn, self._places[access.buffer], access, index, element, self.names)

    def size(self) -> str:
        """The rows of the square matrices, an i64."""
        return emit_size(self.fn, self.call.size, self.names)

    def int(self, size: Size) -> str:
        """A size for Fortran."""
        return int_slot(self.fn, size, self.names)

    def leading(self) -> str:
        """The distance of rows for Fortran: at least 1."""
        if isinstance(self.call.size, int):
            return self.int(max(self.call.size, 1))
        fn, size = self.fn, self.size()
        some = fn.assign(f"icmp sgt i64 {size}, 1")
        slot = fn.alloca("i32", 4)
        short = fn.assign(f"trunc i64 {fn.assign(f'select i1 {some}, i64 {size}, i64 1')} to i32")
        fn.line(f"store i32 {short}, ptr {slot}")
        return slot

    def run(self, library: str, routine: str, *slots: str) -> None:
        """Call a routine; the letter of the dtype is put in front of its name."""
        letter = {DType.F64: "d", DType.F32: "s"}[self.call.dtype]
        name = f"@tw.{library}.{letter}{routine}"
        callee = self.module.declare(name, "void", ["ptr"] * len(slots))
        self.fn.line(f"call void {callee}({', '.join(f'ptr {p}' for p in slots)})")

    def function(self, name: str, x: str) -> str:
        """One of LLVM's intrinsics of a number."""
        bits = {DType.F64: "f64", DType.F32: "f32"}[self.call.dtype]
        callee = self.module.declare(f"@llvm.{name}.{bits}", self.element, [self.element])
        return self.fn.assign(f"call {self.element} {callee}({self.element} {x})")

    def loop(self, start: str, body: Callable[[str], None]) -> None:
        """`for i in range(start, size)`."""

        def apply(i: str, _: list[str]) -> list[str]:
            body(i)
            return []

        counted_loop(self.fn, start, self.size(), 1, [], apply)

    def element_at(self, matrix: str, row: str, column: str) -> str:
        """The address of an element."""
        fn = self.fn
        place = fn.assign(f"add i64 {fn.assign(f'mul i64 {row}, {self.size()}')}, {column}")
        return fn.assign(f"getelementptr {self.element}, ptr {matrix}, i64 {place}")

    def swap(self, rows: str, pivots: str, *, backwards: bool) -> None:
        """Swap elements of each row as the rows of the transposed matrix were, or back again."""
        fn, element = self.fn, self.element
        last = fn.assign(f"sub i64 {self.size()}, 1")

        def row(r: str, _: list[str]) -> list[str]:
            def one(k: str) -> None:
                i = fn.assign(f"sub i64 {last}, {k}") if backwards else k
                at = fn.assign(f"getelementptr i32, ptr {pivots}, i64 {i}")
                from_one = fn.assign(f"sext i32 {fn.assign(f'load i32, ptr {at}')} to i64")
                other = fn.assign(f"sub i64 {from_one}, 1")
                places = [self.element_at(rows, r, j) for j in (i, other)]
                x, y = (fn.assign(f"load {element}, ptr {place}") for place in places)
                fn.line(f"store {element} {y}, ptr {places[0]}")
                fn.line(f"store {element} {x}, ptr {places[1]}")

            self.loop("0", one)
            return []

        counted_loop(fn, "0", emit_size(fn, self.call.rows, self.names), 1, [], row)


def _factors(stack: _Stack) -> Apply:
    size, lead = stack.int(stack.call.size), stack.leading()
    matrix, pivots, info = stack.call.results

    def apply(index: list[str]) -> None:
        a, swaps, state = (stack.at(x, index) for x in (matrix, pivots, info))
        stack.run("lapack", "getrf", size, size, a, lead, swaps, state)

    return apply


def _solution(stack: _Stack) -> Apply:
    """Of one row by LAPACK, of several in its steps: for them it asks several threads to help,
    however small the matrix is.
    """
    if stack.call.rows != 1:
        return _solution_in_steps(stack)
    flag = transposed_slot(stack.fn, stack.call.attrs["transposed"])
    size, rows, lead = stack.int(stack.call.size), stack.int(stack.call.rows), stack.leading()
    info = stack.fn.alloca("i32", 4)

    def apply(index: list[str]) -> None:
        factors, pivots, b = (stack.at(x, index) for x in stack.call.operands)
        stack.run("lapack", "getrs", flag, size, rows, factors, lead, pivots, b, lead, info)

    return apply


def _solution_in_steps(stack: _Stack) -> Apply:
    call, fn, transposed = stack.call, stack.fn, stack.call.attrs["transposed"]
    side, flag = letter_slot(fn, "L"), transposed_slot(fn, transposed)
    lower, upper, general = (letter_slot(fn, letter) for letter in "LUN")
    below, above = (lower, upper), (upper, general)  # triangle, and that L has ones in its diagonal
    size, rows, lead = stack.int(call.size), stack.int(call.rows), stack.leading()
    one = number_slot(fn, stack.element, "1.0")

    def apply(index: list[str]) -> None:
        factors, pivots, b = (stack.at(x, index) for x in call.operands)
        if not transposed:
            stack.swap(b, pivots, backwards=False)
        for part, unit in (above, below) if transposed else (below, above):
            operands = (size, rows, one, factors, lead, b, lead)
            stack.run("blas", "trsm", side, part, flag, unit, *operands)
        if transposed:
            stack.swap(b, pivots, backwards=True)

    return apply


def _triangular_solution(stack: _Stack) -> Apply:
    call, fn = stack.call, stack.fn
    side, upper = letter_slot(fn, "L"), letter_slot(fn, "U" if call.attrs["lower"] else "L")
    flag, unit = transposed_slot(fn, call.attrs["transposed"]), letter_slot(fn, "N")
    size, rows, lead = stack.int(call.size), stack.int(call.rows), stack.leading()
    one = number_slot(fn, stack.element, "1.0")

    def apply(index: list[str]) -> None:
        a, b = (stack.at(x, index) for x in call.operands)
        stack.run("blas", "trsm", side, upper, flag, unit, size, rows, one, a, lead, b, lead)

    return apply


def _cholesky(stack: _Stack) -> Apply:
    """LAPACK's upper triangle is our lower one; the other one is filled."""
    fn, element = stack.fn, stack.element
    upper, size, lead = letter_slot(fn, "U"), stack.int(stack.call.size), stack.leading()
    matrix, info = stack.call.results

    def apply(index: list[str]) -> None:
        a, state = stack.at(matrix, index), stack.at(info, index)
        stack.run("lapack", "potrf", upper, size, a, lead, state)
        found = fn.assign(f"icmp eq i32 {fn.assign(f'load i32, ptr {state}')}, 0")
        filler = fn.assign(f"select i1 {found}, {element} 0.0, {element} {_NAN}")

        def row(i: str) -> None:
            after = fn.assign(f"add i64 {i}, 1")
            start = fn.assign(f"select i1 {found}, i64 {after}, i64 0")

            def one(j: str) -> None:
                fn.line(f"store {element} {filler}, ptr {stack.element_at(a, i, j)}")

            stack.loop(start, one)

        stack.loop("0", row)

    return apply


def _log_determinant(stack: _Stack) -> Apply:
    """As NumPy: the signs and the logarithms along the diagonal, in order."""
    fn, element = stack.fn, stack.element
    (factors, pivots), (sign, log) = stack.call.operands, stack.call.results

    def apply(index: list[str]) -> None:
        a, swaps = stack.at(factors, index), stack.at(pivots, index)

        def one(i: str, state: list[str]) -> list[str]:
            odd, zero, total = state
            x = fn.assign(f"load {element}, ptr {stack.element_at(a, i, i)}")
            at = fn.assign(f"getelementptr i32, ptr {swaps}, i64 {i}")
            pivot = fn.assign(f"sext i32 {fn.assign(f'load i32, ptr {at}')} to i64")
            swapped = fn.assign(f"icmp ne i64 {pivot}, {fn.assign(f'add i64 {i}, 1')}")
            negative = fn.assign(f"fcmp olt {element} {x}, 0.0")
            odd = fn.assign(f"xor i1 {odd}, {fn.assign(f'xor i1 {swapped}, {negative}')}")
            zero = fn.assign(f"or i1 {zero}, {fn.assign(f'fcmp oeq {element} {x}, 0.0')}")
            part = stack.function("log", stack.function("fabs", x))
            return [odd, zero, fn.assign(f"fadd {element} {total}, {part}")]

        start = [("i1", "false"), ("i1", "false"), (element, "0.0")]
        odd, zero, total = counted_loop(fn, "0", stack.size(), 1, start, one)
        unit = fn.assign(f"select i1 {odd}, {element} -1.0, {element} 1.0")
        found = fn.assign(f"select i1 {zero}, {element} 0.0, {element} {unit}")
        fn.line(f"store {element} {found}, ptr {stack.at(sign, index)}")
        total = fn.assign(f"select i1 {zero}, {element} {_LEAST}, {element} {total}")
        fn.line(f"store {element} {total}, ptr {stack.at(log, index)}")

    return apply


_ROUTINES: dict[str, Callable[[_Stack], Apply]] = {
    "getrf": _factors,
    "getrs": _solution,
    "trsm": _triangular_solution,
    "potrf": _cholesky,
    "log_determinant": _log_determinant,
}
