"""`tf.estimator.Estimator`: a model function, trained, evaluated and asked for predictions.

Layer: frontend. Each call builds a graph of its own, and goes on from the last checkpoint.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...tree import flatten, unflatten
from ..data import Dataset
from ..errors import OutOfRangeError
from ..graph.graph import Graph
from ..graph.iterators import make_initializable_iterator
from ..graph.metrics.means import mean
from ..graph.ops import group
from ..graph.session import Session
from ..graph.variables import global_variables, local_variables, variables_initializer
from ..saving.bundle import BundleReader
from ..saving.state import latest_checkpoint
from ..v1 import messages
from ..v1.hooks import SessionRunHook, StopAtStepHook
from ..v1.monitored import MonitoredSession, MonitoredTrainingSession
from ..v1.saver import Saver
from ..v1.saving_hooks import LoggingTensorHook, NanTensorHook
from ..v1.steps import create_global_step
from .spec import EstimatorSpec, ModeKeys, RunConfig


class _Start(SessionRunHook):
    """Runs the initializers of iterators when a session begins."""

    def __init__(self, operations: list[Any]) -> None:
        self._operations = operations

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Run them."""
        session.run(self._operations)


class Estimator:
    """A model that trains, evaluates and predicts.

    Args:
        model_fn: (features, labels, mode, params, config) -> `EstimatorSpec`; it takes those of
            the arguments that it names.
        model_dir: where checkpoints are; by default a new temporary folder.
        config: a `RunConfig`.
        params: for `model_fn`.
        warm_start_from: not supported.

    Raises:
        ValueError: `model_fn` is missing, or takes other arguments.
    """

    def __init__(
        self,
        model_fn: Callable[..., Any],
        model_dir: Any = None,
        config: RunConfig | None = None,
        params: Any = None,
        warm_start_from: Any = None,
    ) -> None:
        if model_fn is None:
            raise ValueError("model_fn must be provided to Estimator.")
        if warm_start_from is not None:
            raise NotImplementedError(
                "warm_start_from is not supported: restore variables in model_fn"
            )
        self._model_fn = model_fn
        self.config = config or RunConfig()
        self.params = dict(params) if params else {}
        chosen = model_dir or self.config.model_dir
        if chosen is None:
            chosen = tempfile.mkdtemp()
            messages.warning("Using temporary folder as model directory: %s", chosen)
        self.model_dir = str(chosen)
        self._check_arguments()

    @property
    def model_fn(self) -> Callable[..., Any]:
        """The model function, taking all arguments."""
        return self._model_fn

    def _check_arguments(self) -> None:
        names = list(inspect.signature(self._model_fn).parameters)
        if "features" not in names and len(names) < 1:
            raise ValueError(f"model_fn ({self._model_fn}) must include features argument.")
        if self.params and "params" not in names and "kwargs" not in names:
            raise ValueError(
                f"model_fn ({self._model_fn}) does not include params argument, but params"
                f" ({self.params}) is passed to Estimator."
            )

    # -- building ---------------------------------------------------------------------------------

    @contextmanager
    def _graph(self) -> Iterator[Any]:
        graph = Graph()
        with graph.as_default():
            graph.seed = 1 if self.config.tf_random_seed is None else self.config.tf_random_seed
            yield create_global_step(graph)

    def _input(self, input_fn: Any, mode: str) -> tuple[Any, Any, list[Any]]:
        """The features, the labels, and what has to run first."""
        names = inspect.signature(input_fn).parameters
        values = {"mode": mode, "params": self.params, "config": self.config}
        found = input_fn(**{k: v for k, v in values.items() if k in names})
        start: list[Any] = []
        if isinstance(found, Dataset):
            iterator = make_initializable_iterator(found)
            start, found = [iterator.initializer], iterator.get_next()
        if isinstance(found, (tuple, list)) and len(found) == 2:
            return found[0], found[1], start
        return found, None, start

    def _spec(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        names = list(inspect.signature(self._model_fn).parameters)
        values = {"labels": labels, "mode": mode, "params": self.params, "config": self.config}
        if labels is not None and "labels" not in names:
            raise ValueError("model_fn does not take labels, but input_fn returns labels.")
        given = {k: v for k, v in values.items() if k in names}
        found = self._model_fn(features, **given)
        if not isinstance(found, EstimatorSpec):
            raise ValueError("model_fn should return an EstimatorSpec.")
        return found

    # -- training ---------------------------------------------------------------------------------

    def train(
        self,
        input_fn: Callable[..., Any],
        hooks: Sequence[Any] | None = None,
        steps: int | None = None,
        max_steps: int | None = None,
        saving_listeners: Any = None,
    ) -> Estimator:
        """Train until the input ends, or for a number of steps.

        Args:
            input_fn: gives (features, labels), or a dataset of them.
            hooks: see `tf.train.SessionRunHook`.
            steps: how many more; None for as long as there is input.
            max_steps: how many in all; nothing happens if they are done.
            saving_listeners: not supported.

        Raises:
            ValueError: both `steps` and `max_steps` are given, or one is not positive.
        """
        if steps is not None and max_steps is not None:
            raise ValueError("Can not provide both steps and max_steps.")
        for name, value in (("steps", steps), ("max_steps", max_steps)):
            if value is not None and value <= 0:
                raise ValueError(f"Must specify {name} > 0, given: {value}")
        if max_steps is not None and self._trained_steps() >= max_steps:
            messages.info("Skipping training since max_steps has already saved.")
            return self
        with self._graph() as step:
            features, labels, start = self._input(input_fn, ModeKeys.TRAIN)
            spec = self._spec(features, labels, ModeKeys.TRAIN)
            own: list[SessionRunHook] = [_Start(start)] if start else []
            own += [
                NanTensorHook(spec.loss),
                LoggingTensorHook({"loss": spec.loss, "step": step}, every_n_iter=100),
            ]
            if steps is not None or max_steps is not None:
                own.append(StopAtStepHook(steps, max_steps))
            all_hooks = [*own, *(hooks or ()), *spec.training_hooks, *spec.training_chief_hooks]
            with self._session(spec, all_hooks) as session:
                loss = None
                while not session.should_stop():
                    _, loss = session.run([spec.train_op, spec.loss])
        messages.info("Loss for final step: %s.", loss)
        return self

    def _session(self, spec: EstimatorSpec, hooks: list[Any]) -> MonitoredSession:
        config = self.config
        return MonitoredTrainingSession(
            checkpoint_dir=self.model_dir,
            scaffold=spec.scaffold,
            hooks=hooks,
            save_checkpoint_secs=config.save_checkpoints_secs,
            save_checkpoint_steps=config.save_checkpoints_steps,
            save_summaries_steps=config.save_summary_steps,
            config=config.session_config,
            log_step_count_steps=config.log_step_count_steps,
        )

    def _trained_steps(self) -> int:
        path = self.latest_checkpoint()
        return 0 if path is None else int(BundleReader(path).get_tensor("global_step"))

    # -- evaluation and prediction ----------------------------------------------------------------

    @contextmanager
    def _restored(self, path: Any, start: list[Any], hooks: Sequence[Any]) -> Iterator[Any]:
        """A session with the values of a checkpoint; initial values if there is none."""
        found = path or self.latest_checkpoint()
        with Session(config=self.config.session_config) as session:
            session.run(variables_initializer(global_variables()))
            if found is not None and global_variables():
                Saver(global_variables()).restore(session, found)
            session.run([variables_initializer(local_variables()), *start])
            for hook in hooks:
                hook.after_create_session(session, None)
            yield session
            for hook in hooks:
                hook.end(session)

    def evaluate(
        self,
        input_fn: Callable[..., Any],
        steps: int | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: Any = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """The metrics of the model function, the mean loss, and the number of steps trained.

        Args:
            input_fn: gives (features, labels), or a dataset of them.
            steps: how many batches; None for all.
            hooks: see `tf.train.SessionRunHook`.
            checkpoint_path: by default the last one.
            name: for TensorFlow's signature.
        """
        with self._graph() as step:
            features, labels, start = self._input(input_fn, ModeKeys.EVAL)
            spec = self._spec(features, labels, ModeKeys.EVAL)
            metrics = dict(spec.eval_metric_ops)
            if "loss" not in metrics:
                metrics["loss"] = mean(spec.loss)
            update = group(*[change for _, change in metrics.values()])
            all_hooks = [*(hooks or ()), *spec.evaluation_hooks]
            for hook in all_hooks:
                hook.begin()
            with self._restored(checkpoint_path, start, all_hooks) as session:
                done = 0
                while steps is None or done < steps:
                    try:
                        session.run(update)
                    except OutOfRangeError:
                        break
                    done += 1
                found = session.run({k: value for k, (value, _) in metrics.items()})
                found["global_step"] = session.run(step)
        return dict(sorted(found.items()))

    def predict(
        self,
        input_fn: Callable[..., Any],
        predict_keys: Any = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: Any = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:
        """The predictions for each example, one after the other.

        Args:
            input_fn: gives features, or a dataset of them.
            predict_keys: which of the predictions; by default all.
            hooks: see `tf.train.SessionRunHook`.
            checkpoint_path: by default the last one.
            yield_single_examples: whether to take batches apart.

        Raises:
            ValueError: nothing has been trained.
        """
        if checkpoint_path is None and self.latest_checkpoint() is None:
            raise ValueError(f"Could not find trained model in model_dir: {self.model_dir}.")
        with self._graph():
            features, _, start = self._input(input_fn, ModeKeys.PREDICT)
            spec = self._spec(features, None, ModeKeys.PREDICT)
            wanted = spec.predictions
            if predict_keys is not None:
                keys = [predict_keys] if isinstance(predict_keys, str) else list(predict_keys)
                wanted = {k: v for k, v in wanted.items() if k in keys}
                if not wanted:
                    raise ValueError(f"Expected to run at least one output from {keys}.")
            all_hooks = [*(hooks or ()), *spec.prediction_hooks]
            with self._restored(checkpoint_path, start, all_hooks) as session:
                while True:
                    try:
                        batch = session.run(wanted)
                    except OutOfRangeError:
                        return
                    if not yield_single_examples:
                        yield batch
                        continue
                    leaves, tree = flatten(batch)
                    for k in range(len(leaves[0])):
                        yield unflatten(tree, [x[k] for x in leaves])

    # -- what is trained --------------------------------------------------------------------------

    def latest_checkpoint(self) -> Any:
        """The path of the last checkpoint; None if there is none."""
        return latest_checkpoint(self.model_dir)

    def _reader(self) -> BundleReader:
        path = self.latest_checkpoint()
        if path is None:
            raise ValueError("Estimator has not been trained yet.")
        return BundleReader(path)

    def get_variable_names(self) -> list[str]:
        """The names of the variables of the last checkpoint."""
        return sorted(self._reader().get_variable_to_shape_map())

    def get_variable_value(self, name: str) -> np.ndarray:
        """The value of a variable in the last checkpoint."""
        found: np.ndarray = self._reader().get_tensor(name)
        return found

    def export_saved_model(self, *args: Any, **kwargs: Any) -> Any:
        """Refused.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("export_saved_model is not supported: use the checkpoints")

    export_savedmodel = export_saved_model
