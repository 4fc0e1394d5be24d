"""Training, evaluation and prediction of models.

Layer: frontend. Each step (forward, loss, gradients, update, metrics) is one compiled function of
the batch, kept per kind of step and pattern of shapes. Logs stay tensors until somebody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...tree import flatten, unflatten
from ..convert import convert_to_tensor
from ..elementwise import add_n
from ..functions import Function
from ..tape import GradientTape
from ..tensors import STATE, Tensor
from . import metrics, optimizers
from .batches import ArrayBatches, Batch, Batches, batches_of, unpack
from .callbacks import CallbackList, History
from .compiled import CompiledLoss, CompiledMetrics, listed
from .layers.base import Layer
from .layers.recurrent import states_kept
from .progress import Progress


class _Compiled:
    """What `compile` was given, and the programs made since."""

    def __init__(self, loss: CompiledLoss, metrics: CompiledMetrics, eager: bool) -> None:
        self.loss, self.metrics, self.eager = loss, metrics, eager
        self.steps: dict[Any, Callable[..., Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "steps": {}}  # programs of this model's variables


class Trainer(Layer):
    """The part of `Model` that trains."""

    _compiled: _Compiled | None = None
    optimizer: Any = None
    stop_training = False
    output_names: list[str] | None = None  # of outputs that come in a list

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: a name or an optimiser.
            loss: a name, loss or function of (y_true, y_pred); one per output in a list or dict.
            loss_weights: factors of the outputs' losses.
            metrics: names, metrics or functions, gathered over an epoch without weights.
            weighted_metrics: the same, with `sample_weight`.
            run_eagerly: whether steps run op by op, for debugging.
            steps_per_execution: for Keras's signature, like the one that follows.
            jit_compile: see above.
            auto_scale_loss: whether a `LossScaleOptimizer` is put around the optimiser where the
                model's policy is "mixed_float16".
        """
        self.optimizer = optimizers.get(optimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            self.optimizer = optimizers.LossScaleOptimizer.around(self.optimizer)
        self._compiled = _Compiled(
            CompiledLoss(loss, loss_weights, self.output_names),
            CompiledMetrics(metrics, weighted_metrics, loss, self.output_names),
            bool(run_eagerly),
        )
        self._loss_tracker = _loss_tracker()
        self.loss = loss
        self.stop_training = False

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The mean of the loss, and the metrics: of `compile`, and among the attributes."""
        found = [] if self._compiled is None else [self._loss_tracker]
        if self._compiled is not None:
            found += [m for m in self._compiled.loss.trackers if m is not None]
            found += self._compiled.metrics.metrics
        for layer in self._flatten_layers():
            for name, value in vars(layer).items():
                if name != "_loss_tracker" and isinstance(value, metrics.Metric):
                    found.append(value)
        return found

    @property
    def metrics_names(self) -> list[str]:
        """What `metrics` are called in logs."""
        return [self._log_name(m) for m in self.metrics]

    def _log_name(self, metric: Any) -> str:
        own: str = metric.name
        return own if self._compiled is None else self._compiled.metrics.log_name(metric)

    def reset_metrics(self) -> None:
        """Let all metrics begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of all metrics, by name."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            found.update(result if isinstance(result, dict) else {self._log_name(metric): result})
        return found

    # -- one step, to be overridden if wanted -----------------------------------------------------

    def train_step(self, data: Any) -> dict[str, Any]:
        """Forward, loss, gradients, update and metrics for one batch; gives the logs."""
        x, y, sample_weight = unpack(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled = self.optimizer.scale_loss(loss)
        self._track(loss, x)
        variables = self.trainable_weights
        gradients = tape.gradient(scaled, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Forward, loss and metrics for one batch; gives the logs."""
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=False)
        if self._has_loss():
            self._track(self.compute_loss(x, y, y_pred, sample_weight), x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Forward for one batch."""
        return self(unpack(data)[0], training=False)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The loss of `compile` and the layers' own.

        Raises:
            ValueError: there is neither.
        """
        own = None if self._compiled is None else self._compiled.loss(y, y_pred, sample_weight)
        total = [convert_to_tensor(v) for v in (own, *self.losses) if v is not None]
        if not total:
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, or call"
                " `self.add_loss(loss)` in a layer."
            )
        return add_n(total) if len(total) > 1 else total[0]

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the metrics, and give their results."""
        if self._compiled is not None:
            self._compiled.metrics.update(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _has_loss(self) -> bool:
        assert self._compiled is not None
        return self._compiled.loss._given is not None or bool(self.losses)

    def _track(self, loss: Any, x: Any) -> None:
        size = flatten(x)[0][0].shape[0]
        weight = None if size is None else float(size)
        self._loss_tracker._update((loss,), {"sample_weight": weight})
        if self._compiled is not None:
            self._compiled.loss.track(weight)

    # -- running steps ----------------------------------------------------------------------------

    def _state(self) -> _Compiled:
        if self._compiled is None:
            raise ValueError("You must call `compile()` before using the model.")
        return self._compiled

    def _prepare(self, batch: Batch, train: bool) -> None:
        """Make weights, metrics and the optimiser's state, which a traced step cannot."""
        x, y, _ = batch
        compiled = self._state()
        is_new = compiled.metrics._entries is None and y is not None
        is_new = is_new and not _is_overridden(self, "train_step")
        y_pred = self._symbolic_outputs() if self.built else None
        if not self.built or (is_new and y_pred is None):
            with states_kept(self):
                y_pred = self(x, training=False)
        if is_new:
            compiled.loss.build(y_pred)
            compiled.metrics.build(y, y_pred)
        if train and self.optimizer is not None:
            self.optimizer.build(self.trainable_weights)

    def _symbolic_outputs(self) -> Any:
        """Keras tensors like the outputs, where they are known before the model has run."""
        return None

    def _run(self, kind: str, batch: Batch) -> Any:
        """The logs (or predictions) of one step."""
        data = batch[: 3 if batch[2] is not None else 2 if batch[1] is not None else 1]
        leaves, tree = flatten(data)
        if self._compiled is None:  # prediction does not need `compile`
            self._compiled = _Compiled(CompiledLoss(None), CompiledMetrics(None, None, None), False)
            self._loss_tracker = _loss_tracker()
        compiled = self._compiled
        key = (kind, tree, *[(x._value.dtype, x._value.shape) for x in leaves])
        step = compiled.steps.get(key)
        if step is None:
            step = self._step(kind, tree)
            compiled.steps[key] = step if compiled.eager else Function(step)
            step = compiled.steps[key]
        return step(*leaves)

    def _step(self, kind: str, tree: Any) -> Callable[..., Any]:
        method = getattr(self, kind)

        def step(*leaves: Any) -> Any:
            try:
                return method(unflatten(tree, list(leaves)))
            finally:
                if STATE.function is not None:
                    self._clear_losses()  # tensors of a trace mean nothing outside of it

        step.__name__ = kind
        return step

    # -- fit, evaluate, predict -------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train for some epochs.

        Args:
            x: arrays (or a list or dict of them), a `Dataset`, or an iterable of batches.
            y: what is to be predicted; part of the batches otherwise.
            batch_size: by default 32.
            epochs: the number of the last epoch.
            verbose: 0: print nothing, 1: a bar or a line per epoch, 2: a line per epoch.
            callbacks: see `callbacks`.
            validation_split: the part of the arrays, at their end, that is used for validation.
            validation_data: (x, y) or (x, y, sample_weight), or a `Dataset`.
            shuffle: whether arrays are put into another order each epoch.
            class_weight: weights of the examples by class number.
            sample_weight: weights of the examples.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: how many batches make an epoch.
            validation_steps: how many batches make a validation.
            validation_batch_size: by default `batch_size`.
            validation_freq: after how many epochs validation is done.

        Returns:
            A `History`: its attribute `history` has a list per log.
        """
        self._state()
        if validation_split and validation_data is None:
            parts = ArrayBatches(x, y, sample_weight, batch_size, False, class_weight)
            class_weight = None
            (x, y, sample_weight), validation_data = parts.split(validation_split)
        train = batches_of(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        validation = None
        if validation_data is not None:
            size = validation_batch_size or batch_size
            validation = _validation_batches(validation_data, size, validation_steps)
        self.history = History()
        progress = _progress(verbose, train)
        # The bar comes last: other callbacks may add to the logs that it prints.
        every = [self.history, *listed(callbacks), *progress]
        listeners = CallbackList(every, self, {"epochs": epochs, "steps": train.count})
        numbers = range(initial_epoch, epochs)
        self._train(numbers, train, validation, validation_freq, listeners, progress)
        return self.history

    def _train(
        self,
        epochs: Sequence[int],
        train: Batches,
        validation: Batches | None,
        validation_freq: int,
        listeners: CallbackList,
        progress: Sequence[Progress],
    ) -> None:
        self.stop_training = False
        listeners.call("on_train_begin", {})
        logs: dict[str, float] = {}
        for epoch in epochs:
            listeners.call("on_epoch_begin", epoch, {})
            logs = self._epoch("train_step", "train", train, listeners, progress)
            if validation is not None and (epoch + 1) % validation_freq == 0:
                found = self._validate(validation, listeners)
                logs.update({f"val_{name}": value for name, value in found.items()})
            listeners.call("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        listeners.call("on_train_end", logs)

    def _validate(self, batches: Batches, listeners: CallbackList) -> dict[str, float]:
        listeners.call("on_test_begin", {})
        logs = self._epoch("test_step", "test", batches, listeners, [])
        listeners.call("on_test_end", logs)
        return logs

    def _epoch(
        self,
        kind: str,
        phase: str,
        batches: Batches,
        listeners: CallbackList,
        progress: Sequence[Progress],
    ) -> dict[str, float]:
        """All batches of an epoch; the logs after the last."""
        self.reset_metrics()
        begins = _listening(listeners, phase, "begin")
        ends = _listening(listeners, phase, "end")
        found: Any = None
        for k, batch in enumerate(batches.epoch()):
            if k == 0:
                self._prepare(batch, train=phase == "train")
            for event in begins:
                listeners.call(event, k, {})
            found = self._run(kind, batch)
            for bar in progress:
                bar.step()
            if ends:
                logs = _floats(found)
                for event in ends:
                    listeners.call(event, k, logs)
            if self.stop_training and phase == "train":
                break
        if found is None:
            raise ValueError("The data had no batch: there is nothing to learn from.")
        return _floats(found)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data; see `fit` for the arguments.

        Returns:
            The loss, or a list of the loss and the metrics, or a dict of them.
        """
        self._state()
        batches = batches_of(x, y, sample_weight, batch_size, steps)
        progress = _progress(verbose, batches)
        listeners = CallbackList([*listed(callbacks), *progress], self, {"steps": batches.count})
        listeners.call("on_test_begin", {})
        logs = self._epoch("test_step", "test", batches, listeners, progress)
        listeners.call("on_test_end", logs)
        return logs if return_dict else _flat(self, logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for data, as NumPy arrays; see `fit` for the arguments."""
        batches = batches_of(x, None, None, batch_size, steps)
        progress = _progress(verbose, batches)
        listeners = CallbackList([*listed(callbacks), *progress], self, {"steps": batches.count})
        listeners.call("on_predict_begin", {})
        parts: list[list[Any]] = []
        tree: Any = None
        for k, batch in enumerate(batches.epoch()):
            if not self.built:
                with states_kept(self):
                    self(batch[0], training=False)
            listeners.call("on_predict_batch_begin", k, {})
            leaves, tree = flatten(self._run("predict_step", (batch[0], None, None)))
            parts.append([np.asarray(convert_to_tensor(x)._concrete("predict")) for x in leaves])
            for bar in progress:
                bar.step()
            listeners.call("on_predict_batch_end", k, {})
        listeners.call("on_predict_end", {})
        return unflatten(tree, [np.concatenate(column) for column in zip(*parts, strict=True)])

    # -- single batches ---------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch; the loss and metrics since `reset_metrics`."""
        self._state()
        batch = _single(x, y, sample_weight, class_weight)
        self._prepare(batch, train=True)
        logs = _floats(self._run("train_step", batch))
        return logs if return_dict else _flat(self, logs)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss and metrics of one batch, and those since `reset_metrics`."""
        self._state()
        batch = _single(x, y, sample_weight, None)
        self._prepare(batch, train=False)
        logs = _floats(self._run("test_step", batch))
        return logs if return_dict else _flat(self, logs)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        leaves, tree = flatten(self(_single(x, None, None, None)[0], training=False))
        return unflatten(tree, [t.numpy() for t in leaves])


def _loss_tracker() -> metrics.Metric:
    made: metrics.Metric = metrics.Mean(name="loss")
    return made


def _is_overridden(model: Trainer, name: str) -> bool:
    return getattr(type(model), name) is not getattr(Trainer, name)


def _validation_batches(data: Any, size: int | None, steps: int | None) -> Batches:
    if isinstance(data, (tuple, list)):
        return batches_of(*unpack(data), size, steps)
    return batches_of(data, None, None, size, steps)


def _progress(verbose: Any, batches: Batches) -> list[Progress]:
    chosen = 1 if verbose in ("auto", True) else int(verbose)
    return [Progress(chosen, batches.count)] if chosen else []


def _listening(listeners: CallbackList, phase: str, when: str) -> list[str]:
    names = [f"on_{phase}_batch_{when}"] + ([f"on_batch_{when}"] if phase == "train" else [])
    return [name for name in names if listeners.listens(name)]


def _floats(logs: Any) -> dict[str, Any]:
    """Results as numbers; those of metrics with several as arrays."""
    found = {name: np.asarray(value) for name, value in logs.items()}
    return {name: x if x.ndim else float(x) for name, x in found.items()}


def _flat(model: Trainer, logs: dict[str, Any]) -> Any:
    """The loss, or a list: the losses, metrics of the model's own, those of `compile` by name."""
    assert model._compiled is not None
    compiled = model._compiled.metrics.metrics
    first = [m.name for m in model.metrics if m not in compiled and m.name in logs]
    names = [*first, *sorted(name for name in logs if name not in first)]
    values = [logs[name] for name in names]
    return values[0] if len(values) == 1 else values


def _single(x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Batch:
    batches = ArrayBatches(x, y, sample_weight, None, False, class_weight)
    batches.size = max(batches.length, 1)
    found: Iterator[Batch] = batches.epoch()
    return next(found)


__all__ = ["Trainer"]
