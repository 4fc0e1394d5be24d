"""Sessions that look after themselves: they initialise or restore, call hooks, and stop.

Layer: frontend. `MonitoredTrainingSession` saves checkpoints and summaries besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from ..errors import OutOfRangeError
from ..graph.graph import Graph, get_default_graph
from ..graph.keys import GraphKeys
from ..graph.session import Session
from ..graph.variables import global_variables_initializer, local_variables_initializer
from ..saving.state import latest_checkpoint
from ..summaries.graph import merge_all
from . import messages
from .coordinator import Coordinator
from .hooks import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from .saver import Saver
from .saving_hooks import CheckpointSaverHook, StepCounterHook, SummarySaverHook

_DEFAULT = object()  # an argument that was not given


class Scaffold:
    """What a training session needs: ops that initialise, a saver, summaries.

    Args:
        init_op: initialises variables; by default all global ones.
        init_feed_dict: what it is fed.
        init_fn: called with the scaffold and the session after it.
        ready_op: for TensorFlow's signature, like the next one.
        ready_for_local_init_op: see there.
        local_init_op: runs after initialising or restoring; by default initialises local variables.
        summary_op: gives summaries; by default all of the graph.
        saver: saves; by default all global variables.
        copy_from_scaffold: for TensorFlow's signature.
        local_init_feed_dict: what `local_init_op` is fed.
    """

    def __init__(
        self,
        init_op: Any = None,
        init_feed_dict: Any = None,
        init_fn: Callable[[Scaffold, Any], Any] | None = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        local_init_op: Any = None,
        summary_op: Any = None,
        saver: Any = None,
        copy_from_scaffold: Any = None,
        local_init_feed_dict: Any = None,
    ) -> None:
        self.init_op, self.init_feed_dict, self.init_fn = init_op, init_feed_dict, init_fn
        self.ready_op, self.ready_for_local_init_op = ready_op, ready_for_local_init_op
        self.local_init_op, self.local_init_feed_dict = local_init_op, local_init_feed_dict
        self.summary_op, self.saver = summary_op, saver

    def finalize(self) -> Scaffold:
        """Make what is missing; the graph cannot be changed any more."""
        graph = get_default_graph()

        def given(value: Any, key: str, make: Callable[[], Any]) -> Any:
            if value is not None:
                return value
            known = graph.get_collection(key)
            return known[0] if known else make()

        self.init_op = given(self.init_op, GraphKeys.INIT_OP, global_variables_initializer)
        self.local_init_op = given(
            self.local_init_op, GraphKeys.LOCAL_INIT_OP, local_variables_initializer
        )
        self.summary_op = given(self.summary_op, GraphKeys.SUMMARY_OP, merge_all)
        self.saver = given(self.saver, GraphKeys.SAVERS, lambda: Saver(allow_empty=True))
        self.saver.build()
        graph.finalize()
        return self


class SessionCreator:
    """Makes sessions for `MonitoredSession`."""

    def create_session(self) -> Any:
        """A session that is ready."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to make a session")


class ChiefSessionCreator(SessionCreator):
    """Makes a session whose variables have values: restored, if there is a checkpoint.

    Args:
        scaffold: see `Scaffold`.
        master: for TensorFlow's signature.
        config: of the session.
        checkpoint_dir: where checkpoints are looked for; or
        checkpoint_filename_with_path: the prefix of one.
    """

    def __init__(
        self,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: Any = None,
        checkpoint_filename_with_path: Any = None,
    ) -> None:
        self._scaffold = scaffold or Scaffold()
        self._config = config
        self._folder, self._prefix = checkpoint_dir, checkpoint_filename_with_path

    def create_session(self) -> Session:
        """A session that is ready."""
        scaffold = self._scaffold.finalize()
        messages.info("Graph was finalized.")
        session = Session(config=self._config)
        found = self._prefix
        if found is None and self._folder is not None:
            found = latest_checkpoint(self._folder)
        if found is not None:
            scaffold.saver.restore(session, found)
        else:
            if scaffold.init_op is not None:
                session.run(scaffold.init_op, feed_dict=scaffold.init_feed_dict)
            if scaffold.init_fn is not None:
                scaffold.init_fn(scaffold, session)
        if scaffold.local_init_op is not None:
            messages.info("Running local_init_op.")
            session.run(scaffold.local_init_op, feed_dict=scaffold.local_init_feed_dict)
            messages.info("Done running local_init_op.")
        return session


class MonitoredSession:
    """A session with hooks, for `with`: `while not session.should_stop(): session.run(train)`.

    Args:
        session_creator: makes the session; `ChiefSessionCreator` by default.
        hooks: see `SessionRunHook`.
        stop_grace_period_secs: how long threads have when it closes.
    """

    def __init__(
        self,
        session_creator: Any = None,
        hooks: Sequence[SessionRunHook] | None = None,
        stop_grace_period_secs: float = 120,
    ) -> None:
        self._hooks = list(hooks or ())
        self._grace = stop_grace_period_secs
        self._graph_was_final = get_default_graph().finalized
        self._coordinator = Coordinator()
        for hook in self._hooks:
            hook.begin()
        self._session: Any = (session_creator or ChiefSessionCreator()).create_session()
        for hook in self._hooks:
            hook.after_create_session(self._session, self._coordinator)

    @property
    def graph(self) -> Graph | None:
        """The graph that it runs; None once it is closed."""
        return None if self._session is None else self._session.graph

    def _tf_sess(self) -> Any:
        return self._session

    def should_stop(self) -> bool:
        """Whether a hook has asked to stop, or the session is closed."""
        return self._session is None or self._coordinator.should_stop()

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Run what is fetched, and what the hooks add; see `Session.run`.

        Raises:
            RuntimeError: the session is closed, or a hook has asked to stop.
        """
        if self._session is None:
            raise RuntimeError("Session is already closed.")
        if self._coordinator.should_stop():
            raise RuntimeError("Run called even after should_stop requested.")
        context = SessionRunContext(SessionRunArgs(fetches, feed_dict), self._session)
        wanted: dict[Any, Any] = {"caller": fetches}
        feeds = dict(feed_dict or {})
        for k, hook in enumerate(self._hooks):
            args = hook.before_run(context)
            if args is None:
                continue
            if args.fetches is not None:
                wanted[k] = args.fetches
            self._add_feeds(feeds, args.feed_dict or {})
        results = self._session.run(wanted, feeds or None, options, run_metadata)
        for k, hook in enumerate(self._hooks):
            hook.after_run(context, SessionRunValues(results.get(k), options, run_metadata))
        if context.stop_requested:
            self._coordinator.request_stop()
        return results["caller"]

    def _add_feeds(self, feeds: dict[Any, Any], more: dict[Any, Any]) -> None:
        for key in more:
            if key in feeds:
                raise RuntimeError("Same tensor is fed by two hooks, or by a hook and the caller.")
        feeds.update(more)

    def __enter__(self) -> MonitoredSession:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        is_clean = kind is not None and issubclass(kind, (OutOfRangeError, StopIteration))
        self._close(has_failed=kind is not None and not is_clean)
        return is_clean

    def close(self) -> None:
        """Call the hooks a last time, and close the session."""
        self._close(has_failed=False)

    def _close(self, has_failed: bool) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        try:
            if not has_failed:
                for hook in self._hooks:
                    hook.end(session)
        finally:
            self._coordinator.request_stop()
            if not has_failed:
                self._coordinator.join(stop_grace_period_secs=self._grace, ignore_live_threads=True)
            session.close()
            session.graph._is_final = self._graph_was_final


class SingularMonitoredSession(MonitoredSession):
    """The same; it initialises or restores by itself.

    Args:
        hooks: see `SessionRunHook`.
        scaffold: see `Scaffold`.
        master: for TensorFlow's signature.
        config: of the session.
        checkpoint_dir: where checkpoints are looked for.
        stop_grace_period_secs: how long threads have when it closes.
        checkpoint_filename_with_path: the prefix of a checkpoint.
    """

    def __init__(
        self,
        hooks: Sequence[SessionRunHook] | None = None,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: Any = None,
        stop_grace_period_secs: float = 120,
        checkpoint_filename_with_path: Any = None,
    ) -> None:
        creator = ChiefSessionCreator(
            scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path
        )
        super().__init__(creator, hooks, stop_grace_period_secs)

    def raw_session(self) -> Any:
        """The session itself."""
        return self._tf_sess()


def MonitoredTrainingSession(
    master: str = "",
    is_chief: bool = True,
    checkpoint_dir: Any = None,
    scaffold: Scaffold | None = None,
    hooks: Sequence[SessionRunHook] | None = None,
    chief_only_hooks: Sequence[SessionRunHook] | None = None,
    save_checkpoint_secs: Any = _DEFAULT,
    save_summaries_steps: Any = _DEFAULT,
    save_summaries_secs: Any = _DEFAULT,
    config: Any = None,
    stop_grace_period_secs: float = 120,
    log_step_count_steps: int | None = 100,
    max_wait_secs: float = 7200,
    save_checkpoint_steps: Any = _DEFAULT,
    summary_dir: Any = None,
    save_graph_def: bool = True,
) -> MonitoredSession:
    """A `MonitoredSession` that restores from, and saves to, a folder.

    Args:
        master: for TensorFlow's signature: there is one process.
        is_chief: see there.
        checkpoint_dir: the folder; None to save nothing.
        scaffold: see `Scaffold`.
        hooks: see `SessionRunHook`.
        chief_only_hooks: more of them.
        save_checkpoint_secs: seconds between checkpoints; 600 by default.
        save_summaries_steps: steps between summaries; 100 by default; None for none.
        save_summaries_secs: or seconds.
        config: of the session.
        stop_grace_period_secs: how long threads have when it closes.
        log_step_count_steps: steps between reports of the speed; None for none.
        max_wait_secs: for TensorFlow's signature.
        save_checkpoint_steps: steps between checkpoints.
        summary_dir: where summaries go; by default `checkpoint_dir`.
        save_graph_def: for TensorFlow's signature.

    Raises:
        NotImplementedError: this process is not the only one.
    """
    if not is_chief:
        raise NotImplementedError(
            "MonitoredTrainingSession(is_chief=False) is not supported: there is one process"
        )
    scaffold = scaffold or Scaffold()
    checkpoints = _given(save_checkpoint_secs, save_checkpoint_steps, (600, None))
    summaries = _given(save_summaries_steps, save_summaries_secs, (100, None))
    found = [*(chief_only_hooks or ())]
    folder = summary_dir if summary_dir is not None else checkpoint_dir
    if folder is not None:
        if log_step_count_steps:
            found.append(StepCounterHook(log_step_count_steps, output_dir=folder))
        if any(summaries):
            found.append(SummarySaverHook(*summaries, folder, None, scaffold))
    if checkpoint_dir is not None and any(checkpoints):
        found.append(CheckpointSaverHook(checkpoint_dir, *checkpoints, scaffold=scaffold))
    creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir)
    return MonitoredSession(creator, [*found, *(hooks or ())], stop_grace_period_secs)


def _given(first: Any, second: Any, default: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two numbers of which one is to be given; the default if neither is."""
    if first is _DEFAULT and second is _DEFAULT:
        return default
    return None if first is _DEFAULT else first, None if second is _DEFAULT else second
