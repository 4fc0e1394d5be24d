"""What a program's module tells the runtime: its functions, and sizes derived from other sizes.

Layer: compiler/codegen/llvm. In: a `Signature`. Out: in the module that already holds (or will
hold) the kernels, the constant `@tw.program` that dispatch.py reads through a record, and, if the
signature needs it, a function that checks guards and computes the sizes of outputs.

The kernels' side defines::

    define internal i64 @tw.run(ptr %in, ptr %out, ptr %arena, ptr %constants, ptr %sizes)
    define internal i64 @tw.arena_bytes(ptr %sizes)   ; only if `arena_bytes` is None
    define internal i64 @tw.cost(ptr %sizes)          ; nanoseconds, only roughly

`in` and `out` are arrays of data pointers, `constants` likewise, `arena` is scratch memory aligned
to 64 bytes, `sizes` holds the i64 values of `size_names` in order (and behind them the derived
sizes). `@tw.run` returns a sum of STATUS_* bits, 0 when all went well.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InternalError
from ...program import Signature
from .sizes import emit_size
from .writer import ModuleWriter

_RELATIONS = {"==": "eq", "!=": "ne", ">=": "sge"}


def emit_entry(
    module: ModuleWriter,
    signature: Signature,
    size_names: Sequence[str],
    arena_bytes: int | None = None,
) -> None:
    """Write `@tw.program` and what it points to.

    Args:
        module: the module to write into.
        signature: what goes in and out.
        size_names: the symbolic sizes in the order of the kernels' `sizes` array.
        arena_bytes: scratch bytes if known now (0: none); None asks `@tw.arena_bytes` at run time.
    """
    if tuple(size_names) != signature.size_names:
        raise InternalError(f"sizes {size_names} are not those of {signature.inputs}")
    derive = "null"
    if signature.derived_sizes or signature.guards:
        derive = _emit_derive(module, signature)
    functions = ["@tw.run", "@tw.cost", "null" if arena_bytes is not None else "@tw.arena_bytes"]
    words = [f"ptr {name}" for name in [*functions, derive]]
    types = ", ".join(["ptr"] * len(words))
    module.global_(
        "@tw.program", f"constant {{{types}, i64}} {{{', '.join(words)}, i64 {arena_bytes or 0}}}"
    )


def _emit_derive(module: ModuleWriter, signature: Signature) -> str:
    """`i1 @tw.derive(ptr %sizes)`: append the derived sizes; returns whether all guards hold."""
    name = "@tw.derive"
    fn = module.function("i1", name, [("ptr", "%sizes")], linkage="internal")
    count = len(signature.size_names)
    names = {}
    for k, size_name in enumerate(signature.size_names):
        place = fn.assign(f"getelementptr i64, ptr %sizes, i64 {k}")
        names[size_name] = fn.assign(f"load i64, ptr {place}")
    for k, size in enumerate(signature.derived_sizes):
        place = fn.assign(f"getelementptr i64, ptr %sizes, i64 {count + k}")
        fn.line(f"store i64 {emit_size(fn, size, names)}, ptr {place}")
    holds = "true"
    for guard in signature.guards:
        value = emit_size(fn, guard.size, names)
        met = fn.assign(f"icmp {_RELATIONS[guard.relation]} i64 {value}, 0")
        holds = fn.assign(f"and i1 {holds}, {met}")
    fn.line(f"ret i1 {holds}")
    return name
