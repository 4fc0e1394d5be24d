"""Tell malignant from benign tumours: logistic regression, fitted by SciPy with our gradient.

    python examples/logistic_regression.py

The data are the 569 samples of scikit-learn's `load_breast_cancer` (W. H. Wolberg, W. N. Street,
O. L. Mangasarian, "Breast Cancer Wisconsin (Diagnostic)", UCI Machine Learning Repository, 1995).
The loss is plain NumPy; `tensorwright.value_and_grad` gives the minimiser its value and its
gradient in one call.
"""

import argparse
import sys
import time

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer

import tensorwright as tw

PENALTY = 1e-3
HELD_OUT = 0.3


def loss(weights, x, y):
    """Mean of -log(probability of the right label), and a penalty; the last weight is the bias."""
    margin = x @ weights[:-1] + weights[-1]
    return np.mean(np.logaddexp(0, margin) - y * margin) + PENALTY * np.sum(weights[:-1] ** 2)


loss_and_gradient = tw.value_and_grad(loss)


def split_data(seed):
    """Features, scaled to mean 0 and deviation 1, and labels: (x, y) to fit, (x, y) to test."""
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    held_out = round(HELD_OUT * len(y))
    test, train = order[:held_out], order[held_out:]
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    return (x[train], y[train].astype(float)), (x[test], y[test].astype(float))


def central_differences(weights, x, y, step=1e-5):
    """The gradient of the undecorated loss, two calls for each weight."""
    steps = step * np.eye(len(weights))
    return np.array([loss(weights + s, x, y) - loss(weights - s, x, y) for s in steps]) / (2 * step)


def fit(function, jac, x, y, tolerance):
    """The minimiser's answer, and the seconds that it took."""
    begin = time.perf_counter()
    start = np.zeros(x.shape[1] + 1)
    found = minimize(function, start, (x, y), "BFGS", jac=jac, options={"gtol": tolerance})
    return found, time.perf_counter() - begin


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="which samples are held out")
    options = parser.parse_args(argv)
    (x, y), (x_test, y_test) = split_data(options.seed)

    begin = time.perf_counter()
    loss_and_gradient(np.zeros(x.shape[1] + 1), x, y)
    print(f"compiled in {1e3 * (time.perf_counter() - begin):.0f} ms")
    found, ours = fit(loss_and_gradient, True, x, y, 1e-7)
    numeric, numpys = fit(loss, None, x, y, 1e-5)
    accuracy = np.mean((x_test @ found.x[:-1] + found.x[-1] > 0) == (y_test > 0))
    print(f"{len(y)} samples: loss {found.fun:.6f} after {found.nit} iterations of BFGS")
    print(f"{len(y_test)} others: {100 * accuracy:.1f} % told right")

    point = np.random.default_rng(1).normal(0, 0.3, len(found.x))
    value, gradient = loss_and_gradient(point, x, y)
    off = np.abs(gradient - central_differences(point, x, y)).max() / np.abs(gradient).max()
    apart = abs(value / loss(point, x, y) - 1)
    better = found.fun - numeric.fun
    print(f"relative difference from NumPy: value {apart:.1e}; from central differences: {off:.1e}")
    print(f"with differences in place of the gradient, NumPy ends {-better:.1e} above this loss")
    print(f"NumPy {1e3 * numpys:.1f} ms, compiled {1e3 * ours:.2f} ms: {numpys / ours:.1f}x")
    return int(not (off < 1e-7 and apart < 1e-12 and better < 1e-8 and accuracy > 0.93))


if __name__ == "__main__":
    sys.exit(main())
