"""Workloads as explicit loops, where Numba rejects the array expressions or makes them slow.

Each has the name of its workload. They are what a user of Numba writes: one pass, no temporaries.
"""

from __future__ import annotations

import math

import numpy as np

from ..workloads.elementwise import ITERATIONS, RATE, VOLATILITY
from ..workloads.particles import SOFTENING, TIME_STEP


def black_scholes(spot, strike, years):
    call, put = np.empty_like(spot), np.empty_like(spot)
    half, root = spot.dtype.type(0.5), spot.dtype.type(2.0**-0.5)
    for i in range(spot.size):
        width = VOLATILITY * math.sqrt(years[i])
        d1 = (math.log(spot[i] / strike[i]) + (RATE + VOLATILITY**2 / 2) * years[i]) / width
        d2 = d1 - width
        discounted = strike[i] * math.exp(-RATE * years[i])
        up1, up2 = half + half * math.erf(d1 * root), half + half * math.erf(d2 * root)
        call[i] = spot[i] * up1 - discounted * up2
        put[i] = discounted * (1 - up2) - spot[i] * (1 - up1)
    return call, put


def mandelbrot(real, imag):
    count = np.zeros(real.shape, np.int32)
    for row in range(real.shape[0]):
        for column in range(real.shape[1]):
            cr, ci = real[row, column], imag[row, column]
            zr, zi, n = cr, ci, 0
            while n < ITERATIONS and zr * zr + zi * zi <= 4:
                zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
                n += 1
            count[row, column] = n
    return count


def softmax(x):
    result = np.empty_like(x)
    for row in range(x.shape[0]):
        top = x[row].max()
        total = x.dtype.type(0)
        for k in range(x.shape[1]):
            result[row, k] = math.exp(x[row, k] - top)
            total += result[row, k]
        for k in range(x.shape[1]):
            result[row, k] /= total
    return result


def layernorm(x, scale, shift):
    result = np.empty_like(x)
    for row in range(x.shape[0]):
        mean = x[row].mean()
        squares = x.dtype.type(0)
        for k in range(x.shape[1]):
            squares += (x[row, k] - mean) ** 2
        factor = 1 / math.sqrt(squares / x.shape[1] + x.dtype.type(1e-5))
        for k in range(x.shape[1]):
            result[row, k] = (x[row, k] - mean) * factor * scale[k] + shift[k]
    return result


def logsumexp(x):
    result = np.empty(x.shape[0], x.dtype)
    for row in range(x.shape[0]):
        top = x[row].max()
        total = x.dtype.type(0)
        for k in range(x.shape[1]):
            total += math.exp(x[row, k] - top)
        result[row] = math.log(total) + top
    return result


def nbody(position, velocity, mass):
    n = mass.size
    new_velocity = np.empty_like(velocity)
    for i in range(n):
        ax = ay = az = mass.dtype.type(0)
        for j in range(n):
            dx = position[0, j] - position[0, i]
            dy = position[1, j] - position[1, i]
            dz = position[2, j] - position[2, i]
            inverse = 1 / math.sqrt(dx * dx + dy * dy + dz * dz + SOFTENING)
            pull = mass[j] * inverse * inverse * inverse
            ax += pull * dx
            ay += pull * dy
            az += pull * dz
        new_velocity[0, i] = velocity[0, i] + TIME_STEP * ax
        new_velocity[1, i] = velocity[1, i] + TIME_STEP * ay
        new_velocity[2, i] = velocity[2, i] + TIME_STEP * az
    # Python's float is float64 in Numba: keep the arrays' own precision.
    return position + position.dtype.type(TIME_STEP) * new_velocity, new_velocity
