"""`tf.train`: checkpoints."""

from .frontend.tf.saving.checkpoint import Checkpoint, CheckpointManager
from .frontend.tf.saving.reading import list_variables, load_checkpoint, load_variable
from .frontend.tf.saving.state import get_checkpoint_state, latest_checkpoint

__all__ = [
    "Checkpoint",
    "CheckpointManager",
    "get_checkpoint_state",
    "latest_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
]
