"""The suite's side of a peer: starts its process, asks for figures, outlives its failures."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass, field
from typing import Any

TIME_LIMIT = 180.0  # seconds for one workload, the peer's imports and compilation included


@dataclass(slots=True)
class Peer:
    """One peer and its process, started when first asked and again after a crash."""

    name: str
    python: str
    quick: bool
    threads: int | None = None
    process: subprocess.Popen[str] | None = None
    notes: dict[str, str] = field(default_factory=dict)

    def ask(
        self, workload: str, dtype: str, size: str, *, gradient: bool = False, like: str = ""
    ) -> dict[str, float]:
        """The figures {'seconds', 'compile'} of a workload, or {} with the reason in `notes`.

        For a loss, `gradient` is true: the figures are the gradient's, which the peer compares with
        the arrays in the file `like`.
        """
        if "import" in self.notes:
            return {}
        question = {"workload": workload, "dtype": dtype, "size": size}
        answer = self._exchange(question | {"gradient": gradient, "like": like})
        if "error" in answer:
            key = "import" if answer.get("fatal") else f"{workload} {dtype}"
            self.notes[key] = answer["error"]
            return {}
        return answer

    def close(self) -> None:
        """End the peer's process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        if self.process is None:
            self._start()
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        alarm = threading.Timer(TIME_LIMIT, process.kill)
        alarm.start()
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            alarm.cancel()
        if line:
            return json.loads(line)
        self.close()
        return {"error": f"no answer: crashed, or took more than {TIME_LIMIT:.0f} s"}

    def _start(self) -> None:
        command = [self.python, "-m", "benchmarks.peers.worker", self.name]
        if self.quick:
            command.append("quick")
        if self.threads:
            command.append(f"threads={self.threads}")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
