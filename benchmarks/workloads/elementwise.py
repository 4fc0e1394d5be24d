"""Arithmetic and elementary functions, element by element: what fusion is for."""

import numpy as np
from scipy.special import erf

from ..workload import Workload, uniform

RATE = 0.1
VOLATILITY = 0.2
ITERATIONS = 50
SQRT2 = 2.0**0.5


def chain(x, y):
    return np.sqrt(np.sin(x) ** 2 + np.cos(y) ** 2) * np.exp(-x * y) + np.tanh(x - y)


def normal_cdf(x):
    return 0.5 * (1.0 + erf(x / SQRT2))


def black_scholes(spot, strike, years):
    """Prices of European calls and puts (Black and Scholes, 1973)."""
    width = VOLATILITY * np.sqrt(years)
    d1 = (np.log(spot / strike) + (RATE + 0.5 * VOLATILITY**2) * years) / width
    d2 = d1 - width
    discounted = strike * np.exp(-RATE * years)
    call = spot * normal_cdf(d1) - discounted * normal_cdf(d2)
    put = discounted * normal_cdf(-d2) - spot * normal_cdf(-d1)
    return call, put


def option_inputs(rng, dtype, n):
    spot = rng.uniform(10.0, 50.0, n).astype(dtype)
    strike = rng.uniform(10.0, 50.0, n).astype(dtype)
    years = rng.uniform(1.0, 2.0, n).astype(dtype)
    return spot, strike, years


def mandelbrot(real, imag):
    """How many of ITERATIONS steps z -> z*z + c stay within |z| <= 2, for each c of a grid."""
    zr, zi = real, imag
    count = np.zeros(real.shape, dtype=np.int32)
    for _ in range(ITERATIONS):
        inside = zr * zr + zi * zi <= 4
        count = count + inside
        zr, zi = (
            np.where(inside, zr * zr - zi * zi + real, zr),
            np.where(inside, 2 * zr * zi + imag, zi),
        )
    return count


def complex_grid(rng, dtype, n):
    real, imag = np.meshgrid(np.linspace(-2.0, 0.5, n), np.linspace(-1.25, 1.25, n))
    return real.astype(dtype), imag.astype(dtype)


def call8(x):
    return x * 2 + 1


WORKLOADS = (
    Workload("chain", chain, uniform(0.0, 1.0, 2), (2**20,), (2**16,), (8,)),
    Workload(
        "black_scholes",
        black_scholes,
        option_inputs,
        (2**20,),
        (2**16,),
        (8,),
        tolerance=(2e-5, 1e-12),
    ),
    Workload("mandelbrot", mandelbrot, complex_grid, (1024,), (128,), (4,)),
    Workload("call8", call8, uniform(0.0, 1.0), (8,), (8,), (8,)),
)
