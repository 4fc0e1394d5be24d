"""Time integration: gravity between all pairs of bodies, and a long recurrence on few numbers."""

import numpy as np

from ..workload import Workload

TIME_STEP = 1e-3
SOFTENING = 1e-2


def nbody(position, velocity, mass):
    """One step of `n` bodies under gravity: position and velocity are [3, n], mass is [n]."""
    x, y, z = position
    dx = x[None, :] - x[:, None]
    dy = y[None, :] - y[:, None]
    dz = z[None, :] - z[:, None]
    inverse = 1 / np.sqrt(dx * dx + dy * dy + dz * dz + SOFTENING)
    pull = mass * inverse * inverse * inverse
    acceleration = np.stack(
        [np.sum(pull * dx, axis=1), np.sum(pull * dy, axis=1), np.sum(pull * dz, axis=1)]
    )
    velocity = velocity + TIME_STEP * acceleration
    return position + TIME_STEP * velocity, velocity


def scan_small(state, drive):
    """A leaky recurrent unit: as many steps as `drive` has rows, each on a short state."""
    for k in range(drive.shape[0]):
        state = state + 0.1 * (np.tanh(1.5 * state + drive[k]) - state)
    return state


def cluster(rng, dtype, n):
    position = rng.normal(0.0, 1.0, (3, n)).astype(dtype)
    velocity = rng.normal(0.0, 0.1, (3, n)).astype(dtype)
    mass = rng.uniform(0.5, 1.5, n).astype(dtype) / n
    return position, velocity, mass.astype(dtype)


def driven_state(rng, dtype, steps, width):
    state = rng.uniform(-1.0, 1.0, width).astype(dtype)
    return state, rng.normal(0.0, 1.0, (steps, width)).astype(dtype)


def keep_mass(arguments, result):
    return (*result, arguments[2])


WORKLOADS = (
    Workload(
        "nbody",
        nbody,
        cluster,
        (1024,),
        (128,),
        (8,),
        steps=100,
        carry=keep_mass,
        tolerance=(1e-4, 1e-11),
    ),
    Workload("scan_small", scan_small, driven_state, (600, 60), (60, 60), (8, 8)),
)
