"""`keras.callbacks.TensorBoard`: losses and metrics of training as event files.

Layer: frontend.
"""

from __future__ import annotations

import os
from typing import Any

from ..summaries import eager
from .callbacks import Callback


class TensorBoard(Callback):
    """Writes what training logs to `log_dir/train`, and that of validation to `log_dir/validation`.

    Args:
        log_dir: the folder; show it with `tensorboard --logdir`.
        histogram_freq: after how many epochs the weights' histograms are written; 0 for never.
        write_graph: accepted; graphs of models are not written.
        write_images: has to be False.
        write_steps_per_second: has to be False.
        update_freq: "epoch", or "batch", or after how many batches logs are written, too.
        profile_batch: has to be 0.
        embeddings_freq: has to be 0.
        embeddings_metadata: not used.

    Raises:
        NotImplementedError: one of those that have to be off is on.
    """

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        refused = {
            "write_images": write_images,
            "write_steps_per_second": write_steps_per_second,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
        }
        for name, value in refused.items():
            if value:
                raise NotImplementedError(f"TensorBoard: {name}={value!r} is not supported")
        self.log_dir, self.histogram_freq = os.fspath(log_dir), histogram_freq
        self._writers: dict[str, eager.SummaryWriter] = {}
        self._batches = 0
        if update_freq != "epoch":
            self._every = 1 if update_freq == "batch" else int(update_freq)
            # only then: for a method of the class `fit` would compute logs after each batch
            setattr(self, "on_train_batch_end", self._after_batch)  # noqa: B010

    def _writer(self, part: str) -> eager.SummaryWriter:
        if part not in self._writers:
            self._writers[part] = eager.create_file_writer(os.path.join(self.log_dir, part))
        return self._writers[part]

    def _after_batch(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._batches += 1
        if self._batches % self._every:
            return
        with self._writer("train").as_default(step=self._batches - 1):
            for name, value in (logs or {}).items():
                eager.scalar(f"batch_{name}", value)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the logs of an epoch."""
        parts: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
        for name, value in (logs or {}).items():
            of_validation = name.startswith("val_")
            part = parts["validation" if of_validation else "train"]
            part[name.removeprefix("val_") if of_validation else name] = value
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None and hasattr(rate, "numpy"):
            parts["train"].setdefault("learning_rate", float(rate.numpy()))
        for folder, values in parts.items():
            if values:
                with self._writer(folder).as_default(step=epoch):
                    for name, value in values.items():
                        eager.scalar(f"epoch_{name}", value)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)

    def _write_weights(self, epoch: int) -> None:
        with self._writer("train").as_default(step=epoch):
            for layer in self.model.layers:
                for weight in layer.weights:
                    name = weight.name.partition(":")[0].rpartition("/")[2]
                    eager.histogram(f"{layer.name}/{name}/histogram", weight)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
