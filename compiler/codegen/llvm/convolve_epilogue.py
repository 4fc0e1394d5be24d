"""What a convolution's epilogue does with a tile.

Layer: compiler/codegen/llvm. The epilogue is a kernel over (outputs, features). Its instructions
run vector by vector, where one is loaded from the tile instead of the convolution's result. It is a
function that the convolution calls for each tile::

    define internal void @k0.epilogue(ptr %context, ptr %tile, i64 %output, i64 %apart,
                                      i64 %feature, i64 %rows, i64 %columns)

The tile has %rows rows, of the outputs %output, %output + %apart, ..., and %columns features, from
%feature on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...kernel.form import Buffer, Convolution, Instr, Load
from ...kernel.schedule import Schedule, body_cost
from ...ops.scalar import Scalar
from .copies import Copies
from .instrs import InstrWriter, Operands, Scope
from .integers import Integers
from .loops import counted_loop
from .parallel import load_context
from .tiles import Tile
from .writer import ModuleWriter


def epilogue_names(step: Convolution) -> dict[Buffer, str]:
    """The names of the further buffers that an epilogue uses."""
    return {buffer: f"%further{k}" for k, buffer in enumerate(step.epilogue_buffers())}


def emit_epilogue(
    module: ModuleWriter,
    step: Convolution,
    tile: Tile,
    context: Sequence[tuple[str, str]],
    sizes: Mapping[str, str],
) -> str:
    """Write the function; `context` is what is in the context, `sizes` names of sizes in it."""
    name = f"@{step.name}.epilogue"
    params = [("ptr", "%context"), ("ptr", "%tile")]
    params += [("i64", f"%{each}") for each in ("output", "apart", "feature", "rows", "columns")]
    fn = module.function("void", name, params, linkage="internal")
    fn.plain_counters = True
    load_context(fn, context)
    i = Integers(fn, sizes)
    epilogue = Epilogue(i, Copies(i, step.dtype, tile.lanes), step, tile.fused)

    def vector(at: str, _: list[str]) -> list[str]:
        mask = epilogue.copies.below(i.subtract("%columns", at))
        source, column = epilogue.copies.at("%tile", at), i.add("%feature", at)

        def row(r: str, carried: list[str]) -> list[str]:
            place = epilogue.copies.at(source, i.multiply(r, str(tile.columns)))
            epilogue.vector(carried[0], column, epilogue.copies.get(place), mask)
            return [i.add(carried[0], "%apart")]

        counted_loop(fn, "0", "%rows", 1, [("i64", "%output")], row)
        return []

    counted_loop(fn, "0", str(tile.columns), tile.lanes, [], vector)
    fn.line("ret void")
    return name


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

    def vector(self, output: str, column: str, raw: str, mask: str | None) -> None:
        """The sums `raw` of one output, from a column on."""
        scope = Scope({0: output, 1: column})
        scope.vector = self.code.builder(self.copies.lanes, mask)
        self._vector(scope, raw)

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
