"""`tf.random.experimental`: generators under their older names, and stateless shuffling."""

from ..frontend.tf.random.generator import (
    Algorithm,
    Generator,
    create_rng_state,
    get_global_generator,
    set_global_generator,
)
from ..frontend.tf.random.permuting import stateless_shuffle
from ..frontend.tf.random.stateless import fold_in as stateless_fold_in
from ..frontend.tf.random.stateless import split as stateless_split

__all__ = [
    "Algorithm",
    "Generator",
    "create_rng_state",
    "get_global_generator",
    "set_global_generator",
    "stateless_fold_in",
    "stateless_shuffle",
    "stateless_split",
]
