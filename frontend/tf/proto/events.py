"""Messages of event files: `Event`, `Summary`, `HistogramProto`, `SummaryMetadata`, `SessionLog`.

Layer: frontend. Source: event.proto, summary.proto and histogram.proto of TensorFlow's format.
"""

from __future__ import annotations

from .fields import DOUBLE, FLOAT, INT32, INT64, RAW, STRING, enum, many, one, table
from .graphs import TensorProto
from .message import Message


class HistogramProto(Message):
    """How often values fall below each limit and not below the one before."""

    FIELDS = table(
        one("min", 1, DOUBLE),
        one("max", 2, DOUBLE),
        one("num", 3, DOUBLE),
        one("sum", 4, DOUBLE),
        one("sum_squares", 5, DOUBLE),
        many("bucket_limit", 6, DOUBLE),
        many("bucket", 7, DOUBLE),
    )


class SummaryMetadata(Message):
    """Which plugin of TensorBoard shows a summary, and how."""

    class PluginData(Message):
        """The plugin's name and what it keeps for itself."""

        FIELDS = table(one("plugin_name", 1, STRING), one("content", 2, RAW))

    DATA_CLASS = enum(
        "DataClass",
        {
            "DATA_CLASS_UNKNOWN": 0,
            "DATA_CLASS_SCALAR": 1,
            "DATA_CLASS_TENSOR": 2,
            "DATA_CLASS_BLOB_SEQUENCE": 3,
        },
    )
    FIELDS = table(
        one("plugin_data", 1, PluginData),
        one("display_name", 2, STRING),
        one("summary_description", 3, STRING),
        one("data_class", 4, DATA_CLASS),
    )


class Summary(Message):
    """Values with tags, of one step."""

    class Image(Message):
        """A picture: sizes, number of channels, the file's bytes."""

        FIELDS = table(
            one("height", 1, INT32),
            one("width", 2, INT32),
            one("colorspace", 3, INT32),
            one("encoded_image_string", 4, RAW),
        )

    class Audio(Message):
        """A sound: rate, channels, frames, the file's bytes."""

        FIELDS = table(
            one("sample_rate", 1, FLOAT),
            one("num_channels", 2, INT64),
            one("length_frames", 3, INT64),
            one("encoded_audio_string", 4, RAW),
            one("content_type", 5, STRING),
        )

    class Value(Message):
        """One value: its tag, and one of several kinds of content."""

    FIELDS = table(many("value", 1, Value))


Summary.Value.FIELDS = table(
    one("tag", 1, STRING),
    one("simple_value", 2, FLOAT, "value"),
    one("image", 4, Summary.Image, "value"),
    one("histo", 5, HistogramProto, "value"),
    one("audio", 6, Summary.Audio, "value"),
    one("node_name", 7, STRING),
    one("tensor", 8, TensorProto, "value"),
    one("metadata", 9, SummaryMetadata),
)


class SessionLog(Message):
    """That a session started, stopped, or wrote a checkpoint."""

    STATUS_UNSPECIFIED, START, STOP, CHECKPOINT = range(4)
    STATUS = enum(
        "SessionStatus", {"STATUS_UNSPECIFIED": 0, "START": 1, "STOP": 2, "CHECKPOINT": 3}
    )
    FIELDS = table(
        one("status", 1, STATUS), one("checkpoint_path", 2, STRING), one("msg", 3, STRING)
    )


class LogMessage(Message):
    """A line of a log."""

    FIELDS = table(one("level", 1, INT32), one("message", 2, STRING))


class TaggedRunMetadata(Message):
    """What a run of a session measured."""

    FIELDS = table(one("tag", 1, STRING), one("run_metadata", 2, RAW))


class Event(Message):
    """One record of an event file: when, at which step, and what."""

    class SourceMetadata(Message):
        """What wrote the file."""

        FIELDS = table(one("writer", 1, STRING))

    FIELDS = table(
        one("wall_time", 1, DOUBLE),
        one("step", 2, INT64),
        one("file_version", 3, STRING, "what"),
        one("graph_def", 4, RAW, "what"),
        one("summary", 5, Summary, "what"),
        one("log_message", 6, LogMessage, "what"),
        one("session_log", 7, SessionLog, "what"),
        one("tagged_run_metadata", 8, TaggedRunMetadata, "what"),
        one("meta_graph_def", 9, RAW, "what"),
        one("source_metadata", 10, SourceMetadata),
    )


class SummaryDescription(Message):
    """The kind of a summary."""

    FIELDS = table(one("type_hint", 1, STRING))
