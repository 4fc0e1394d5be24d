"""What happens between the steps of training.

Layer: frontend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


class Callback:
    """Base class: methods that `fit`, `evaluate` and `predict` call. Logs are dicts of floats."""

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Take the model that is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take `epochs`, `steps` and `verbose`."""
        self.params = params


def _nothing(self: Callback, *args: Any) -> None:
    """Called in training; does nothing unless a subclass says what."""


_EVENTS = (
    "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end",
    *(f"on_{phase}_{when}" for phase in ("train", "test", "predict") for when in ("begin", "end")),
    *(
        f"on_{phase}_batch_{when}"
        for phase in ("train", "test", "predict")
        for when in ("begin", "end")
    ),
)  # fmt: skip
for _event in _EVENTS:
    setattr(Callback, _event, _nothing)


class CallbackList:
    """Several callbacks as one."""

    def __init__(self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for c in self.callbacks:
            if not hasattr(c, "params"):
                c.params = {}
            c.set_model(model)
            c.set_params(params)
        # Only what somebody listens to is worth computing logs for.
        self._listeners = {
            event: [getattr(c, event) for c in self.callbacks if _listens(c, event)]
            for event in _EVENTS
        }

    def listens(self, event: str) -> bool:
        """Whether anybody does something at this event."""
        return bool(self._listeners[event])

    def call(self, event: str, *args: Any) -> None:
        """Tell all about an event."""
        for listener in self._listeners[event]:
            listener(*args)


def _listens(callback: Any, event: str) -> bool:
    return getattr(type(callback), event, _nothing) is not _nothing or event in vars(callback)


class History(Callback):
    """Keeps the logs of all epochs: `epoch` and `history`, a list per name."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """Functions as a callback, by the names of the methods: `on_epoch_end=...`."""

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        super().__init__()
        for event, function in functions.items():
            if event not in _EVENTS:
                raise TypeError(f"LambdaCallback() got an unexpected keyword argument {event!r}")
            if function is not None:
                setattr(self, event, function)


class EarlyStopping(Callback):
    """Ends training when a log no longer gets better.

    Args:
        monitor: the name of the log.
        min_delta: how much counts as better.
        patience: after how many epochs without it training ends.
        verbose: whether that is printed.
        mode: "min", "max" or "auto": whether smaller or larger is better, by the name.
        baseline: what has to be beaten at first.
        restore_best_weights: whether the weights of the best epoch are put back at the end.
        start_from_epoch: epochs before do not count.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.monitor, self.patience, self.verbose = monitor, patience, verbose
        self.min_delta, self.baseline = abs(min_delta), baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._sign = better_sign(monitor, mode)
        self.stopped_epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin anew."""
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Look whether the log has got better."""
        current = (logs or {}).get(self.monitor)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self._is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self._is_better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _is_better(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        return self._sign * (value - reference) > self.min_delta

    def on_train_end(self, logs: Any = None) -> None:
        """Put the best weights back."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)


def better_sign(monitor: str, mode: str) -> int:
    """1 if larger is better, -1 if smaller is."""
    if mode in ("min", "max"):
        return 1 if mode == "max" else -1
    name = monitor.removeprefix("val_")
    return 1 if name in ("acc", "auc", "precision", "recall") or "accuracy" in name else -1


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch: `schedule(epoch, rate)`."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the rate."""
        rate = float(self.model.optimizer.learning_rate.numpy())
        try:
            rate = float(self.schedule(epoch, rate))
        except TypeError:  # a schedule of the epoch alone
            rate = float(self.schedule(epoch))
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Put the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())


class ReduceLROnPlateau(Callback):
    """Lowers the learning rate when a log no longer gets better.

    Args:
        monitor: the name of the log.
        factor: what the rate is multiplied with.
        patience: after how many epochs.
        verbose: whether that is printed.
        mode: see `EarlyStopping`.
        min_delta: how much counts as better.
        cooldown: epochs to wait after a change.
        min_lr: the lowest rate.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__()
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Got {factor}")
        self.monitor, self.factor, self.patience, self.verbose = monitor, factor, patience, verbose
        self.min_delta, self.cooldown, self.min_lr = min_delta, cooldown, min_lr
        self._sign = better_sign(monitor, mode)

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin anew."""
        self.wait, self.resting, self.best = 0, 0, -math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Look whether the log has got better."""
        current = (logs or {}).get(self.monitor)
        if current is None:
            return
        if self.resting > 0:
            self.resting, self.wait = self.resting - 1, 0
        if self._sign * current > self.best + self.min_delta:
            self.best, self.wait = self._sign * current, 0
        elif self.resting <= 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate.numpy())
        if rate > self.min_lr:
            rate = max(rate * self.factor, self.min_lr)
            optimizer.learning_rate = rate
            self.resting, self.wait = self.cooldown, 0
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")


class TerminateOnNaN(Callback):
    """Ends training when the loss is not finite."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class ModelCheckpoint(Callback):
    """Saves the weights after epochs.

    Args:
        filepath: where; may name logs: "{epoch:02d}-{val_loss:.2f}.weights.h5".
        monitor: the name of the log that says which epoch is better.
        verbose: whether it is printed.
        save_best_only: whether only better epochs are saved.
        save_weights_only: has to be True: only weights can be saved.
        mode: see `EarlyStopping`.
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
    ) -> None:
        super().__init__()
        if not save_weights_only:
            raise NotImplementedError("ModelCheckpoint: set `save_weights_only=True`")
        self.filepath, self.monitor, self.verbose = str(filepath), monitor, verbose
        self.save_best_only = save_best_only
        self._sign = better_sign(monitor, mode)
        self.best: float | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save."""
        found = dict(logs or {})
        if self.save_best_only:
            current = found.get(self.monitor)
            if current is None:
                return
            if self.best is not None and self._sign * (current - self.best) <= 0:
                return
            self.best = current
        path = self.filepath.format(epoch=epoch + 1, **found)
        self.model.save_weights(path)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: saving model to {path}")
