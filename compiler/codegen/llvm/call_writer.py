"""What the parts of a program's call have in common: short ways to write its instructions.

Layer: compiler/codegen/llvm; used by call.py, unpack.py and pack.py.
"""

from __future__ import annotations

from ... import abi
from ...ir.types import DType, Size
from .writer import ModuleWriter


class CallWriter:
    """The function `@tw.call` under construction, and what its parts tell each other.

    `sizes` has an i64 operand for every size that is known so far. `miss` and `fail` are the
    blocks to go to if the arguments do not match, and if an exception is set.
    """

    def __init__(self, module: ModuleWriter) -> None:
        self.module = module
        self.fn = module.function("ptr", "@tw.call", [("ptr", "%record"), ("ptr", "%args")])
        self.sizes: dict[str, str] = {}
        self.miss = self.fn.label("miss")
        self.fail = self.fn.label("fail")

    def words(self, count: int) -> str:
        """A stack array of 64-bit words."""
        return self.fn.alloca(f"[{max(count, 1)} x i64]", 8)

    def place(self, base: str, offset: int) -> str:
        """The address `offset` bytes behind `base`."""
        return self.fn.assign(f"getelementptr i8, ptr {base}, i64 {offset}") if offset else base

    def load(self, type: str, base: str, offset: int = 0) -> str:
        """The value `offset` bytes behind `base`."""
        return self.fn.assign(f"load {type}, ptr {self.place(base, offset)}")

    def store(self, type: str, value: str, base: str, offset: int = 0) -> None:
        """Set the value `offset` bytes behind `base`."""
        self.fn.line(f"store {type} {value}, ptr {self.place(base, offset)}")

    def require(self, condition: str) -> None:
        """Go on only if `condition`, the right-hand side of an i1, holds: else it is a miss."""
        self._branch(condition, self.miss)

    def succeed(self, condition: str) -> None:
        """Go on only if `condition` holds: else an exception is set."""
        self._branch(condition, self.fail)

    def made(self, call: str) -> str:
        """The object that `call`, an instruction, makes; null is a failure."""
        made = self.fn.assign(call)
        self.succeed(f"icmp ne ptr {made}, null")
        return made

    def _branch(self, condition: str, otherwise: str) -> None:
        following = self.fn.label("ok")
        self.fn.branch(self.fn.assign(condition), following, otherwise)
        self.fn.start(following)

    def size(self, size: Size) -> str:
        """The operand of a size."""
        return str(size) if isinstance(size, int) else self.sizes[str(size)]

    def descr(self, dtype: DType) -> str:
        """NumPy's descriptor of a dtype."""
        return self.module.external(f"@tw.descr.{dtype}")

    def keys(self, start: int) -> str:
        """The address of the signature's keys, from number `start` on."""
        return self.place(self.load("ptr", "%record", abi.RECORD_KEYS), 8 * start)

    def release(self, objects: str, count: int) -> None:
        """Drop the references in an array of pointers."""
        if count:
            release = self.module.declare("@tw.release", "void", ["ptr", "i64"])
            self.fn.line(f"call void {release}(ptr {objects}, i64 {count})")
