"""Hooks that save checkpoints and summaries, and hooks that report: values, speed, NaN losses.

Layer: frontend.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.graph import get_collection, get_default_graph
from ..graph.keys import GraphKeys
from ..proto.events import SessionLog
from ..summaries.writer import FileWriterCache
from . import messages
from .hooks import (
    NeverTriggerTimer,
    SecondOrStepTimer,
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
    needed_step,
)


class CheckpointSaverListener:
    """Is told when checkpoints are saved; each method may be left out."""

    def begin(self) -> None:
        """Before the session is made."""

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Before a checkpoint is written."""

    def after_save(self, session: Any, global_step_value: int) -> Any:
        """After it was; True to stop training."""

    def end(self, session: Any, global_step_value: int) -> None:
        """When the session closes."""


class CheckpointSaverHook(SessionRunHook):
    """Saves checkpoints, every so many seconds or steps, at the beginning and at the end.

    Args:
        checkpoint_dir: the folder.
        save_secs: how many seconds lie between two.
        save_steps: or how many steps.
        saver: what saves; by default that of the scaffold, or of the collection `SAVERS`.
        checkpoint_basename: the names of the files begin with it.
        scaffold: where the saver comes from.
        listeners: are told of each checkpoint.
        save_graph_def: for TensorFlow's signature.
    """

    def __init__(
        self,
        checkpoint_dir: Any,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: Any = None,
        checkpoint_basename: str = "model.ckpt",
        scaffold: Any = None,
        listeners: Sequence[CheckpointSaverListener] | None = None,
        save_graph_def: bool = True,
    ) -> None:
        if saver is not None and scaffold is not None:
            raise ValueError("You cannot provide both saver and scaffold.")
        messages.info("Create CheckpointSaverHook.")
        self._saver, self._scaffold = saver, scaffold
        self._folder = os.fsdecode(checkpoint_dir)
        self._prefix = os.path.join(self._folder, checkpoint_basename)
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)
        self._listeners = list(listeners or ())

    def begin(self) -> None:
        """Find the global step."""
        self._step = needed_step("CheckpointSaverHook")
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Save what training begins with."""
        step = int(session.run(self._step))
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the step."""
        return SessionRunArgs(self._step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Save, if it is time."""
        if not self._timer.should_trigger_for_step(int(run_values.results) + 1):
            return
        step = int(run_context.session.run(self._step))
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session: Any) -> None:
        """Save what training has ended with."""
        step = int(session.run(self._step))
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        for listener in self._listeners:
            listener.end(session, step)

    def _save(self, session: Any, step: int) -> bool:
        messages.info("Calling checkpoint listeners before saving checkpoint %d...", step)
        for listener in self._listeners:
            listener.before_save(session, step)
        messages.info("Saving checkpoints for %d into %s.", step, self._prefix)
        self._found_saver().save(session, self._prefix, global_step=step)
        messages.info("Calling checkpoint listeners after saving checkpoint %d...", step)
        wishes = [listener.after_save(session, step) for listener in self._listeners]
        return any(wishes)

    def _found_saver(self) -> Any:
        if self._saver is not None:
            return self._saver
        if self._scaffold is not None:
            return self._scaffold.saver
        savers = get_collection(GraphKeys.SAVERS)
        if len(savers) != 1:
            problem = "No items in" if not savers else "More than one item in"
            raise RuntimeError(
                f"{problem} collection {GraphKeys.SAVERS}. Please add a saver to the collection or"
                " provide a saver or scaffold."
            )
        self._saver = savers[0]
        return self._saver


class SummarySaverHook(SessionRunHook):
    """Writes summaries for TensorBoard, every so many steps or seconds.

    Args:
        save_steps: how many steps lie between two.
        save_secs: or how many seconds.
        output_dir: the folder; or
        summary_writer: what writes.
        scaffold: where the op comes from; or
        summary_op: the op, or a list of ops, that give summaries.
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
        scaffold: Any = None,
        summary_op: Any = None,
    ) -> None:
        if (scaffold is None) == (summary_op is None):
            raise ValueError("Exactly one of scaffold or summary_op must be provided.")
        self._op, self._scaffold = summary_op, scaffold
        self._writer, self._folder = summary_writer, output_dir
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)
        self._next: int | None = None

    def begin(self) -> None:
        """Find the writer and the global step."""
        if self._writer is None and self._folder is not None:
            self._writer = FileWriterCache.get(self._folder)
        self._step = needed_step("SummarySaverHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the summaries, if it is time."""
        wanted: dict[str, Any] = {"global_step": self._step}
        self._is_time = self._next is None or self._timer.should_trigger_for_step(self._next)
        op = self._op if self._op is not None else self._scaffold.summary_op
        if self._is_time and op is not None:
            wanted["summary"] = list(op) if isinstance(op, (list, tuple)) else [op]
        return SessionRunArgs(wanted)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Write them."""
        if self._writer is None:
            return
        step = int(run_values.results["global_step"]) + 1
        if self._next is None or self._is_time:
            step = int(run_context.session.run(self._step))
        if self._next is None:
            self._writer.add_session_log(SessionLog(status=SessionLog.START), step)
        if self._is_time:
            self._timer.update_last_triggered_step(step)
            for summary in run_values.results.get("summary", ()):
                self._writer.add_summary(summary, step)
        self._next = step + 1

    def end(self, session: Any) -> None:
        """Put them into the file."""
        if self._writer is not None:
            self._writer.flush()


class StepCounterHook(SessionRunHook):
    """Reports how many steps there are in a second."""

    def __init__(
        self,
        every_n_steps: int | None = 100,
        every_n_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
    ) -> None:
        if (every_n_steps is None) == (every_n_secs is None):
            raise ValueError("exactly one of every_n_steps and every_n_secs should be provided.")
        self._timer = SecondOrStepTimer(every_steps=every_n_steps, every_secs=every_n_secs)

    def begin(self) -> None:
        """Find the global step."""
        self._step = needed_step("StepCounterHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the step."""
        return SessionRunArgs(self._step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Report, if it is time."""
        step = int(run_values.results) + 1
        if self._timer.should_trigger_for_step(step):
            seconds, steps = self._timer.update_last_triggered_step(step)
            if seconds and steps:
                messages.info("%s/sec: %g", self._step.op.name, steps / seconds)


class LoggingTensorHook(SessionRunHook):
    """Reports values of tensors, every so many steps or seconds, or at the end.

    Args:
        tensors: a list of tensors or names, or a dict of such by label.
        every_n_iter: how many runs lie between two reports.
        every_n_secs: or how many seconds.
        at_end: whether there is one at the end.
        formatter: makes the text from the values by label.
    """

    def __init__(
        self,
        tensors: Any,
        every_n_iter: int | None = None,
        every_n_secs: float | None = None,
        at_end: bool = False,
        formatter: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        only_at_end = at_end and every_n_iter is None and every_n_secs is None
        if not only_at_end and (every_n_iter is None) == (every_n_secs is None):
            raise ValueError(
                "either at_end and/or exactly one of every_n_iter and every_n_secs must be"
                " provided."
            )
        if every_n_iter is not None and every_n_iter <= 0:
            raise ValueError(f"invalid every_n_iter={every_n_iter}.")
        is_mapping = isinstance(tensors, Mapping)
        self._given = dict(tensors) if is_mapping else {str(t): t for t in tensors}
        self._formatter, self._at_end = formatter, at_end
        self._timer: SecondOrStepTimer = NeverTriggerTimer()
        if not only_at_end:
            self._timer = SecondOrStepTimer(every_secs=every_n_secs, every_steps=every_n_iter)
        self._count = 0

    def begin(self) -> None:
        """Find the tensors."""
        graph = get_default_graph()
        self._tensors = {label: graph.as_graph_element(t) for label, t in self._given.items()}
        self._timer.reset()
        self._count = 0

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Ask for the values, if it is time."""
        self._is_time = self._timer.should_trigger_for_step(self._count)
        return SessionRunArgs(self._tensors) if self._is_time else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Report them."""
        if self._is_time:
            self._report(run_values.results)
        self._count += 1

    def end(self, session: Any) -> None:
        """Report what there is at the end."""
        if self._at_end:
            self._report(session.run(self._tensors))

    def _report(self, values: dict[str, Any]) -> None:
        seconds, _ = self._timer.update_last_triggered_step(self._count)
        if self._formatter is not None:
            messages.info("%s", self._formatter(values))
            return
        with np.printoptions(suppress=True):
            # as str(value): the digits of float32
            text = ", ".join(f"{label} = {value!s}" for label, value in values.items())
        messages.info("%s%s", text, "" if seconds is None else f" ({seconds:.3f} sec)")


class NanLossDuringTrainingError(RuntimeError):
    """The loss is no number."""

    def __str__(self) -> str:
        return "NaN loss during training."


class NanTensorHook(SessionRunHook):
    """Stops when the loss is no number.

    Args:
        loss_tensor: the loss.
        fail_on_nan_loss: whether that is an error.
    """

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._loss, self._fails = loss_tensor, fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the loss."""
        return SessionRunArgs(self._loss)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Look at it."""
        if not np.isnan(run_values.results):
            return
        message = "Model diverged with loss = NaN."
        if self._fails:
            messages.error(message)
            raise NanLossDuringTrainingError
        messages.warning(message)
        run_context.request_stop()
