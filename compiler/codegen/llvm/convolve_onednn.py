"""A convolution that oneDNN is asked for, with our own kernels for where it does not do it.

Layer: compiler/codegen/llvm. The record that a name stands for says which it is (onednn.py). What a
step's epilogue does is done behind each call of the library, while the result is in the cache; a
result that nothing else reads is dropped then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...kernel.form import Convolution
from ...target import Target
from .convolve_epilogue import Epilogue
from .copies import Copies
from .integers import Integers
from .loops import counted_loop, either, when
from .onednn import GIVEN, WORK, Asked, word
from .onednn_choice import whole
from .parallel import fill_context, load_context

Context = Sequence[tuple[str, str, str]]  # type, name in the function behind, value
_BEHIND = (("ptr", "%context"), ("ptr", "%result"), ("i64", "%unit"))


class OneDnnCall:
    """Writes the call.

    Args:
        i: arithmetic where it is written.
        step: the convolution.
        asked: what one call of the library does.
        target: the CPU.
        context: all that the epilogue uses.
    """

    def __init__(
        self, i: Integers, step: Convolution, asked: Asked, target: Target, context: Context
    ) -> None:
        self.i, self.fn, self.step, self.asked = i, i.fn, step, asked
        self.target, self.context = target, context
        self.lanes = target.vector_bytes // step.dtype.itemsize

    def write(self, operands: Sequence[str], ns: str, own: Callable[[], None]) -> None:
        """Ask the library; what `own` writes is done where it does not do the work.

        `operands` are where x, w and y begin, `ns` is an estimate of the time of one thread.
        """
        i, fn = self.i, self.fn
        record = fn.module.external(f"@{self.asked.name}")
        run = fn.assign(f"load ptr, ptr {record}")

        def ask() -> list[str]:
            units = i.divide(i.size(self.step.batch), str(self.asked.images))
            arguments = f"ptr {record}, ptr {self._work(operands)}, i64 {units}, i64 {ns}"
            return [fn.assign(f"call i1 {run}({arguments})")]

        def again() -> list[str]:
            own()
            return []

        is_there = fn.assign(f"icmp ne ptr {run}, null")
        (done,) = either(fn, is_there, ["i1"], ask, lambda: ["false"])
        when(fn, fn.assign(f"xor i1 {done}, true"), [], again)

    def _work(self, operands: Sequence[str]) -> str:
        """What the native code of the library's calls is given."""
        fn, step, i = self.fn, self.step, self.i
        part = whole(step)
        # a filter that lies turned round begins, for the library, with its last element
        back = sum(
            stride * (axis.window - 1)
            for stride, axis in zip(part.w.strides, part.axes, strict=False)
            if isinstance(stride, int) and stride < 0
        )
        x, w, y = operands
        w = fn.assign(f"getelementptr float, ptr {w}, i64 {back}") if back else w
        y_step = self.asked.images * self._positions() * self.asked.features
        x_step = i.multiply(i.size(step.x.strides[0]), str(self.asked.images * 4))
        behind, context = "null", "null"
        if step.epilogue is not None:
            behind = self._behind()
            context = fill_context(fn, [(type, value) for type, _, value in self.context])
        values = (f"ptr {x}", f"ptr {w}", f"ptr {y}", f"i64 {x_step}", f"i64 {4 * y_step}")
        work = fn.alloca(f"[{len(WORK)} x i64]", 8)
        for name, value in zip(GIVEN, (*values, f"ptr {behind}", f"ptr {context}"), strict=True):
            place = fn.assign(f"getelementptr i8, ptr {work}, i64 {word(GIVEN, name)}")
            fn.line(f"store {value}, ptr {place}")
        return work

    def _positions(self) -> int:
        """The places of one image's result."""
        return self.asked.result[0] * self.asked.result[1]

    def _behind(self) -> str:
        """The function that does the epilogue with a unit's result."""
        step, asked = self.step, self.asked
        name = f"@{step.name}.behind"
        fn = self.fn.module.function("void", name, _BEHIND, linkage="internal")
        fn.plain_counters = True
        load_context(fn, [(type, name) for type, name, _ in self.context])
        i = Integers(fn, {n[3:]: n for _, n, _ in self.context if n.startswith("%n.")})
        epilogue = Epilogue(i, Copies(i, step.dtype, self.lanes), step, self.target.has_fma)
        rows, columns = asked.images * self._positions(), asked.features
        first = i.multiply("%unit", str(rows))
        full = columns - columns % self.lanes

        def row(r: str, _: list[str]) -> list[str]:
            output = i.add(first, r)
            source = epilogue.copies.at("%result", i.multiply(r, str(columns)))

            def vector(at: str, mask: str | None) -> None:
                place = epilogue.copies.at(source, at)
                epilogue.vector(output, at, epilogue.copies.get(place, mask), mask)

            def whole(at: str, _: list[str]) -> list[str]:
                vector(at, None)
                return []

            counted_loop(fn, "0", str(full), self.lanes, [], whole)
            if full < columns:
                vector(str(full), epilogue.copies.below(str(columns - full)))
            return []

        counted_loop(fn, "0", str(rows), 1, [], row)
        fn.line("ret void")
        return name
