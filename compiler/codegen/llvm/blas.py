"""Matrix products as calls of the BLAS that SciPy ships.

Layer: compiler/codegen/llvm. BLAS is column-major: a row-major product C = A B is the column-major
product C' = B' A', so the operands change places and no data moves. A product with one row or one
column is one with a vector, which BLAS does faster. The routine's address is bound by the runtime
under the name `@tw.blas.dgemm`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...errors import InternalError
from ...ir.types import DType, Shape, Size
from ...kernel.form import Access, MatmulCall
from ...kernel.prepare import leading_dimension
from .loops import counted_loop
from .memory import memory_type
from .sizes import emit_size
from .writer import FunctionWriter, ModuleWriter


def parameters(call: MatmulCall, size_names: Sequence[str]) -> list[tuple[str, str]]:
    """As of a kernel: buffers, sizes, status."""
    sizes = [("i64", f"%n.{name}") for name in size_names]
    return [("ptr", "%a"), ("ptr", "%b"), ("ptr", "%c"), *sizes, ("ptr", "%status")]


def emit_matmul(module: ModuleWriter, call: MatmulCall, size_names: Sequence[str]) -> None:
    """Write the call, with loops over the batch axes, as the function `@name`."""
    fn = module.function("void", f"@{call.name}", parameters(call, size_names), linkage="internal")
    names = {name: f"%n.{name}" for name in size_names}
    routine = _Routine(module, fn, call, names)
    apply = routine.gemm() if call.k == 0 or 1 not in (call.m, call.n) else routine.gemv()

    def product(index: list[str]) -> None:
        apply(*(routine.address(p, index) for p in ("a", "b", "c")))

    for_each(fn, call.batch, names, product)
    fn.line("ret void")


def for_each(
    fn: FunctionWriter,
    batch: Shape,
    names: Mapping[str, str],
    apply: Callable[[list[str]], None],
) -> None:
    """Loops over the batch axes around what is done at one index."""

    def walk(axis: int, index: list[str]) -> None:
        if axis == len(batch):
            apply(index)
            return

        def body(i: str, _: list[str]) -> list[str]:
            walk(axis + 1, [*index, i])
            return []

        counted_loop(fn, "0", emit_size(fn, batch[axis], names), 1, [], body)

    walk(0, [])


class _Routine:
    """One BLAS routine with its arguments; the functions returned take the addresses of a, b, c."""

    def __init__(
        self, module: ModuleWriter, fn: FunctionWriter, call: MatmulCall, names: Mapping[str, str]
    ) -> None:
        self.module, self.fn, self.call, self.names = module, fn, call, names
        self.element = memory_type(call.dtype)
        self.prefix = {DType.F64: "d", DType.F32: "s"}[call.dtype]

    def gemm(self) -> Callable[[str, str, str], None]:
        """C' = B' A': in BLAS's order, B' is the first operand."""
        fn, call = self.fn, self.call
        a_ld, a_transposed = _leading(call.a, call.m, call.k)
        b_ld, b_transposed = _leading(call.b, call.k, call.n)
        c_ld = 1 if call.n == 0 else call.n
        n, m, k, b_lead, a_lead, c_lead = self._ints(call.n, call.m, call.k, b_ld, a_ld, c_ld)
        one, zero = number_slot(fn, self.element, "1.0"), number_slot(fn, self.element, "0.0")
        b_flag, a_flag = transposed_slot(fn, b_transposed), transposed_slot(fn, a_transposed)

        def apply(a: str, b: str, c: str) -> None:
            self._call("gemm", b_flag, a_flag, n, m, k, one, b, b_lead, a, a_lead, zero, c, c_lead)

        return apply

    def gemv(self) -> Callable[[str, str, str], None]:
        """A product with one column or one row: y = A x, or y = B' x."""
        fn, call = self.fn, self.call
        column = call.n == 1
        if column:
            lead, transposed = _leading(call.a, call.m, call.k)
            shape, step = (call.k, call.m), call.b.strides[-2]  # as BLAS sees A, if it is row-major
        else:
            lead, transposed = _leading(call.b, call.k, call.n)
            shape, step = (call.n, call.k), call.a.strides[-1]
        if call.k == 1:
            step = 1  # the stride along an axis of size 1 may be anything, but BLAS checks it
        rows, columns = shape[::-1] if transposed else shape
        m, n, leading, x_step, one_step = self._ints(rows, columns, lead, step, 1)
        one, zero = number_slot(fn, self.element, "1.0"), number_slot(fn, self.element, "0.0")
        flag = transposed_slot(fn, column != transposed)

        def apply(a: str, b: str, c: str) -> None:
            matrix, vector = (a, b) if column else (b, a)
            self._call("gemv", flag, m, n, one, matrix, leading, vector, x_step, zero, c, one_step)

        return apply

    def address(self, operand: str, index: list[str]) -> str:
        """Where an operand of one product of the batch starts."""
        access = {"a": self.call.a, "b": self.call.b, "c": self.call.c}[operand]
        return address(self.fn, f"%{operand}", access, index, self.element, self.names)

    def _ints(self, *sizes: Size) -> list[str]:
        return [int_slot(self.fn, size, self.names) for size in sizes]

    def _call(self, routine: str, *slots: str) -> None:
        name = f"@tw.blas.{self.prefix}{routine}"
        callee = self.module.declare(name, "void", ["ptr"] * len(slots))
        self.fn.line(f"call void {callee}({', '.join(f'ptr {p}' for p in slots)})")


def _leading(matrix: Access, rows: Size, columns: Size) -> tuple[Size, bool]:
    row, column = matrix.strides[-2:]
    found = leading_dimension(row, column, rows, columns)
    if found is None:
        raise InternalError("an operand is no matrix that BLAS accepts")
    return found


def int_slot(fn: FunctionWriter, size: Size, names: Mapping[str, str]) -> str:
    """A 32-bit integer in memory, as Fortran wants it."""
    slot = fn.alloca("i32", 4)
    if isinstance(size, int):
        fn.line(f"store i32 {size}, ptr {slot}")
    else:
        value = fn.assign(f"trunc i64 {emit_size(fn, size, names)} to i32")
        fn.line(f"store i32 {value}, ptr {slot}")
    return slot


def number_slot(fn: FunctionWriter, element: str, value: str) -> str:
    """A number in memory, as Fortran wants it."""
    slot = fn.alloca(element, 8)
    fn.line(f"store {element} {value}, ptr {slot}")
    return slot


def letter_slot(fn: FunctionWriter, letter: str) -> str:
    """A letter in memory, as Fortran wants it."""
    slot = fn.alloca("i8", 1)
    fn.line(f"store i8 {ord(letter)}, ptr {slot}")
    return slot


def transposed_slot(fn: FunctionWriter, transposed: bool) -> str:
    """The letter that says whether a matrix is transposed."""
    return letter_slot(fn, "T" if transposed else "N")


def address(
    fn: FunctionWriter,
    base: str,
    access: Access,
    index: list[str],
    element: str,
    names: Mapping[str, str],
) -> str:
    """Where the matrix at an index of the batch axes starts."""
    offset = emit_size(fn, access.offset, names)
    for i, stride in zip(index, access.strides, strict=False):
        if stride != 0:
            step = fn.assign(f"mul i64 {i}, {emit_size(fn, stride, names)}")
            offset = fn.assign(f"add i64 {offset}, {step}")
    if offset == "0":
        return base
    return fn.assign(f"getelementptr {element}, ptr {base}, i64 {offset}")
