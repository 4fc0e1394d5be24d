"""The formulas of the optimisers, for one variable.

Layer: frontend. A rule takes the variable `x`, its gradient `g`, the states, the learning rate
and the number `t` of the step from 1 (both of x's dtype), and hyperparameters as keywords. It
gives the new x and the new state. All are NumPy, and run traced.

Sources: the papers that the functions name, in the form of Keras 3 (keras/src/optimizers), which is
what TensorFlow users compare with: for example, where epsilon stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Result = tuple[Any, tuple[Any, ...]]


def sgd(
    x: Any, g: Any, state: tuple[Any, ...], lr: Any, t: Any, *, momentum: float, nesterov: bool
) -> Result:
    """Gradient descent, with momentum (Sutskever et al., 2013) if there is state."""
    if not state:
        return x - g * lr, ()
    step = g * lr
    m = state[0] * momentum - step
    return x + (m * momentum - step if nesterov else m), (m,)


def adam(
    x: Any,
    g: Any,
    state: tuple[Any, ...],
    lr: Any,
    t: Any,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Result:
    """Adam (Kingma and Ba, 2014, the form before section 2.1); AMSGrad with a third state."""
    alpha = lr * np.sqrt(1 - _power(beta_2, t)) / (1 - _power(beta_1, t))
    m = state[0] + (g - state[0]) * (1 - beta_1)
    v = state[1] + (np.square(g) - state[1]) * (1 - beta_2)
    if len(state) == 2:
        return x - m * alpha / (np.sqrt(v) + epsilon), (m, v)
    largest = np.maximum(state[2], v)
    return x - m * alpha / (np.sqrt(largest) + epsilon), (m, v, largest)


def adamax(
    x: Any,
    g: Any,
    state: tuple[Any, ...],
    lr: Any,
    t: Any,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Result:
    """Adam with the infinity norm (Kingma and Ba, 2014, section 7.1)."""
    m = state[0] + (g - state[0]) * (1 - beta_1)
    u = np.maximum(beta_2 * state[1], np.abs(g))
    return x - lr * m / ((1 - _power(beta_1, t)) * (u + epsilon)), (m, u)


def nadam(
    x: Any,
    g: Any,
    state: tuple[Any, ...],
    lr: Any,
    t: Any,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Result:
    """Adam with Nesterov momentum (Dozat, 2016); the last state is the product of all mu so far."""
    mu = beta_1 * (1 - 0.5 * _power(0.96, t))
    next_mu = beta_1 * (1 - 0.5 * _power(0.96, t + 1))
    product = state[2] * mu
    m = state[0] + (g - state[0]) * (1 - beta_1)
    v = state[1] + (np.square(g) - state[1]) * (1 - beta_2)
    m_hat = next_mu * m / (1 - product * next_mu) + (1 - mu) * g / (1 - product)
    v_hat = v / (1 - _power(beta_2, t))
    return x - m_hat * lr / (np.sqrt(v_hat) + epsilon), (m, v, product)


def rmsprop(
    x: Any,
    g: Any,
    state: tuple[Any, ...],
    lr: Any,
    t: Any,
    *,
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool,
) -> Result:
    """RMSprop (Hinton, 2012); centered: by the variance of the gradient (Graves, 2013)."""
    rest = list(state)
    v = rho * rest.pop(0) + (1 - rho) * np.square(g)
    kept = [v]
    spread = v + epsilon
    if centered:
        mean = rho * rest.pop(0) + (1 - rho) * g
        kept.append(mean)
        spread = v - np.square(mean) + epsilon
    step = lr * g / np.sqrt(spread)
    if momentum > 0:
        step = momentum * rest.pop(0) + step
        kept.append(step)
    return x - step, tuple(kept)


def adagrad(x: Any, g: Any, state: tuple[Any, ...], lr: Any, t: Any, *, epsilon: float) -> Result:
    """Adagrad (Duchi et al., 2011)."""
    total = state[0] + np.square(g)
    return x - lr * g / np.sqrt(total + epsilon), (total,)


def adadelta(
    x: Any, g: Any, state: tuple[Any, ...], lr: Any, t: Any, *, rho: float, epsilon: float
) -> Result:
    """Adadelta (Zeiler, 2012)."""
    squares = rho * state[0] + (1 - rho) * np.square(g)
    step = -np.sqrt(state[1] + epsilon) * g / np.sqrt(squares + epsilon)
    steps = rho * state[1] + (1 - rho) * np.square(step)
    return x + lr * step, (squares, steps)


def ftrl(
    x: Any,
    g: Any,
    state: tuple[Any, ...],
    lr: Any,
    t: Any,
    *,
    power: float,
    l1: float,
    l2: float,
    shrinkage: float,
    beta: float,
) -> Result:
    """Follow the regularised leader (McMahan et al., 2013, algorithm 1), with shrinkage."""
    old, linear = state
    total = old + np.square(g)
    before, after = np.power(old, -power), np.power(total, -power)
    linear = linear + (g + 2 * shrinkage * x) - (after - before) / lr * x
    quadratic = after / lr + 2 * (l2 + beta / (2 * lr))
    return (np.clip(linear, -l1, l1) - linear) / quadratic, (total, linear)


def lion(
    x: Any, g: Any, state: tuple[Any, ...], lr: Any, t: Any, *, beta_1: float, beta_2: float
) -> Result:
    """Lion (Chen et al., 2023): the sign of an average of gradients."""
    (m,) = state
    step = np.sign(m * beta_1 + g * (1 - beta_1))
    return x - lr * step, (m * beta_2 + g * (1 - beta_2),)


def lamb(
    x: Any,
    g: Any,
    state: tuple[Any, ...],
    lr: Any,
    t: Any,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Result:
    """LAMB (You et al., 2019): Adam's step, as long as the variable."""
    m = state[0] + (g - state[0]) * (1 - beta_1)
    v = state[1] + (np.square(g) - state[1]) * (1 - beta_2)
    step = m / (1 - _power(beta_1, t)) / (np.sqrt(v / (1 - _power(beta_2, t))) + epsilon)
    length, size = (np.sqrt(np.sum(np.square(a))) for a in (x, step))
    usable = (length > 0) & (size > 0)
    ratio = np.where(usable, length / np.where(usable, size, np.ones_like(size)), 1)
    return x - lr * ratio.astype(x.dtype) * step, (m, v)


def _power(base: float, exponent: Any) -> Any:
    return np.power(exponent.dtype.type(base), exponent)
