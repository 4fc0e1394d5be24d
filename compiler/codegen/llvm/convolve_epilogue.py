"""What a convolution's epilogue does with a row of a tile.

Layer: compiler/codegen/llvm. The epilogue is a kernel over (outputs, features). Its instructions
run vector by vector, where one is loaded from the tile instead of the convolution's result.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...kernel.form import Buffer, Convolution, Instr, Load
from ...kernel.schedule import Schedule, body_cost
from ...ops.scalar import Scalar
from .instrs import InstrWriter, Operands, Scope
from .integers import Integers
from .window_pack import Copies


def epilogue_names(step: Convolution) -> dict[Buffer, str]:
    """The names of the further buffers that an epilogue uses."""
    return {buffer: f"%further{k}" for k, buffer in enumerate(step.epilogue_buffers())}


class Epilogue:
    """Writes the instructions of a step's epilogue."""

    def __init__(self, i: Integers, copies: Copies, step: Convolution, has_fma: bool) -> None:
        assert step.epilogue is not None
        kernel, result = step.epilogue, step.parts[0].y.buffer
        self.i, self.copies, self.kernel = i, copies, kernel
        self.given = {
            instr
            for instr in kernel.instrs
            if isinstance(instr, Load) and instr.access and instr.access.buffer == result
        }
        buffers = {result: "null", **epilogue_names(step)}  # the result's loads are not written
        operands = Operands(buffers, i.names, "%status")
        plan = Schedule(1, copies.lanes, body_cost(kernel), False)
        self.code = InstrWriter(i.fn, kernel, plan, has_fma, operands)

    def row(self, output: str, column: str, tile: str, masks: Sequence[str | None]) -> None:
        """A row: of an output, from a column on, with its sums at `tile`."""
        scope = Scope({0: output})
        self.code.point_to(1, scope)
        for v, mask in enumerate(masks):
            at = str(v * self.copies.lanes)
            inner = scope.copy()
            inner.index[1] = self.i.add(column, at)
            inner.vector = self.code.builder(self.copies.lanes, mask)
            self._vector(inner, self.copies.get(self.i.address(self.copies.element, tile, at)))

    def _vector(self, scope: Scope, raw: str) -> None:
        assert scope.vector is not None
        known: dict[Instr, Scalar] = {
            instr: Scalar(scope.vector, instr.dtype, raw) for instr in self.given
        }
        for instr in self.kernel.instrs:
            if instr in known:
                scope.put(instr, known[instr])
            else:
                self.code.emit(instr, scope)
        for store in self.kernel.stores:
            self.code.write(store, scope)
