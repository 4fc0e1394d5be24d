"""`tf.keras.mixed_precision`: computing in halves with weights of float32."""

from ..frontend.tf.keras.optimizers import LossScaleOptimizer
from ..frontend.tf.keras.policies import DTypePolicy, dtype_policy, set_dtype_policy

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
