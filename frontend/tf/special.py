"""Special functions: erf, gamma functions, Bessel functions, xlogy, polyval.

Layer: frontend. Concrete arrays go to scipy.special. For traced ones erf and its like are ops of
the graph; lgamma, digamma and the inverse of erf are written out here, in float64, so that they
have derivatives; the others run eagerly only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tracer import Tracer
from .apply import binary, many, unary
from .convert import convert_to_tensor
from .reductions import reduce_sum
from .static import value
from .tensors import OPERATORS, Tensor


def _scipy(name: str) -> Any:
    """A ufunc of scipy.special."""
    from scipy import special  # takes longer to import than the rest of the package

    return getattr(special, name)


# -- error function -------------------------------------------------------------------------------


def _erf(x: Any) -> Any:
    return _scipy("erf")(x).astype(x.dtype)


def _erfc(x: Any) -> Any:
    return _scipy("erfc")(x).astype(x.dtype)


# Winitzki, "A handy approximation for the error function and its inverse", 2008.
_WINITZKI = 0.147


def _inverse_erf(y: Any) -> Any:
    """A first guess, and Newton's method on erf."""
    log = np.log1p(-y * y)
    half = 2 / (np.pi * _WINITZKI) + log / 2
    x = np.copysign(np.sqrt(np.sqrt(half * half - log / _WINITZKI) - half), y)
    for _ in range(3):
        x = x - (_scipy("erf")(x) - y) * (np.sqrt(np.pi) / 2) * np.exp(x * x)
    return x


def _erfinv(x: Any) -> Any:
    if type(x) is not Tracer:
        return _scipy("erfinv")(x).astype(x.dtype)
    wide = x.astype(np.float64)
    inside = np.absolute(wide) < 1
    found = _inverse_erf(np.where(inside, wide, 0.0))
    edge = np.where(np.absolute(wide) == 1, wide * np.inf, np.nan)
    return np.where(inside, found, edge).astype(x.dtype)


def _ndtri(x: Any) -> Any:
    if type(x) is not Tracer:
        return _scipy("ndtri")(x).astype(x.dtype)
    return (_erfinv(2 * x.astype(np.float64) - 1) * np.sqrt(2.0)).astype(x.dtype)


erf = unary("Erf", _erf, "The error function, elementwise.", "f")
erfc = unary("Erfc", _erfc, "1 - erf(x), elementwise.", "f")
erfinv = unary("Erfinv", _erfinv, "The inverse of erf, elementwise.", "f")
ndtri = unary("Ndtri", _ndtri, "The quantile of the normal distribution, elementwise.", "f")


def _erfcinv(x: Any) -> Any:
    return _erfinv(x.dtype.type(1) - x)


erfcinv = unary("Erfcinv", _erfcinv, "The inverse of erfc, elementwise.", "f")

# -- gamma ----------------------------------------------------------------------------------------

# Stirling's series holds from here on to the last bit of a float64.
_SHIFT = 10
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_BERNOULLI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)


def _lgamma_above_half(x: Any) -> Any:
    product = x
    for k in range(1, _SHIFT):
        product = product * (x + k)
    z = x + _SHIFT
    series = sum(c / z ** (2 * k + 1) for k, c in enumerate(_STIRLING))
    large = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi) + series
    return large - np.log(product)


def _lgamma(x: Any) -> Any:
    if type(x) is not Tracer:
        return _scipy("gammaln")(x).astype(x.dtype)
    wide = x.astype(np.float64)
    low = wide < 0.5
    upper = _lgamma_above_half(np.where(low, 1 - wide, wide))
    # gamma(x) gamma(1 - x) = pi / sin(pi x)
    sine = np.absolute(np.sin(np.pi * np.where(low, wide, 0.5)))
    return np.where(low, np.log(np.pi) - np.log(sine) - upper, upper).astype(x.dtype)


def _digamma_above_half(x: Any) -> Any:
    shifted = sum(1 / (x + k) for k in range(_SHIFT))
    z = x + _SHIFT
    series = sum(c / z ** (2 * k + 2) for k, c in enumerate(_BERNOULLI))
    return np.log(z) - 0.5 / z - series - shifted


def _digamma(x: Any) -> Any:
    if type(x) is not Tracer:
        return _scipy("psi")(x).astype(x.dtype)
    wide = x.astype(np.float64)
    low = wide < 0.5
    upper = _digamma_above_half(np.where(low, 1 - wide, wide))
    # psi(1 - x) - psi(x) = pi / tan(pi x)
    tangent = np.tan(np.pi * np.where(low, wide, 0.25))
    return np.where(low, upper - np.pi / tangent, upper).astype(x.dtype)


lgamma = unary("Lgamma", _lgamma, "log |gamma(x)|, elementwise.", "f")
digamma = unary("Digamma", _digamma, "The derivative of lgamma, elementwise.", "f")


def lbeta(x: Any, name: str | None = None) -> Tensor:
    """log |beta| of the elements along the last axis."""
    tensor = convert_to_tensor(x)
    return OPERATORS["sub"](reduce_sum(lgamma(tensor), -1), lgamma(reduce_sum(tensor, -1)))  # type: ignore[no-any-return]


# -- eager ones -----------------------------------------------------------------------------------


def _eager_unary(op: str, doc: str, ufunc: str = "") -> Any:
    def special(x: Any, name: str | None = None) -> Tensor:
        array = value(x, f"math.{op}")
        found = _scipy(ufunc or op)(array).astype(array.dtype)
        return convert_to_tensor(found)

    special.__doc__ = f"{doc}, elementwise; eagerly only."
    return special


def _of_many(op: str, ufunc: str, operands: list[Any]) -> Tensor:
    arrays = [value(t, f"math.{op}") for t in many(op, operands)]
    return convert_to_tensor(_scipy(ufunc)(*arrays).astype(arrays[0].dtype))


bessel_i0 = _eager_unary("bessel_i0", "The modified Bessel function of order 0", "i0")
bessel_i0e = _eager_unary("bessel_i0e", "exp(-|x|) times bessel_i0", "i0e")
bessel_i1 = _eager_unary("bessel_i1", "The modified Bessel function of order 1", "i1")
bessel_i1e = _eager_unary("bessel_i1e", "exp(-|x|) times bessel_i1", "i1e")
bessel_j0 = _eager_unary("bessel_j0", "The Bessel function of the first kind, order 0", "j0")
bessel_j1 = _eager_unary("bessel_j1", "The Bessel function of the first kind, order 1", "j1")
bessel_k0 = _eager_unary("bessel_k0", "The modified Bessel function of the second kind", "k0")
bessel_k0e = _eager_unary("bessel_k0e", "exp(x) times bessel_k0", "k0e")
bessel_k1 = _eager_unary("bessel_k1", "As bessel_k0, of order 1", "k1")
bessel_k1e = _eager_unary("bessel_k1e", "exp(x) times bessel_k1", "k1e")
bessel_y0 = _eager_unary("bessel_y0", "The Bessel function of the second kind, order 0", "y0")
bessel_y1 = _eager_unary("bessel_y1", "The Bessel function of the second kind, order 1", "y1")
dawsn = _eager_unary("dawsn", "Dawson's integral", "dawsn")
expint = _eager_unary("expint", "The exponential integral", "expi")
spence = _eager_unary("spence", "The dilogarithm of 1 - x")


def igamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The lower incomplete gamma function, elementwise; eagerly only."""
    return _of_many("igamma", "gammainc", [a, x])


def igammac(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The upper incomplete gamma function, elementwise; eagerly only."""
    return _of_many("igammac", "gammaincc", [a, x])


def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Tensor:
    """The incomplete beta function, elementwise; eagerly only."""
    return _of_many("betainc", "betainc", [a, b, x])


def zeta(x: Any, q: Any, name: str | None = None) -> Tensor:
    """Hurwitz' zeta function, elementwise; eagerly only."""
    return _of_many("zeta", "zeta", [x, q])


def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The a-th derivative of digamma at x, elementwise; eagerly only."""
    orders, array = [value(t, "math.polygamma") for t in many("Polygamma", [a, x])]
    return convert_to_tensor(_scipy("polygamma")(orders, array).astype(array.dtype))


def _fresnel(part: int, doc: str) -> Any:
    def special(x: Any, name: str | None = None) -> Tensor:
        array = value(x, "math.special.fresnel")
        return convert_to_tensor(_scipy("fresnel")(array)[part].astype(array.dtype))

    special.__doc__ = doc
    return special


fresnel_sin = _fresnel(0, "Fresnel's sine integral, elementwise; eagerly only.")
fresnel_cos = _fresnel(1, "Fresnel's cosine integral, elementwise; eagerly only.")

# -- products with logarithms ---------------------------------------------------------------------


def _xlogy(x: Any, y: Any) -> Any:
    zero, one = x.dtype.type(0), x.dtype.type(1)
    return np.where(x == zero, zero, x * np.log(np.where(x == zero, one, y)))


def _xlog1py(x: Any, y: Any) -> Any:
    zero = x.dtype.type(0)
    return np.where(x == zero, zero, x * np.log1p(np.where(x == zero, zero, y)))


def _xdivy(x: Any, y: Any) -> Any:
    zero, one = x.dtype.type(0), x.dtype.type(1)
    return np.where(x == zero, zero, x / np.where(x == zero, one, y))


xlogy = binary("Xlogy", _xlogy, "x * log(y), 0 where x is 0.", "f")
xlog1py = binary("Xlog1py", _xlog1py, "x * log(1 + y), 0 where x is 0.", "f")
xdivy = binary("Xdivy", _xdivy, "x / y, 0 where x is 0.", "f")


def polyval(coeffs: Any, x: Any, name: str | None = None) -> Tensor:
    """A polynomial at x, by Horner's rule: coeffs[0] * x**n + ... + coeffs[n]."""
    if not isinstance(coeffs, list):
        raise ValueError(f"Argument coeffs must be list type. Received type {type(coeffs)}.")
    point = convert_to_tensor(x)
    if not coeffs:
        return OPERATORS["zeros_like"](point)  # type: ignore[no-any-return]
    total = convert_to_tensor(coeffs[0], None if hasattr(coeffs[0], "dtype") else point.dtype)
    for c in coeffs[1:]:
        total = OPERATORS["add"](c, OPERATORS["mul"](total, point))
    return total
