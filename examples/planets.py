"""The Sun and eight planets over a century, from published orbital elements.

    python examples/planets.py --years 100

Velocity Verlet (a symplectic leapfrog) in steps of half a day; each call of the compiled function
does STEPS of them, so that a call costs little beside its work.

Elements: E. M. Standish, "Keplerian elements for approximate positions of the major planets",
JPL Solar System Dynamics, table 1 (1800 to 2050), at J2000. They are mean elements, good for a
start but not for an ephemeris. Masses: IAU 2009 system of constants. Units are astronomical units
and days; the mass of the Sun is 1.
"""

import argparse
import sys
import time

import numpy as np

import tensorwright as tw

STEPS = 10  # per call
STEP = 0.5  # days
GRAVITY = 0.01720209895**2  # Gauss's constant, squared
# Semi-major axis [au], eccentricity, inclination, mean longitude, longitude of the perihelion and
# of the node [degrees]. "Earth" is the common centre of mass of Earth and Moon.
PLANETS = {
    "Mercury": (0.38709927, 0.20563593, 7.00497902, 252.25032350, 77.45779628, 48.33076593),
    "Venus": (0.72333566, 0.00677672, 3.39467605, 181.97909950, 131.60246718, 76.67984255),
    "Earth": (1.00000261, 0.01671123, -0.00001531, 100.46457166, 102.93768193, 0.0),
    "Mars": (1.52371034, 0.09339410, 1.84969142, -4.55343205, -23.94362959, 49.55953891),
    "Jupiter": (5.20288700, 0.04838624, 1.30439695, 34.39644051, 14.72847983, 100.47390909),
    "Saturn": (9.53667594, 0.05386179, 2.48599187, 49.95424423, 92.59887831, 113.66242448),
    "Uranus": (19.18916464, 0.04725744, 0.77263783, 313.23810451, 170.95427630, 74.01692503),
    "Neptune": (30.06992276, 0.00859048, 1.77004347, -55.12002969, 44.96476227, 131.78422574),
}
# How many times heavier the Sun is.
MASS_RATIOS = (6023600.0, 408523.71, 328900.56, 3098708.0, 1047.3486, 3497.898, 22902.98, 19412.24)
MASS = np.array([1.0, *(1 / ratio for ratio in MASS_RATIOS)])


def acceleration(position):
    """Newton's law between all pairs; position is [body, axis]."""
    apart = position[None, :, :] - position[:, None, :]
    distance2 = np.sum(apart * apart, axis=2) + np.eye(len(MASS))  # a body does not pull itself
    pull = GRAVITY * MASS / (distance2 * np.sqrt(distance2))
    return np.sum(pull[:, :, None] * apart, axis=1)


@tw.jit
def advance(position, velocity):
    """STEPS steps of STEP days."""
    pull = acceleration(position)
    for _ in range(STEPS):
        velocity = velocity + 0.5 * STEP * pull
        position = position + STEP * velocity
        pull = acceleration(position)
        velocity = velocity + 0.5 * STEP * pull
    return position, velocity


def state(mass, a, e, inclination, longitude, perihelion, node):
    """Position and velocity of a planet about the Sun (Standish, section 'Formulae')."""
    tilt, turn, node = np.radians([inclination, perihelion - node, node])
    mean = np.radians((longitude - perihelion + 180) % 360 - 180)
    anomaly = mean
    for _ in range(20):  # Kepler's equation by Newton's method
        anomaly -= (anomaly - e * np.sin(anomaly) - mean) / (1 - e * np.cos(anomaly))
    sine, cosine, flat = np.sin(anomaly), np.cos(anomaly), np.sqrt(1 - e * e)
    rate = np.sqrt(GRAVITY * (1 + mass) / a**3) / (1 - e * cosine)
    in_plane = a * np.array([[cosine - e, flat * sine], [-sine * rate, flat * cosine * rate]])
    toward = np.array([np.cos(node), np.sin(node), 0])
    across = np.array([-np.sin(node) * np.cos(tilt), np.cos(node) * np.cos(tilt), np.sin(tilt)])
    p = np.cos(turn) * toward + np.sin(turn) * across
    q = np.cos(turn) * across - np.sin(turn) * toward
    return in_plane @ np.stack([p, q])


def solar_system():
    """Positions and velocities [body, axis], about the common centre of mass."""
    planets = zip(MASS[1:], PLANETS.values(), strict=True)
    states = np.array([np.zeros((2, 3)), *(state(mass, *planet) for mass, planet in planets)])
    states -= np.tensordot(MASS, states, 1) / MASS.sum()
    return states[:, 0].copy(), states[:, 1].copy()


def energy_and_spin(position, velocity):
    """Total energy, and the length of the total angular momentum."""
    distance = np.linalg.norm(position[:, None] - position[None], axis=2)
    first, second = np.triu_indices(len(MASS), 1)
    potential = GRAVITY * np.sum(MASS[first] * MASS[second] / distance[first, second])
    spin = np.sum(MASS[:, None] * np.cross(position, velocity), axis=0)
    return 0.5 * np.sum(MASS * np.sum(velocity**2, axis=1)) - potential, np.linalg.norm(spin)


def integrate(function, position, velocity, calls):
    begin = time.perf_counter()
    for _ in range(calls):
        position, velocity = function(position, velocity)
    return position, velocity, time.perf_counter() - begin


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--years", type=float, default=100.0, help="how far to go")
    options = parser.parse_args(argv)
    start = solar_system()
    advance(*start)  # compiles
    calls = max(1, round(options.years * 365.25 / (STEPS * STEP)))
    position, velocity, ours = integrate(advance, *start, calls)

    some = min(calls, 200)
    *expected, numpys = integrate(advance.__wrapped__, *start, some)
    *compiled, _ = integrate(advance, *start, some)
    np.testing.assert_allclose(compiled[0], expected[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(compiled[1], expected[1], rtol=1e-9, atol=1e-9)
    numpys *= calls / some

    print("heliocentric positions [au] after", f"{calls * STEPS * STEP / 365.25:.2f} years")
    for name, place in zip(PLANETS, position[1:] - position[0], strict=True):
        print(f"  {name:<9}" + "".join(f"{x:11.6f}" for x in place))
    (energy, spin), (energy0, spin0) = energy_and_spin(position, velocity), energy_and_spin(*start)
    drift, turn = abs(energy / energy0 - 1), abs(spin / spin0 - 1)
    print(f"energy drifted by {drift:.1e}, angular momentum by {turn:.1e}")
    print(f"{calls * STEPS} steps: NumPy {numpys:.2f} s, compiled {ours:.3f} s ", end="")
    print(f"({1e6 * ours / (calls * STEPS):.1f} us a step): {numpys / ours:.1f}x")
    return int(not (drift < 1e-6 and turn < 1e-10))


if __name__ == "__main__":
    sys.exit(main())
