"""`tf.random`: random numbers, the global seed, generators."""

from ..frontend.tf.deferred import wrap as _wrap
from ..frontend.tf.random.generator import (
    Algorithm,
    Generator,
    create_rng_state,
    get_global_generator,
    set_global_generator,
)
from ..frontend.tf.random.permuting import shuffle
from ..frontend.tf.random.seeds import set_seed
from ..frontend.tf.random.stateful import (
    categorical,
    gamma,
    normal,
    poisson,
    truncated_normal,
    uniform,
)
from ..frontend.tf.random.stateless import (
    fold_in,
    split,
    stateless_binomial,
    stateless_categorical,
    stateless_gamma,
    stateless_normal,
    stateless_poisson,
    stateless_truncated_normal,
    stateless_uniform,
)
from ..frontend.tf.v1.sampling import log_uniform_candidate_sampler, uniform_candidate_sampler
from . import experimental

__all__ = [
    "Algorithm",
    "Generator",
    "categorical",
    "create_rng_state",
    "experimental",
    "fold_in",
    "gamma",
    "get_global_generator",
    "log_uniform_candidate_sampler",
    "normal",
    "poisson",
    "set_global_generator",
    "set_seed",
    "shuffle",
    "split",
    "stateless_binomial",
    "stateless_categorical",
    "stateless_gamma",
    "stateless_normal",
    "stateless_poisson",
    "stateless_truncated_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
    "uniform_candidate_sampler",
]

_wrap(globals(), __all__)
