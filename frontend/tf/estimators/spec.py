"""What a model function gives, and how an estimator runs.

Layer: frontend.
"""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple


class ModeKeys:
    """What a model is built for."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


class _Parts(NamedTuple):
    mode: str
    predictions: Any
    loss: Any
    train_op: Any
    eval_metric_ops: Any
    export_outputs: Any
    training_chief_hooks: tuple[Any, ...]
    training_hooks: tuple[Any, ...]
    scaffold: Any
    evaluation_hooks: tuple[Any, ...]
    prediction_hooks: tuple[Any, ...]


class EstimatorSpec(_Parts):
    """What a model function returns: its predictions, loss, training step and metrics."""

    __slots__ = ()

    def __new__(
        cls,
        mode: str,
        predictions: Any = None,
        loss: Any = None,
        train_op: Any = None,
        eval_metric_ops: Any = None,
        export_outputs: Any = None,
        training_chief_hooks: Any = None,
        training_hooks: Any = None,
        scaffold: Any = None,
        evaluation_hooks: Any = None,
        prediction_hooks: Any = None,
    ) -> EstimatorSpec:
        """Check that what the mode needs is there.

        Raises:
            ValueError: something is missing.
        """
        if mode == ModeKeys.TRAIN and train_op is None:
            raise ValueError("Missing train_op.")
        if mode in (ModeKeys.TRAIN, ModeKeys.EVAL) and loss is None:
            raise ValueError("Missing loss.")
        if mode == ModeKeys.PREDICT and predictions is None:
            raise ValueError("Missing predictions.")
        return super().__new__(
            cls, mode, predictions, loss, train_op, eval_metric_ops or {}, export_outputs,
            tuple(training_chief_hooks or ()), tuple(training_hooks or ()), scaffold,
            tuple(evaluation_hooks or ()), tuple(prediction_hooks or ()),
        )  # fmt: skip


class RunConfig:
    """How an estimator runs: where it saves, how often, from which seed.

    Attributes: `model_dir`, `tf_random_seed`, `save_summary_steps`, `save_checkpoints_steps`,
    `save_checkpoints_secs`, `session_config`, `keep_checkpoint_max`, `log_step_count_steps`.
    """

    def __init__(
        self,
        model_dir: Any = None,
        tf_random_seed: int | None = None,
        save_summary_steps: int | None = 100,
        save_checkpoints_steps: int | None = None,
        save_checkpoints_secs: float | None = None,
        session_config: Any = None,
        keep_checkpoint_max: int = 5,
        log_step_count_steps: int | None = 100,
        **options: Any,
    ) -> None:
        self.model_dir = model_dir
        self.tf_random_seed = tf_random_seed
        self.save_summary_steps = save_summary_steps
        self.save_checkpoints_steps = save_checkpoints_steps
        self.save_checkpoints_secs = save_checkpoints_secs
        if save_checkpoints_steps is None and save_checkpoints_secs is None:
            self.save_checkpoints_secs = 600
        self.session_config = session_config
        self.keep_checkpoint_max = keep_checkpoint_max
        self.log_step_count_steps = log_step_count_steps
        self.options = options
        self.is_chief, self.master, self.task_id = True, "", 0

    def replace(self, **changes: Any) -> RunConfig:
        """A copy with other values."""
        found = copy(self)
        for name, value in changes.items():
            if name not in self.__dict__:
                raise ValueError(f"Replacing {name} is not supported.")
            setattr(found, name, value)
        return found
