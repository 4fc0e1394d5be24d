"""The temperature of the universe: Planck's law, fitted to the spectrum that COBE measured.

    python examples/physical_model.py --replicas 300

The model has a temperature, a chemical potential (zero in perfect equilibrium; Bose and Einstein's
law in place of Planck's), and how much of the Galaxy's light is left in the data. Newton's method
in a trust region gets gradient and Hessian from the least-squares function, written in plain NumPy;
the Hessian at the minimum gives the standard errors, and fits of simulated spectra check them.

Data: D. J. Fixsen et al., "The cosmic microwave background spectrum from the full COBE FIRAS data
set", Astrophysical Journal 473, 576 (1996), table 4, as NASA's archive LAMBDA publishes it
(firas_monopole_spec_v1.txt). They are scaled to 2.725 K, whose uncertainty of the thermometers
(0.002 K, Mather et al. 1999) is not part of the errors found here. Neighbouring channels are
correlated, which the file does not say and this fit leaves out.
"""

import argparse
import sys
import time
import timeit

import numpy as np
from scipy.optimize import minimize

import tensorwright as tw

PLANCK, LIGHT, BOLTZMANN = 6.62607015e-34, 299792458.0, 1.380649e-23  # SI, exact
# Wavenumber [1/cm], intensity [MJy/sr], its standard error and the Galaxy's spectrum [kJy/sr].
SPECTRUM = np.array([
    [2.27, 200.723, 14, 4], [2.72, 249.508, 19, 3], [3.18, 293.024, 25, -1],
    [3.63, 327.770, 23, -1], [4.08, 354.081, 22, 3], [4.54, 372.079, 21, 6],
    [4.99, 381.493, 18, 8], [5.45, 383.478, 18, 8], [5.90, 378.901, 16, 10],
    [6.35, 368.833, 14, 10], [6.81, 354.063, 13, 12], [7.26, 336.278, 12, 20],
    [7.71, 316.076, 11, 25], [8.17, 293.924, 10, 30], [8.62, 271.432, 11, 36],
    [9.08, 248.239, 12, 41], [9.53, 225.940, 14, 46], [9.98, 204.327, 16, 57],
    [10.44, 183.262, 18, 65], [10.89, 163.830, 22, 73], [11.34, 145.750, 22, 93],
    [11.80, 128.835, 23, 98], [12.25, 113.568, 23, 105], [12.71, 99.451, 23, 121],
    [13.16, 87.036, 22, 135], [13.61, 75.876, 21, 147], [14.07, 65.766, 20, 160],
    [14.52, 57.008, 19, 178], [14.97, 49.223, 19, 199], [15.43, 42.267, 19, 221],
    [15.88, 36.352, 21, 227], [16.34, 31.062, 23, 250], [16.79, 26.580, 26, 275],
    [17.24, 22.644, 28, 295], [17.70, 19.255, 30, 312], [18.15, 16.391, 32, 336],
    [18.61, 13.811, 33, 363], [19.06, 11.716, 35, 405], [19.51, 9.921, 41, 421],
    [19.97, 8.364, 55, 435], [20.42, 7.087, 88, 477], [20.87, 5.801, 155, 519],
    [21.33, 4.523, 282, 573],
]).T.copy()  # fmt: skip
FREQUENCY = 100 * LIGHT * SPECTRUM[0]  # Hz
MEASURED, ERROR, GALAXY = SPECTRUM[1], 1e-3 * SPECTRUM[2], 1e-3 * SPECTRUM[3]  # MJy/sr
# The fitted numbers are distances from ORIGIN in these units, so that all are of a size.
NAMES = ("temperature [K]", "chemical potential", "Galaxy")
ORIGIN = np.array([2.5, 0.0, 0.0])
UNITS = np.array([1e-5, 1e-5, 1e-2])


def intensity(numbers):
    """The model's spectrum in MJy/sr."""
    temperature, potential, galaxy = ORIGIN + UNITS * numbers
    x = PLANCK * FREQUENCY / (BOLTZMANN * temperature)
    modes = 2e20 * PLANCK * FREQUENCY**3 / LIGHT**2  # 1 MJy is 1e-20 W/m^2/Hz
    return modes / np.expm1(x + potential) + galaxy * GALAXY


def misfit(numbers, measured):
    """Half of chi squared."""
    return 0.5 * np.sum(((measured - intensity(numbers)) / ERROR) ** 2)


misfit_and_gradient = tw.value_and_grad(misfit)
hessian = tw.hessian(misfit)


def fit(measured):
    """SciPy's answer, from ORIGIN."""
    start = np.zeros(len(ORIGIN))
    return minimize(
        misfit_and_gradient,
        start,
        measured,
        method="trust-exact",
        jac=True,
        hess=hessian,
        options={"gtol": 1e-6, "initial_trust_radius": 1e4, "max_trust_radius": 1e6},
    )


def differences(numbers, step=0.1):
    """The gradient by central differences, six calls of the undecorated function."""
    steps = step * np.eye(len(numbers))
    changes = [misfit(numbers + s, MEASURED) - misfit(numbers - s, MEASURED) for s in steps]
    return np.array(changes) / (2 * step)


def gauss_newton(numbers, step=1e-3):
    """The Hessian without the residuals' curvature, from differences of the model in NumPy."""
    steps = step * np.eye(len(numbers))
    slopes = [(intensity(numbers + s) - intensity(numbers - s)) / (2 * step) for s in steps]
    jacobian = np.array(slopes) / ERROR
    return jacobian @ jacobian.T


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replicas", type=int, default=300, help="how many simulated spectra")
    options = parser.parse_args(argv)

    found = fit(MEASURED)
    curvature = hessian(found.x, MEASURED)
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
    approximate = np.sqrt(np.diag(np.linalg.inv(gauss_newton(found.x))))
    print(f"chi squared {2 * found.fun:.2f} for {len(MEASURED) - len(found.x)} degrees of freedom")
    for name, value, error in zip(NAMES, ORIGIN + UNITS * found.x, UNITS * errors, strict=True):
        print(f"  {name:<20}{value:12.6f} +- {error:.6f}")

    rng = np.random.default_rng(3)
    expected = intensity(found.x)
    spectra = rng.normal(expected, ERROR, (options.replicas, len(ERROR)))
    begin = time.perf_counter()
    fits = [fit(spectrum) for spectrum in spectra]
    seconds = time.perf_counter() - begin
    ratio = np.std([each.x for each in fits], axis=0, ddof=1) / errors
    print(f"{options.replicas} simulated spectra scatter by {ratio.round(2)} of these errors")

    point = found.x + 3 * errors
    value, gradient = misfit_and_gradient(point, MEASURED)
    off = np.abs(gradient - differences(point)).max() / np.abs(gradient).max()
    apart = abs(value / misfit(point, MEASURED) - 1)
    print(f"relative difference from NumPy: value {apart:.1e}; from central differences: {off:.1e}")
    print(f"{1e3 * seconds / options.replicas:.2f} ms a fit; value and gradient: NumPy ", end="")
    numpys = timeit.timeit(lambda: (misfit(point, MEASURED), differences(point)), number=100)
    ours = timeit.timeit(lambda: misfit_and_gradient(point, MEASURED), number=100)
    print(f"{1e4 * numpys:.0f} us, compiled {1e4 * ours:.1f} us: {numpys / ours:.0f}x")
    scatter = 4 / np.sqrt(2 * options.replicas)  # four times the standard error of a deviation
    right = abs(ORIGIN[0] + UNITS[0] * found.x[0] - 2.725) < 1e-4 and 2 * found.fun < 70
    agreed = np.abs(errors / approximate - 1).max() < 1e-3 and np.abs(ratio - 1).max() < scatter
    return int(not (right and agreed and apart < 1e-12 and off < 1e-6))


if __name__ == "__main__":
    sys.exit(main())
