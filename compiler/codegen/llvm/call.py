"""The call of one program: checks of the arguments, new objects for the results.

Layer: compiler/codegen/llvm. In: a `Signature`. Out: the text of a module with one function::

    ptr @tw.call(ptr %record, ptr %args)

It returns a new reference, null after an error, or MISMATCH if the arguments are not those of the
signature (nothing has happened then). The code is straight, with all that is the same for every
program called in dispatch.py: it should be quick even if LLVM spends no time on it.
"""

from __future__ import annotations

from ... import abi
from ...errors import InternalError
from ...program import Signature
from .call_writer import CallWriter
from .dispatch import MISMATCH
from .pack import Packer
from .unpack import Unpacker
from .writer import ModuleWriter


def call_text(signature: Signature) -> str:
    """The module that checks and builds what `signature` says."""
    if signature.arguments.leaf_count != len(signature.inputs):
        raise InternalError(f"the arguments {signature.arguments} are not {signature.inputs}")
    if signature.result.leaf_count > len(signature.outputs):
        raise InternalError(f"the result {signature.result} is not of {signature.outputs}")
    module = ModuleWriter()
    _emit_call(CallWriter(module), signature)
    return module.text()


def _emit_call(writer: CallWriter, signature: Signature) -> None:
    fn = writer.fn
    arguments, results = Unpacker(writer, signature), Packer(writer, signature)
    arguments.emit()
    sizes = _emit_sizes(writer, signature)
    arguments.retain()
    results.allocate(arguments.objects)
    execute = writer.module.declare("@tw.execute", "i1", ["ptr"] * 4)
    tables = f"ptr {arguments.data}, ptr {results.data}, ptr {sizes}"
    writer.succeed(f"call i1 {execute}(ptr %record, {tables})")
    result = results.build()
    arguments.release()
    fn.line(f"ret ptr {result}")
    fn.start(writer.fail)
    results.release()
    arguments.release()
    fn.line("ret ptr null")
    fn.start(writer.miss)
    fn.line(f"ret ptr {MISMATCH}")


def _emit_sizes(writer: CallWriter, signature: Signature) -> str:
    """The array of sizes; the program checks its guards and appends the derived sizes."""
    names, derived = signature.size_names, signature.derived_sizes
    sizes = writer.words(len(names) + len(derived))
    for k, name in enumerate(names):
        writer.store("i64", writer.sizes[name], sizes, 8 * k)
    if derived or signature.guards:
        derive = writer.load("ptr", "%record", abi.RECORD_DERIVE)
        writer.require(f"call i1 {derive}(ptr {sizes})")
    for k, size in enumerate(derived, start=len(names)):
        writer.sizes[str(size)] = writer.load("i64", sizes, 8 * k)
    return sizes
