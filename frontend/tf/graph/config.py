"""`ConfigProto`, `RunOptions` and the like: settings that programs make, and a trace of a run.

Layer: frontend. Settings are accepted and kept; results do not depend on them.
"""

from __future__ import annotations

import time
from typing import Any


class Settings:
    """Nested settings: any attribute can be read and assigned.

    Attributes that were not assigned are settings in turn, so `config.gpu_options.allow_growth =
    True` works without declaring anything.
    """

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.__dict__[name] = Settings()
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__dict__[str(key)] = value

    def CopyFrom(self, other: Settings) -> None:
        """Take over all settings of another object."""
        self.__dict__.clear()
        self.__dict__.update(other.__dict__)

    def __bool__(self) -> bool:
        return bool(self.__dict__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        lines = []
        for name, value in self.__dict__.items():
            if isinstance(value, Settings):
                inner = "".join(f"  {line}\n" for line in repr(value).splitlines())
                lines.append(f"{name} {{\n{inner}}}\n")
            else:
                text = str(value).lower() if isinstance(value, bool) else repr(value)
                lines.append(f"{name}: {text}\n")
        return "".join(lines)


class ConfigProto(Settings):
    """Settings of a session."""


class GPUOptions(Settings):
    """Settings of GPUs."""


class OptimizerOptions(Settings):
    """Settings of TensorFlow's optimiser of graphs."""

    L0, L1 = -1, 0
    OFF, ON_1, ON_2 = -1, 1, 2


class GraphOptions(Settings):
    """Settings of graphs."""


class RunOptions(Settings):
    """Settings of one run."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = 0, 1, 2, 3

    def __init__(self, trace_level: int = 0, timeout_in_ms: int = 0, **settings: Any) -> None:
        super().__init__(trace_level=trace_level, timeout_in_ms=timeout_in_ms, **settings)


class RunMetadata(Settings):
    """What a run with `trace_level` tells: `step_stats.dev_stats[0].node_stats`."""

    def begin(self, options: Any) -> None:
        """The run starts."""
        self.__dict__["_level"] = getattr(options, "trace_level", 0) if options else 0
        self.__dict__["_start"] = time.perf_counter()

    def end(self, programs: Any) -> None:
        """The run is done."""
        if not self.__dict__.pop("_level"):
            return
        took = int(1e6 * (time.perf_counter() - self.__dict__.pop("_start")))
        nodes = [
            Settings(node_name=program.graph.name, all_end_rel_micros=took) for program in programs
        ]
        device = Settings(device="/job:localhost/replica:0/task:0/device:CPU:0", node_stats=nodes)
        self.step_stats = Settings(dev_stats=[device])
