"""`tf.summary` of TensorFlow 1: ops that give summaries as bytes, and their merging.

Layer: frontend. The ops run on the host. Tags are the names of the ops, scopes included.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..abstract import TensorType
from ..convert import boxed, convert_to_tensor
from ..dtypes import DType
from ..graph.bodies import Host
from ..graph.build import convert, graph_of, make_constant
from ..graph.graph import Graph
from ..graph.keys import GraphKeys
from ..graph.state import is_building
from ..graph.symbolic import GraphTensor
from ..proto.events import SummaryMetadata
from ..shapes import TensorShape
from ..tensors import Tensor
from . import values

_NUMBERS = (
    dtypes.float32, dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.int16, dtypes.int8,
    dtypes.int64, dtypes.uint16, dtypes.float16, dtypes.uint32, dtypes.uint64,
)  # fmt: skip
_PIXELS = (dtypes.uint8, dtypes.float32, dtypes.float16, dtypes.float64)
_TYPE = TensorType(dtypes.string, TensorShape([]))


class _Kind(NamedTuple):
    """A kind of summary: its op, the names of its inputs, the dtypes of its values."""

    op: str
    tag: str
    operand: str
    allowed: Sequence[DType] | None = None


_SCALAR = _Kind("ScalarSummary", "tags", "values", _NUMBERS)
_HISTOGRAM = _Kind("HistogramSummary", "tag", "values", _NUMBERS)
_IMAGE = _Kind("ImageSummary", "tag", "tensor", _PIXELS)
_AUDIO = _Kind("AudioSummaryV2", "tag", "tensor", (dtypes.float32,))
_histogram = values.histogram  # `values` is the name of an argument below
_TENSOR = _Kind("TensorSummaryV2", "tag", "tensor")


def scalar(name: str, tensor: Any, collections: Any = None, family: str | None = None) -> Any:
    """An op that gives a summary with one number.

    Args:
        name: of the op and, with the scopes around it, of the curve that TensorBoard draws.
        tensor: a number.
        collections: where the op is added, [GraphKeys.SUMMARIES] by default.
        family: a prefix of the tag, under which TensorBoard shows it.
    """
    return _summary(_SCALAR, values.scalar, name, tensor, collections, family)


def histogram(name: str, values: Any, collections: Any = None, family: str | None = None) -> Any:
    """An op that gives a summary of how elements are spread; arguments as those of `scalar`."""
    return _summary(_HISTOGRAM, _histogram, name, values, collections, family)


def image(
    name: str,
    tensor: Any,
    max_outputs: int = 3,
    collections: Any = None,
    family: str | None = None,
) -> Any:
    """An op that gives a summary with pictures.

    Args:
        name: as for `scalar`.
        tensor: [batch, height, width, 1, 3 or 4 channels]; uint8, or floats, which are scaled.
        max_outputs: how many pictures of the batch at most.
        collections: as for `scalar`.
        family: as for `scalar`.
    """

    def encode(tag: str, array: np.ndarray) -> bytes:
        return values.image(tag, array, max_outputs)

    attributes = {"max_images": int(max_outputs)}
    return _summary(_IMAGE, encode, name, tensor, collections, family, attributes)


def audio(
    name: str,
    tensor: Any,
    sample_rate: Any,
    max_outputs: int = 3,
    collections: Any = None,
    family: str | None = None,
) -> Any:
    """An op that gives a summary with sounds.

    Args:
        name: as for `scalar`.
        tensor: [batch, frames] or [batch, frames, channels], from -1 to 1.
        sample_rate: frames in a second.
        max_outputs: how many sounds of the batch at most.
        collections: as for `scalar`.
        family: as for `scalar`.
    """

    def encode(tag: str, array: np.ndarray, rate: np.ndarray) -> bytes:
        return values.audio(tag, array, rate.item(), max_outputs)

    attributes = {"max_outputs": int(max_outputs)}
    further = {"sample_rate": convert_to_tensor(sample_rate, dtypes.float32)
               if not isinstance(sample_rate, Tensor) else sample_rate}  # fmt: skip
    return _summary(_AUDIO, encode, name, tensor, collections, family, attributes, further)


def text(name: str, tensor: Any, collections: Any = None) -> Any:
    """An op that gives a summary with strings, which TensorBoard shows as Markdown.

    Raises:
        ValueError: the tensor holds something else.
    """
    if not isinstance(tensor, Tensor):
        tensor = convert_to_tensor(tensor)
    if tensor.dtype.base_dtype is not dtypes.string:
        label = getattr(tensor, "name", "") if isinstance(tensor, GraphTensor) else ""
        raise ValueError(f"Expected tensor {label} to have dtype string, got {tensor.dtype!r}")
    return tensor_summary(name, tensor, None, collections, values.plugin("text"))


def tensor_summary(
    name: str,
    tensor: Any,
    summary_description: Any = None,
    collections: Any = None,
    summary_metadata: SummaryMetadata | None = None,
    family: str | None = None,
    display_name: str | None = None,
) -> Any:
    """An op that gives a summary with any tensor; the metadata name the plugin that shows it."""
    metadata = SummaryMetadata()
    if summary_metadata is not None:
        metadata.CopyFrom(summary_metadata)
    if display_name is not None:
        metadata.display_name = display_name
    if summary_description is not None:
        metadata.summary_description = str(summary_description)

    def encode(tag: str, array: np.ndarray, *given: np.ndarray) -> bytes:
        return values.tensor(tag, array, metadata)

    further = {"serialized_summary_metadata": convert_to_tensor(metadata.SerializeToString())}
    return _summary(_TENSOR, encode, name, tensor, collections, family, None, further)


def _summary(
    kind: _Kind,
    encode: Callable[..., bytes],
    name: str,
    operand: Any,
    collections: Any,
    family: str | None,
    attributes: dict[str, Any] | None = None,
    further: dict[str, Any] | None = None,
) -> Any:
    """A summary op with inputs for the tag, the value, and whatever else there is."""
    others = further or {}
    if not is_building():
        arrays = [np.asarray(convert_to_tensor(x)._value) for x in (operand, *others.values())]
        return convert_to_tensor(boxed(encode(_tag(name, family), *arrays)))
    graph = graph_of([operand, *others.values()])
    with _scope(graph, name, family) as (tag, scope):
        tensor = convert(operand, None, kind.operand, graph)
        _check_dtype(kind, tensor.dtype.base_dtype)
        rest = [convert(x, None, label, graph) for label, x in others.items()]
        label = make_constant(graph, convert_to_tensor(tag), kind.tag)
        body = Host(lambda tag, *arrays: [boxed(encode(tag.item().decode(), *arrays))])
        inputs = [label, tensor, *rest]
        shown = {"T": tensor.dtype.base_dtype, **(attributes or {})}
        made = graph.add(kind.op, body, inputs, [_TYPE], scope, shown).outputs[0]
    graph.add_to_collections([GraphKeys.SUMMARIES] if collections is None else collections, made)
    return made


def _check_dtype(kind: _Kind, dtype: DType) -> None:
    if kind.allowed is not None and dtype not in kind.allowed:
        raise TypeError(
            f"Value passed to parameter '{kind.operand}' has DataType {dtype.name} not in list of"
            f" allowed values: {', '.join(d.name for d in kind.allowed)}"
        )


# -- tags -----------------------------------------------------------------------------------------


@contextmanager
def _scope(graph: Graph, name: str, family: str | None) -> Iterator[tuple[str, str]]:
    """The tag and the name of a new summary op."""
    with graph.name_scope(_tag(name, family)) as scope:
        tag = scope.rstrip("/")
        yield (f"{clean_tag(family)}/{tag}" if family else tag), scope


def _tag(name: str, family: str | None) -> str:
    return f"{clean_tag(family)}/{clean_tag(name)}" if family else clean_tag(name)


def clean_tag(name: str) -> str:
    """The name with underscores in place of what names of ops cannot have."""
    cleaned = re.sub(r"[^-/\w.]", "_", str(name), flags=re.ASCII).lstrip("/")
    if cleaned != name:
        logging.getLogger("tensorflow").info(
            "Summary name %s is illegal; using %s instead.", name, cleaned
        )
    return cleaned


# -- merging --------------------------------------------------------------------------------------


def merge(inputs: Sequence[Any], collections: Any = None, name: str | None = None) -> Any:
    """An op that gives the values of several summaries as one.

    Raises:
        RuntimeError: in an eager program.
        ValueError: there are no inputs.
    """
    _check_building()
    if isinstance(inputs, Tensor) or not isinstance(inputs, (list, tuple)):
        raise TypeError(f"Expected list for 'inputs' argument to 'MergeSummary' Op, not {inputs}.")
    if not inputs:
        raise ValueError(
            "List argument 'inputs' to 'MergeSummary' Op with length 0 shorter than minimum length"
            " 1."
        )
    graph = graph_of(list(inputs))
    cleaned = clean_tag(name) if name else None
    with graph.name_scope(cleaned or "Merge"):
        tensors = [convert(x, dtypes.string, "inputs", graph) for x in inputs]
        body = Host(lambda *parts: [boxed(values.merged([p.item() for p in parts]))])
        made = graph.add(
            "MergeSummary", body, tensors, [_TYPE], cleaned, {"N": len(tensors)}
        ).outputs[0]
    graph.add_to_collections(collections or [], made)
    return made


def merge_all(
    key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None
) -> Any:
    """An op that gives all summaries of the default graph as one; None if there are none.

    Args:
        key: the collection with the summaries.
        scope: only those whose names begin like this.
        name: of the op.

    Raises:
        RuntimeError: in an eager program.
    """
    _check_building()
    found = graph_of([]).get_collection(key, scope)
    return merge(found, name=name) if found else None


def _check_building() -> None:
    if not is_building():
        raise RuntimeError("Merging tf.summary.* ops is not compatible with eager execution.")
