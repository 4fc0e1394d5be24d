"""Stencils on grids, written with slice assignment; one time step per call."""

import numpy as np

from ..workload import Workload, replace_all

# Lattice Boltzmann, D2Q9: velocities, weights, and the relaxation time of the fluid.
DIRECTIONS = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1))
WEIGHTS = (4 / 9,) + (1 / 9,) * 4 + (1 / 36,) * 4
RELAXATION = 0.6


def heat2d(u):
    """One explicit step of the heat equation; the border keeps its values."""
    new = u.copy()
    new[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.2 * (
        u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
    )
    return new


def jacobi3d(u, source):
    """One Jacobi sweep for the Poisson equation on a cube with fixed walls."""
    new = u.copy()
    new[1:-1, 1:-1, 1:-1] = (
        u[2:, 1:-1, 1:-1]
        + u[:-2, 1:-1, 1:-1]
        + u[1:-1, 2:, 1:-1]
        + u[1:-1, :-2, 1:-1]
        + u[1:-1, 1:-1, 2:]
        + u[1:-1, 1:-1, :-2]
        - source[1:-1, 1:-1, 1:-1]
    ) / 6
    return new


def lbm(f):
    """One step of a periodic lattice-Boltzmann flow: stream, then relax to equilibrium.

    `f[i]` is the density of particles that move along DIRECTIONS[i].
    """
    new = np.empty_like(f)
    for i, (cx, cy) in enumerate(DIRECTIONS):
        new[i] = np.roll(f[i], (cy, cx), axis=(0, 1))
    density = np.sum(new, axis=0)
    ux = (new[1] - new[3] + new[5] - new[6] - new[7] + new[8]) / density
    uy = (new[2] - new[4] + new[5] + new[6] - new[7] - new[8]) / density
    speed2 = 1.5 * (ux * ux + uy * uy)
    for i, (cx, cy) in enumerate(DIRECTIONS):
        along = 3 * (cx * ux + cy * uy)
        equilibrium = WEIGHTS[i] * density * (1 + along + 0.5 * along * along - speed2)
        new[i] += (equilibrium - new[i]) / RELAXATION
    return new


def plate(rng, dtype, n):
    u = rng.uniform(0.0, 1.0, (n, n)).astype(dtype)
    u[0] = 1.0
    return (u,)


def cube(rng, dtype, n):
    u = np.zeros((n, n, n), dtype)
    return u, rng.uniform(-1.0, 1.0, (n, n, n)).astype(dtype)


def shear_flow(rng, dtype, n):
    across = 0.05 * np.sin(2 * np.pi * np.arange(n) / n)[:, None]
    density = 1 + 0.01 * rng.uniform(-1.0, 1.0, (n, n))
    rows = [
        weight * density * (1 + 3 * cx * across + 4.5 * (cx * across) ** 2 - 1.5 * across**2)
        for weight, (cx, _) in zip(WEIGHTS, DIRECTIONS, strict=True)
    ]
    return (np.stack(rows).astype(dtype),)


def keep_source(arguments, result):
    return result, arguments[1]


WORKLOADS = (
    Workload("heat2d", heat2d, plate, (1024,), (128,), (4,), steps=100, carry=replace_all),
    Workload("jacobi3d", jacobi3d, cube, (128,), (32,), (4,), steps=100, carry=keep_source),
    Workload("lbm", lbm, shear_flow, (256,), (32,), (4,), steps=100, carry=replace_all),
)
