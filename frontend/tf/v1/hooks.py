"""Hooks of training sessions: what runs before and after each step. The base, and when a hook acts.

Layer: frontend.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from .steps import get_global_step


class SessionRunArgs(NamedTuple):
    """What a hook adds to a run."""

    fetches: Any
    feed_dict: Any = None
    options: Any = None


class SessionRunValues(NamedTuple):
    """What a run gave for what a hook has added."""

    results: Any
    options: Any = None
    run_metadata: Any = None


class SessionRunContext:
    """The run that hooks are told of. Attributes: `original_args`, `session`, `stop_requested`."""

    def __init__(self, original_args: SessionRunArgs, session: Any) -> None:
        self._original_args, self._session = original_args, session
        self._stop_requested = False

    @property
    def original_args(self) -> SessionRunArgs:
        """What the program has asked to run."""
        return self._original_args

    @property
    def session(self) -> Any:
        """The session."""
        return self._session

    @property
    def stop_requested(self) -> bool:
        """Whether a hook has asked to stop."""
        return self._stop_requested

    def request_stop(self) -> None:
        """Let this run be the last one."""
        self._stop_requested = True


class SessionRunHook:
    """Base of the hooks; each method may be left out."""

    def begin(self) -> None:
        """Before the session is made: ops can still be added to the graph."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """When variables have been initialised or restored."""

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Before each run; may add fetches and feeds."""
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """After each run."""

    def end(self, session: Any) -> None:
        """When the session closes, unless an error has ended it."""


class SecondOrStepTimer:
    """Says when it is time to act: after so many seconds, or steps."""

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        if every_secs is None and every_steps is None:
            raise ValueError("Either every_secs or every_steps should be provided.")
        if every_secs is not None and every_steps is not None:
            raise ValueError("Can not provide both every_secs and every_steps.")
        self._every_secs, self._every_steps = every_secs, every_steps
        self.reset()

    def reset(self) -> None:
        """Forget the last time."""
        self._step: int | None = None
        self._time: float | None = None

    def should_trigger_for_step(self, step: int) -> bool:
        """Whether it is time."""
        if self._step is None or self._time is None:
            return True
        if step == self._step:
            return False
        if self._every_secs is not None:
            return time.time() >= self._time + self._every_secs
        return step >= self._step + (self._every_steps or 0)

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Note that it was done; gives the seconds and the steps since the last time."""
        now = time.time()
        gone: tuple[float | None, int | None] = (None, None)
        if self._step is not None and self._time is not None:
            gone = now - self._time, step - self._step
        self._time, self._step = now, step
        return gone

    def last_triggered_step(self) -> int | None:
        """The step of the last time."""
        return self._step


class NeverTriggerTimer(SecondOrStepTimer):
    """Says never that it is time."""

    def __init__(self) -> None:
        self.reset()

    def should_trigger_for_step(self, step: int) -> bool:
        """False."""
        return False


def needed_step(hook: str) -> Any:
    """The global step.

    Raises:
        RuntimeError: there is none.
    """
    found = get_global_step()
    if found is None:
        raise RuntimeError(f"Global step should be created to use {hook}.")
    return found


class StopAtStepHook(SessionRunHook):
    """Stops after a number of steps, or at a step.

    Args:
        num_steps: how many steps from here on.
        last_step: or the last step.
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if num_steps is None and last_step is None:
            raise ValueError("One of num_steps or last_step must be specified.")
        if num_steps is not None and last_step is not None:
            raise ValueError("Only one of num_steps or last_step can be specified.")
        self._num_steps, self._last_step = num_steps, last_step

    def begin(self) -> None:
        """Find the global step."""
        self._step = needed_step("StopAtStepHook")

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Find the last step."""
        if self._last_step is None:
            self._last_step = int(session.run(self._step)) + (self._num_steps or 0)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the step."""
        return SessionRunArgs(self._step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Stop at the last step."""
        last = self._last_step
        assert last is not None
        # what was fetched is the step before this run's update
        if run_values.results + 1 >= last and run_context.session.run(self._step) >= last:
            run_context.request_stop()


class FeedFnHook(SessionRunHook):
    """Feeds what a function returns, at each run."""

    def __init__(self, feed_fn: Any) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Add the feeds."""
        return SessionRunArgs(fetches=None, feed_dict=self.feed_fn())


class FinalOpsHook(SessionRunHook):
    """Runs something when the session closes; `final_ops_values` is what it gave."""

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._final_ops, self._feed_dict = final_ops, final_ops_feed_dict
        self._values: Any = None

    @property
    def final_ops_values(self) -> Any:
        """The values."""
        return self._values

    def end(self, session: Any) -> None:
        """Run it."""
        if self._final_ops is not None:
            self._values = session.run(self._final_ops, feed_dict=self._feed_dict)
